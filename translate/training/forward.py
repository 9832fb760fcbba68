"""The forward passes of one step: shared by the players where memory allows, else recomputed."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from translate.methods import Method
from translate.networks.checkpointing import frozen_statistics
from translate.training.preparing import Batch

Computing = Callable[[], AbstractContextManager[None]]  # such as ``Precision.autocast``


class Forward:
    """What the method's forward pass makes of each part of a batch, for whichever player asks.

    A batch in one part is computed once, for all players. In several parts, every player goes over all of them before
    it is updated, and the maps that a gradient needs are dropped before the next part. Players before
    ``method.forward_player`` get results without gradient, computed for them alone; it gets its own; those after it
    get what it had, since its weights are other ones by then, so that the results of all parts are kept for them.

    Args:
        method: whose passes they are.
        seed: called with a part before its pass: seeds the generator of layers that draw.
        computing: the context in which it computes.
        parts: of the batch, prepared.
    """

    def __init__(self, method: Method, seed: Callable[[Batch], None], computing: Computing, parts: list[Batch]):
        self.method = method
        self.seed = seed
        self.computing = computing
        self.parts = parts
        self.first: Any = None  # of the first part
        self._kept: dict[int, Any] = {}
        players = list(method.players)
        self._before = players[: players.index(method.forward_player)]
        self._keeps = len(parts) == 1 or players[-1] != method.forward_player

    def of(self, player: str, number: int) -> Any:
        """The state of part ``number``, which ``method.losses(player, ...)`` takes."""
        if number in self._kept:
            return self._kept[number]
        without_gradient = player in self._before and len(self.parts) > 1
        # A pass that is going to be repeated with a gradient counts nothing in running statistics.
        uncounted = frozen_statistics(self.method) if without_gradient else nullcontext()
        with torch.set_grad_enabled(not without_gradient), uncounted, self.computing():
            self.seed(self.parts[number])
            state = self.method(self.parts[number])
        if not without_gradient and self._keeps:
            self._kept[number] = state
        if number == 0:
            self.first = state
        return state
