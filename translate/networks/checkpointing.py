"""Gradients with less memory: maps are computed a second time on the way back instead of being kept
(Chen et al. 2016, arXiv:1604.06174)."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


def checkpoint_gradients(module: nn.Module) -> bool:
    """Switch it on in every network of a module that can do it (that has ``checkpoints``); whether there is one."""
    able = [part for part in module.modules() if hasattr(part, "checkpoints")]
    for part in able:
        part.checkpoints = True
    return bool(able)


@contextmanager
def frozen_statistics(module: nn.Module) -> Iterator[None]:
    """Batch norms compute as ever within the block, but count nothing in their running statistics: for a pass that
    repeats another one."""
    norms = [part for part in module.modules() if isinstance(part, nn.BatchNorm2d)]
    former = [(norm.momentum, norm.num_batches_tracked.clone()) for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, (momentum, counted) in zip(norms, former, strict=True):
            norm.momentum = momentum
            norm.num_batches_tracked.copy_(counted)
