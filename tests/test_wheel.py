"""The library as it is installed: a wheel that works from any folder and brings its recipes along."""

import email
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import translate

REPOSITORY = Path(__file__).resolve().parent.parent
NEEDED = ("translate", "options", "datasets", "setup.py", "setup.cfg", "pyproject.toml", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built without network, from a copy, so that the checkout stays as it is."""
    place = tmp_path_factory.mktemp("build")
    for name in NEEDED:
        source = REPOSITORY / name
        if source.is_dir():
            # Of datasets, the documents alone: users keep their pictures there.
            skip = [path.name for path in source.iterdir() if path.is_dir()] if name == "datasets" else ["__pycache__"]
            shutil.copytree(source, place / "source" / name, ignore=lambda _, names, s=skip: set(names) & set(s))
        else:
            shutil.copy(source, place / "source" / name)
    words = ["wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", place / "wheels"]
    ended = subprocess.run(
        [sys.executable, "-m", "pip", *words, place / "source"], capture_output=True, text=True, cwd=place
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    (built,) = (place / "wheels").iterdir()
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The folder that the wheel is unpacked into."""
    folder = tmp_path_factory.mktemp("installed")
    zipfile.ZipFile(wheel).extractall(folder)
    return folder


@pytest.fixture
def translate_command(installed, tmp_path, make_domains):
    """translate_command("test", ...): ``python -m translate test ...`` of the wheel, in a folder with data alone."""
    make_domains(tmp_path / "data", 2, 2)
    environment = {**os.environ, "PYTHONPATH": str(installed)}

    def run(*words):
        command = [sys.executable, "-m", "translate", *map(str, words)]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)

    return run


def test_it_holds_the_package_and_what_comes_with_it_and_nothing_else(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    ours = {path.relative_to(REPOSITORY).as_posix() for path in (REPOSITORY / "translate").rglob("*")
            if path.is_file() and "__pycache__" not in path.parts}  # fmt: skip
    shipped = [*REPOSITORY.glob("options/*"), *REPOSITORY.glob("datasets/*.yaml"), REPOSITORY / "datasets/README.md"]
    ours |= {f"translate/_shipped/{path.relative_to(REPOSITORY).as_posix()}" for path in shipped}
    about = {name for name in names if ".dist-info/" in name}
    assert names - about == ours
    assert {"translate/py.typed", "translate/reports/assets/page.css"} <= names
    assert any(name.endswith("/LICENSE") for name in about)


def test_its_papers_say_what_it_is(wheel):
    files = zipfile.ZipFile(wheel)
    papers = {name.split("/")[-1]: files.read(name).decode() for name in files.namelist() if ".dist-info/" in name}
    about = email.message_from_string(papers["METADATA"])
    assert (about["Name"], about["Version"]) == ("unpaired-translate", translate.__version__)
    assert about["Requires-Python"] == ">=3.10"
    assert "torch>=2.6" in about.get_all("Requires-Dist")
    assert "translate = translate.commands:main" in papers["entry_points.txt"]
    assert papers["top_level.txt"] == "translate\n"


def test_help_names_the_commands(translate_command):
    ended = translate_command("--help")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "apply" in ended.stdout


def test_a_recipe_is_trained_tested_and_applied_from_any_folder(translate_command, installed, tmp_path):
    tiny = {"ngf": 2, "ndf": 2, "netF_nc": 8, "num_patches": 16, "nce_layers": "0,4", "num_threads": 0, "gpu_ids": -1}
    flags = [word for name, value in tiny.items() for word in (f"--{name}", value)]
    ended = translate_command(
        *("train", "--config", "sample", "--dataroot", "data", "--name", "one", "--max_steps", 2, *flags),
        *("--load_size", 36, "--crop_size", 32),
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.endswith("next: python -m translate test --name one\n")
    assert (tmp_path / "checkpoints/one/web/index.html").is_file()
    ended = translate_command("test", "--name", "one", "--gpu_ids", -1)
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "results/one/test_latest/index.html").is_file()
    ended = translate_command("apply", "one", "data/testA", "-o", "out", "--gpu_ids", -1)
    assert ended.returncode == 0, ended.stderr
    for name in ("a0.png", "a1.png"):
        assert (tmp_path / "out" / name).read_bytes()


def test_importing_it_does_not_wait_for_what_is_not_used(installed, tmp_path):
    code = (
        "import sys, translate, pathlib; print(pathlib.Path(translate.__file__).parent.parent)\n"
        "print([name for name in ('torch', 'torchvision', 'numpy', 'PIL') if name in sys.modules])\n"
        "from translate.data.catalog import load_catalog; print(load_catalog().find('horse2zebra').name)\n"
        "from translate import Translator\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('torchvision', 'skimage', 'scipy')])"
    )
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    ended = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert ended.stdout.splitlines() == [str(installed), "[]", "horse2zebra", "[]"], ended.stderr
