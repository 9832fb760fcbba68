"""Writing translated pictures: their format, their names, and that none takes the place of another."""

import os
import sys
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from translate.data.gathering import Found
from translate.data.listing import shown
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
}
ENCODING: dict[str, dict[str, Any]] = {
    "png": {"format": "PNG"},
    "jpg": {"format": "JPEG", "quality": 95, "subsampling": 0},  # 0: colours as fine as brightness
    "tiff": {"format": "TIFF", "compression": "tiff_lzw"},
    "webp": {"format": "WEBP", "quality": 95},
    "bmp": {"format": "BMP"},
    "ppm": {"format": "PPM"},
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
    found: Sequence[Found], output: Path, format: str, rename: Callable[[Path, int], str] | None = None
) -> list[Errand]:
    """Where the result of each picture goes: below ``output``, under the picture's own name.

    Args:
        format: of ``ENDINGS``, or ``same``: that of the picture's ending where it can be written, else PNG.
        rename: gives a result's path without its ending, from the picture's path below what was named and its place.

    Raises:
        InputError: two results would have one name, or one would take the place of a picture that is named.
    """
    errands = []
    for position, each in enumerate(found):
        moves = moving(each.path, format)
        kind, ending = (moves.format, moves.ending) if moves else format_of(each.name, format)
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


def save(image: Image.Image, target: Path, format: str) -> None:
    """Write a picture; whatever happens, the file holds its former content or all of the new one.

    Raises:
        RunError: the disk refuses, or the format has no room for such a picture.
    """
    with _naming_the_format(image, target, format):
        replace_atomically(target, lambda file: image.save(file, **ENCODING[format]))


def write_picture(image: Image.Image, target: Path, format: str) -> None:
    """Write a picture into a folder that is nobody's yet, so without the care that :func:`save` takes.

    Raises:
        RunError: the format has no room for such a picture.
        OSError: the disk refuses.
    """
    with _naming_the_format(image, target, format):
        image.save(target, **ENCODING[format])


def format_of(source: Path, format: str) -> tuple[str, str]:
    """The format of a picture's result, and its ending, which stays as it is where it says that already.

    >>> format_of(Path("a.JPEG"), "same"), format_of(Path("a.JPEG"), "png"), format_of(Path("a.gif"), "same")
    (('jpg', 'JPEG'), ('png', 'png'), ('png', 'png'))
    """
    ending = source.suffix[1:]
    own = next((name for name, endings in ENDINGS.items() if ending.lower() in endings), None)
    if format == "same":
        format = own or "png"
    return format, ending if own == format else format


@contextmanager
def _naming_the_format(image: Image.Image, target: Path, format: str) -> Iterator[None]:
    """What an encoder raises about a picture becomes one sentence."""
    try:
        yield
    except (ValueError, SystemError) as error:
        size = f"{image.width}x{image.height}"
        raise RunError(
            f"cannot write {shown(target)} ({size}) as {format} ({error}); give another --format, such as png"
        ) from error


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
