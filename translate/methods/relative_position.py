"""Where does a patch lie beside another? (Doersch, Gupta, Efros, ICCV 2015, arXiv:1505.05192)"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from translate.errors import InputError
from translate.flags import flag
from translate.losses.classification import accuracy, cross_entropy
from translate.methods.base import Batch
from translate.methods.encoding import EncoderMethod, EncoderOptions, make_encoder, map_shape, smallest_side
from translate.methods.health import Level
from translate.networks.encoders import Encoder
from translate.networks.initialization import initialize
from translate.networks.pair_head import PairHead
from translate.options import NetworkOptions
from translate.views.colours import ABERRATIONS, one_channel_left, without_green_magenta
from translate.views.neighbours import GRID, SIDES, draw_grid, grid_px, neighbour_pairs
from translate.views.patches import cut_patches
from translate.views.pixelation import pixelated

FEWEST_PX = 10  # along a side of a patch that is scaled down: 100 pixels in all


@dataclass(frozen=True)
class RelativePositionOptions(EncoderOptions):
    """Method relative_position"""

    patch_px: int = flag(96, "side of a patch (pixels)", low=4, fixed=True)
    gap_px: int = flag(48, "between neighbouring patches of the grid, before they are jittered (pixels)", low=1)
    jitter_px: int = flag(7, "how far each patch is moved by itself along both axes, at most (pixels)", low=0)
    aberration: str = flag(
        "projection", "against places told by colour fringes; projection: no green-magenta axis; dropping: one channel "
        "and noise",
        choices=ABERRATIONS,
    )  # fmt: skip
    pixelate: float = flag(1 / 3, "share of patches scaled down, to as few as 100 pixels, and up again", low=0, high=1)
    pair_nc: int = flag(4096, "width of the layers that compare two patches", low=1, fixed=True)


@dataclass
class RelativePositionState:
    """What a step has made of B pictures: nine patches of each, and N pairs of these."""

    images: Tensor  # (B, C, H, W) in [-1, 1]
    corners: Tensor  # (B, 9, 2), see ``draw_grid``
    patches: Tensor  # (B, 9, C, S, S) as the encoder saw them
    logits: Tensor  # (B, N, 8)


class RelativePosition(EncoderMethod):
    """An encoder that tells on which of eight sides of a patch another one lies.

    A picture gives nine patches, which go through the encoder once, and all pairs of neighbours among them. Straight
    neighbours are 24 of the 40, so that guessing comes to a little less than ln 8, at which the loss begins.
    """

    Options = RelativePositionOptions

    def __init__(
        self, options: RelativePositionOptions, networks: NetworkOptions, input_nc: int = 3, output_nc: int = 3
    ):
        super().__init__()
        _refuse_unfit(options, input_nc)
        self.options = options
        encoder = make_encoder(options, networks, input_nc)
        head = PairHead(_values(encoder, options), len(SIDES), options.pair_nc)
        self.networks = nn.ModuleDict({"E": encoder, "H": head})
        initialize(self.networks, networks.init_type, networks.init_gain)
        head.start_even()
        self.players = {"E": ("E", "H")}
        self.falling = ("relative_position",)
        for name, indices in zip(("first", "second", "sides"), neighbour_pairs(), strict=True):
            self.register_buffer(name, indices, persistent=False)

    @staticmethod
    def defaults(values: Mapping[str, Any]) -> dict[str, Any]:
        """The published trunk, and pictures of about 300,000 pixels, of which a crop holds the grid with room around.

        The norm without learned scale and shift keeps the features of all patches from becoming the same.
        """
        return {
            **EncoderMethod.defaults(values),
            "netE": "caffenet",
            "normE": "batch_plain",
            "lr": 1e-4,
            "load_size": 480,
            "crop_size": 448,
        }

    @property
    def title(self) -> str:
        return "relative position"

    def check_size(self, side_px: int) -> None:
        """Refuse pictures that do not hold the grid."""
        options = self.options
        enough_px = grid_px(options.patch_px, options.gap_px, options.jitter_px)
        if side_px < enough_px:
            raise InputError(
                f"--crop_size {side_px} does not hold {GRID} patches of --patch_px {options.patch_px} with --gap_px "
                f"{options.gap_px} and --jitter_px {options.jitter_px}: use {enough_px} or more, or smaller patches"
            )

    def levels(self, side_px: int, batch_size: int) -> dict[str, Level]:
        """What the best guess comes to: each side as likely as it is among the pairs."""
        shares = torch.bincount(self.sides) / len(self.sides)
        entropy = -(shares * shares.log()).sum().item()
        return {
            "relative_position": Level("guessing", entropy),
            "accuracy": Level("guessing", shares.max().item()),
        }

    def draw(self, rng: np.random.Generator, sizes: Mapping[str, tuple[int, int]]) -> dict[str, Any]:
        """Where the patches are, how coarse they get, and which colour is kept of them."""
        options, count, side_px = self.options, GRID * GRID, self.options.patch_px
        self.check_size(min(sizes["A"]))
        coarse = rng.integers(min(FEWEST_PX, side_px), side_px + 1, count)
        drawn = {
            "corners": draw_grid(rng, *sizes["A"], side_px, options.gap_px, options.jitter_px),
            "sides_px": np.where(rng.random(count) < options.pixelate, coarse, side_px),
        }
        if options.aberration == "dropping":
            # One noise for all patches of a picture: it tells nothing of their places, and is drawn in no time.
            noise = rng.standard_normal((3, side_px, side_px), dtype=np.float32)
            drawn |= {"kept_channels": rng.integers(0, 3, count), "noise": noise}
        return drawn

    def forward(self, batch: Batch) -> RelativePositionState:
        images = batch["A"]
        patches = self._views(batch)
        maps = self.networks["E"](patches.flatten(0, 1)).unflatten(0, patches.shape[:2])
        logits = self.networks["H"](maps, self.first, self.second)
        return RelativePositionState(images, batch["corners"], patches, logits)

    def _views(self, batch: Batch) -> Tensor:
        """The patches (B, 9, C, S, S) as the encoder sees them."""
        cut = cut_patches(batch["A"], batch["corners"], self.options.patch_px)
        patches = cut.flatten(0, 1)
        if self.options.aberration == "projection":
            patches = without_green_magenta(patches)
        elif self.options.aberration == "dropping":
            noise = batch["noise"].to(patches.dtype).repeat_interleave(cut.shape[1], dim=0)
            patches = one_channel_left(patches, batch["kept_channels"].flatten(), noise)
        if self.options.pixelate > 0:
            patches = pixelated(patches, batch["sides_px"].flatten())
        return patches.unflatten(0, cut.shape[:2])

    def losses(self, player: str, state: RelativePositionState) -> tuple[Tensor, dict[str, Tensor]]:
        logits, sides = state.logits.flatten(0, 1), self.sides.repeat(len(state.logits))
        loss = cross_entropy(logits, sides)
        return loss, {"relative_position": loss, "accuracy": accuracy(logits.detach(), sides)}

    @torch.no_grad()
    def pictures(self, state: RelativePositionState) -> dict[str, Tensor]:
        """The first picture, and its patches at their places."""
        shown = torch.zeros_like(state.images[0])
        for (y, x), patch in zip(state.corners[0].tolist(), state.patches[0], strict=True):
            shown[:, y : y + patch.shape[-2], x : x + patch.shape[-1]] = patch.clamp(-1, 1)
        return {"real_A": state.images[0], "patches_A": shown}


def _refuse_unfit(options: RelativePositionOptions, input_nc: int) -> None:
    if input_nc != 3 and options.aberration != "none":
        raise InputError(
            f"--aberration {options.aberration} is for pictures in colour, not for --input_nc {input_nc}: use none"
        )
    if 2 * options.jitter_px >= options.gap_px:
        raise InputError(
            f"--jitter_px {options.jitter_px} lets patches touch that are --gap_px {options.gap_px} apart: use "
            f"--jitter_px {(options.gap_px - 1) // 2} or less"
        )


def _values(encoder: Encoder, options: RelativePositionOptions) -> int:
    """Values of the map of a patch."""
    shape = map_shape(encoder, options.patch_px)
    if shape is None:
        enough_px = smallest_side(encoder, options.patch_px)
        raise InputError(
            f"--patch_px {options.patch_px} is too small for --netE {options.netE}: use {enough_px} or more"
        )
    return math.prod(shape)
