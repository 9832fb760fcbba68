"""What can be read from frozen features: by a linear classifier, and by the nearest neighbours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

DECAYS = tuple(10.0**power for power in range(-4, 2))  # of the linear probe, of which validation chooses
NEIGHBOURS = (1, 5, 10, 20, 50, 100, 200)  # the same for the neighbours
KNN_TEMPERATURE = 0.1
MOST_ITERATIONS = 150


@dataclass(frozen=True)
class Split:
    """Rows of features (N, D) and the classes (N,) of their pictures."""

    rows: Tensor
    labels: Tensor


@dataclass(frozen=True)
class Probed:
    """What a probe came to: the share of test pictures told rightly, that of validation, and what was chosen by it."""

    accuracy: float
    validation: float
    chosen: float


@dataclass(frozen=True)
class Scored:
    """What a protocol came to on the test pictures.

    Attributes:
        accuracy: mean average precision or mean IoU.
        validation: the mean average precision on held out training pictures; None where nothing is chosen by it.
        by_class: of which ``accuracy`` is the mean; None for a class that the test pictures do not have.
        chosen: C of each class, or the number of epochs.
        eleven_point: mean average precision in the form of VOC2007.
    """

    accuracy: float
    validation: float | None
    by_class: Mapping[str, float | None]
    chosen: Any
    eleven_point: float | None = None


def linear_probe(train: Split, val: Split, test: Split, classes: int) -> Probed:
    """Multinomial logistic regression on standardised features; its weight decay is chosen on the validation split.

    Every feature is brought to mean 0 and deviation 1 over the training split. Where there are more features than
    training pictures, they are first rotated into the space that these span, which changes no result: the decay keeps
    the weights in it.
    """
    train, val, test = _spanned(*_standardised(train, val, test))
    found: list[tuple[float, float, Tensor]] = []
    start = None
    for decay in sorted(DECAYS, reverse=True):  # from smooth to wild, each from where the one before has ended
        start = _fit(train, classes, decay, start)
        found.append((_accuracy(_logits(val.rows, start), val.labels), decay, start))
    best, decay, weights = max(found, key=lambda entry: (entry[0], entry[1]))
    return Probed(_accuracy(_logits(test.rows, weights), test.labels), best, decay)


def knn_probe(train: Split, val: Split, test: Split, classes: int, temperature: float = KNN_TEMPERATURE) -> Probed:
    """The class that weighs most among the k training pictures of the highest cosine s, each weighing exp(s / t).

    As in Wu et al. (CVPR 2018, arXiv:1805.01978); k is chosen on the validation split. Features are standardised, or
    their common mean would make all pictures neighbours.
    """
    train, val, test = _standardised(train, val, test)
    counts = [count for count in NEIGHBOURS if count <= len(train.labels)]
    shares = {count: _knn_accuracy(train, val, classes, count, temperature) for count in counts}
    best = max(counts, key=lambda count: (shares[count], -count))
    return Probed(_knn_accuracy(train, test, classes, best, temperature), shares[best], best)


def _standardised(train: Split, *others: Split) -> list[Split]:
    mean, deviation = train.rows.mean(0), train.rows.std(0, correction=0)
    dead = deviation <= 1e-6 * deviation.max()
    scale = torch.where(dead, 0.0, 1 / deviation.clamp(min=torch.finfo(deviation.dtype).tiny))
    return [Split((split.rows - mean) * scale, split.labels) for split in (train, *others)]


def _spanned(train: Split, *others: Split) -> Sequence[Split]:
    """The rows in an orthonormal basis of what those of the training split span, if that is the smaller."""
    count, width = train.rows.shape
    if width <= count:
        return (train, *others)
    basis = torch.linalg.qr(train.rows.T).Q  # (D, N)
    return [Split(split.rows @ basis, split.labels) for split in (train, *others)]


def _fit(train: Split, classes: int, decay: float, start: Tensor | None) -> Tensor:
    """Weights (D + 1, classes), the last row added: least mean cross entropy plus decay / 2 times their squares."""
    weights = torch.zeros(train.rows.shape[1] + 1, classes, dtype=train.rows.dtype) if start is None else start.clone()
    weights.requires_grad_(True)
    optimizer = torch.optim.LBFGS(
        [weights], max_iter=MOST_ITERATIONS, history_size=10, line_search_fn="strong_wolfe", tolerance_grad=1e-5
    )

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = F.cross_entropy(_logits(train.rows, weights), train.labels)
        value = value + 0.5 * decay * weights[:-1].square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    return weights.detach()


def _logits(rows: Tensor, weights: Tensor) -> Tensor:
    return rows @ weights[:-1] + weights[-1]


def _accuracy(logits: Tensor, labels: Tensor) -> float:
    return (logits.argmax(1) == labels).float().mean().item()


def _knn_accuracy(train: Split, asked: Split, classes: int, count: int, temperature: float) -> float:
    keys = F.normalize(train.rows)
    right = 0
    for rows, labels in zip(F.normalize(asked.rows).split(1024), asked.labels.split(1024), strict=True):
        nearest = (rows @ keys.T).topk(count)
        votes = torch.zeros(len(rows), classes, dtype=rows.dtype)
        votes.scatter_add_(1, train.labels[nearest.indices], (nearest.values / temperature).exp())
        right += int((votes.argmax(1) == labels).sum())
    return right / len(asked.labels)


PROBES = {"linear": linear_probe, "knn": knn_probe}
