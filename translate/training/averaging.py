"""A moving average of weights, which translates more steadily than the weights of any one step."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import torch
from torch import nn

WARM_UP = 10  # of the first steps the average keeps less, so that it does not remember the initialisation


class WeightAverage:
    """Exponential moving average of networks (Polyak averaging; decay as in Karras et al. 2018, arXiv:1710.10196).

    After step t, average = d * average + (1 - d) * weights with d = min(decay, t / (t + 10)).

    Args:
        networks: by name; they are copied.
        decay: in [0, 1); 0.999 averages over about a thousand steps.
    """

    def __init__(self, networks: Mapping[str, nn.Module], decay: float):
        self.decay = decay
        self.networks = nn.ModuleDict({name: deepcopy(network) for name, network in networks.items()})
        self.networks.requires_grad_(False).eval()

    @torch.no_grad()
    def update(self, networks: Mapping[str, nn.Module], step: int) -> None:
        """Take in the weights after a step, counted from 1; buffers are copied."""
        keep = min(self.decay, step / (step + WARM_UP))
        for name, average in self.networks.items():
            pairs = list(zip(average.parameters(), networks[name].parameters(), strict=True))
            torch._foreach_lerp_([mean for mean, _ in pairs], [weight for _, weight in pairs], 1 - keep)
            for mean, buffer in zip(average.buffers(), networks[name].buffers(), strict=True):
                mean.copy_(buffer)

    def begin(self, networks: Mapping[str, nn.Module]) -> dict[str, Any]:
        """The state of an average that starts from these weights."""
        return {f"{name}.{key}": value for name in self.networks for key, value in networks[name].state_dict().items()}

    def state_dict(self) -> dict[str, Any]:
        return self.networks.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.networks.load_state_dict(state)
