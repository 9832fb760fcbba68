"""Translations deeper than 8 bits as files, in the values and the depth of their domain."""

from collections.abc import Sequence
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from translate.data.value_range import ValueRange

PNG_MOST = 65535


def formats_of(target: ValueRange, channels: int) -> Sequence[str]:
    """The formats (words of ``--format``) that hold a domain's values without loss, the usual one first.

    Grey integers from 0 to 65535 fit into a 16-bit PNG, other grey values into a TIFF of 32-bit integers or floats.
    Pillow writes no deep colour, so three channels become an array.
    """
    if target.dtype == "uint8":
        return "png", "tiff", "bmp", "ppm", "npy"
    if channels == 3:
        return ("npy",)
    fits_png = target.is_integer and target.low >= 0 and target.high <= PNG_MOST
    return ("png", "tiff", "npy") if fits_png else ("tiff", "npy")


def write_values(values: np.ndarray, file: BinaryIO, word: str, **encoding: Any) -> None:
    """Write an array (H, W) or (H, W, 3) in one of the formats of :func:`formats_of`.

    Args:
        word: the format.
        encoding: what Pillow is told of the format.
    """
    if word == "npy":
        np.save(file, values, allow_pickle=False)
    else:
        Image.fromarray(_as_pillow_has(values, word)).save(file, **encoding)


def _as_pillow_has(values: np.ndarray, word: str) -> np.ndarray:
    if values.dtype == np.uint8:
        return values
    if values.dtype.kind == "f":
        return values.astype(np.float32)
    return values.astype(np.uint16 if word == "png" or values.dtype == np.uint16 else np.int32)
