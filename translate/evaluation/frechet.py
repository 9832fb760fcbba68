"""The Frechet distance of two sets of features, as of two Gaussians that have their means and covariances."""

import numpy as np

FEWEST = 2  # rows that have a covariance


def frechet_distance(x: np.ndarray, y: np.ndarray) -> float:
    r"""The Frechet distance (Heusel et al., "GANs trained by a two time-scale update rule", 2017), in float64:

    .. math:: \|m_x - m_y\|^2 + \mathrm{tr}\, S_x + \mathrm{tr}\, S_y - 2\, \mathrm{tr}\,(S_x S_y)^{1/2}

    with the unbiased covariances S. No root of a matrix is taken: with :math:`S = F^\top F` the last trace is the sum
    of the singular values of :math:`F_x F_y^\top`, since their squares are the eigenvalues of :math:`S_x S_y`. F is
    the centred features, or where they are many the triangular factor of them; so it is exact also where there are
    fewer rows than columns and S has no inverse.

    Args:
        x, y: features (N, D) and (M, D), N and M at least 2.

    Returns:
        0 for equal sets; the fewer rows, the more it is above the distance of the distributions behind them.

    Raises:
        ValueError: shapes that do not fit.
    """
    _check(x, y)
    difference = x.mean(0, dtype=np.float64) - y.mean(0, dtype=np.float64)
    factor_x, factor_y = covariance_factor(x), covariance_factor(y)
    overlap = np.linalg.svd(factor_x @ factor_y.T, compute_uv=False).sum()
    distance = difference @ difference + np.square(factor_x).sum() + np.square(factor_y).sum() - 2 * overlap
    return max(float(distance), 0.0)  # rounding alone makes it negative


def covariance_factor(x: np.ndarray) -> np.ndarray:
    """F (min(N, D), D) in float64 with F^T F the unbiased covariance of the rows of ``x`` (N, D)."""
    centred = (x - x.mean(0, dtype=np.float64)) / np.sqrt(len(x) - 1)
    return np.linalg.qr(centred, mode="r") if len(x) > x.shape[1] else centred


def _check(x: np.ndarray, y: np.ndarray) -> None:
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or min(len(x), len(y)) < FEWEST:
        raise ValueError(f"features are (N, D) and (M, D) with N and M at least {FEWEST}, not {x.shape} and {y.shape}")
