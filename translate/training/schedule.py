"""The learning rate as a pure function of the epoch."""

import math


def lr_factor(policy: str, epoch: int, n_epochs: int, n_epochs_decay: int, decay_every: int = 50) -> float:
    """What the learning rate is multiplied with in an epoch (the first is 1). Never zero in a trained epoch.

    ``linear``: 1 for ``n_epochs``, then 1 - k / (n_epochs_decay + 1) in the k-th epoch of decay.
    ``step``: a tenth of it after every ``decay_every`` epochs.
    ``cosine``: half a cosine over all epochs, from 1 towards 0.

    >>> [round(lr_factor("linear", epoch, 2, 2), 3) for epoch in (1, 2, 3, 4)]
    [1.0, 1.0, 0.667, 0.333]
    """
    if policy == "linear":
        return 1.0 - max(0, epoch - n_epochs) / (n_epochs_decay + 1)
    if policy == "step":
        return 0.1 ** ((epoch - 1) // decay_every)
    if policy == "cosine":
        return 0.5 * (1.0 + math.cos(math.pi * (epoch - 1) / (n_epochs + n_epochs_decay)))
    raise ValueError(f"unknown learning-rate policy {policy!r}")
