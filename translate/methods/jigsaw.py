"""Jigsaw puzzles: in which order are nine tiles of a picture? (Noroozi, Favaro, ECCV 2016, arXiv:1603.09246)"""

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
from translate.methods.encoding import EncoderMethod, EncoderOptions, check_side, make_encoder
from translate.methods.health import Level
from translate.networks.context_free import ContextFreeHead
from translate.networks.encoders.encoder import Normalization
from translate.networks.initialization import initialize
from translate.options import NetworkOptions
from translate.views.permutations import RULES, permutation_set
from translate.views.tiles import GRID, TILES, cut_tiles, in_one_picture, normalize_tiles, shuffle_tiles

MOST_PERMUTATIONS = 10_000
FIRST_STRIDE = 2  # of AlexNet while it learns, as published; it is used with 4


@dataclass(frozen=True)
class JigsawOptions(EncoderOptions):
    """Method jigsaw"""

    permutations: int = flag(1000, "orders of the tiles to tell apart", low=2, high=MOST_PERMUTATIONS, fixed=True)
    permutation_rule: str = flag(
        "max_min", "how they are chosen by their distances: max_min, max_mean (published), middle or min",
        choices=tuple(RULES), fixed=True,
    )  # fmt: skip
    permutation_seed: int = flag(0, "which of the sets that the rule allows", low=0, fixed=True)
    tile_px: int = flag(64, "side of the tiles, at most a third of --crop_size (pixels)", low=4, fixed=True)
    first_stride: int | None = flag(
        None, "stride of the first layer of alexnet and caffenet while they learn; default: 2; it is used with 4",
        low=1, high=4, fixed=True,
    )  # fmt: skip
    shift_px: int = flag(2, "the colours of a tile are shifted by up to this, each by itself (pixels)", low=0)
    grey_share: float = flag(0.3, "share of the pictures that are shown in grey", low=0, high=1)
    tile_nc: int = flag(512, "width of the layer that sees one tile", low=1, fixed=True)
    head_nc: int = flag(4096, "width of the layer that sees all of them", low=1, fixed=True)


@dataclass
class JigsawState:
    """What a step has made: B pictures, a puzzle of each."""

    images: Tensor  # (B, C, H, W) in [-1, 1]
    puzzles: Tensor  # (B, 9, C, S, S), shuffled tiles with the mean and deviation of photographs
    logits: Tensor  # (B, N)
    permutation: Tensor  # (B,) index of the right one


class Jigsaw(EncoderMethod):
    """An encoder that sees the shuffled tiles of a picture one by one; a head tells from all its features which of N
    permutations it was."""

    Options = JigsawOptions
    permutations: Tensor  # (N, 9) int64

    def __init__(self, options: JigsawOptions, networks: NetworkOptions, input_nc: int = 3, output_nc: int = 3):
        super().__init__()
        self.options = options
        encoder = make_encoder(options, networks, input_nc, _first_stride(options))
        side = check_side(encoder, options.tile_px, "--tile_px", options.netE)
        head = ContextFreeHead(encoder.width, side, TILES, options.permutations, options.tile_nc, options.head_nc)
        self.networks = nn.ModuleDict({"E": encoder, "H": head})
        initialize(self.networks, networks.init_type, networks.init_gain)
        head.start_even()
        chosen = permutation_set(options.permutations, options.permutation_rule, options.permutation_seed)
        self.register_buffer("permutations", torch.from_numpy(chosen.copy()))
        self.normalization = Normalization(input_nc)
        self.players = {"E": ("E", "H")}
        self.falling = ("jigsaw",)

    @staticmethod
    def defaults(values: Mapping[str, Any]) -> dict[str, Any]:
        """The published crops, which three tiles divide."""
        return {**EncoderMethod.defaults(values), "crop_size": 225}

    def check_size(self, side_px: int) -> None:
        """Refuse pictures of which a third is smaller than a tile."""
        self._slack_px(side_px)

    def levels(self, side_px: int, batch_size: int) -> dict[str, Level]:
        count = len(self.permutations)
        return {"jigsaw": Level("guessing", math.log(count)), "accuracy": Level("guessing", 1 / count)}

    def _slack_px(self, side_px: int) -> int:
        """What a cell has more than its tile."""
        tile_px = self.options.tile_px
        if GRID * tile_px > side_px:
            raise InputError(
                f"--tile_px {tile_px} is larger than a third of a picture of {side_px} pixels: use --tile_px "
                f"{side_px // GRID} or less, or --crop_size {GRID * tile_px} or more"
            )
        return side_px // GRID - tile_px

    def draw(self, rng: np.random.Generator, sizes: Mapping[str, tuple[int, int]]) -> dict[str, Any]:
        """Which permutation; where each tile lies in its cell; by how much its colours are shifted; whether in grey."""
        slack_px, most = [self._slack_px(side) for side in sizes["A"]], self.options.shift_px
        channels = self.normalization.scale.shape[1]
        # Arrays, even of one number: all of it is needed on the device.
        return {
            "permutation": rng.integers(len(self.permutations), size=1),
            "offsets": rng.integers(0, slack_px, (TILES, 2), endpoint=True),
            "shifts": rng.integers(-most, most, (TILES, channels, 2), endpoint=True),
            "grey": rng.random(1) < self.options.grey_share,
        }

    def forward(self, batch: Batch) -> JigsawState:
        images, permutation = batch["A"], batch["permutation"].squeeze(1)
        channels_last = images.is_contiguous(memory_format=torch.channels_last)
        layout = torch.channels_last if channels_last else torch.contiguous_format
        tiles = cut_tiles(images, batch["offsets"], batch["shifts"], batch["grey"].squeeze(1), self.options.tile_px)
        shuffled = shuffle_tiles(normalize_tiles(tiles), self.permutations[permutation])
        # An encoder expects what photographs are, and makes mean 0 and deviation 1 of it.
        puzzles = self.normalization.undo(shuffled)
        features = self.networks["E"](puzzles.flatten(0, 1).contiguous(memory_format=layout))
        return JigsawState(images, puzzles, self.networks["H"](features), permutation)

    def losses(self, player: str, state: JigsawState) -> tuple[Tensor, dict[str, Tensor]]:
        loss = cross_entropy(state.logits, state.permutation)
        return loss, {"jigsaw": loss, "accuracy": accuracy(state.logits.detach(), state.permutation)}

    def pictures(self, state: JigsawState) -> dict[str, Tensor]:
        """The first picture, its puzzle, and that put in the order that the network takes for the right one."""
        puzzle = state.puzzles[0].detach().clamp(-1, 1)
        places = self.permutations[state.logits[0].argmax()].argsort()  # where tile 0 is shown, tile 1, ...
        return {
            "real_A": state.images[0].detach(),
            "shuffled_A": in_one_picture(puzzle),
            "solved_A": in_one_picture(puzzle[places]),
        }


def _first_stride(options: JigsawOptions) -> int:
    if options.first_stride is not None and options.netE not in ("alexnet", "caffenet"):
        raise InputError(
            f"--first_stride {options.first_stride}: --netE {options.netE} has one of its own; leave the flag out, or "
            "take alexnet"
        )
    return options.first_stride or FIRST_STRIDE
