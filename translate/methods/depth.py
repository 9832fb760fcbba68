"""Depth from one picture, learned from scenes with known depth (Li et al., CVPR 2019, arXiv:1904.11111)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from translate.errors import InputError
from translate.flags import flag
from translate.losses.depth import curvature, gradient_matching, log_of, scale_invariant, smoothness
from translate.methods.base import Batch, Method
from translate.methods.building import OF_DISCRIMINATORS, check_crop, check_sides, make_generator
from translate.networks.depth_maps import DepthEstimator, depth_of, relative_depth, warm
from translate.networks.hourglass import DepthPrediction
from translate.networks.initialization import initialize
from translate.options import NetworkOptions


@dataclass(frozen=True)
class DepthOptions:
    """Method depth"""

    lambda_scale: float = flag(1.5, "weight of the scale-invariant distance of log depths", low=0)
    lambda_gradient: float = flag(0.75, "weight of the distance of their slopes, on each of five scales", low=0)
    lambda_smooth: float = flag(0.075, "weight of slopes where the picture has none", low=0)
    lambda_curvature: float = flag(0.1, "weight of bends where the picture has none", low=0)


@dataclass
class DepthState:
    """What a step has made of B pictures."""

    batch: Batch
    prediction: DepthPrediction


class Depth(Method):
    """A network that says how far each pixel is, up to a factor that nobody can tell from one picture.

    Domain B holds the depths; 0, its black, is where it is not known.
    """

    Options = DepthOptions
    needs = "aligned"
    netG = ("hourglass",)
    netD = ("basic",)  # the usual word: there is none
    test_size = "original"

    def __init__(self, options: DepthOptions, networks: NetworkOptions, input_nc: int = 3, output_nc: int = 1):
        super().__init__()
        if output_nc != 1:
            raise InputError(
                f"--model depth learns a depth of one channel, not with --output_nc {output_nc}; save the pictures of "
                "domain B in grey, as 16-bit PNG or .npy"
            )
        self.options = options
        self.networks = nn.ModuleDict({"G": make_generator(networks, input_nc, output_nc)})
        initialize(self.networks, networks.init_type, networks.init_gain)
        self.players = {"G": ("G",)}
        weights = {"scale": options.lambda_scale, "gradient": options.lambda_gradient}
        self.falling = tuple(name for name, weight in weights.items() if weight > 0)
        if not self.falling:
            raise InputError("--lambda_scale and --lambda_gradient are both 0: nothing asks for the depth; raise one")

    @staticmethod
    def defaults(values: Mapping[str, Any]) -> dict[str, Any]:
        """The published solver, and crops without scaling, which would mix known depths with unknown ones."""
        span = values.get("range_B")
        if span and not _begins_at_zero(span):
            raise InputError(f"--range_B {span}: 0 stands for a depth that is not known; give 0,HIGH")
        return {
            "netG": "hourglass",
            "ngf": 128,
            "init_type": "kaiming",
            "output_nc": 1,
            "lr": 4e-4,
            "beta1": 0.9,
            "batch_size": 8,
            "lr_policy": "step",
            "lr_decay_iters": 8,
            "preprocess": "crop",
            "crop_size": 256,
        }

    @staticmethod
    def idle_flags(options: Any) -> dict[str, str]:
        """Those of a discriminator, and of what the hourglass has its own way for."""
        others = dict.fromkeys(("normG", "no_dropout", "no_antialias", "no_antialias_up"), "the hourglass has its own")
        return {**dict.fromkeys(OF_DISCRIMINATORS, "depth is learned without a discriminator"), **others}

    @staticmethod
    def multiple_px(networks: NetworkOptions) -> int:
        return 16

    def check_size(self, side_px: int) -> None:
        """Refuse pictures that cannot be halved four times."""
        check_crop(self.networks["G"], [], side_px)

    def forward(self, batch: Batch) -> DepthState:
        check_sides(self.networks["G"], batch["A"])
        return DepthState(batch, self.networks["G"](batch["A"]))

    def losses(self, player: str, state: DepthState) -> tuple[Tensor, dict[str, Tensor]]:
        options, log_depth = self.options, state.prediction.log_depth.float()
        truth = depth_of(state.batch["B"])
        valid = truth > 0
        log_ratio = log_depth - log_of(truth, valid)
        pictures = (state.batch["A"] + 1) / 2
        named = {
            "scale": options.lambda_scale * scale_invariant(log_ratio, valid),
            "gradient": options.lambda_gradient * gradient_matching(log_ratio, valid),
            "smooth": options.lambda_smooth * smoothness(log_depth, pictures),
            "curvature": options.lambda_curvature * curvature(log_depth, pictures),
        }
        total = torch.stack(list(named.values())).sum()
        return total, {"G": total, **named}

    @torch.no_grad()
    def pictures(self, state: DepthState) -> dict[str, Tensor]:
        """The first picture, its predicted depth, and this and the true one in colours."""
        fake = relative_depth(state.prediction.log_depth[:1].float())
        coloured = {"coloured_B": warm(fake)[0], "coloured_truth": warm(state.batch["B"][:1])[0]}
        return {"real_A": state.batch["A"][0], "fake_B": fake[0], **coloured}

    @classmethod
    def translator(cls, generator: nn.Module, options: DepthOptions) -> DepthEstimator:
        return DepthEstimator(generator)


def _begins_at_zero(span: str) -> bool:
    try:
        return float(str(span).split(",")[0]) == 0
    except ValueError:
        return True  # what is wrong with it is said where it is read
