"""Parts of pictures cut out and scaled to one size, each by its own box."""

import math

import torch
from torch import Tensor


def resized_crops(images: Tensor, boxes: Tensor, mirrored: Tensor, side_px: int, cubic: bool = False) -> Tensor:
    """A box of every picture as a square of ``side_px``, mirrored or not.

    Each axis is one product with a matrix a sample, whose rows are the filter around the places that are asked for,
    cut off at the ends of the box: the same numbers as a crop and a resize with antialiasing one after the other. Where
    a box is enlarged the filter is as wide as for interpolation, where it is made smaller as many times wider, so that
    nothing is left out between the samples.

    Args:
        images: (B, C, H, W).
        boxes: (B, 4) top, left, height and width in whole pixels, inside the picture.
        mirrored: (B,) bool, on any device.
        side_px: of the results.
        cubic: a cubic filter (a = -1/2), which goes beyond the values of the pixels, in place of a triangle.

    Returns:
        (B, C, side_px, side_px).
    """
    top, left, height, width = boxes.to(images.dtype).unbind(1)
    rows = _weights(top, height, side_px, images.shape[2], cubic)  # (B, side, H)
    columns = _weights(left, width, side_px, images.shape[3], cubic)
    turned = mirrored.to(images.device, non_blocking=True).view(-1, 1, 1)
    columns = torch.where(turned, columns.flip(1), columns)
    # In half precision, which matters little to a network's maps, places would be off by a pixel.
    with torch.autocast(images.device.type, enabled=False):
        return torch.einsum("bvh,bchw,buw->bcvu", rows, images, columns)


def _weights(start: Tensor, length: Tensor, side_px: int, size: int, cubic: bool) -> Tensor:
    """(B, side_px, size): the share of each pixel of an axis in each sample of its part."""
    start, length = start.view(-1, 1, 1), length.view(-1, 1, 1)
    scale = length / side_px
    places = start + (torch.arange(side_px, device=start.device, dtype=start.dtype).view(-1, 1) + 0.5) * scale
    # Only pixels within the filter's reach are asked for their share: of no part are there more than of all pixels.
    reach = (2 if cubic else 1) * max(size / side_px, 1)
    taps = torch.arange(math.ceil(2 * reach) + 1, device=start.device, dtype=start.dtype)
    pixels = (places - reach - 0.5).floor() + taps  # (B, side_px, taps)
    distance = ((pixels + 0.5 - places) / scale.clamp(min=1)).abs()
    weights = _cubic(distance) if cubic else (1 - distance).clamp(min=0)
    weights = weights * ((pixels >= start) & (pixels < start + length))
    weights = weights / weights.sum(2, keepdim=True)
    return weights.new_zeros(*places.shape[:2], size).scatter_add_(2, pixels.long().clamp(0, size - 1), weights)


def _cubic(distance: Tensor) -> Tensor:
    """Keys' filter with a = -1/2 (IEEE Transactions on Acoustics, Speech, and Signal Processing 29, 1981)."""
    near = (1.5 * distance - 2.5) * distance**2 + 1
    far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    return torch.where(distance < 1, near, torch.where(distance < 2, far, 0.0))
