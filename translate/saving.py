"""Writing translated pictures: their format, their names, and that none takes the place of another."""

import os
import sys
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from PIL import Image

from translate.data.deep_picture import DeepPicture
from translate.data.gathering import Found
from translate.data.listing import shown
from translate.data.value_range import ValueRange
from translate.deep_files import formats_of, write_values
from translate.errors import InputError, RunError
from translate.files import replace_atomically
from translate.film.kinds import moving

ENDINGS = {
    "png": ("png",),
    "jpg": ("jpg", "jpeg"),
    "tiff": ("tif", "tiff"),
    "webp": ("webp",),
    "bmp": ("bmp",),
    "ppm": ("ppm",),
    "npy": ("npy",),
}
PICTURES = tuple(word for word in ENDINGS if word != "npy")  # 8 bits, which anybody can open
ENCODING: dict[str, dict[str, Any]] = {
    "png": {"format": "PNG"},
    "jpg": {"format": "JPEG", "quality": 95, "subsampling": 0},  # 0: colours as fine as brightness
    "tiff": {"format": "TIFF", "compression": "tiff_lzw"},
    "webp": {"format": "WEBP", "quality": 95},
    "bmp": {"format": "BMP"},
    "ppm": {"format": "PPM"},
    "npy": {},
}
DISTINCT = "put {folder}, {name} or {index} into --name_template"


class Errand(NamedTuple):
    """A picture to be translated, the file and format of its result, and what the picture is called."""

    source: Path
    target: Path
    format: str
    name: str = ""  # path of the picture below what was named, without its ending
    moves: bool = False  # a film or an animation, of which every frame is translated


def plan(
    found: Sequence[Found],
    output: Path,
    format: str,
    rename: Callable[[Path, int], str] | None = None,
    formats: Sequence[str] = tuple(ENDINGS),
) -> list[Errand]:
    """Where the result of each picture goes: below ``output``, under the picture's own name.

    Args:
        format: of ``ENDINGS``, or ``same``: that of the picture's ending where it can be written, else the usual one.
        rename: gives a result's path without its ending, from the picture's path below what was named and its place.
        formats: of ``ENDINGS``, that can hold the results, the usual one first.

    Raises:
        InputError: the format cannot hold the results, two results would have one name, or one would take the place of
            a picture that is named.
    """
    if format != "same" and format not in formats:
        words = ", ".join(formats)
        raise InputError(f"--format {format} cannot hold the values of the results; choose from {words}")
    errands = []
    for position, each in enumerate(found):
        moves = moving(each.path, format)
        kind, ending = (moves.format, moves.ending) if moves else format_of(each.name, format, formats)
        own = each.name.with_suffix("")
        name = own if rename is None else rename(each.name, position)
        errands.append(Errand(each.path, output / f"{name}.{ending}", kind, own.as_posix(), moves is not None))
    _refuse_one_name(errands, "rename one, or translate them into separate folders" if rename is None else DISTINCT)
    sources = {_identity(each.source): each.source for each in errands}
    for each in errands:
        overwritten = sources.get(_identity(each.target))
        if overwritten is not None:
            raise InputError(
                f"the result of {shown(each.source)} would overwrite {shown(overwritten)}; give another folder with -o"
            )
    return errands


def save(image: Image.Image | np.ndarray, target: Path, format: str) -> None:
    """Write a picture, or values (H, W) or (H, W, 3).

    Whatever happens, the file holds its former content or all of the new one.

    Raises:
        RunError: the disk refuses, or the format has no room for such a picture.
    """

    def write(file: BinaryIO) -> None:
        with _naming_the_format(image, target, format):
            _encode(image, file, format)

    replace_atomically(target, write)


def write_picture(image: Image.Image, target: Path, format: str) -> None:
    """Write a picture into a folder that is nobody's yet, so without the care that :func:`save` takes.

    Raises:
        RunError: the format has no room for such a picture.
        OSError: the disk refuses.
    """
    with _naming_the_format(image, target, format):
        image.save(target, **ENCODING[format])


def format_of(source: Path, format: str, formats: Sequence[str] = PICTURES) -> tuple[str, str]:
    """The format of a picture's result, and its ending, which stays as it is where it says that already.

    >>> format_of(Path("a.JPEG"), "same"), format_of(Path("a.JPEG"), "png"), format_of(Path("a.gif"), "same")
    (('jpg', 'JPEG'), ('png', 'png'), ('png', 'png'))

    Args:
        format: a word of ``--format``; ``same`` is the picture's own, or where that is none of ``formats`` their first.
    """
    ending = source.suffix[1:]
    own = next((name for name, endings in ENDINGS.items() if ending.lower() in endings), None)
    if format == "same":
        format = own if own in formats else formats[0]
    return format, ending if own == format else format


@contextmanager
def _naming_the_format(image: Image.Image | np.ndarray, target: Path, format: str) -> Iterator[None]:
    """What an encoder raises about a picture becomes one sentence.

    Some say in the same words that a picture is too large and that the disk is full; the disk itself gives a number.
    """
    try:
        yield
    except (ValueError, SystemError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        remedy = "free some space or give" if isinstance(error, OSError) else "give"
        height, width = np.shape(image)[:2]
        size = f"{width}x{height}"
        raise RunError(
            f"cannot write {shown(target)} ({size}) as {format} ({error}); {remedy} another --format, such as png"
        ) from error


def save_values(picture: DeepPicture, target: ValueRange, path: Path) -> None:
    """Write a deep picture in the values of its domain and in its usual format, whose ending the path gets.

    Raises:
        RunError: the disk refuses.
    """
    format = formats_of(target, picture.signed.shape[2])[0]
    path.parent.mkdir(parents=True, exist_ok=True)
    save(picture.values(target), path.with_name(f"{path.name}.{format}"), format)


def _encode(image: Image.Image | np.ndarray, file: BinaryIO, format: str) -> None:
    if isinstance(image, Image.Image) and format != "npy":
        image.save(file, **ENCODING[format])
    else:
        write_values(np.asarray(image), file, format, **ENCODING[format])


def spelled_alike(path: Path) -> str:
    """The same for all paths that a usual disk of this system takes for one."""
    name = os.path.normcase(path)
    return unicodedata.normalize("NFC", name).casefold() if sys.platform == "darwin" else name


def _identity(path: Path) -> tuple[int, int] | str:
    """What two paths have in common that are one file, also where letter case does not count."""
    try:
        status = os.stat(path)
    except OSError:
        return os.path.realpath(path)
    return status.st_dev, status.st_ino


def _refuse_one_name(errands: Sequence[Errand], remedy: str) -> None:
    seen: dict[str, Path] = {}
    for each in errands:
        other = seen.setdefault(spelled_alike(each.target), each.source)
        if other is not each.source:
            raise InputError(
                f"the results of {shown(other)} and {shown(each.source)} would both be {shown(each.target)}; {remedy}"
            )
