"""Files on disk -> 8-bit pictures, grey or RGB, the right way up, or one sentence that says why not.

What a picture file may hold and what becomes of it:

- grey, 1-bit and grey with alpha -> ``L``; every other mode (palette, CMYK, YCbCr, LAB, ...) -> ``RGB``;
- alpha and transparent palette entries are dropped, not composited: the colour stored under them is
  what the reference implementation trains on, so it is what is seen here;
- EXIF rotation is applied, so that width and height are those that a viewer shows;
- of several frames (GIF, animated WebP, multi-page TIFF) the first is read;
- a ``.npy`` array of uint8 is a picture too;
- more than 8 bits a channel is refused: clipping or scaling it would be a choice about the data. With a range that says
  which values become black and white it is read by ``translate.data.deep``.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image

from translate.data.npy import MAGIC, npy_type, read_npy
from translate.data.opening import PictureError, open_image, opened

GREY_MODES = ("1", "L", "LA", "La")
ORIENTATION_TAG = 0x0112
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
TOO_DEEP = "convert it to 8 bits a channel, choosing yourself which values become black and white"


class Depth(NamedTuple):
    """What a picture deeper than 8 bits holds: the type of its values (numpy's name), the least and the greatest."""

    dtype: str
    low: float
    high: float


class Header(NamedTuple):
    """What a picture will be once read: its size in pixels, EXIF rotation applied, and 1 or 3 channels; ``depth`` is
    None for 8 bits."""

    width: int
    height: int
    channels: int
    depth: Depth | None = None


class TooDeep(PictureError):
    """A picture of more than 8 bits a channel, which can be read where a range is given."""


def read_picture(path: Path | str, channels: int | None = None) -> Image.Image:
    """Read one picture; see the module's description for what becomes of each kind.

    Args:
        path: a picture file.
        channels: 1 gives mode ``L``, 3 gives mode ``RGB``, None gives what the file holds.

    Raises:
        PictureError: the file is missing, damaged, no picture, too large, or deeper than 8 bits.
    """
    if channels not in (None, 1, 3):
        raise ValueError(f"channels is {channels!r}, not 1, 3 or None")
    with _opened(path) as image:
        image.load()
        grey = image.mode in GREY_MODES if channels is None else channels == 1
        return _converted(upright(image), grey)


def open_header(path: Path | str) -> Header:
    """Size and channels of a picture, without decoding its pixels.

    Raises:
        PictureError: as for :func:`read_picture`, except for damage that only decoding shows.
    """
    with _opened(path) as image:
        if image.format == "PNG" and _text_follows_pixels(image.fp):
            image.load()  # the orientation may stand behind the pixels
        channels = 1 if image.mode in GREY_MODES else 3
        width, height = _stored_size(image)
        if _orientation(image) >= 5:
            width, height = height, width
        return Header(width, height, channels)


@contextmanager
def _opened(path: Path | str) -> Iterator[Image.Image]:
    """A file of 8 bits a channel as an image, its pixels not decoded yet."""
    with opened(path) as (file, start):
        if start.startswith(MAGIC):
            yield _array_image(path, file)
            return
        image = open_image(path, file)
        if is_deep(image, start):
            raise TooDeep(path, _deep_kind(image.mode == "F"), TOO_DEEP)
        yield image


def is_deep(image: Image.Image, start: bytes) -> bool:
    """Whether Pillow would clip the image (mode I, F) or silently cut it to 8 bits (colour PNG, PPM, TIFF).

    Args:
        start: the first bytes of its file.
    """
    return image.mode in ("F", "I") or image.mode.startswith("I;") or _bits(image, start) > 8


def upright(image: Image.Image) -> Image.Image:
    """A decoded image, turned as its EXIF orientation says. Pillow turns TIFF files by itself while loading them."""
    turn = None if image.format == "TIFF" else TURNS.get(_orientation(image))
    return image if turn is None else image.transpose(turn)


def _array_image(path: Path | str, file: BinaryIO) -> Image.Image:
    dtype = npy_type(path, file)
    if dtype != np.uint8:
        raise TooDeep(path, _deep_kind(dtype.kind == "f"), TOO_DEEP)
    values = read_npy(path, file)
    return Image.fromarray(values[:, :, 0] if values.shape[2] == 1 else values)


def _deep_kind(is_float: bool) -> str:
    return "holds floating-point values" if is_float else "holds more than 8 bits a channel"


def _bits(image: Image.Image, start: bytes) -> int:
    """Bits a channel as stored, for the formats that can hold more than 8."""
    if image.format == "PNG" and start[12:16] == b"IHDR":
        return start[24]
    if image.format == "TIFF":
        bits = image.tag_v2.get(258, 8)
        return max(bits) if isinstance(bits, tuple) else bits
    if image.format == "PPM":
        return _ppm_maximum(start).bit_length()
    return 8


def _ppm_maximum(start: bytes) -> int:
    gap = rb"(?:\s|#[^\r\n]*[\r\n])+"
    numbers = re.match(rb"P[2356]" + 3 * (gap + rb"(\d+)"), start)
    return int(numbers[3]) if numbers else 255


def _stored_size(image: Image.Image) -> tuple[int, int]:
    """Width and height before rotation; for TIFF from its tags, since newer Pillow has turned its size already."""
    if image.format == "TIFF":
        return int(image.tag_v2[256]), int(image.tag_v2[257])
    return image.size


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1-8.

    The base class is asked, since PNG's own method would decode the pixels; a file whose EXIF part is
    damaged is taken as upright.
    """
    try:
        value = Image.Image.getexif(image).get(ORIENTATION_TAG, 1)
    except Exception:
        return 1
    return value if value in TURNS else 1


def _text_follows_pixels(file: BinaryIO) -> bool:
    """Whether a PNG has metadata behind its pixels, which Pillow sees only after decoding."""
    position = file.tell()
    file.seek(8)
    seen_pixels = False
    found = False
    while not found and len(chunk := file.read(8)) == 8:
        seen_pixels |= chunk[4:] == b"IDAT"
        found = seen_pixels and chunk[4:] in (b"eXIf", b"iTXt", b"tEXt", b"zTXt")
        file.seek(int.from_bytes(chunk[:4], "big") + 4, os.SEEK_CUR)
    file.seek(position)
    return found


def _converted(image: Image.Image, grey: bool) -> Image.Image:
    """A new picture of mode L or RGB that shares nothing with the open file."""
    image.info.pop("transparency", None)
    if grey and image.mode not in GREY_MODES:
        image = image.convert("RGB")
    mode = "L" if grey else "RGB"
    picture = image.copy() if image.mode == mode else image.convert(mode)
    picture.info = {}
    return picture
