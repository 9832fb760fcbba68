"""Several inputs through one network: together where that changes nothing."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def samples_are_independent(network: nn.Module) -> bool:
    """Whether a sample's output depends neither on what else is in the batch nor on chance."""
    return not any(isinstance(module, nn.BatchNorm2d | nn.Dropout) for module in network.modules())


def joined(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors behind one another; one alone is not copied."""
    return tensors[0] if len(tensors) == 1 else torch.cat(list(tensors))


def run_together(network: nn.Module, inputs: Sequence[Tensor]) -> list[Tensor]:
    """The network's output for each input (B, C, H, W), in their order.

    One pass where the inputs have one size and samples are independent; otherwise a pass for each, in order, as running
    statistics and dropout masks follow the order of the passes.
    """
    if len({image.shape[1:] for image in inputs}) > 1 or len(inputs) == 1 or not samples_are_independent(network):
        return [network(image) for image in inputs]
    return list(network(torch.cat(list(inputs))).split([len(image) for image in inputs]))
