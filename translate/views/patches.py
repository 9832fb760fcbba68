"""Square patches cut out of pictures at given places."""

import torch
from torch import Tensor


def cut_patches(images: Tensor, corners: Tensor, side_px: int) -> Tensor:
    """Squares of ``side_px`` whose upper left pixels are given, without interpolation.

    Args:
        images: (B, C, H, W).
        corners: (B, P, 2) integers, (y, x), each square inside its picture.

    Returns:
        (B, P, C, side_px, side_px).
    """
    steps = torch.arange(side_px, device=images.device)
    rows = corners[..., 0, None] + steps  # (B, P, side)
    columns = corners[..., 1, None] + steps
    samples = torch.arange(len(images), device=images.device).view(-1, 1, 1, 1)
    places = images.permute(0, 2, 3, 1)  # (B, H, W, C): a view, in whichever layout the pictures lie
    cut = places[samples, rows.unsqueeze(3), columns.unsqueeze(2)]  # (B, P, side, side, C)
    return cut.permute(0, 1, 4, 2, 3)
