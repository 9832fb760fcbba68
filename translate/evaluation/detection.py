"""How well boxes are found: average precision of each class, by the rules of PASCAL VOC."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from translate.data.objects import Objects
from translate.evaluation.average_precision import average_precision

LEAST_OVERLAP = 0.5


@dataclass(frozen=True, eq=False)
class Detected:
    """What was found in a picture: boxes (N, 4) as in ``Objects``, labels (N,), scores (N,)."""

    boxes: np.ndarray
    labels: np.ndarray
    scores: np.ndarray


def detection_precisions(
    found: Sequence[Detected],
    truths: Sequence[Objects],
    classes: int,
    form: Callable[[np.ndarray, np.ndarray, int], float] = average_precision,
) -> list[float]:
    """The average precision of each class over all pictures (Everingham et al., IJCV 2010, section 4.2).

    Boxes are taken by falling score. One is right if the object of its class that it overlaps most has an IoU of at
    least 0.5 with it and was not found before; a second box on an object is wrong; one on a difficult object does not
    count.

    Args:
        found, truths: of the same pictures.
        classes: how many there are.
        form: of the average precision: ``average_precision`` or ``eleven_point_average_precision``.

    Returns:
        For each class; NaN where no picture has an object of it that is asked for.
    """
    return [form(*_ranked(found, truths, label)) for label in range(classes)]


def overlaps(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union (N, M) of boxes (N, 4) and (M, 4)."""
    starts = np.maximum(boxes[:, None, :2], others[None, :, :2])
    ends = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    shared = (ends - starts).clip(min=0).prod(2)
    union = _areas(boxes)[:, None] + _areas(others)[None] - shared
    return shared / np.maximum(union, np.finfo(np.float64).tiny)


def _areas(boxes: np.ndarray) -> np.ndarray:
    return (boxes[:, 2:] - boxes[:, :2]).clip(min=0).prod(1)


def _ranked(found: Sequence[Detected], truths: Sequence[Objects], label: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Scores of the boxes of a class that count, whether each is right, and how many objects are asked for."""
    scores, right, asked = [], [], 0
    for guess, truth in zip(found, truths, strict=True):
        mine, theirs = guess.labels == label, truth.labels == label
        difficult = truth.difficult[theirs]
        order = np.argsort(-guess.scores[mine], kind="stable")
        counted, hit = _matched(overlaps(guess.boxes[mine][order], truth.boxes[theirs]), difficult)
        scores.append(guess.scores[mine][order][counted])
        right.append(hit[counted])
        asked += int((~difficult).sum())
    return np.concatenate(scores), np.concatenate(right), asked


def _matched(shares: np.ndarray, difficult: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which boxes count and which are right, from their overlaps (N, M) with the objects, by falling score."""
    counted, hit = np.ones(len(shares), dtype=bool), np.zeros(len(shares), dtype=bool)
    taken = np.zeros(len(difficult), dtype=bool)
    for place in range(len(shares) if len(difficult) else 0):
        nearest = shares[place].argmax()
        if shares[place, nearest] < LEAST_OVERLAP:
            continue
        counted[place] = not difficult[nearest]
        hit[place] = not difficult[nearest] and not taken[nearest]
        taken[nearest] = True
    return counted, hit
