"""How good a predicted depth is, whatever its scale (Li et al., CVPR 2019, arXiv:1904.11111, section 6)."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class DepthErrors:
    """Errors of one picture; nan where there are no such pixels.

    The root mean square of R(i) - R(j), R the logarithm of prediction over truth, over pairs of pixels of:

    Attributes:
        full: all pixels.
        env: both of the surroundings.
        human: one of a person, the other of any kind.
        intra: both of persons.
        inter: one of a person, the other of the surroundings.
        relative: mean of |prediction - truth| / truth, with the one factor on the prediction that brings it nearest.
        rmse: root mean square of prediction - truth with that factor, in the truth's units.
    """

    full: float
    env: float
    human: float
    intra: float
    inter: float
    relative: float
    rmse: float


def depth_errors(
    predicted: np.ndarray, truth: np.ndarray, valid: np.ndarray | None = None, people: np.ndarray | None = None
) -> DepthErrors:
    """Compare two depths (H, W) of positive numbers.

    Args:
        valid: (H, W) bool, where the truth is known; by default where both are positive numbers.
        people: (H, W) bool, where people are; by default nowhere.

    Raises:
        ValueError: shapes differ.
    """
    predicted, truth = (np.asarray(depth, np.float64) for depth in (predicted, truth))
    if predicted.shape != truth.shape:
        raise ValueError(f"depths of shapes {predicted.shape} and {truth.shape} cannot be compared")
    known = np.isfinite(predicted) & np.isfinite(truth) & (predicted > 0) & (truth > 0)
    known = known if valid is None else known & valid
    person = np.zeros(truth.shape, bool) if people is None else np.asarray(people, bool)
    with np.errstate(all="ignore"):
        ratio = np.log(predicted) - np.log(truth)
    every, human, env = ratio[known], ratio[known & person], ratio[known & ~person]
    scale = _factor(predicted[known], truth[known])
    off = scale * predicted[known] - truth[known]
    return DepthErrors(
        full=_between(every, every),
        env=_between(env, env),
        human=_between(human, every),
        intra=_between(human, human),
        inter=_between(human, env),
        relative=_mean(np.abs(off) / truth[known]),
        rmse=float(np.sqrt(_mean(off**2))),
    )


def _between(first: np.ndarray, second: np.ndarray) -> float:
    """Root mean square of the differences over all pairs, from sums."""
    if not first.size or not second.size:
        return float("nan")
    # About a common middle, or large means would leave nothing of small differences.
    middle = second.mean()
    a, b = first - middle, second - middle
    return float(np.sqrt(max((a**2).mean() + (b**2).mean() - 2 * a.mean() * b.mean(), 0.0)))


def _factor(predicted: np.ndarray, truth: np.ndarray) -> float:
    """The one that brings the prediction nearest to the truth, by least squares."""
    return float((predicted * truth).sum() / (predicted**2).sum()) if predicted.size else float("nan")


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else float("nan")
