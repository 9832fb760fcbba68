"""The build, where setup.cfg cannot say it: the recipes and the list of datasets travel inside the package."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
# At the top of a checkout they are easy to find; as packages of their own they would shadow those of others.
SHIPPED = ("options/*.yaml", "datasets/*.yaml", "datasets/README.md")


class BuildWithShipped(build_py):
    """Also copies what ``translate.shipped`` looks for. An editable install finds it in the checkout."""

    def run(self) -> None:
        super().run()
        for source, target in self._shipped():
            self.mkpath(str(target.parent))
            self.copy_file(str(source), str(target))

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        return [*super().get_outputs(include_bytecode), *(str(target) for _, target in self._shipped())]

    def _shipped(self) -> list[tuple[Path, Path]]:
        if self.editable_mode:
            return []
        place = Path(self.build_lib) / "translate" / "_shipped"
        sources = [path for pattern in SHIPPED for path in sorted(ROOT.glob(pattern))]
        return [(path, place / path.relative_to(ROOT)) for path in sources]


setup(cmdclass={"build_py": BuildWithShipped})
