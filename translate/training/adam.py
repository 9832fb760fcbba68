"""Torch's fused Adam for weights that lie channels-last on a CPU."""

from typing import Any

import torch
from torch import Tensor


class _InOrderOfMemory:
    """What torch's fused kernel takes for granted, and what it does not know.

    It goes through weights, gradients and moments in the order of memory, so that all have to lie alike: moments of a
    state that was saved where weights lay otherwise would meet the wrong weights. And what does not lie in the order of
    its dimensions it copies first, without need: half its time (torch 2.14).
    """

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        for weight, values in self.state.items():
            for name, value in values.items():
                if isinstance(value, Tensor) and value.shape == weight.shape and value.stride() != weight.stride():
                    values[name] = torch.empty_like(weight, dtype=value.dtype).copy_(value)

    def _init_group(self, group: dict[str, Any], *told: Any) -> Any:
        """Fill lists with the weights of a group and what belongs to them; versions of torch differ in what else."""
        found = super()._init_group(group, *told)
        for tensors in told:
            if isinstance(tensors, list):
                tensors[:] = map(_in_order_of_memory, tensors)
        return found


class Adam(_InOrderOfMemory, torch.optim.Adam):
    """Kingma and Ba 2015, arXiv:1412.6980; weight decay is part of the gradient."""


class AdamW(_InOrderOfMemory, torch.optim.AdamW):
    """Loshchilov and Hutter 2019, arXiv:1711.05101; weight decay shrinks the weights."""


def _in_order_of_memory(tensor: Tensor) -> Tensor:
    """A view whose dimensions stand in the order of memory, of what lies channels-last on a CPU."""
    channels_last = tensor.ndim == 4 and tensor.is_contiguous(memory_format=torch.channels_last)
    return tensor.detach().permute(0, 2, 3, 1) if channels_last and tensor.device.type == "cpu" else tensor
