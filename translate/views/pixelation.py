"""Pictures scaled down and up again, each by a factor of its own."""

import torch
from torch import Tensor


def pixelated(images: Tensor, sides: Tensor) -> Tensor:
    """Square pictures as if they had had fewer pixels: the means over the areas of a coarser grid, enlarged bilinearly.

    Args:
        images: (N, C, S, S).
        sides: (N,) integers in 1 ... S, pixels of the coarser grid along each axis; S leaves a picture as it is.

    Returns:
        (N, C, S, S) in the layout of the pictures.
    """
    side_px = images.shape[-1]
    with torch.autocast(images.device.type, enabled=False):
        weights = _enlarging(sides, side_px) @ _reducing(sides, side_px)  # (N, S, S), the same for rows and columns
        weights = weights.to(images.dtype).unsqueeze(1)
        coarse = weights @ images @ weights.transpose(2, 3)
    mixed = torch.where((sides < side_px).view(-1, 1, 1, 1), coarse, images)
    layout = torch.channels_last if images.is_contiguous(memory_format=torch.channels_last) else torch.contiguous_format
    return mixed.contiguous(memory_format=layout)


def _reducing(sides: Tensor, side_px: int) -> Tensor:
    """(N, S, S): the share of each pixel in each cell of the coarser grid; rows beyond the last cell are 0."""
    places = torch.arange(side_px, device=sides.device, dtype=torch.float64)
    cell_px = side_px / sides.double().view(-1, 1, 1)
    begins = places.view(-1, 1) * cell_px
    covered = torch.minimum(begins + cell_px, places + 1) - torch.maximum(begins, places)
    return covered.clamp(min=0) / cell_px


def _enlarging(sides: Tensor, side_px: int) -> Tensor:
    """(N, S, S): the share of each cell of the coarser grid in each pixel, by the distance of their middles."""
    places = torch.arange(side_px, device=sides.device, dtype=torch.float64)
    count = sides.double().view(-1, 1, 1)
    middles = ((places.view(-1, 1) + 0.5) * count / side_px - 0.5).clamp(min=0)
    return (1 - (torch.minimum(middles, count - 1) - places).abs()).clamp(min=0)
