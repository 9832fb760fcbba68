"""What a translator is called on, brought to what its generator reads: pictures and arrays to [-1, 1]."""

import warnings

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from translate.data.deep_picture import LUMA, DeepPicture
from translate.data.reading import GREY_MODES, upright
from translate.data.value_range import ValueRange
from translate.errors import InputError
from translate.sizing import TestSize


def turned_upright(image: Image.Image) -> Image.Image:
    """A PIL image turned as its EXIF orientation says, like a picture that is read from a file.

    Once turned by ``PIL.ImageOps.exif_transpose`` it has no orientation any more, and stays as it is.
    """
    image.load()  # the orientation may stand behind the pixels, and Pillow turns TIFF files by itself here
    return upright(image)


def refuse_deep(image: Image.Image) -> None:
    """Refuse what Pillow would clip to 8 bits instead of scaling it.

    Raises:
        InputError: the image has more than 8 bits a channel.
    """
    if image.mode.startswith(("I", "F")):
        raise InputError(f"a PIL image of mode {image.mode} is deeper than 8 bits; scale it to 0-255 and mode L or RGB")


def refuse_type(dtype: object) -> None:
    """Refuse numbers of which nobody knows what is black and what is white.

    Raises:
        InputError: always.
    """
    raise InputError(f"pictures of {dtype} are ambiguous: give uint8 in 0-255 or floats in 0-1")


def mapped(values: np.ndarray, range: ValueRange, channels: int) -> DeepPicture:
    """The values (H, W, C) of a domain as a picture, with a warning if some lie outside its range.

    Raises:
        InputError: they are no finite numbers.
    """
    if values.dtype.kind not in "uif":
        raise InputError(f"values of type {values.dtype} are no picture; give integers or floats")
    if not np.isfinite(values).all():
        raise InputError("the picture holds values that are no finite numbers (NaN or infinite); replace them")
    if share := range.share_outside(values):
        warnings.warn(f"{100 * share:.2g} % of the values lie outside {range} and are cut to it", stacklevel=2)
    return DeepPicture.of(values, range, channels)


def values_of(image: Image.Image) -> np.ndarray:
    """The values (H, W, C) of a PIL image of any depth."""
    if not image.mode.startswith(("I", "F")) and image.mode not in ("L", "RGB"):
        image = image.convert("L" if image.mode in GREY_MODES else "RGB")
    values = np.asarray(image)
    return values[:, :, None] if values.ndim == 2 else values


def scaled_floats(picture: Tensor, channels: int, size: TestSize) -> Tensor:
    """A picture (C, H, W) in 0-1 with these channels and at this size: each plane by the same filter as for 8 bits,
    without rounding to them.

    Raises:
        InputError: it goes beyond 0-1.
    """
    if not (picture.min() >= 0 and picture.max() <= 1):  # so that NaN is refused too
        found = f"{picture.min().item():g} to {picture.max().item():g}"
        raise InputError(f"a floating picture goes from 0 to 1, not from {found}: divide by 255 or rescale it")
    planes = [size.apply(Image.fromarray(plane.numpy())) for plane in _to_channels(picture.float(), channels)]
    return torch.from_numpy(np.stack([np.asarray(plane) for plane in planes])).clamp(0, 1)


def _to_channels(picture: Tensor, channels: int) -> Tensor:
    if picture.shape[0] == channels:
        return picture
    if channels == 3:
        return picture.expand(3, -1, -1)
    return (picture * picture.new_tensor(LUMA).view(3, 1, 1)).sum(0, keepdim=True)
