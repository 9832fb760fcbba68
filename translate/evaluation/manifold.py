"""Precision and recall of results: how many look real, and how much of what is real they cover."""

from typing import NamedTuple

import numpy as np

NEIGHBOURS = 3  # of the paper
BLOCK = 512  # rows of a matrix of distances that are in memory at once
NOTHING = 1e-11  # squared distances below this share of the squared lengths are rounding


class Manifold(NamedTuple):
    """Which rows lie in the other set's manifold.

    Attributes:
        precise: (N,) boolean, of the results; their share is the precision.
        recalled: (M,) boolean, of the real; their share is the recall.
    """

    precise: np.ndarray
    recalled: np.ndarray


def improved_precision_recall(results: np.ndarray, real: np.ndarray, neighbours: int = NEIGHBOURS) -> Manifold:
    """Improved precision and recall (Kynkaanniemi et al. 2019, https://arxiv.org/abs/1904.06991), in float64.

    The manifold of a set is the union of balls around its rows, each reaching to its k-th nearest neighbour in the same
    set. A result is precise if it lies in that of the real, and a real row is recalled if it lies in that of the
    results.

    Args:
        results, real: features (N, D) and (M, D), N and M more than ``neighbours``.
        neighbours: k.

    Raises:
        ValueError: shapes that do not fit.
    """
    if results.ndim != 2 or real.ndim != 2 or results.shape[1] != real.shape[1]:
        raise ValueError(f"features are (N, D) and (M, D), not {results.shape} and {real.shape}")
    if min(len(results), len(real)) <= neighbours:
        raise ValueError(f"{len(results)} results and {len(real)} real rows do not have {neighbours} neighbours each")
    results, real = results.astype(np.float64), real.astype(np.float64)
    return Manifold(
        _are_inside(results, real, _radii(real, neighbours)),
        _are_inside(real, results, _radii(results, neighbours)),
    )


def _radii(x: np.ndarray, neighbours: int) -> np.ndarray:
    """(N,) squared distance of each row to its k-th nearest other row."""
    radii = np.empty(len(x))
    for start in range(0, len(x), BLOCK):
        squares = _squared_distances(x[start : start + BLOCK], x)
        # The nearest of all is the row itself, at distance 0, so place k counted from 0 is the k-th other.
        radii[start : start + BLOCK] = np.partition(squares, neighbours, axis=1)[:, neighbours]
    return radii


def _are_inside(points: np.ndarray, centres: np.ndarray, radii: np.ndarray) -> np.ndarray:
    parts = [
        (_squared_distances(points[start : start + BLOCK], centres) <= radii).any(1)
        for start in range(0, len(points), BLOCK)
    ]
    return np.concatenate(parts)


def _squared_distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(N, M); exactly 0 for equal rows, which the product of matrices gives but almost."""
    lengths = np.square(x).sum(1)[:, None] + np.square(y).sum(1)
    squares = lengths - 2 * (x @ y.T)
    return np.where(squares > NOTHING * lengths, squares, 0)
