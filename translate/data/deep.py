"""Files on disk -> the values they hold, whatever their depth: 16-bit PNG, integer and float TIFF, ``.npy``.

Nothing is scaled here and nothing is cut. What Pillow would clip (modes I and F read as grey) or cut to 8 bits without
a word (16-bit colour) is read as it is stored, or refused.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from translate.data.deep_picture import DeepPicture
from translate.data.npy import MAGIC, read_npy
from translate.data.opening import PictureError, open_image, opened
from translate.data.reading import Depth, Header, is_deep, read_picture, upright
from translate.data.value_range import ValueRange

DEEP_MODES = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")
DEEP_FORMATS = ("PNG", "TIFF")
BITS_TAG, SAMPLE_FORMAT_TAG, UNSIGNED = 258, 339, 1


def read_values(path: Path | str, finite: bool = True) -> np.ndarray:
    """The values of a picture: (H, W, 1) or (H, W, 3), of one of ``translate.data.npy.TYPES``; uint8 for 8 bits.

    Args:
        finite: refuse values that are not.

    Raises:
        PictureError: the file is missing, damaged, too large, of a kind that cannot be read without loss, or holds
            values that are not finite.
    """
    values = _deep_values(path)
    if values is None:
        pixels = np.array(read_picture(path))
        return pixels[:, :, None] if pixels.ndim == 2 else pixels
    if finite and values.dtype.kind == "f" and not np.isfinite(values).all():
        raise PictureError(
            path, "holds values that are no finite numbers (NaN or infinite)", "replace them by numbers, or remove it"
        )
    return values


def read_deep(path: Path | str, range: ValueRange, channels: int | None = None) -> DeepPicture:
    """A picture whose values are mapped by a range; 8-bit files have values too.

    Args:
        channels: 1 or 3; None gives what the file holds.

    Raises:
        PictureError: as for :func:`read_values`.
    """
    return DeepPicture.of(read_values(path), range, channels)


def examine_deep(path: Path | str) -> Header:
    """Size, channels, type, least and greatest value of a deep picture, all of which is decoded.

    Raises:
        PictureError: as for :func:`read_values`.
    """
    values = read_values(path)
    height, width, channels = values.shape
    return Header(width, height, channels, Depth(values.dtype.name, float(values.min()), float(values.max())))


def _deep_values(path: Path | str) -> np.ndarray | None:
    """The values of a file that is deeper than 8 bits or an array; None for other pictures."""
    with opened(path) as (file, start):
        if start.startswith(MAGIC):
            return read_npy(path, file)
        image = open_image(path, file)
        if not is_deep(image, start):
            return None
        if image.format not in DEEP_FORMATS or image.mode not in DEEP_MODES:
            raise PictureError(
                path,
                f"holds more than 8 bits a channel in a form that is read in 8 only ({image.format} {image.mode})",
                "save it as a .npy array (H, W) or (H, W, 3)",
            )
        image.load()
        return _typed(path, image, upright(image))[:, :, None]


def _typed(path: Path | str, image: Image.Image, turned: Image.Image) -> np.ndarray:
    """The values (H, W) of a decoded image in the type that the file has; Pillow holds small integers in wider ones."""
    values = np.array(turned)
    if values.dtype.kind == "f":
        return values
    if image.format == "PNG":
        return values.astype(np.uint16)
    bits = max(np.atleast_1d(image.tag_v2.get(BITS_TAG, 16)))
    signed = max(np.atleast_1d(image.tag_v2.get(SAMPLE_FORMAT_TAG, UNSIGNED))) != UNSIGNED
    if bits <= 16:
        return values.astype(np.int16 if signed else np.uint16)
    if not signed and values.min() < 0:
        raise PictureError(path, "holds integers above 2147483647", "save it as floats")
    return values.astype(np.int32)
