"""Split-brain autoencoders: colours from lightness, lightness from colours (Zhang, Isola, Efros, CVPR 2017,
arXiv:1611.09842)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from translate.errors import InputError
from translate.flags import flag
from translate.losses.classification import accuracy, cross_entropy
from translate.losses.reconstruction import l2
from translate.methods.base import Batch
from translate.methods.encoding import EncoderMethod, EncoderOptions, make_encoder
from translate.methods.health import Level
from translate.networks.colorizer import paint
from translate.networks.encoders.encoder import norm_of
from translate.networks.gamut import annealed_mean, gamut_bins, soft_encode
from translate.networks.initialization import initialize
from translate.networks.lab import lab_to_rgb, rgb_to_lab
from translate.options import NetworkOptions

LIGHTNESS_BINS = 50  # of width 2


@dataclass(frozen=True)
class SplitBrainOptions(EncoderOptions):
    """Method split_brain"""

    split_loss: str = flag(
        "classes", "classes: 313 colours and 50 levels of lightness are told apart; regression: L2 on their values",
        choices=("classes", "regression"), fixed=True,
    )  # fmt: skip
    head_nc: int = flag(
        2048, "width of the two layers over each half of the encoder: half that of fc6 and fc7", low=1, fixed=True
    )


@dataclass
class SplitBrainState:
    """What a step has made of B pictures; h and w are those of the encoder's deepest map."""

    lab: Tensor  # (B, 3, H, W) in Lab
    target: Tensor  # (B, 3, h, w), the pixels that are to be predicted
    predicted_ab: Tensor  # (B, 313 or 2, h, w), from lightness alone: logits of colours, or colours
    predicted_L: Tensor  # (B, 50 or 1, h, w), from colour alone: logits of lightness, or lightness


class SplitBrain(EncoderMethod):
    """An encoder in two halves, each of which sees what the other has to predict.

    Both predict the pixel in the middle of what each place of the deepest map sees. Classes are taken as they come,
    without soft codes and without weights for rare colours, which make worse features. Regression is in units of about
    the deviation of photographs.
    """

    Options = SplitBrainOptions

    def __init__(self, options: SplitBrainOptions, networks: NetworkOptions, input_nc: int = 3, output_nc: int = 3):
        super().__init__()
        if options.netE != "split_alexnet":
            raise InputError(f"--netE {options.netE} has no halves for split_brain: use --netE split_alexnet")
        if input_nc != 3:
            raise InputError(
                f"--model split_brain tells colours by lightness, and pictures of {input_nc} channels have no colours: "
                "give pictures in colour, or take another --model"
            )
        self.options = options
        encoder = make_encoder(options, networks, input_nc)
        self.register_buffer("bins", gamut_bins().float(), persistent=False)
        self.classes = options.split_loss == "classes"
        counts = {"ab": len(self.bins), "L": LIGHTNESS_BINS} if self.classes else {"ab": 2, "L": 1}
        heads = {
            name: _head(encoder.width // 2, options.head_nc, count, options.normE) for name, count in counts.items()
        }
        self.networks = nn.ModuleDict({"E": encoder, "H": nn.ModuleDict(heads)})
        initialize(self.networks, networks.init_type, networks.init_gain)
        for head in heads.values():
            nn.init.zeros_(head[-1].weight)  # all classes alike, or the middle of all values
        self.players = {"E": ("E", "H")}
        self.falling = ("L_to_ab", "ab_to_L")

    @staticmethod
    def defaults(values: Mapping[str, Any]) -> dict[str, Any]:
        return {**EncoderMethod.defaults(values), "netE": "split_alexnet", "crop_size": 180}

    @property
    def title(self) -> str:
        return "split-brain autoencoder"

    def levels(self, side_px: int, batch_size: int) -> dict[str, Level]:
        """Where all classes are alike."""
        if not self.classes:
            return {}
        counts = {"L_to_ab": len(self.bins), "ab_to_L": LIGHTNESS_BINS}
        return {name: Level("guessing", math.log(count)) for name, count in counts.items()}

    def forward(self, batch: Batch) -> SplitBrainState:
        encoder, heads = self.networks["E"], self.networks["H"]
        with torch.no_grad():
            lab = rgb_to_lab(batch["A"])
        target = lab[..., :: encoder.stride, :: encoder.stride]
        from_L, from_ab = encoder.halves(encoder(batch["A"]))
        return SplitBrainState(lab, target, predicted_ab=heads["ab"](from_L), predicted_L=heads["L"](from_ab))

    def losses(self, player: str, state: SplitBrainState) -> tuple[Tensor, dict[str, Tensor]]:
        named = self._classification(state) if self.classes else self._regression(state)
        total = named["L_to_ab"] + named["ab_to_L"]
        return total, {"split_brain": total, **named}

    def _classification(self, state: SplitBrainState) -> dict[str, Tensor]:
        colours, colour = _in_rows(state.predicted_ab), colour_classes(state.target[:, 1:], self.bins).flatten()
        levels, level = _in_rows(state.predicted_L), lightness_classes(state.target[:, 0]).flatten()
        return {
            "L_to_ab": cross_entropy(colours, colour),
            "ab_to_L": cross_entropy(levels, level),
            "accuracy_ab": accuracy(colours.detach(), colour),
            "accuracy_L": accuracy(levels.detach(), level),
        }

    def _regression(self, state: SplitBrainState) -> dict[str, Tensor]:
        target = self.networks["E"].normalized(state.target)
        return {"L_to_ab": l2(state.predicted_ab, target[:, 1:]), "ab_to_L": l2(state.predicted_L, target[:, :1])}

    @torch.no_grad()
    def pictures(self, state: SplitBrainState) -> dict[str, Tensor]:
        """The first picture, and each half of it beside what was predicted from it."""
        lab, predicted = state.lab[:1], self._predicted(state)
        lightness = F.interpolate(predicted[:, :1], lab.shape[-2:], mode="bilinear")
        shown = {
            "real_A": lab_to_rgb(lab),
            "colours_A": paint(lab[:, :1], predicted[:, 1:]),
            "lightness_A": lab_to_rgb(torch.cat([lightness, lab[:, 1:]], dim=1)),
        }
        return {label: images[0] for label, images in shown.items()}

    def _predicted(self, state: SplitBrainState) -> Tensor:
        """The first picture (1, 3, h, w) in Lab as it was predicted."""
        lightness, ab = state.predicted_L[:1].float(), state.predicted_ab[:1].float()
        if not self.classes:
            encoder = self.networks["E"]
            return torch.cat([lightness, ab], dim=1) * encoder.deviation + encoder.mean
        middles = 100 / LIGHTNESS_BINS * (torch.arange(LIGHTNESS_BINS, device=lightness.device) + 0.5)
        expected = (lightness.softmax(1) * middles.view(1, -1, 1, 1)).sum(1, keepdim=True)
        return torch.cat([expected, annealed_mean(ab, self.bins)], dim=1)


def colour_classes(ab: Tensor, bins: Tensor) -> Tensor:
    """The nearest of the bins (Q, 2) to each colour: (B, 2, h, w) in ab units -> (B, h, w) integers."""
    return soft_encode(ab, bins, neighbours=1)[0].squeeze(1)


def lightness_classes(lightness: Tensor) -> Tensor:
    """Bins of width 2: (B, h, w) in [0, 100] -> integers in 0 ... 49."""
    return (lightness / (100 / LIGHTNESS_BINS)).long().clamp(0, LIGHTNESS_BINS - 1)


def _in_rows(logits: Tensor) -> Tensor:
    """(B, K, h, w) -> (B h w, K)."""
    return logits.movedim(1, -1).flatten(0, 2)


def _head(channels: int, width: int, count: int, norm: str) -> nn.Sequential:
    """fc6, fc7 and the predictions as convolutions: every place of the map sees 11 x 11 of them, and is kept."""
    return nn.Sequential(
        nn.Conv2d(channels, width, 6, padding=5, dilation=2),
        norm_of(norm, width),
        nn.ReLU(inplace=True),
        nn.Conv2d(width, width, 1),
        norm_of(norm, width),
        nn.ReLU(inplace=True),
        nn.Conv2d(width, count, 1),
    )
