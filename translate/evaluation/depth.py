"""How far predicted depth is from the truth where its scale is unknown (Li et al., CVPR 2019, arXiv:1904.11111, section
5.1): si-RMSE over pairs of pixels, and errors after the best single factor."""

import numpy as np

PAIR_SETS = ("full", "env", "human", "intra", "inter")


def si_rmse(
    log_depth: np.ndarray, depth: np.ndarray, valid: np.ndarray, people: np.ndarray | None = None
) -> dict[str, float]:
    """The root of the mean of (R_i - R_j)^2, R = log D^ - log D, over five sets of pairs of pixels.

    ======= ====================== ======================
    set     pixel i                pixel j
    ======= ====================== ======================
    full    any                    any
    env     not of people          not of people
    human   of people              any
    intra   of people              of people
    inter   of people              not of people
    ======= ====================== ======================

    All pairs are counted by sums over pixels, (mean_i - mean_j)^2 + var_i + var_j. A set without pairs is left out.

    Args:
        log_depth: predicted, (H, W).
        depth: true, in any unit.
        valid: boolean, where there is true depth.
        people: boolean; None where it is not known, which leaves ``full`` alone.
    """
    residual = np.asarray(log_depth, np.float64)[valid] - np.log(np.asarray(depth, np.float64)[valid])
    groups = {"all": residual}
    pairs = {"full": ("all", "all")}
    if people is not None:
        groups |= {"people": residual[people[valid]], "rest": residual[~people[valid]]}
        pairs |= {"env": ("rest", "rest"), "human": ("people", "all"), "intra": ("people", "people")}
        pairs |= {"inter": ("people", "rest")}
    there = {name: (groups[i], groups[j]) for name, (i, j) in pairs.items() if groups[i].size and groups[j].size}
    return {name: float(np.sqrt(_mean_square_difference(*both))) for name, both in there.items()}


def aligned_errors(predicted: np.ndarray, depth: np.ndarray, valid: np.ndarray) -> dict[str, float]:
    """Errors of depth (H, W) times the one factor that is best in least squares.

    Returns:
        ``relative``: the mean of |s D^ - D| / D; ``rmse``: in the unit of ``depth``. Nothing where none is valid.
    """
    guess, truth = (np.asarray(each, np.float64)[valid] for each in (predicted, depth))
    if not truth.size:
        return {}
    error = guess * (guess @ truth / (guess @ guess)) - truth
    return {"relative": float(np.mean(np.abs(error) / truth)), "rmse": float(np.sqrt(np.mean(error**2)))}


def _mean_square_difference(a: np.ndarray, b: np.ndarray) -> float:
    return float((a.mean() - b.mean()) ** 2 + a.var() + b.var())
