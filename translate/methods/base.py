"""The interface between what is learned (a method) and how it is learned (``translate.training``)."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from torch import Tensor, nn

Batch = Mapping[str, Any]


class Method(nn.Module):
    """Networks, losses by player, and the pairs they are computed on.

    A step of the loop: ``state = method(batch)``; then for each player in order ``method.losses(player, state)``,
    its backward pass and its optimiser step; then ``method.after_step()``.

    A subclass fills ``networks`` (names as in the file names: ``G`` is saved as ``latest_net_G.pth``) and
    ``players`` (ordered: who is updated, and which networks are its own). Everything that must survive a restart is
    a parameter or a buffer.
    """

    Options: ClassVar[type]  # a frozen dataclass made with translate.options.flag: this method's flags
    needs: ClassVar[str] = "unpaired"  # what the data must supply
    networks: nn.ModuleDict
    players: dict[str, tuple[str, ...]]

    @staticmethod
    def defaults(values: Mapping[str, Any]) -> dict[str, Any]:
        """Defaults of any flag that follow from the flags given so far (a published mode, for example)."""
        return {}

    def check_size(self, side_px: int) -> None:
        """Refuse training pictures whose shorter side is too small for the networks.

        Raises:
            InputError: names the smallest side that is enough.
        """

    def draw(self, rng: np.random.Generator, sizes: Mapping[str, tuple[int, int]]) -> dict[str, Any]:
        """The random numbers that one sample needs in one step, as arrays or lists of arrays.

        Args:
            rng: the generator of this sample in this epoch; the only source of randomness.
            sizes: (height, width) of the sample's pictures by domain, e.g. ``{"A": (256, 256), "B": (256, 256)}``.
        """
        return {}

    def forward(self, batch: Batch) -> Any:
        """What all players share, computed once a step. Pictures are (B, C, H, W) in [-1, 1]."""
        raise NotImplementedError

    def losses(self, player: str, state: Any) -> tuple[Tensor, dict[str, Tensor]]:
        """What the player minimises, and its parts by the names under which they are logged (all scalars)."""
        raise NotImplementedError

    def after_step(self) -> None:
        """Moving averages, momentum encoders, queues, pools: whatever follows the players' updates."""

    def pictures(self, state: Any) -> dict[str, Tensor]:
        """Named pictures (C, H, W) in [-1, 1] of the batch's first sample, for people."""
        return {}

    def translate(self, images: Tensor) -> Tensor:
        """(B, C, H, W) in [-1, 1] -> (B, C', H, W) in [-1, 1]; height and width are multiples of the stride."""
        raise NotImplementedError
