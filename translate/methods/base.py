"""The interface between what is learned (a method) and how it is learned (``translate.training``)."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np
from torch import Tensor, nn

from translate.methods.health import Game, Level
from translate.options import NetworkOptions

Batch = Mapping[str, Any]


class Method(nn.Module):
    """Networks, losses by player, and the pairs they are computed on.

    A step of the loop: ``state = method(batch)``; then for each player in order ``method.losses(player, state)``,
    its backward pass and its optimiser step; then ``method.after_step()``.

    A subclass fills ``networks`` (names as in the file names: ``G`` is saved as ``latest_net_G.pth``) and
    ``players`` (ordered: who is updated, and which networks are its own). Everything that must survive a restart is
    a parameter, a buffer or extra state.
    """

    Options: ClassVar[type]  # a frozen dataclass made with translate.flags.flag: this method's flags
    TestOptions: ClassVar[type | None] = None  # the same for flags of test.py that only this method has
    needs: ClassVar[str] = "unaligned"  # what the data must supply: a word of --dataset_mode
    sized: ClassVar[bool] = False  # whether its networks are made for one crop size, which it takes as ``crop_size``
    netG: ClassVar[tuple[str, ...]] = ()  # the words of --netG that this method can use
    netD: ClassVar[tuple[str, ...]] = ("basic", "n_layers", "pixel", "context")  # the same for --netD
    unfit: ClassVar[Mapping[str, str]] = {}  # why one that could be expected is not among them
    generators: ClassVar[Mapping[str, str]] = {"AtoB": "G"}  # which network translates in which direction; may be none
    test_size: ClassVar[str] = "crop"  # how pictures are scaled for a test unless told (see translate.sizing)
    preview_size: ClassVar[str] = "crop"  # the same for the pictures that show a training's progress
    measures: ClassVar[str] = ""  # name and version of what ``measure`` returns; empty where there is nothing
    options: Any  # an instance of Options
    networks: nn.ModuleDict
    players: dict[str, tuple[str, ...]]
    forward_player: ClassVar[str] = "G"  # whose weights ``forward`` uses; the others take its results as they are
    lr_scales: Mapping[str, float] = {}  # factors on the learning rate, for players that have one
    games: tuple[Game, ...] = ()  # the adversarial ones; the first judges what previews show
    batch_nc: Mapping[str, int] = {}  # channels of A and B in a batch, where planes lie behind those of the pictures
    progress: float = 0.0  # the share of the run that is behind when this step is, set before each; for schedules
    # Whether the operations of ``forward`` and ``losses`` follow from the shapes of a batch's tensors and from the
    # decisions in it (of booleans, from whether any is true): nothing else is read on the host or kept there, so that a
    # step can be recorded and repeated.
    recordable: bool = False
    falling: tuple[str, ...] = ()  # names of logged losses that fall in a training that goes well

    @staticmethod
    def defaults(values: Mapping[str, Any]) -> dict[str, Any]:
        """Defaults of any flag that follow from the method and from the flags given so far (a published mode)."""
        return {}

    @staticmethod
    def idle_flags(options: Any) -> Mapping[str, str]:
        """Flags of all methods that do nothing in this one with these options of its own: flag -> why."""
        return {}

    @staticmethod
    def layers(options: Any) -> dict[str, tuple[str, ...]]:
        """Kinds of planes (see ``translate.data.planes``) that the data must supply behind the pictures of A and of B.

        Args:
            options: an instance of ``Options``.
        """
        return {}

    @staticmethod
    def multiple_px(networks: NetworkOptions) -> int:
        """What the sides of training pictures are multiples of."""
        return 4  # generators halve a picture twice

    @property
    def title(self) -> str:
        """What pages call it."""
        return type(self).__name__

    @property
    def generator(self) -> nn.Module | None:
        """The network that translates A to B; None where nothing is translated."""
        return self.networks[self.generators["AtoB"]] if self.generators else None

    @property
    def kept_networks(self) -> tuple[str, ...]:
        """The networks that are wanted when the training is over: those that translate."""
        return tuple(dict.fromkeys(self.generators.values()))

    @property
    def stride(self) -> int:
        """Pixels of a picture that a step in the deepest map of the wanted network is."""
        return self.trained_translator().stride

    def check_size(self, side_px: int) -> None:
        """Refuse training pictures whose shorter side does not suit the networks.

        Raises:
            InputError: names a side that does.
        """

    def check_shared(self, processes: int, parts: int) -> None:
        """Refuse a batch that is computed in pieces, where the losses need all of it at once.

        Args:
            processes: that compute a piece each at the same time, and can tell each other about it.
            parts: that each of them computes one after the other.

        Raises:
            InputError: names the flag that asks for it.
        """

    def check_batch(self, size: int, pieces: int) -> None:
        """Refuse a batch of too few pictures.

        Args:
            size: of the whole batch.
            pieces: in which it is computed, by several processes or in parts.

        Raises:
            InputError: names a size that is enough.
        """

    def measure(self, pictures: Iterable[Tensor]) -> Tensor:
        """Statistics that the method needs of its training pictures, in one pass over them.

        Args:
            pictures: uint8 (C, H, W) of domain A, in no particular size.
        """
        raise NotImplementedError

    def use_measured(self, value: Tensor) -> None:
        """Take what ``measure`` returned, now or in an earlier run on the same pictures."""
        raise NotImplementedError

    def draw(self, rng: np.random.Generator, sizes: Mapping[str, tuple[int, int]]) -> dict[str, Any]:
        """The random numbers that one sample needs in one step, as numbers, arrays or lists of these.

        The batch holds them stacked over its samples. Arrays and floats go to the device, for the networks. A single
        boolean or whole number is a decision (whether to mirror, which place of a pool) and stays on the host, where
        it can be read without waiting for the device.

        Args:
            rng: the generator of this sample in this epoch; the only source of randomness.
            sizes: (height, width) of the sample's pictures by domain, e.g. ``{"A": (256, 256), "B": (256, 256)}``.
        """
        return {}

    def counts(self, batch: Batch) -> dict[str, Tensor]:
        """How much there is in a batch of what losses are means over, where that depends on its pictures.

        A batch that is computed in pieces holds the mean of each over all of them under ``counts``: a loss that divides
        its sum by that is, as the mean over the pieces, the one of the whole batch. A batch in one piece holds none.
        """
        return {}

    def forward(self, batch: Batch) -> Any:
        """What all players share, computed once a step. Pictures are (B, C, H, W) in [-1, 1]."""
        raise NotImplementedError

    def losses(self, player: str, state: Any) -> tuple[Tensor, dict[str, Tensor]]:
        """What the player minimises, and its parts by the names under which they are logged (all scalars)."""
        raise NotImplementedError

    def levels(self, side_px: int, batch_size: int) -> dict[str, Level]:
        """What logged losses are compared with, by their names; weights are in these values as they are in the losses.

        Args:
            side_px: of the training pictures.
            batch_size: pictures of each domain a step.
        """
        return {}

    def remedies(self) -> dict[str, str]:
        """What helps against a trouble of the training, with its flags as they are now, by the kind of trouble (see
        ``translate.methods.health``). A kind that is left out is none for this method, and is not looked for."""
        return {}

    def after_loading(self) -> None:
        """Whatever is made from the networks' first weights, where these have come from files: copies of networks."""

    def after_step(self) -> None:
        """Moving averages, momentum encoders, queues, pools: whatever follows the players' updates."""

    def pictures(self, state: Any) -> dict[str, Tensor]:
        """Named pictures (C, H, W) in [-1, 1] of the batch's first sample, for people."""
        return {}

    @classmethod
    def translator(cls, generator: nn.Module, options: Any) -> nn.Module:
        """A trained generator as a module for inference: (B, C, H, W) in [-1, 1] -> (B, C', H, W) in [-1, 1].

        It has a ``stride``, of which height and width are multiples, and may have ``views(images)``: what pages show
        of a picture, by label and in their order, the translation ``fake_B`` among it; those whose labels are in
        ``numbers``, if it has that, are no pictures but (B, 1, H, W) in a unit of their own.

        Args:
            generator: one of the networks that ``generators`` names.
            options: an instance of ``Options``.
        """
        return generator

    def trained_translator(self, direction: str = "AtoB") -> nn.Module:
        """The translator of a direction with the weights as they are now; shares them."""
        return self.translator(self.networks[self.generators[direction]], self.options)

    def translate(self, images: Tensor) -> Tensor:
        """(B, C, H, W) in [-1, 1] -> (B, C', H, W) in [-1, 1]; height and width are multiples of the stride."""
        return self.trained_translator()(images)
