"""RotNet: which way up was the picture? (Gidaris, Singh, Komodakis, ICLR 2018, arXiv:1803.07728)"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from translate.errors import InputError
from translate.flags import flag
from translate.losses.classification import accuracy, cross_entropy
from translate.methods.base import Batch
from translate.methods.encoding import EncoderMethod, EncoderOptions, make_encoder
from translate.methods.health import Level
from translate.networks.heads import ClassifierHead
from translate.networks.initialization import initialize
from translate.options import NetworkOptions
from translate.views.rotations import ANGLES, rotations


@dataclass(frozen=True)
class RotationOptions(EncoderOptions):
    """Method rotation"""

    head_nc: int = flag(0, "width of a hidden layer between the encoder and the classes; 0: none", low=0, fixed=True)


@dataclass
class RotationState:
    """What a step has made: B pictures, four views of each."""

    views: Tensor  # (4 B, C, S, S) in [-1, 1], see ``rotations``
    logits: Tensor  # (4 B, 4)
    angles: Tensor  # (4 B,) index of the right one


class Rotation(EncoderMethod):
    """An encoder that tells by which right angle a picture was turned; all four views of it are in the batch."""

    Options = RotationOptions

    def __init__(self, options: RotationOptions, networks: NetworkOptions, input_nc: int = 3, output_nc: int = 3):
        super().__init__()
        self.options = options
        encoder = make_encoder(options, networks, input_nc)
        head = ClassifierHead(encoder.width, len(ANGLES), options.head_nc)
        self.networks = nn.ModuleDict({"E": encoder, "H": head})
        initialize(self.networks, networks.init_type, networks.init_gain)
        head.start_even()
        self.players = {"E": ("E", "H")}
        self.falling = ("rotation",)

    def levels(self, side_px: int, batch_size: int) -> dict[str, Level]:
        return {"rotation": Level("guessing", math.log(len(ANGLES))), "accuracy": Level("guessing", 1 / len(ANGLES))}

    def forward(self, batch: Batch) -> RotationState:
        images = batch["A"]
        height, width = images.shape[-2:]
        if height != width:
            raise InputError(
                f"a picture of {width}x{height} would tell by its shape how it was turned: use a --preprocess that "
                "ends in crop"
            )
        views = rotations(images)
        angles = torch.arange(len(ANGLES), device=images.device).repeat_interleave(len(images))
        return RotationState(views, self.networks["H"](self.networks["E"](views)), angles)

    def losses(self, player: str, state: RotationState) -> tuple[Tensor, dict[str, Tensor]]:
        loss = cross_entropy(state.logits, state.angles)
        return loss, {"rotation": loss, "accuracy": accuracy(state.logits.detach(), state.angles)}

    def pictures(self, state: RotationState) -> dict[str, Tensor]:
        """The four views of the first picture."""
        named: dict[str, Any] = {}
        count = len(state.views) // len(ANGLES)
        for number, angle in enumerate(ANGLES):
            named["real_A" if angle == 0 else f"turned_{angle}"] = state.views[number * count].detach()
        return named
