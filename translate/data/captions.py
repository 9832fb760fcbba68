"""What is written about pictures: in a table beside them, or in their names."""

import csv
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from translate.data.listing import shown
from translate.errors import InputError

NAMES = "names"  # the word that takes captions from the names of files
COLUMNS = ("path", "caption")
IDS_BEFORE = re.compile(r"^([a-z]?\d{3,}[_\-\s]+)+", re.IGNORECASE)  # n01440764_
# A number is whole: if it could be cut in two, a name of thirty digits and a letter would be tried in 2^30 ways.
NUMBERS_BEHIND = re.compile(r"([_\-\s(]*\d+(?!\d)\)?)+$")


def caption_of(name: str, numbers: bool = False) -> str:
    """What the name of a file or folder says, without ids before it, numbers behind it and its dashes.

    Args:
        name: without its ending.
        numbers: keep those behind it.

    >>> caption_of("n01440764_great_white-shark_12"), caption_of("T-shirt"), caption_of("0012")
    ('great white shark', 'T shirt', '')
    >>> caption_of("n01440764_great_white-shark_12", numbers=True)
    'great white shark 12'
    """
    named = IDS_BEFORE.sub("", name)
    bare = named if numbers else NUMBERS_BEHIND.sub("", named)
    return " ".join(re.split(r"[_\-\s]+", bare)).strip()


def captions_of_names(paths: Iterable[Path]) -> dict[Path, list[str]]:
    """Each picture with the caption in its name, or where that says nothing in the name of its folder.

    Raises:
        InputError: neither says anything; names the picture.
    """
    found = {}
    for path in paths:
        caption = caption_of(path.stem) or caption_of(path.parent.name)
        if not caption:
            raise InputError(
                f"the name of {shown(path)} says nothing of what is on it; give --captions with a CSV file of the "
                "columns path and caption"
            )
        found[path] = [caption]
    return found


def find_table(source: str, root: Path) -> Path:
    """The file that ``--captions`` names, from here or from the data set's folder.

    Raises:
        InputError: there is none.
    """
    for file in (Path(source), Path(root) / source):
        if file.is_file():
            return file
    raise InputError(
        f"--captions {shown(source)} does not exist; give a CSV file with the columns path and caption, or {NAMES} to "
        "take the names of the files"
    )


def read_captions(table: Path, root: Path) -> dict[Path, list[str]]:
    """The captions in a CSV file by picture, in its order; a picture may have several rows.

    Args:
        table: its first row names the columns, ``path`` and ``caption`` among them in any case, in UTF-8.
        root: of the data set; paths are relative to the table's folder, or to this.

    Raises:
        InputError: names the line that is wrong.
    """
    found: dict[Path, list[str]] = {}
    known: dict[str, Path] = {}
    for line, name, caption in _rows(table):
        if name not in known:
            known[name] = _picture(table, line, name, (table.parent, Path(root)))
        found.setdefault(known[name], []).append(caption)
    if not found:
        raise InputError(f"{shown(table)} holds no captions; add rows of path,caption")
    return found


def _rows(table: Path) -> Iterable[tuple[int, str, str]]:
    """Number of the line, path and caption of each row."""
    try:
        with open(table, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            reader.fieldnames = [name.strip().lower() for name in reader.fieldnames or ()]
            if missing := [column for column in COLUMNS if column not in reader.fieldnames]:
                raise InputError(
                    f"{shown(table)}, line 1: there is no column {missing[0]}; name the columns path,caption there"
                )
            for row in reader:
                yield reader.line_num, *_cells(table, reader.line_num, row)
    except OSError as error:
        raise InputError(f"cannot read {shown(table)}: {error.strerror}; check its permissions") from None
    except UnicodeDecodeError:
        raise InputError(f"{shown(table)} is not text in UTF-8; save it as such") from None
    except csv.Error as error:
        where = f"{shown(table)}, line {reader.reader.line_num}"
        raise InputError(f"{where}: {error}; put captions with commas or quotes in double quotes") from None


def _cells(table: Path, line: int, row: dict[str | None, str | None]) -> tuple[str, str]:
    if None in row:
        raise InputError(
            f"{shown(table)}, line {line}: more cells than columns; put a caption with commas in double quotes"
        )
    path, caption = ((row[column] or "").strip() for column in COLUMNS)
    for column, value in zip(COLUMNS, (path, caption), strict=True):
        if not value:
            raise InputError(f"{shown(table)}, line {line}: the {column} is empty; fill it in or remove the line")
    return path, caption


def _picture(table: Path, line: int, name: str, folders: Sequence[Path]) -> Path:
    for folder in folders:
        try:
            if (folder / name).is_file():
                return folder / name
        except OSError:  # too long for a name, such as a caption in the wrong column
            continue
    places = " or ".join(dict.fromkeys(shown(folder) for folder in folders))
    raise InputError(f"{shown(table)}, line {line}: there is no {shown(name)} in {places}; correct or remove the line")
