"""Pictures in ``.npy`` files: arrays of numbers with a short header, of which nothing is ever executed."""

import math
import os
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy_format

from translate.data.opening import PictureError, refuse_huge

MAGIC = b"\x93NUMPY"
TYPES = ("uint8", "uint16", "int16", "int32", "float16", "float32", "float64")
LONGEST_HEADER = 10_000  # bytes; a picture's takes about 100, and it is text that has to be parsed
SAVE_AGAIN = "save it again with numpy.save(path, array), or remove it"


def read_npy(path: Path | str, file: BinaryIO) -> np.ndarray:
    """The values of a picture, (H, W, 1) or (H, W, 3), of one of ``TYPES`` in the machine's byte order.

    The header is checked before any memory is taken for what it promises.

    Args:
        path: what errors call the file.
        file: it, opened at its beginning.

    Raises:
        PictureError: pickled objects, another type or shape, too many pixels, or fewer values than the header says.
        ValueError: a damaged header.
    """
    shape, dtype = _header(path, file)
    if len(shape) == 2:
        shape = (*shape, 1)
    if len(shape) != 3 or shape[2] not in (1, 3) or min(shape) < 1:
        raise PictureError(path, f"holds an array of shape {shape}", "save it as (H, W), (H, W, 1) or (H, W, 3)")
    refuse_huge(path, shape[1], shape[0])
    if os.fstat(file.fileno()).st_size - file.tell() < math.prod(shape) * dtype.itemsize:
        raise PictureError(path, "is cut short")
    file.seek(0)
    values = npy_format.read_array(file, allow_pickle=False)  # in the order of its axes that the header names
    return np.ascontiguousarray(values.reshape(shape), dtype=dtype.newbyteorder("="))


def npy_type(path: Path | str, file: BinaryIO) -> np.dtype:
    """The type of an array's values, and the file at its beginning again.

    Raises:
        PictureError, ValueError: as for :func:`read_npy`.
    """
    _, dtype = _header(path, file)
    file.seek(0)
    return dtype


def _header(path: Path | str, file: BinaryIO) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type as the header states them; the file stands at the values then."""
    version = npy_format.read_magic(file)
    readers = {(1, 0): npy_format.read_array_header_1_0, (2, 0): npy_format.read_array_header_2_0}
    length_bytes = 2 if version == (1, 0) else 4
    length = int.from_bytes(file.read(length_bytes), "little")
    if version not in readers or length > LONGEST_HEADER:
        raise PictureError(path, f"is a .npy file with an unusual header ({length} bytes)", SAVE_AGAIN)
    file.seek(-length_bytes, 1)
    shape, _, dtype = readers[version](file)
    _refuse_type(path, dtype)
    return shape, dtype


def _refuse_type(path: Path | str, dtype: np.dtype) -> None:
    if dtype.hasobject:
        raise PictureError(path, "holds pickled Python objects, which could run code", f"save numbers: {_types()}")
    if dtype.newbyteorder("=").name not in TYPES or dtype.names or dtype.shape:
        raise PictureError(path, f"holds values of type {dtype}", f"convert it to one of {_types()}")


def _types() -> str:
    return ", ".join(TYPES)
