"""Depth as people see it: near is warm, far is cold, whatever the scale."""

import torch
from torch import Tensor

# From far to near, sRGB from 0 to 1: brighter and warmer by even steps.
COLOURS = (
    (0.10, 0.06, 0.28),
    (0.16, 0.20, 0.60),
    (0.12, 0.45, 0.75),
    (0.20, 0.66, 0.62),
    (0.50, 0.80, 0.40),
    (0.88, 0.83, 0.26),
    (0.96, 0.57, 0.16),
    (0.80, 0.18, 0.12),
)
UNKNOWN = 0.35  # grey, where depth has no value
SPAN_STD = 2.0  # how many standard deviations to either side of its mean log depth is told apart


def colour_depth(log_depth: Tensor, valid: Tensor | None = None) -> Tensor:
    """Log depth (B, 1, H, W) as pictures (B, 3, H, W) in [-1, 1], each spread over the colours by itself.

    Pictures of depths that differ by a factor are the same.

    Args:
        valid: boolean (B, 1, H, W); other pixels become grey.
    """
    log_depth = log_depth.float()
    weight = torch.ones_like(log_depth) if valid is None else valid.to(log_depth.dtype)
    known = torch.where(weight > 0, log_depth, torch.zeros_like(log_depth))
    count = weight.sum(dim=(1, 2, 3), keepdim=True).clamp(min=1)
    centred = known - (known * weight).sum(dim=(1, 2, 3), keepdim=True) / count
    variance = (centred.square() * weight).sum(dim=(1, 2, 3), keepdim=True) / count
    nearness = (0.5 - centred / (2 * SPAN_STD * variance.sqrt().clamp(min=1e-6))).clamp(0, 1)
    coloured = _interpolated(nearness) * 2 - 1
    return torch.where(weight > 0, coloured, torch.full_like(coloured, UNKNOWN * 2 - 1))


def _interpolated(place: Tensor) -> Tensor:
    """(B, 1, H, W) in [0, 1] -> (B, 3, H, W): a colour counts by how near its place in the row is."""
    position = place * (len(COLOURS) - 1)
    parts = [
        (1 - (position - index).abs()).clamp(min=0) * position.new_tensor(colour).view(1, 3, 1, 1)
        for index, colour in enumerate(COLOURS)
    ]
    return torch.stack(parts).sum(dim=0)
