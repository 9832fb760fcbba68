"""Distances between a predicted depth and a true one that do not ask for its scale (Li et al., CVPR 2019,
arXiv:1904.11111).

All work on ``log_ratio``, the logarithm of prediction over truth (B, 1, H, W), or on the logarithm of the prediction,
and on ``valid`` (B, 1, H, W) bool: where the truth is known. A picture in which it is known nowhere counts as 0.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

SCALES = 5
PIXELS_APART = 2  # of the differences that are compared


def scale_invariant(log_ratio: Tensor, valid: Tensor) -> Tensor:
    """The variance of the log ratio in each picture (eq. 5; Eigen, Puhrsch, Fergus, NIPS 2014), as the mean of all."""
    mean, mean_of_squares = _mean(log_ratio, valid), _mean(log_ratio.square(), valid)
    return (mean_of_squares - mean.square()).mean()


def between_sets(log_ratio: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Half the mean squared difference of the log ratio over all pairs of a pixel of one set and one of the other.

    Over all pixels twice it is ``scale_invariant``; the sets are those of people and of all. Computed from sums, not
    from pairs: of two sets with means m, n and mean squares p, q it is (p + q) / 2 - m n.
    """
    means = [_mean(log_ratio, chosen) for chosen in (first, second)]
    squares = [_mean(log_ratio.square(), chosen) for chosen in (first, second)]
    there = first.flatten(1).any(1) & second.flatten(1).any(1)
    return ((squares[0] + squares[1]) / 2 - means[0] * means[1]).where(there, 0).mean()


def gradient_matching(log_ratio: Tensor, valid: Tensor) -> Tensor:
    """How far the slopes of both depths are apart: for each of five scales the mean of |R(x) - R(x + 2)| over the pairs
    of known pixels of the whole batch that lie two apart in a column or a row, added up (eq. 6)."""
    total = log_ratio.new_zeros(())
    for ratio, known in zip(_scales(log_ratio), _scales(valid), strict=True):
        pairs = [(_apart(ratio, axis), _both(known, axis)) for axis in (2, 3)]
        differences = sum((gap.abs() * there).sum() for gap, there in pairs)
        total = total + differences / sum(there.sum() for _, there in pairs).clamp(min=1)
    return total


def smoothness(log_depth: Tensor, images: Tensor) -> Tensor:
    """How much the depth changes where the picture does not: on each of five scales s the mean of
    |d log D| exp(-|d I|) along rows and along columns, times 2^-s, added up (eq. 7).

    Args:
        log_depth: (B, 1, H, W).
        images: (B, C, H, W) in [0, 1]; |d I| is the mean over their channels.
    """
    total = log_depth.new_zeros(())
    for number, (depth, picture) in enumerate(zip(_scales(log_depth), _scales(images), strict=True)):
        if min(depth.shape[2:]) > 1:
            along_rows, along_columns = (
                depth.diff(dim=axis).abs() * (-picture.diff(dim=axis).abs().mean(1, keepdim=True)).exp()
                for axis in (3, 2)
            )
            total = total + (along_rows[:, :, :-1] + along_columns[..., :-1]).mean() / 2**number
    return total


def curvature(log_depth: Tensor, images: Tensor) -> Tensor:
    """The same of the Laplacian over the four neighbours, |L log D| exp(-|L I|), so that slanted planes cost nothing
    (eq. 8)."""
    total = log_depth.new_zeros(())
    for number, (depth, picture) in enumerate(zip(_scales(log_depth), _scales(images), strict=True)):
        if min(depth.shape[2:]) > 2:
            bend, edge = _laplacian(depth).abs(), _laplacian(picture).abs().mean(1, keepdim=True)
            total = total + (bend * (-edge).exp()).mean() / 2**number
    return total


def _laplacian(maps: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, C, H - 2, W - 2)"""
    middle = maps[..., 1:-1, 1:-1]
    return 4 * middle - maps[..., :-2, 1:-1] - maps[..., 2:, 1:-1] - maps[..., 1:-1, :-2] - maps[..., 1:-1, 2:]


def _mean(values: Tensor, chosen: Tensor) -> Tensor:
    """(B,) over the chosen pixels of each picture; 0 without any."""
    return (values * chosen).sum((1, 2, 3)) / chosen.sum((1, 2, 3)).clamp(min=1)


def _scales(maps: Tensor) -> Iterator[Tensor]:
    """The map, and every second, fourth ... pixel of it."""
    return (maps[..., :: 2**number, :: 2**number] for number in range(SCALES))


def _apart(maps: Tensor, axis: int) -> Tensor:
    """Differences of pixels that lie two apart; none where there are no two."""
    count = max(maps.shape[axis] - PIXELS_APART, 0)
    return maps.narrow(axis, 0, count) - maps.narrow(axis, maps.shape[axis] - count, count)


def _both(known: Tensor, axis: int) -> Tensor:
    count = max(known.shape[axis] - PIXELS_APART, 0)
    return known.narrow(axis, 0, count) & known.narrow(axis, known.shape[axis] - count, count)


def log_of(depth: Tensor, valid: Tensor) -> Tensor:
    """The logarithm of a depth where it is known, and 0 elsewhere, with no gradient through the unknown."""
    return torch.where(valid, depth, 1).log()
