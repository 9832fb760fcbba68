"""The learning rate: a pure function of the epoch, but for ``plateau``, which listens to a loss."""

import math
from typing import Any

import torch
from torch import Tensor

from translate.options import OptimizerOptions

# Of the reference's plateau policy.
PLATEAU_FACTOR = 0.2
PLATEAU_PATIENCE = 5  # epochs without progress that are let pass
PLATEAU_THRESHOLD = 0.01  # relative progress that counts


def lr_factor(policy: str, epoch: int, n_epochs: int, n_epochs_decay: int, decay_every: int = 50) -> float:
    """What the learning rate is multiplied with in an epoch (the first is 1). Never zero in a trained epoch.

    ``linear``: 1 for ``n_epochs``, then 1 - k / (n_epochs_decay + 1) in the k-th epoch of decay.
    ``step``: a tenth of it after every ``decay_every`` epochs.
    ``cosine``: half a cosine over all epochs, from 1 towards 0.
    ``plateau``: 1; the rest is that of a ``Plateau``.

    >>> [round(lr_factor("linear", epoch, 2, 2), 3) for epoch in (1, 2, 3, 4)]
    [1.0, 1.0, 0.667, 0.333]
    """
    if policy == "linear":
        return 1.0 - max(0, epoch - n_epochs) / (n_epochs_decay + 1)
    if policy == "step":
        return 0.1 ** ((epoch - 1) // decay_every)
    if policy == "cosine":
        return 0.5 * (1.0 + math.cos(math.pi * (epoch - 1) / (n_epochs + n_epochs_decay)))
    if policy == "plateau":
        return 1.0
    raise ValueError(f"unknown learning-rate policy {policy!r}")


def lr_of_flags(flags: OptimizerOptions, epoch: int) -> float:
    """What the flags multiply the learning rate with in an epoch.

    During ``--warmup_epochs`` it rises in even steps, of which the last is the full rate; behind them the policy goes
    on with the epochs that are left.
    """
    warmup = flags.warmup_epochs
    if epoch <= warmup:
        return epoch / warmup
    full = max(0, flags.n_epochs - warmup)
    return lr_factor(flags.lr_policy, epoch - warmup, full, flags.n_epochs_decay, flags.lr_decay_iters)


class Plateau:
    """Falls to a fifth when the mean loss of an epoch has not been one per cent below the best for six epochs.

    The rule and its numbers are those of the reference, whose policy listens to a constant instead of a loss.

    Attributes:
        factor: what the learning rate is multiplied with now.
    """

    def __init__(self) -> None:
        self.factor = 1.0
        self._best = math.inf
        self._waited = 0
        self._sum: Tensor | None = None
        self._steps = 0

    def observe(self, loss: Tensor) -> None:
        """The loss of a step (a scalar), which is fetched from its device at the end of the epoch only."""
        value = loss.detach().double()
        self._sum = value if self._sum is None else self._sum + value
        self._steps += 1

    def end_epoch(self) -> None:
        """Judge the epoch that the steps since the last call belong to."""
        if self._sum is None:
            return
        mean = float(self._sum) / self._steps
        self._sum, self._steps = None, 0
        if mean < self._best - PLATEAU_THRESHOLD * abs(self._best if math.isfinite(self._best) else 0.0):
            self._best, self._waited = mean, 0
            return
        self._waited += 1
        if self._waited > PLATEAU_PATIENCE:
            self.factor, self._waited = self.factor * PLATEAU_FACTOR, 0

    def state_dict(self) -> dict[str, Any]:
        """Plain values, in the middle of an epoch too."""
        total = None if self._sum is None else float(self._sum)
        names = ("factor", "best", "waited", "sum", "steps")
        return dict(zip(names, (self.factor, self._best, self._waited, total, self._steps), strict=True))

    def load_state_dict(self, state: dict[str, Any], device: torch.device) -> None:
        self.factor, self._best, self._waited = state["factor"], state["best"], state["waited"]
        total, self._steps = state["sum"], state["steps"]
        self._sum = None if total is None else torch.tensor(total, dtype=torch.float64, device=device)
