"""How well scores rank what they should find: average precision, as PASCAL VOC measures it."""

from collections.abc import Iterable

import numpy as np

POINTS = 11  # of recall, at which the form of 2007 looks


def average_precision(scores: np.ndarray, right: np.ndarray, positives: int | None = None) -> float:
    """The area under the curve of precision over recall, each precision raised to the highest at more recall.

    The form of PASCAL VOC since 2010 (Everingham et al., IJCV 2015), which is also that of classification by SVM on
    VOC07 (Goyal et al., arXiv:1905.01235). Equal scores are accepted together: their order cannot matter.

    Args:
        scores: (N,), higher is surer.
        right: (N,) bool, whether each is a positive.
        positives: how many there are to be found, where some have no score at all; default: those in ``right``.

    Returns:
        In [0, 1]; NaN where there is nothing to be found.
    """
    found, precisions, positives = _curve(scores, right, positives)
    if not positives:
        return float("nan")
    gained = np.diff(found, prepend=0) / positives
    return float((gained * _raised(precisions)).sum())


def eleven_point_average_precision(scores: np.ndarray, right: np.ndarray, positives: int | None = None) -> float:
    """The mean over recalls 0, 0.1, ... 1 of the highest precision at that recall or more: the form of VOC2007.

    Arguments and result are those of ``average_precision``.
    """
    found, precisions, positives = _curve(scores, right, positives)
    if not positives:
        return float("nan")
    raised = np.append(_raised(precisions), 0.0)
    # In whole numbers: 3 of 10 are a recall of 0.3, whatever floating point makes of it.
    places = np.searchsorted(found * (POINTS - 1), np.arange(POINTS) * positives)
    return float(raised[places].mean())


def mean_over_classes(values: Iterable[float]) -> float:
    """The mean of those that are numbers; NaN where none is."""
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def _curve(scores: np.ndarray, right: np.ndarray, positives: int | None) -> tuple[np.ndarray, np.ndarray, int]:
    """Behind each distinct score, from high to low: how many positives are found, and the precision."""
    scores, right = np.asarray(scores, dtype=np.float64), np.asarray(right, dtype=bool)
    if scores.shape != right.shape or scores.ndim != 1:
        raise ValueError(f"scores {scores.shape} and right {right.shape} must be one row of the same length")
    if np.isnan(scores).any():
        raise ValueError("a score is not a number; it has no place in a ranking")
    positives = int(right.sum()) if positives is None else positives
    if positives < right.sum():
        raise ValueError(f"{right.sum()} are right, of {positives} that there are")
    order = np.argsort(-scores, kind="stable")
    last = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True)) if len(order) else np.empty(0, dtype=int)
    found = right[order].cumsum()[last]
    return found, found / (last + 1), positives


def _raised(precisions: np.ndarray) -> np.ndarray:
    return np.maximum.accumulate(precisions[::-1])[::-1]
