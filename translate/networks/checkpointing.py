"""Gradients with less memory: maps are computed a second time on the way back instead of being kept
(Chen et al. 2016, arXiv:1604.06174)."""

from torch import nn

from translate.errors import InputError


def checkpoint_gradients(module: nn.Module) -> None:
    """Switch it on in every network of a module that can do it (that has ``checkpoints``).

    Raises:
        InputError: none can.
    """
    able = [part for part in module.modules() if hasattr(part, "checkpoints")]
    if not able:
        raise InputError("--grad_checkpointing: only the resnet generators can recompute their maps; leave it out")
    for part in able:
        part.checkpoints = True
