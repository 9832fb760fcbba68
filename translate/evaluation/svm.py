"""Linear support vector machines on frozen features, one for each class: how encoders are published on VOC07."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from translate.evaluation.average_precision import average_precision, mean_over_classes
from translate.evaluation.squared_hinge import fit_squared_hinge

COSTS = (0.01, 0.1, 1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 50.0, 100.0, 1000.0)
FOLDS = 3
POSITIVE_WEIGHT = 2.0
ENOUGH_TO_RANK = 1e-6  # as in ``fit_squared_hinge``: what is held out is then in the order that the minimum gives it


@dataclass(frozen=True, eq=False)
class Machines:
    """A machine for each class.

    Attributes:
        weights: (D + 1, classes), of which the last row is added to every score.
        costs: the C of each class.
        validation: its mean average precision on what was held out.
    """

    weights: Tensor
    costs: tuple[float, ...]
    validation: tuple[float, ...]

    def scores(self, rows: Tensor) -> Tensor:
        """(N, classes) of features (N, D)."""
        return _with_one(_unit(rows)) @ self.weights


def learn_machines(rows: Tensor, positive: Tensor, costs: Sequence[float] = COSTS) -> Machines:
    """A linear SVM for each class on features of length 1, as on VOC07 (Goyal et al., ICCV 2019, arXiv:1905.01235).

    C is the one whose average precision is best in the mean over three folds, each with a third of the positives and
    of the others held out; with it all rows are learned. A positive costs twice what another does.

    Args:
        rows: features (N, D), on the device that computes.
        positive: (N, classes) bool.
        costs: the C to choose from, which rise.
    """
    features, positive = _with_one(_unit(rows)), positive.to(rows.device)
    kernel = features @ features.T
    table = np.array(_validated(kernel, positive, costs))  # (costs, classes)
    chosen = np.where(np.isnan(table), -1, table).argmax(0)  # of equals the first, which is the smoothest
    picked = tuple(float(costs[place]) for place in chosen)
    each = torch.tensor(picked, dtype=kernel.dtype, device=kernel.device)
    weights = features.T @ fit_squared_hinge(kernel, _signs(positive), _weights(positive) * each)
    best = table[chosen, np.arange(table.shape[1])]
    return Machines(weights, picked, tuple(best.tolist()))


def _validated(kernel: Tensor, positive: Tensor, costs: Sequence[float]) -> list[list[float]]:
    """For each C and class the mean average precision over the folds, all of which are learned side by side."""
    classes = positive.shape[1]
    folds = _folds(positive)
    seen = torch.cat([folds != fold for fold in range(FOLDS)], 1)  # (N, folds * classes)
    repeated = positive.repeat(1, FOLDS)
    truth = repeated.cpu().numpy()
    found, table = None, []
    for cost in costs:  # from smooth to wild, each from where the one before has ended
        weighed = cost * _weights(repeated) * seen
        found = fit_squared_hinge(kernel, _signs(repeated), weighed, found, ENOUGH_TO_RANK)
        scores = (kernel @ found).cpu().numpy()
        precisions = [
            average_precision(scores[held, column], truth[held, column])
            for column, held in enumerate((~seen).T.cpu().numpy())
        ]
        table.append([mean_over_classes(precisions[label::classes]) for label in range(classes)])
    return table


def _folds(positive: Tensor) -> Tensor:
    """(N, classes): the fold that each row is in; those with a class, and those without it, are dealt out in turn."""
    ranks = torch.where(positive, positive.cumsum(0), (~positive).cumsum(0)) - 1
    return ranks % FOLDS


def _signs(positive: Tensor) -> Tensor:
    return torch.where(positive, 1.0, -1.0).double()


def _weights(positive: Tensor) -> Tensor:
    return torch.where(positive, POSITIVE_WEIGHT, 1.0).double()


def _unit(rows: Tensor) -> Tensor:
    return F.normalize(rows.double())


def _with_one(rows: Tensor) -> Tensor:
    return torch.cat([rows, torch.ones_like(rows[:, :1])], 1)
