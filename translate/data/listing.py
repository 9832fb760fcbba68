"""Which pictures a folder holds, and where a data set keeps its two domains."""

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from translate.errors import InputError

EXTENSIONS = ("jpg", "jpeg", "png", "bmp", "tif", "tiff", "webp", "ppm", "pgm", "pbm", "npy")


def list_pictures(folder: Path) -> list[Path]:
    """Every picture below ``folder``, sorted by its path relative to it.

    Sub-folders are searched, links are followed (a link back to a folder that contains it is not
    entered again), extensions count in any letter case, names that start with a dot are left out.
    Nothing is opened.

    Raises:
        InputError: a folder cannot be listed.
    """
    folder = Path(folder)
    return sorted(_pictures(folder), key=lambda path: path.relative_to(folder).as_posix())


def by_name(folder: Path) -> dict[str, Path]:
    """The pictures of a folder by their place in it, without their endings.

    Raises:
        InputError: two have one name.
    """
    found: dict[str, Path] = {}
    for path in list_pictures(folder):
        name = path.relative_to(folder).with_suffix("").as_posix()
        if name in found:
            raise InputError(f"{shown(found[name])} and {shown(path)} differ in their ending only; remove one of them")
        found[name] = path
    return found


def domain_folder(root: Path, phase: str, letter: str, required: bool = True) -> Path | None:
    """The folder ``<root>/<phase><letter>``, such as ``horse2zebra/trainA``, checked to hold pictures.

    Phase ``test`` is satisfied by ``val`` where only that exists. If the domain is not
    ``required``, one that is missing or empty is None.

    Raises:
        InputError: the root, the folder or its pictures are missing.
    """
    root = Path(root)
    _refuse_no_folder(root, "the folder that holds trainA and trainB")
    folder = _existing(root, phase, letter)
    if folder is None:
        if required:
            raise InputError(_missing(root, phase, letter))
        return None
    if next(_pictures(folder), None) is None:
        if required:
            raise InputError(_empty(folder))
        return None
    return folder


def single_folder(root: Path, phase: str, letter: str = "A") -> Path:
    """Where the pictures of a method lie that needs no second domain.

    ``<root>/<phase><letter>`` as for two domains, else ``<root>/<phase>``, else ``root`` itself if it has no folder
    of any phase.

    Raises:
        InputError: the root or pictures in it are missing.
    """
    root = Path(root)
    _refuse_no_folder(root, "the folder that holds the pictures")
    folder = _existing(root, phase, letter) or _existing(root, phase, "")
    phases = [f"{name}{ending}" for name in ("train", "val", "test") for ending in ("", "A", "B")]
    if folder is None and (there := [name for name in phases if (root / name).is_dir()]):
        raise InputError(
            f"{shown(root)} has no folder {phase} or {phase}{letter}; it holds {', '.join(there)}: use --phase, or put "
            f"pictures into {shown(root / phase)}"
        )
    if next(_pictures(folder or root), None) is None:
        raise InputError(_empty(folder or root))
    return folder or root


def shown(path: Path | str) -> str:
    """A path as it can be printed anywhere: line breaks and undecodable bytes become escapes.

    >>> shown("trainA/two\\nlines.png")
    'trainA/two\\\\nlines.png'
    """
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in str(path))


def shown_some(paths: Iterable[Path | str], most: int) -> str:
    """Paths as :func:`shown`, each once, and how many there are behind the first ``most``.

    >>> shown_some(["a.png", "b.png", "a.png", "c.png", "d.png"], most=2)
    'a.png, b.png, and 2 more'
    """
    names = [shown(path) for path in dict.fromkeys(paths)]
    more = [f"and {len(names) - most} more"] if len(names) > most else []
    return ", ".join(names[:most] + more)


def _pictures(folder: Path) -> Iterator[Path]:
    for path in _files(folder, above=()):
        if path.suffix[1:].lower() in EXTENSIONS:
            yield path


def _files(folder: Path, above: tuple[str, ...]) -> Iterator[Path]:
    """Visible files in ``folder`` and below; ``above`` holds the real paths of the folders that led here."""
    real = os.path.realpath(folder)
    if real in above:
        return
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise InputError(f"cannot list {shown(folder)}: {error.strerror}; check its permissions") from error
    for name in names:
        path = folder / name
        if name.startswith("."):
            continue
        if path.is_dir():
            yield from _files(path, (*above, real))
        else:
            yield path


def _refuse_no_folder(root: Path, wanted: str) -> None:
    if not root.is_dir():
        what = "is a file, not a folder" if root.exists() else "does not exist"
        raise InputError(f"--dataroot {shown(root)} {what}; give {wanted}")


def _existing(root: Path, phase: str, letter: str) -> Path | None:
    phases = (phase, "val") if phase == "test" else (phase,)
    folders = (root / f"{name}{letter}" for name in phases)
    return next((folder for folder in folders if folder.is_dir()), None)


def _missing(root: Path, phase: str, letter: str) -> str:
    wanted = f"{phase}{letter}"
    looked_for = f"{wanted} (or val{letter})" if phase == "test" else wanted
    message = f"{shown(root)} has no folder {looked_for}; pictures are expected in {shown(root / wanted)}"
    nested = next((path.parent for path in sorted(root.glob(f"*/{phase}{letter}")) if path.is_dir()), None)
    if nested is not None:
        return f"{message}: did you mean --dataroot {shown(nested)}?"
    return f"{message}, laid out as {shown(root)}/trainA, trainB (and testA, testB for testing)"


def _empty(folder: Path) -> str:
    others = list(islice(_files(folder, above=()), 1))
    found = f" (it holds other files, such as {shown(others[0].name)})" if others else ""
    return f"{shown(folder)} holds no pictures{found}; accepted are files ending in {', '.join(EXTENSIONS)}"
