"""What methods share that train an encoder: it is kept, and measured by what can be read from its features."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from translate.errors import InputError
from translate.flags import flag
from translate.methods.base import Method
from translate.methods.building import LARGEST_SIDE_PX, OF_DISCRIMINATORS, make_generator
from translate.networks import RESNET_GENERATORS
from translate.networks.encoders import ENCODERS, NORMS, Encoder, build_encoder
from translate.options import NetworkOptions

OF_GENERATORS = ("netG", "ngf", "normG", "no_dropout", "no_antialias", "no_antialias_up")


@dataclass(frozen=True)
class EncoderOptions:
    """Flags of every method that trains an encoder; a method's own options come behind them."""

    netE: str = flag("alexnet", "encoder; generator: the first half of --netG", choices=ENCODERS, fixed=True)
    nef: int = flag(
        64, "width of the alexnets: channels of the first layer, in caffenet and split_alexnet 1.5 times it", low=4,
        fixed=True,
    )  # fmt: skip
    normE: str = flag(
        "batch", "norm of the encoder; batch_plain: without learned scale and shift; lrn: of caffenet", choices=NORMS,
        fixed=True,
    )  # fmt: skip


class EncoderMethod(Method):
    """A method whose network ``E`` is what is wanted, and which translates nothing."""

    needs = "single"
    netG = RESNET_GENERATORS
    generators: ClassVar[Mapping[str, str]] = {}
    forward_player = "E"

    @staticmethod
    def defaults(values: Mapping[str, Any]) -> dict[str, Any]:
        """What suits encoders: initial weights that keep the scale of maps, and crops of photographs."""
        return {
            "init_type": "kaiming",
            "lr": 1e-3,
            "beta1": 0.9,
            "batch_size": 64,
            "preprocess": "scale_aspect_and_crop",
            "load_size": 256,
            "crop_size": 224,
            "decay_load_size": "load_size",
            "n_epochs": 100,
            "n_epochs_decay": 100,
        }

    @staticmethod
    def idle_flags(options: Any) -> dict[str, str]:
        """Those of a discriminator, and of a generator where the encoder is not the half of one."""
        idle = dict.fromkeys(OF_DISCRIMINATORS, "an encoder is trained without a discriminator")
        if options.netE != "generator":
            idle |= dict.fromkeys(OF_GENERATORS, f"--netE {options.netE} is no half of a generator")
        return idle

    @property
    def kept_networks(self) -> tuple[str, ...]:
        return ("E",)

    @property
    def stride(self) -> int:
        return self.networks["E"].stride

    @staticmethod
    def multiple_px(networks: NetworkOptions) -> int:
        return 1

    def check_size(self, side_px: int) -> None:
        """Refuse pictures of which nothing is left in the encoder's deepest map."""
        check_side(self.networks["E"], side_px, "--crop_size", self.options.netE)


def make_encoder(options: EncoderOptions, networks: NetworkOptions, input_nc: int, first_stride: int = 4) -> Encoder:
    """The encoder of the flags; ``first_stride`` is for ``alexnet`` and ``caffenet``."""
    half = make_generator(networks, input_nc, input_nc) if options.netE == "generator" else None
    return build_encoder(options.netE, input_nc, options.nef, options.normE, half, first_stride)


def check_side(encoder: Encoder, side_px: int, flag: str, netE: str) -> int:
    """Side of the encoder's deepest map of squares of ``side_px``.

    Raises:
        InputError: nothing is left of them; names the flag that says how large they are, and a side that is enough.
    """
    shape = map_shape(encoder, side_px)
    if shape is None:
        enough_px = smallest_side(encoder, side_px)
        raise InputError(f"{flag} {side_px} is too small for --netE {netE}: use {enough_px} or more")
    return shape[-1]


def smallest_side(encoder: Encoder, from_px: int) -> int:
    """The side of the smallest pictures that an encoder can see, among those of ``from_px`` or more."""
    return next(side_px for side_px in range(from_px, LARGEST_SIDE_PX) if map_shape(encoder, side_px))


@torch.no_grad()
def map_shape(encoder: Encoder, side_px: int) -> tuple[int, ...] | None:
    """Channels, height and width of the deepest map of square pictures; None where nothing is left of them."""
    training, weight = encoder.training, next(encoder.parameters())
    encoder.eval()  # running statistics stay as they are
    try:
        return tuple(encoder(weight.new_zeros(1, encoder.input_nc, side_px, side_px)).shape[1:])
    except (RuntimeError, ValueError):  # a map got smaller than a kernel, or has a single value and no statistics
        return None
    finally:
        encoder.train(training)
