"""``--name_template``: what results are called, from fields in braces such as ``{folder}/{name}_{label}``."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Formatter

from translate.data.inputs import Input
from translate.data.listing import shown
from translate.errors import InputError
from translate.files import windows_refuses
from translate.registry import did_you_mean
from translate.reports.cards import MEANINGS
from translate.saving import ENDINGS, format_of, spelled_alike

FIELDS = ("name", "folder", "label", "run", "epoch", "index")
ON_WINDOWS = os.name == "nt"


class NameTemplate:
    """A text with the fields of ``FIELDS`` in braces, and nothing else in them: it reads no attribute of a value.

    >>> NameTemplate("{folder}/{name}_{label}").fill({"folder": "", "name": "horse", "label": "fake_B"})
    'horse_fake_B'

    Raises:
        InputError: an unknown field, more than a field in braces, a picture's ending, or a path out of the folder.
    """

    def __init__(self, text: str):
        self.text = text
        self.pieces = _parse(text)
        self.fields = {field for _, field in self.pieces if field}
        ending = text.rpartition(".")[2].lower()
        if any(ending in endings for endings in ENDINGS.values()):
            self._refuse(f"ends in .{ending}, and every result gets the ending of its --format; leave it out")
        if text.startswith(("/", "\\") if ON_WINDOWS else "/"):
            self._refuse("leads out of the folder of the results; let it begin with a name")

    def fill(self, values: Mapping[str, str]) -> str:
        """The path of a result below the folder of the results, without its ending.

        Raises:
            InputError: nothing is left of it, or it would lead out of that folder.
        """
        path = "".join(literal + (values[field] if field else "") for literal, field in self.pieces)
        # An empty {folder} leaves a slash before or behind it.
        parts = [part for part in (path.replace("\\", "/") if ON_WINDOWS else path).split("/") if part]
        if ".." in parts or "." in parts:
            self._refuse(f"makes {shown(path)}, which leads out of the folder of the results; leave out . and ..")
        if not parts:
            self._refuse(f"leaves no name for {shown(values.get('name', ''))}; put {{name}} or {{index}} into it")
        if "\0" in path or (ON_WINDOWS and windows_refuses(path)):
            self._refuse(f"makes {shown(path)}, which cannot be the name of a file; leave out special characters")
        return "/".join(parts)

    def _refuse(self, why: str) -> None:
        raise InputError(f"--name_template {shown(self.text)} {why}")


def _parse(text: str) -> list[tuple[str, str | None]]:
    """Literal text, each with the field behind it."""
    try:
        pieces = list(Formatter().parse(text))
    except ValueError as error:
        raise InputError(f"--name_template {shown(text)} cannot be read ({error}); write a brace as {{{{}}}}") from None
    for _, field, specification, conversion in pieces:
        if field is None:
            continue
        if field not in FIELDS:
            hint = did_you_mean(field, FIELDS)
            raise InputError(f"--name_template {shown(text)} has an unknown field {{{shown(field)}}}: {hint}")
        if specification or conversion:
            raise InputError(f"--name_template {shown(text)}: write {{{field}}}, with nothing else in its braces")
    return [(literal, field) for literal, field, *_ in pieces]


def numbered(position: int, count: int) -> str:
    """``{index}``: the number of a picture, from 1, as wide as that of the last one, so that names sort by it.

    >>> numbered(0, 12)
    '01'
    """
    return f"{position + 1:0{len(str(count))}}"


def renaming(text: str, run: str, epoch: str, label: str, count: int) -> Callable[[Path, int], str]:
    """From a picture's path below what was named, and its place among ``count``, to its result's without an ending."""
    template = NameTemplate(text)
    constant = {"run": run, "epoch": epoch, "label": label}

    def rename(path: Path, position: int) -> str:
        folder = path.parent.as_posix()
        own = {"name": path.stem, "folder": "" if folder == "." else folder, "index": numbered(position, count)}
        return template.fill({**constant, **own})

    return rename


@dataclass(frozen=True)
class ResultNames:
    """The files of a test: for each label and input a path below the folder of the page.

    Args:
        format: a word of ``--format``; ``same`` is that of the input.
        template: None: ``{label}/{folder}/{name}``.
        run, epoch: what the template's fields of these names become.
        inputs: all of them.

    Raises:
        InputError: two files would have one name.
    """

    format: str
    template: NameTemplate | None
    run: str
    epoch: str
    inputs: Sequence[Input]

    def __post_init__(self) -> None:
        if self.template is None:
            return
        if "label" not in self.template.fields:
            raise InputError(
                f"--name_template {self.template.text} gives an input and its translation one name; put {{label}} into "
                "it, which becomes real_A, fake_B ..."
            )
        seen: dict[str, str] = {}
        for position, each in enumerate(self.inputs):
            for label in MEANINGS:
                path = self.path(label, each, position)[0]
                other = seen.setdefault(spelled_alike(Path(path)), each.name)
                if other != each.name:
                    raise InputError(
                        f"--name_template {self.template.text} gives {shown(other)} and {shown(each.name)} one name, "
                        f"{shown(path)}; put {{folder}}, {{name}} or {{index}} into it"
                    )

    def path(self, label: str, each: Input, position: int) -> tuple[str, str]:
        """The path of a file below the page's folder, and its format."""
        format, ending = format_of(each.part.path, self.format)
        ending = ending if self.format == "same" else format
        if self.template is None:
            return f"images/{label}/{each.name}.{ending}", format
        folder, _, name = each.name.rpartition("/")
        values = {"name": name, "folder": folder, "label": label, "run": self.run, "epoch": self.epoch}
        filled = self.template.fill(values | {"index": numbered(position, len(self.inputs))})
        return f"images/{filled}.{ending}", format
