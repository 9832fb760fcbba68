"""From the words of a command line to picture files: files, folders and patterns."""

import glob
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

from translate.data.listing import EXTENSIONS, list_pictures, shown
from translate.errors import InputError
from translate.film.kinds import is_film


class Found(NamedTuple):
    """A picture file, and its path below what was named: its own name for a file, the way to it for a folder."""

    path: Path
    name: Path


def gather_pictures(words: Sequence[str | os.PathLike[str]], leave_out: Path | None = None) -> list[Found]:
    """The pictures that are named, each once, in the order of the words.

    Args:
        words: files, which may have any ending; folders, which are searched as ``list_pictures`` does; and patterns
            (``*``, ``?``, ``[ab]``, ``**`` for folders of any depth), which match pictures, films and folders of
            pictures.
        leave_out: a folder whose pictures do not count where they lie in a folder that is named or match a pattern:
            that of the results.

    Raises:
        InputError: something named does not exist, or holds no picture.
    """
    out = None if leave_out is None else Path(os.path.realpath(leave_out))
    found = [each for word in words for each in _of_word(os.fspath(word), out)]
    return list({(os.path.abspath(each.path), each.name): each for each in found}.values())


def in_film_order(found: Iterable[Found]) -> list[Found]:
    """Folder by folder in the order of names, numbers in them by their value: ``2.png`` before ``10.png``."""
    return sorted(found, key=lambda each: (str(each.path.parent), _natural(each.path.name)))


def _natural(name: str) -> list[int | str]:
    """Text and numbers by turns."""
    return [int(part) if at % 2 else part.casefold() for at, part in enumerate(re.split(r"([0-9]+)", name))]


def _of_word(word: str, out: Path | None) -> list[Found]:
    if not word:  # such as a variable of the shell that is not set; Path takes it for the folder one is in
        raise InputError("one of the names of pictures is empty; give . for the folder that you are in")
    path = root = Path(word)
    if path.is_file():
        return [Found(path, Path(path.name))]
    if path.is_dir():
        found = _below(path, path)
    elif glob.escape(word) != word:
        found, root = _matching(word)
    elif word.startswith("~"):
        return _of_word(os.path.expanduser(word), out) if os.path.expanduser(word) != word else _missing(word)
    else:
        return _missing(word)
    if out is not None and out != (real := Path(os.path.realpath(root))) and out.is_relative_to(real):
        found = [each for each in found if not _lies_in(each.path, out)]
    if not found:
        what = "holds" if path.is_dir() else "matches"
        raise InputError(f"{shown(word)} {what} no pictures; accepted are files ending in {', '.join(EXTENSIONS)}")
    return found


def _missing(word: str) -> list[Found]:
    raise InputError(f"{shown(word)} does not exist; name picture files, folders or patterns such as 'photos/*.jpg'")


def _below(folder: Path, root: Path) -> list[Found]:
    return [Found(path, path.relative_to(root)) for path in list_pictures(folder)]


def _matching(pattern: str) -> tuple[list[Found], Path]:
    """Pictures that match, by their paths below the part of the pattern that is no pattern; and that part."""
    pattern = os.path.expanduser(pattern)
    root = Path(*takewhile(lambda part: glob.escape(part) == part, Path(pattern).parts))
    names = sorted(glob.iglob(pattern, recursive=True))
    return [each for path in _pictures_of(names) for each in _at(path, root)], root


def _at(path: Path, root: Path) -> Iterable[Found]:
    return _below(path, root) if path.is_dir() else [Found(path, path.relative_to(root))]


def _pictures_of(names: Iterable[str]) -> Iterator[Path]:
    for name in names:
        path = Path(name)
        if path.is_dir() or path.suffix[1:].lower() in EXTENSIONS or is_film(path) or path.suffix.lower() == ".gif":
            yield path


def _lies_in(path: Path, folder: Path) -> bool:
    return Path(os.path.realpath(path.parent)).is_relative_to(folder)
