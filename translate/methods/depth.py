"""Depth from frozen people (Li, Dekel, Cole, Tucker, Snavely, Liu, Freeman, CVPR 2019, arXiv:1904.11111): depth of a
picture, of people too, learned from depth that was measured while they stood still."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from translate.errors import InputError
from translate.flags import convert, flag
from translate.losses.depth import (
    count_pairs,
    edge_aware_curvature,
    edge_aware_smoothness,
    human_pairs,
    log_residual,
    multi_scale_gradient,
    scale_invariant,
)
from translate.methods.base import Batch, Method
from translate.methods.building import OF_DISCRIMINATORS, check_crop, check_sides, make_generator
from translate.networks.depth_colours import colour_depth
from translate.networks.hourglass import Hourglass
from translate.networks.initialization import initialize
from translate.options import NetworkOptions

RGB = 3
# What the network sees, and the kinds of planes (see ``translate.data.planes``) that this is, in published order.
DEPTH_INPUTS = {
    "rgb": (),
    "rgb,mask": ("mask",),
    "rgb,mask,initial,confidence": ("mask", "initial", "confidence"),
    "rgb,mask,keypoints,initial,confidence": ("mask", "keypoints", "initial", "confidence"),
}


@dataclass(frozen=True)
class DepthOptions:
    """Method depth"""

    depth_inputs: str = flag(
        "rgb", "what the network sees: the picture, and of trainA_mask, trainA_initial ... what was known before",
        choices=tuple(DEPTH_INPUTS), fixed=True,
    )  # fmt: skip
    lambda_si: float = flag(1.5, "weight of the scale-invariant error; with --lambda_human 1 unless told", low=0)
    lambda_human: float = flag(
        0.0, "weight of the same over pairs with a pixel of people, 0.5 in the paper; needs trainA_mask", low=0
    )
    lambda_gradient: float = flag(0.75, "weight of the errors' gradient at each scale", low=0)
    lambda_smooth: float = flag(0.075, "weight of smoothness away from edges, halved at each coarser scale", low=0)
    lambda_curvature: float = flag(0.1, "the same of smoothness of second order", low=0)
    depth_scales: int = flag(5, "scales of these three, each of half the side", low=1, high=10)


@dataclass
class DepthState:
    """What a step has made; maps are (B, 1, H, W)."""

    colours: Tensor  # (B, 3, H, W) in [-1, 1]
    log_depth: Tensor
    depth: Tensor  # true, in metres
    valid: Tensor  # boolean, where it is known
    people: Tensor | None  # boolean
    counts: Mapping[str, Tensor]  # of a batch in pieces, see Method.counts


class Depth(Method):
    """One network that is told the depth of pictures up to their scale."""

    Options = DepthOptions
    recordable = True
    needs = "depth"
    netG = ("hourglass",)
    netD = ("basic",)  # the usual word: there is none

    def __init__(self, options: DepthOptions, networks: NetworkOptions, input_nc: int = 3, output_nc: int = 1):
        super().__init__()
        _refuse_unfit(options, networks, input_nc, output_nc)
        self.options = options
        planes = {letter: len(kinds) for letter, kinds in self.layers(options).items()}
        self.batch_nc = {"A": RGB + planes["A"], "B": 1 + planes["B"]}
        self.networks = nn.ModuleDict({"G": make_generator(networks, self.batch_nc["A"], 1)})
        initialize(self.networks, networks.init_type, networks.init_gain)
        self.players = {"G": ("G",)}
        weights = {"si": options.lambda_si, "human": options.lambda_human, "gradient": options.lambda_gradient}
        self.falling = tuple(name for name, weight in weights.items() if weight > 0)

    @staticmethod
    def defaults(values: Mapping[str, Any]) -> dict[str, Any]:
        """The published solver and batch, on crops of pictures whose shorter side is one of the published ones.

        How long it is trained is not published; its rate is halved every 8 epochs there, and falls to 0 here.
        """
        published = {
            "netG": "hourglass",
            "normG": "batch",
            "init_type": "kaiming",  # a ReLU behind every convolution
            "lr": 4e-4,
            "beta1": 0.9,
            "batch_size": 8,
            "preprocess": "scale_aspect_and_crop",
            "load_size": 288,
            "crop_size": 256,
            "decay_load_size": "load_size",
            "n_epochs": 20,
            "n_epochs_decay": 20,
        }
        with_people = convert(DepthOptions, "lambda_human", values.get("lambda_human", DepthOptions.lambda_human)) > 0
        return {**published, "lambda_si": 1.0} if with_people else published

    @staticmethod
    def idle_flags(options: Any) -> dict[str, str]:
        """Those of a discriminator, and of what the hourglass has in one way only."""
        fixed = dict.fromkeys(
            ("normG", "no_dropout", "no_antialias", "no_antialias_up"), "hourglass has its own layers"
        )
        return {**fixed, **dict.fromkeys(OF_DISCRIMINATORS, "depth is learned without a discriminator")}

    @staticmethod
    def multiple_px(networks: NetworkOptions) -> int:
        return Hourglass.stride

    @staticmethod
    def layers(options: DepthOptions) -> dict[str, tuple[str, ...]]:
        return {"A": DEPTH_INPUTS[options.depth_inputs], "B": ("mask",) if options.lambda_human > 0 else ()}

    def check_size(self, side_px: int) -> None:
        """Refuse crops that the network cannot halve, or that leave it a single pixel, which has no statistics."""
        check_crop(self.networks["G"], [], side_px)
        if side_px < 2 * Hourglass.stride:
            raise InputError(f"--crop_size {side_px} is too small for depth: use {2 * Hourglass.stride} or more")

    def counts(self, batch: Batch) -> dict[str, Tensor]:
        return {"pairs": count_pairs(_known(batch["B"]), self.options.depth_scales)}

    def forward(self, batch: Batch) -> DepthState:
        images, truth = batch["A"], batch["B"]
        check_sides(self.networks["G"], images)
        log_depth = self.networks["G"](_as_published(images)).log_depth.float()
        depth = truth[:, :1]
        people = truth[:, 1:2] > 0 if self.options.lambda_human > 0 else None
        return DepthState(images[:, :RGB], log_depth, depth, _known(truth), people, batch.get("counts", {}))

    def losses(self, player: str, state: DepthState) -> tuple[Tensor, dict[str, Tensor]]:
        """Eq. 2 with the weights of the flags."""
        options, scales = self.options, self.options.depth_scales
        residual = log_residual(state.log_depth, state.depth, state.valid)
        unit = (state.colours + 1) / 2
        named = {}
        if options.lambda_si > 0:
            named["si"] = options.lambda_si * scale_invariant(residual, state.valid)
        if options.lambda_human > 0:
            named["human"] = options.lambda_human * human_pairs(residual, state.valid, state.people)
        if options.lambda_gradient > 0:
            differences = multi_scale_gradient(residual, state.valid, scales, state.counts.get("pairs"))
            named["gradient"] = options.lambda_gradient * differences
        if options.lambda_smooth > 0:
            named["smooth"] = options.lambda_smooth * edge_aware_smoothness(state.log_depth, unit, scales)
        if options.lambda_curvature > 0:
            named["curvature"] = options.lambda_curvature * edge_aware_curvature(state.log_depth, unit, scales)
        total = torch.stack(list(named.values())).sum()
        return total, {"G": total, **named}

    @torch.no_grad()
    def pictures(self, state: DepthState) -> dict[str, Tensor]:
        """The first picture with its depth, predicted and true: near is warm, grey is not known."""
        depth = torch.where(state.valid[:1], state.depth[:1], torch.ones_like(state.depth[:1]))
        return {
            "real_A": state.colours[0],
            "fake_B": colour_depth(state.log_depth[:1])[0],
            "real_B": colour_depth(depth.log(), state.valid[:1])[0],
        }

    @classmethod
    def translator(cls, generator: nn.Module, options: DepthOptions) -> "DepthTranslator":
        return DepthTranslator(generator)


def _known(truth: Tensor) -> Tensor:
    """Where the depth, the first plane, is known: (B, 1, H, W) boolean."""
    return truth[:, :1] > 0


class DepthTranslator(nn.Module):
    """Pictures (B, C, H, W) -> coloured depth (B, 3, H, W) in [-1, 1], near is warm.

    C is 3, colours in [-1, 1], and behind them the planes that the network has learned with.
    """

    input_nc = RGB
    numbers = frozenset({"depth_B"})

    def __init__(self, generator: nn.Module):
        super().__init__()
        self.generator = generator
        self.stride = generator.stride

    def forward(self, images: Tensor) -> Tensor:
        return colour_depth(self._log_depth(images))

    def views(self, images: Tensor) -> dict[str, Tensor]:
        """``fake_B``, coloured depth, and ``depth_B``, depth (B, 1, H, W) in an unknown unit."""
        log_depth = self._log_depth(images)
        return {"fake_B": colour_depth(log_depth), "depth_B": log_depth.exp()}

    def _log_depth(self, images: Tensor) -> Tensor:
        if images.shape[1] != self.generator.input_nc:
            raise InputError(
                f"this run reads {self.generator.input_nc - RGB} planes beside a picture (--depth_inputs), such as "
                "masks of people: let test.py translate a data set, where it finds them in testA_mask and the like"
            )
        return self.generator(_as_published(images)).log_depth.float()


def _as_published(images: Tensor) -> Tensor:
    """Colours from [-1, 1] to [0, 1]; planes stay as they are."""
    return torch.cat([(images[:, :RGB] + 1) / 2, images[:, RGB:]], dim=1)


def _refuse_unfit(options: DepthOptions, networks: NetworkOptions, input_nc: int, output_nc: int) -> None:
    if input_nc != RGB:
        raise InputError(f"--input_nc {input_nc} does not suit depth, which sees pictures in colour; leave it out")
    if output_nc != 1:
        raise InputError(f"--output_nc {output_nc} does not suit depth, which is one number a pixel; leave it out")
    if networks.ngf % 4:
        raise InputError(f"--ngf {networks.ngf} does not suit hourglass: use a multiple of 4")
    if not any((options.lambda_si, options.lambda_human, options.lambda_gradient)):
        raise InputError("--lambda_si, --lambda_human and --lambda_gradient are 0: nothing is left to learn; raise one")
