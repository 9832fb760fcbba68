"""Weights of other times: what old files hold besides, made to fit."""

from torch import Tensor

STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def drop_instance_norm_buffers(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The state dict without the running statistics of instance norms.

    The instance norms of the first CycleGANs tracked statistics that nothing read: pictures were translated with
    their own. Files from then hold them all the same. A norm that has a weight of its own is a batch norm, whose
    statistics stay.

    >>> import torch
    >>> old = {"model.1.weight": torch.ones(2, 3, 7, 7), "model.2.running_mean": torch.zeros(2)}
    >>> list(drop_instance_norm_buffers(old))
    ['model.1.weight']
    """
    return {key: value for key, value in weights.items() if not _is_idle(key, weights)}


def _is_idle(key: str, weights: dict[str, Tensor]) -> bool:
    layer, _, name = key.rpartition(".")
    return name in STATISTICS and f"{layer}.weight" not in weights
