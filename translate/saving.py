"""Writing translated pictures: their format, their names, and that none takes the place of another."""

import os
import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from translate.data.gathering import Found
from translate.data.listing import shown
from translate.errors import InputError, RunError
from translate.files import replace_atomically

ENDINGS = {
    "png": ("png",),
    "jpg": ("jpg", "jpeg"),
    "tiff": ("tif", "tiff"),
    "webp": ("webp",),
    "bmp": ("bmp",),
    "ppm": ("ppm",),
}
ENCODING: dict[str, dict[str, Any]] = {
    "png": {"format": "PNG"},
    "jpg": {"format": "JPEG", "quality": 95, "subsampling": 0},  # 0: colours as fine as brightness
    "tiff": {"format": "TIFF", "compression": "tiff_lzw"},
    "webp": {"format": "WEBP", "quality": 95},
    "bmp": {"format": "BMP"},
    "ppm": {"format": "PPM"},
}


class Errand(NamedTuple):
    """A picture to be translated, and the file and format of its result."""

    source: Path
    target: Path
    format: str


def plan(found: Sequence[Found], output: Path, format: str) -> list[Errand]:
    """Where the result of each picture goes: below ``output``, under the picture's own name.

    Args:
        format: of ``ENDINGS``, or ``same``: that of the picture's ending where it can be written, else PNG.

    Raises:
        InputError: two results would have one name, or one would take the place of a picture that is named.
    """
    errands = [Errand(each.path, *_named(output / each.name, format)) for each in found]
    _refuse_one_name(errands)
    sources = {_identity(each.source): each.source for each in errands}
    for each in errands:
        overwritten = sources.get(_identity(each.target))
        if overwritten is not None:
            raise InputError(
                f"the result of {shown(each.source)} would overwrite {shown(overwritten)}; give another folder with -o"
            )
    return errands


def save(image: Image.Image, target: Path, format: str) -> None:
    """Write a picture; whatever happens, the file holds its former content or all of the new one.

    Raises:
        RunError: the disk refuses, or the format has no room for such a picture.
    """
    try:
        replace_atomically(target, lambda file: image.save(file, **ENCODING[format]))
    except (ValueError, SystemError) as error:
        size = f"{image.width}x{image.height}"
        raise RunError(
            f"cannot write {shown(target)} ({size}) as {format} ({error}); give another --format, such as png"
        ) from error


def _named(path: Path, format: str) -> tuple[Path, str]:
    """The path with the ending of its format, which stays as it is where it says that already."""
    ending = path.suffix[1:].lower()
    own = next((name for name, endings in ENDINGS.items() if ending in endings), None)
    if format == "same":
        format = own or "png"
    return (path if own == format else path.with_suffix(f".{format}")), format


def _spelled_alike(path: Path) -> str:
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


def _refuse_one_name(errands: Sequence[Errand]) -> None:
    seen: dict[str, Path] = {}
    for each in errands:
        other = seen.setdefault(_spelled_alike(each.target), each.source)
        if other is not each.source:
            raise InputError(
                f"the results of {shown(other)} and {shown(each.source)} would both be {shown(each.target)}; "
                "rename one, or translate them into separate folders"
            )
