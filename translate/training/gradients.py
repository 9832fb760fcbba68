"""The gradients of a step: losses and backward pass of each player, over all parts of the batch."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from translate.methods import Method
from translate.training.forward import Computing, Forward

Weights = Mapping[str, Sequence[nn.Parameter]]  # of each player


class StepGradients(Protocol):
    """What makes the gradients of one step, for its players in their order."""

    @property
    def state(self) -> Any:
        """The method's (of the first part of the batch), once a player's gradients are there."""

    def of(self, player: str) -> tuple[Tensor, dict[str, Tensor]]:
        """Give the player's weights their gradients, which are None before.

        Returns:
            what the player minimises, and the losses in it by name: scalars without gradient.
        """


class Gradients:
    """Computed operation by operation.

    Args:
        method: what is learned.
        states: its forward passes of this step.
        computing: the context in which the losses are computed.
        scaler: of the losses.
        owned: the weights of each player.
    """

    def __init__(
        self, method: Method, states: Forward, computing: Computing, scaler: torch.amp.GradScaler, owned: Weights
    ):
        self.method = method
        self.states = states
        self.computing = computing
        self.scaler = scaler
        self.owned = owned

    @property
    def state(self) -> Any:
        return self.states.first

    def of(self, player: str) -> tuple[Tensor, dict[str, Tensor]]:
        parts = len(self.states.parts)
        sums: dict[str, Tensor] = {}
        totals: list[Tensor] = []
        for number in range(parts):
            state = self.states.of(player, number)
            with self.computing():  # anew for each player: it keeps the weights that it has cast
                total, named = self.method.losses(player, state)
            # Only this player's weights get a gradient: nothing is computed for the others' that nobody would use.
            self.scaler.scale(total if parts == 1 else total / parts).backward(inputs=self.owned[player])
            totals.append(total.detach())
            for name, loss in named.items():
                sums[name] = sums[name] + loss.detach() if name in sums else loss.detach()
        if parts == 1:
            return totals[0], sums
        return torch.stack(totals).mean(), {name: loss / parts for name, loss in sums.items()}
