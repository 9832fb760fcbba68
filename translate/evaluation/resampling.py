"""95 % intervals: how much a number would change with other pictures of the same kind, told from those that are there.

Which way fits depends on the number:

- a mean is bootstrapped, that is, computed anew for as many pictures, drawn from them with replacement;
- FID is half-sampled, a bootstrap without replacement: how much it varies between random halves of the pictures is, to
  first order, how much it varies between sets as large as the whole. With replacement it would be too wide: where a
  picture comes several times and others not at all, FID varies almost twice as much as between fresh sets. Fewer
  pictures shift it upwards, so the halves' values are moved back until their mean is the value;
- KID and the mean distance of pairs leave out a picture's pair with itself, and a picture drawn twice would bring that
  pair back; they are jackknifed: each picture is left out once, which needs nothing but sums that are at hand and no
  random numbers.
"""

import numpy as np

from translate.evaluation.kernel import KernelSums, distance_of_sums

Interval = tuple[float, float]

SHARE = 0.95
NORMAL = 1.959964  # standard errors to each side of a mean that hold 95 %
RESAMPLES_OF_MEANS = 2000
RESAMPLES_OF_FRECHET = 200


def mean_interval(values: np.ndarray, rng: np.random.Generator, resamples: int = RESAMPLES_OF_MEANS) -> Interval:
    """The ordinary bootstrap of a mean.

    Args:
        values: (N,), N at least 2.
        rng: draws the resamples.
    """
    values = np.asarray(values, np.float64)
    means = [values[rng.integers(0, len(values), len(values))].mean() for _ in range(resamples)]
    return _percentiles(np.array(means))


def frechet_interval(
    x: np.ndarray, y: np.ndarray, value: float, rng: np.random.Generator, resamples: int = RESAMPLES_OF_FRECHET
) -> Interval:
    """The Frechet distance of random halves, moved so that their mean is the value.

    It says how much the value would change with other rows as many as these, not how far it is above that of infinitely
    many. It is rather too wide than too narrow.

    Args:
        x, y: features (N, D) and (M, D), N and M at least 4.
        value: their Frechet distance.
        rng: draws the halves.
    """
    products = _Products(x, y)
    drawn = []
    for _ in range(resamples):
        halves = [rng.permutation(len(rows))[: len(rows) // 2] for rows in (x, y)]
        drawn.append(products.frechet_distance(*halves))
    low, high = _percentiles(np.array(drawn) - np.mean(drawn) + value)
    return max(low, 0.0), high


class _Products:
    """The products of all pairs of rows, from which the Frechet distance of any of them follows, whatever D is."""

    def __init__(self, x: np.ndarray, y: np.ndarray):
        centre = x.mean(0, dtype=np.float64)  # a common shift changes nothing, and small numbers keep their digits
        x, y = x - centre, y - centre
        self.xx, self.yy, self.xy = x @ x.T, y @ y.T, x @ y.T

    def frechet_distance(self, rows: np.ndarray, columns: np.ndarray) -> float:
        """Of some rows of x and some of y; see ``frechet.frechet_distance``.

        The singular values come as roots of eigenvalues, which is quicker; what that loses, 1e-8 of the largest, is
        nothing beside the spread.
        """
        xx, yy = self.xx[np.ix_(rows, rows)], self.yy[np.ix_(columns, columns)]
        xy = self.xy[np.ix_(rows, columns)]
        n, m = xy.shape
        means = xx.mean() + yy.mean() - 2 * xy.mean()
        traces = (np.trace(xx) - n * xx.mean()) / (n - 1) + (np.trace(yy) - m * yy.mean()) / (m - 1)
        centred = xy - xy.mean(0) - xy.mean(1, keepdims=True) + xy.mean()
        square = centred @ centred.T if n < m else centred.T @ centred
        overlap = np.sqrt(np.linalg.eigvalsh(square).clip(0)).sum() / np.sqrt((n - 1) * (m - 1))
        return float(means + traces - 2 * overlap)


def kernel_interval(sums: KernelSums) -> Interval:
    """The jackknife of a kernel distance: 1.96 standard errors to each side.

    The two sets are independent, so their variances add. Where the distance is near 0 the interval is too wide rather
    than too narrow.

    Args:
        sums: of N and M rows, both at least 3.
    """
    n, m = len(sums.xx), len(sums.yy)
    x, y, xy = sums.xx.sum(), sums.yy.sum(), sums.xy.sum()
    within_x, within_y = x / (n * (n - 1)), y / (m * (m - 1))
    # A row that is left out leaves its pairs twice, once from each side.
    without_x = (x - 2 * sums.xx) / ((n - 1) * (n - 2)) + within_y - 2 * (xy - sums.xy) / ((n - 1) * m)
    without_y = within_x + (y - 2 * sums.yy) / ((m - 1) * (m - 2)) - 2 * (xy - sums.yx) / (n * (m - 1))
    return _around(distance_of_sums(sums), _jackknife_variance(without_x) + _jackknife_variance(without_y))


def pairs_interval(distances: np.ndarray) -> Interval:
    """The jackknife of the mean distance of all pairs: 1.96 standard errors to each side.

    Args:
        distances: (N, N) symmetric, 0 on the diagonal, N at least 3.
    """
    n, total = len(distances), distances.sum()
    without = (total - 2 * distances.sum(1)) / ((n - 1) * (n - 2))
    return _around(total / (n * (n - 1)), _jackknife_variance(without))


def _jackknife_variance(without: np.ndarray) -> float:
    """The variance of a number, from its values without each of the rows."""
    n = len(without)
    return float((n - 1) / n * np.square(without - without.mean()).sum())


def _around(value: float, variance: float) -> Interval:
    reach = NORMAL * np.sqrt(variance)
    return float(value - reach), float(value + reach)


def _percentiles(values: np.ndarray) -> Interval:
    low, high = np.quantile(values, [(1 - SHARE) / 2, (1 + SHARE) / 2])
    return float(low), float(high)
