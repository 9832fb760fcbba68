"""Losses on depth whose scale is unknown (Li et al., CVPR 2019, arXiv:1904.11111, section 4.2): none of them changes
when a picture's depth is multiplied by a number.

They act on the residual R = log D^ - log D of predicted and true depth at the pixels that have a value. A batch
without any is no error: its losses are 0.
"""

from collections.abc import Callable

import torch
from torch import Tensor

GRADIENT_STEP_PX = 2  # how far apart the pixels are whose residuals are compared


def log_residual(log_depth: Tensor, depth: Tensor, valid: Tensor) -> Tensor:
    """R = log D^ - log D, and 0 where there is no true depth; all (B, 1, H, W).

    Args:
        log_depth: predicted.
        depth: true, in any unit; what it is at pixels that are not valid does not matter.
        valid: boolean.
    """
    known = torch.where(valid, depth, torch.ones_like(depth))
    return torch.where(valid, log_depth - known.log(), torch.zeros_like(log_depth))


def scale_invariant(residual: Tensor, valid: Tensor) -> Tensor:
    """Eq. 3: mean(R^2) - (mean R)^2 of each picture, averaged over the batch (B, 1, H, W)."""
    return _mean(_centred(residual, valid).square(), valid).mean()


def human_pairs(residual: Tensor, valid: Tensor, people: Tensor) -> Tensor:
    """Half the mean of (R_i - R_j)^2 over the pairs of a pixel i of people and any pixel j, averaged over the batch.

    Linear in the number of pixels: with R centred at its mean over all pixels j the mixed term of the square vanishes.

    Args:
        residual, valid: as for :func:`scale_invariant`.
        people: boolean (B, 1, H, W); a picture without any adds 0.
    """
    squares = _centred(residual, valid).square()
    of_people = valid & people
    there = of_people.flatten(1).any(dim=1)
    return (0.5 * (_mean(squares, of_people) + _mean(squares, valid)) * there).mean()


def multi_scale_gradient(residual: Tensor, valid: Tensor, scales: int = 5, counts: Tensor | None = None) -> Tensor:
    """Eq. 4: the mean of |R(x) - R(x + 2)| over the valid pairs of both axes, summed over scales.

    Args:
        residual, valid: (B, 1, H, W); each scale takes every second pixel of the one before.
        scales: one without pairs adds 0.
        counts: (scales,) above 0, to take for what :func:`count_pairs` says of these pictures. For a piece of a batch
            it is the mean over all pieces: then the mean of their losses is the loss of the batch.
    """
    if counts is None:
        counts = count_pairs(valid, scales).clamp(min=1)
    total = residual.new_zeros(())
    for scale in range(scales):
        here, known = _coarser(residual, scale), _coarser(valid, scale)
        distances = [(_distance(here, axis) * _pairs(known, axis)).sum() for axis in (-1, -2)]
        total = total + torch.stack(distances).sum() / counts[scale]
    return total


def count_pairs(valid: Tensor, scales: int = 5) -> Tensor:
    """How many valid pairs there are at each scale of :func:`multi_scale_gradient`, (scales,)."""
    known = [_coarser(valid, scale) for scale in range(scales)]
    return torch.stack([_pairs(each, -1).sum() + _pairs(each, -2).sum() for each in known])


def edge_aware_smoothness(log_depth: Tensor, images: Tensor, scales: int = 5) -> Tensor:
    """First order: the mean of |grad log D^| exp(-|grad I|), by 2^-s summed over scales s.

    Args:
        log_depth: (B, 1, H, W).
        images: (B, C, H, W) in [0, 1]; |grad I| is the mean over channels.
    """
    return _over_scales(_first_order, log_depth, images, scales)


def edge_aware_curvature(log_depth: Tensor, images: Tensor, scales: int = 5) -> Tensor:
    """Second order: the mean of |L log D^| exp(-|L I|), L the Laplacian of four neighbours, by 2^-s summed over scales.

    Args:
        log_depth, images: as for :func:`edge_aware_smoothness`.
    """
    return _over_scales(_second_order, log_depth, images, scales)


def _over_scales(term: Callable[[Tensor, Tensor], Tensor], log_depth: Tensor, images: Tensor, scales: int) -> Tensor:
    terms = ((scale, term(_coarser(log_depth, scale), _coarser(images, scale))) for scale in range(scales))
    return torch.stack([2.0**-scale * (each.mean() if each.numel() else each.sum()) for scale, each in terms]).sum()


def _first_order(log_depth: Tensor, images: Tensor) -> Tensor:
    right = _slope(log_depth, -1) * torch.exp(-_slope(images, -1).mean(1, keepdim=True))
    down = _slope(log_depth, -2) * torch.exp(-_slope(images, -2).mean(1, keepdim=True))
    return right[..., :-1, :] + down[..., :-1]  # (B, 1, H - 1, W - 1)


def _second_order(log_depth: Tensor, images: Tensor) -> Tensor:
    return _laplacian(log_depth) * torch.exp(-_laplacian(images).mean(1, keepdim=True))


def _slope(x: Tensor, axis: int) -> Tensor:
    return x.diff(dim=axis).abs()


def _laplacian(x: Tensor) -> Tensor:
    """Its absolute value, (B, C, H - 2, W - 2)."""
    if min(x.shape[-2:]) < 3:
        return x[..., :0, :0]
    across = x[..., 1:-1, :-2] + x[..., 1:-1, 2:]
    along = x[..., :-2, 1:-1] + x[..., 2:, 1:-1]
    return (4 * x[..., 1:-1, 1:-1] - across - along).abs()


def _coarser(x: Tensor, scale: int) -> Tensor:
    return x[..., :: 2**scale, :: 2**scale]


def _distance(residual: Tensor, axis: int) -> Tensor:
    """Of the pixels of each pair along an axis."""
    first, second = _ends(residual, axis)
    return (first - second).abs()


def _pairs(valid: Tensor, axis: int) -> Tensor:
    """Which pairs along an axis are valid: those of which both pixels are."""
    first, second = _ends(valid, axis)
    return first & second


def _ends(x: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    length = max(x.shape[axis] - GRADIENT_STEP_PX, 0)
    return x.narrow(axis, 0, length), x.narrow(axis, x.shape[axis] - length, length)


def _centred(residual: Tensor, valid: Tensor) -> Tensor:
    """Less each picture's mean: its square is the variance without the difference of two large numbers."""
    return residual - _mean(residual, valid).view(-1, 1, 1, 1)


def _mean(values: Tensor, counted: Tensor) -> Tensor:
    """Of each picture, over the pixels that count: (B, 1, H, W) -> (B,); 0 where there are none."""
    return (values * counted).flatten(1).sum(dim=1) / counted.flatten(1).sum(dim=1).clamp(min=1)
