"""Which part of a picture is to be filled at test time: a word, a file, a picture or an array -> (H, W) boolean."""

import os
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from translate.data.listing import list_pictures, shown
from translate.data.reading import read_picture
from translate.errors import InputError
from translate.masks import MASKS, centre_mask, draw_mask
from translate.randomness import generator
from translate.registry import did_you_mean

WHITE_FROM = 128


def make_mask(
    mask: Any, width: int, height: int, *, hole_share: float = 0.5, seed: int = 0, name: str = ""
) -> np.ndarray:
    """The hole of one picture, True inside.

    Args:
        mask: ``centre``, ``blocks`` or ``region``; the path of a mask file or a PIL image (white is the hole; scaled to
            the picture's size without interpolation); or a boolean array of the picture's size.
        width, height: of the picture.
        hole_share: side of the square of ``centre``, as a share of the shorter side.
        seed, name: the masks ``blocks`` and ``region`` are a function of both, so a picture has the same hole whatever
            else is tested with it. A name may be anything, such as the picture's path below its folder.

    Raises:
        InputError: an unknown word, a file that cannot be read, a mask without or with nothing but a hole.
    """
    if isinstance(mask, np.ndarray):
        return _checked_array(mask, width, height)
    if isinstance(mask, Image.Image):
        return _from_picture(mask, width, height, "the mask")
    word = str(mask)
    if word.lower() == "centre":
        return centre_mask(height, width, max(1, int(hole_share * min(height, width) + 1e-6)))
    if word.lower() in MASKS:
        rng = generator(seed, "mask", index=zlib.crc32(os.fsencode(name)))
        return draw_mask(word.lower(), rng, height, width)
    return read_mask(Path(mask), width, height)


def read_mask(path: Path, width: int, height: int) -> np.ndarray:
    """The hole that a mask file shows in white, scaled to a picture's size; refuses what :func:`make_mask` refuses."""
    if not path.exists():
        hint = did_you_mean(str(path), MASKS)
        raise InputError(f"--mask {shown(path)} is neither a kind of mask nor a file that exists: {hint}")
    return _from_picture(read_picture(path), width, height, shown(path))


def find_masks(folder: Path, names: Iterable[str]) -> dict[str, Path]:
    """The mask file of each picture: the one of its name in a folder, with whatever ending.

    Args:
        names: paths below the pictures' own folder, with or without an ending.

    Raises:
        InputError: one is missing.
    """
    files = list_pictures(folder)
    whole = {path.relative_to(folder).as_posix(): path for path in files}
    known = {Path(name).with_suffix("").as_posix(): path for name, path in whole.items()} | whole
    names = list(names)
    missing = [name for name in names if name not in known]
    if missing:
        others = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        raise InputError(
            f"--mask {shown(folder)} has no mask for {shown(missing[0])}{others}: add {shown(missing[0])}.png, white "
            "where it is to be filled"
        )
    return {name: known[name] for name in names}


def _from_picture(picture: Image.Image, width: int, height: int, label: str) -> np.ndarray:
    grey = picture.convert("L").resize((width, height), Image.Resampling.NEAREST)
    return _checked(np.asarray(grey) >= WHITE_FROM, label)


def _checked_array(mask: np.ndarray, width: int, height: int) -> np.ndarray:
    if mask.dtype != bool or mask.shape != (height, width):
        raise InputError(
            f"a mask of {mask.dtype} and shape {mask.shape} does not suit a picture of {width}x{height}: give a "
            f"boolean array of shape {(height, width)}, true in the hole"
        )
    return _checked(mask, "the mask")


def _checked(mask: np.ndarray, label: str) -> np.ndarray:
    if not mask.any():
        raise InputError(f"{label} has no hole in a picture of {mask.shape[1]}x{mask.shape[0]}: paint it white there")
    if mask.all():
        raise InputError(
            f"{label} is white all over, so nothing is known to fill the hole from: leave some of it black"
        )
    return mask
