"""The kernel distance of two sets of features: KID, when the features are Inception's."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

FEWEST = 2  # rows that make a pair
BLOCK = 512  # rows of a kernel matrix that are in memory at once
SUBSETS, SUBSET_SIZE = 100, 1000  # of the published protocol


class KernelSums(NamedTuple):
    """Sums of kernels, from which the distance and those without one row follow.

    Attributes:
        xx: (N,) of each row of x with the other rows of x.
        yy: (M,) likewise.
        xy: (N,) of each row of x with all of y.
        yx: (M,) of each row of y with all of x.
    """

    xx: np.ndarray
    yy: np.ndarray
    xy: np.ndarray
    yx: np.ndarray


def kernel_distance(x: np.ndarray, y: np.ndarray) -> float:
    r"""The unbiased squared maximum mean discrepancy with a cubic kernel (Binkowski et al., "Demystifying MMD GANs",
    2018), over all rows, in float64:

    .. math:: \frac{\sum_{i \ne j} k(x_i, x_j)}{N (N - 1)} + \frac{\sum_{i \ne j} k(y_i, y_j)}{M (M - 1)}
              - \frac{2 \sum_{i, j} k(x_i, y_j)}{N M}, \quad k(a, b) = (a \cdot b / D + 1)^3

    Args:
        x, y: features (N, D) and (M, D), N and M at least 2.

    Returns:
        On average 0 for two samples of one distribution, however few; so it may be negative.

    Raises:
        ValueError: shapes that do not fit.
    """
    return distance_of_sums(kernel_sums(x, y))


def subsets_distance(
    x: np.ndarray, y: np.ndarray, rng: np.random.Generator, subsets: int = SUBSETS, size: int = SUBSET_SIZE
) -> tuple[float, float]:
    """Mean and standard deviation of the kernel distance over random subsets: the published protocol for many rows.

    Args:
        rng: draws the subsets, each without replacement.
        subsets: how many.
        size: rows of each of the two; at most N and M.
    """
    values = [
        kernel_distance(*(rows[rng.choice(len(rows), size, replace=False)] for rows in (x, y))) for _ in range(subsets)
    ]
    return float(np.mean(values)), float(np.std(values))


def kernel_sums(x: np.ndarray, y: np.ndarray) -> KernelSums:
    """Go through all pairs once, a block of rows at a time.

    Raises:
        ValueError: shapes that do not fit.
    """
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or min(len(x), len(y)) < FEWEST:
        raise ValueError(f"features are (N, D) and (M, D) with N and M at least {FEWEST}, not {x.shape} and {y.shape}")
    x, y = x.astype(np.float64), y.astype(np.float64)
    xy, yx = np.empty(len(x)), np.zeros(len(y))
    for rows in _blocks(len(x)):
        block = _kernel(x[rows], y)  # (block, M)
        xy[rows] = block.sum(1)
        yx += block.sum(0)
    return KernelSums(_with_others(x), _with_others(y), xy, yx)


def distance_of_sums(sums: KernelSums) -> float:
    """The kernel distance, from the sums of its kernels."""
    n, m = len(sums.xx), len(sums.yy)
    within = sums.xx.sum() / (n * (n - 1)) + sums.yy.sum() / (m * (m - 1))
    return float(within - 2 * sums.xy.sum() / (n * m))


def _with_others(x: np.ndarray) -> np.ndarray:
    """The sum of the kernels of each row with the other rows."""
    sums = np.empty(len(x))
    for rows in _blocks(len(x)):
        sums[rows] = _kernel(x[rows], x).sum(1)
    return sums - (np.square(x).sum(1) / x.shape[1] + 1) ** 3


def _kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (x @ y.T / x.shape[1] + 1) ** 3


def _blocks(count: int) -> Iterator[slice]:
    return (slice(start, start + BLOCK) for start in range(0, count, BLOCK))
