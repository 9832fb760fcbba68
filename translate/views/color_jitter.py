"""Colours changed by a number a picture. Pictures are (B, C, H, W) in [0, 1], of one channel or red, green and blue.

What is computed here on float values, other libraries round to 8 bits after each operation.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as in the L of Pillow


def greyscale(images: Tensor) -> Tensor:
    """The lightness of each pixel in all channels."""
    return images if images.shape[1] == 1 else _luma(images).repeat(1, 3, 1, 1)


def brightness(images: Tensor, factors: Tensor) -> Tensor:
    """Pixels times a factor (B,): 0 is black, 1 changes nothing."""
    return (images * _by_sample(factors, images)).clamp(0, 1)


def contrast(images: Tensor, factors: Tensor) -> Tensor:
    """The distance of pixels from the mean lightness times a factor (B,): 0 is even grey, 1 changes nothing."""
    return _blend(images, _luma(images).mean((1, 2, 3), keepdim=True), factors)


def saturation(images: Tensor, factors: Tensor) -> Tensor:
    """The distance of pixels from their own lightness times a factor (B,): 0 is grey, 1 changes nothing."""
    return images if images.shape[1] == 1 else _blend(images, _luma(images), factors)


def hue(images: Tensor, turns: Tensor) -> Tensor:
    """The hue of HSV turned by a part (B,) of the circle: 0 changes nothing, 1/3 makes red green."""
    if images.shape[1] == 1:
        return images
    red, green, blue = images.unbind(1)
    value = images.amax(1)
    chroma = value - images.amin(1)
    least = torch.where(chroma > 0, chroma, 1)
    of_green = torch.where(value == green, 2 + (blue - red) / least, 4 + (red - green) / least)
    sixths = torch.where(value == red, (green - blue) / least, of_green) + 6 * turns.to(images.dtype).view(-1, 1, 1)
    corners = torch.arange(5, 0, -2, device=images.device, dtype=images.dtype).view(3, 1, 1)
    place = (corners + sixths.unsqueeze(1)).remainder(6)  # (B, 3, H, W)
    return value.unsqueeze(1) - chroma.unsqueeze(1) * torch.minimum(place, 4 - place).clamp(0, 1)


def solarise(images: Tensor) -> Tensor:
    """Values of the upper half inverted."""
    return torch.where(images >= 0.5, 1 - images, images)


OPERATIONS = (brightness, contrast, saturation, hue)


def jitter(images: Tensor, chosen: Tensor, orders: Sequence[Tensor], strengths: Tensor) -> Tensor:
    """Some pictures with all four operations applied, in an order of their own each; changed in place.

    Args:
        images: (B, C, H, W) in [0, 1].
        chosen: (B,) bool on the host, which ones.
        orders: four times (B,) on the host: the number in ``OPERATIONS`` of what is done first, second and so on.
        strengths: (B, 4) factors of the first three operations and turns of the hue.
    """
    for kinds in orders:
        for number, operation in enumerate(OPERATIONS):
            images = change_some(images, chosen & (kinds == number), operation, strengths[:, number])
    return images


def change_some(images: Tensor, chosen: Tensor, operation, *values: Tensor) -> Tensor:
    """``operation(images, *values)`` of those samples that are chosen, in place where it is not all of them.

    Args:
        chosen: (B,) bool on the host, so that the others cost nothing, and nobody waits for the device to say which.
        values: (B, ...) of each sample.
    """
    if not chosen.any():
        return images
    if chosen.all():
        return operation(images, *values)
    index = chosen.nonzero().squeeze(1).to(images.device, non_blocking=True)
    return images.index_copy_(0, index, operation(images[index], *(value[index] for value in values)))


def _luma(images: Tensor) -> Tensor:
    """(B, 1, H, W)"""
    if images.shape[1] == 1:
        return images
    red, green, blue = images.split(1, dim=1)
    return LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue


def _blend(images: Tensor, other: Tensor, factors: Tensor) -> Tensor:
    factors = _by_sample(factors, images)
    return (factors * images + (1 - factors) * other).clamp(0, 1)


def _by_sample(factors: Tensor, images: Tensor) -> Tensor:
    return factors.to(images.dtype).view(-1, 1, 1, 1)
