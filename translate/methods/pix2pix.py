"""pix2pix: translation learned from pairs (Isola, Zhu, Zhou, Efros, CVPR 2017, arXiv:1611.07004)."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from translate.flags import flag
from translate.losses.adversarial import discriminator_loss, generator_loss
from translate.losses.reconstruction import l1
from translate.methods.base import Batch, Method
from translate.methods.building import PLAIN_GAN_MODES, check_crop, check_sides, make_discriminator, make_generator
from translate.methods.health import BLIND, WON, Game, Level, draw_levels
from translate.methods.passes import run_together
from translate.networks import RESNET_GENERATORS
from translate.networks.initialization import initialize
from translate.networks.unet import UNET_GENERATORS
from translate.options import NetworkOptions


@dataclass(frozen=True)
class Pix2PixOptions:
    """Method pix2pix"""

    gan_mode: str = flag("vanilla", "adversarial loss", choices=PLAIN_GAN_MODES)
    lambda_L1: float = flag(100.0, "weight of the distance from the partner", low=0)
    test_norm: str = flag(
        "picture",
        "what batch norms of the generator use in a test: each picture's own statistics, as published, or the running "
        "ones of the training",
        choices=("picture", "training"),
    )


@dataclass
class Pix2PixState:
    """What the players share in one step. Pictures (B, C, H, W) in [-1, 1]."""

    batch: Batch
    fake_B: Tensor


class Pix2Pix(Method):
    """A generator that is told the answer and a discriminator that sees the question beside it."""

    Options = Pix2PixOptions
    recordable = True
    needs = "aligned"
    netG = (*UNET_GENERATORS, *RESNET_GENERATORS)
    games = (Game(("D_fake", "D_real"), "G_GAN"),)

    def __init__(self, options: Pix2PixOptions, networks: NetworkOptions, input_nc: int = 3, output_nc: int = 3):
        super().__init__()
        self.options = options
        self.networks = nn.ModuleDict(
            {
                "G": make_generator(networks, input_nc, output_nc),
                "D": make_discriminator(networks, input_nc + output_nc),
            }
        )
        initialize(self.networks, networks.init_type, networks.init_gain)
        self.players = {"D": ("D",), "G": ("G",)}
        self.falling = ("G_L1",) if options.lambda_L1 > 0 else ()

    @staticmethod
    def defaults(values: Mapping[str, Any]) -> dict[str, Any]:
        """The published settings: U-Net with batch norm and dropout, strided layers, 200 epochs, jitter to the end."""
        return {
            "netG": "unet_256",
            "normG": "batch",
            "normD": "batch",
            "no_dropout": False,
            "no_antialias": True,
            "no_antialias_up": True,
            "init_type": "normal",
            "init_gain": 0.02,
            "n_epochs": 100,
            "n_epochs_decay": 100,
            "decay_load_size": "load_size",
        }

    @property
    def title(self) -> str:
        return "pix2pix"

    def check_size(self, side_px: int) -> None:
        """Refuse crops that do not suit the networks."""
        check_crop(self.networks["G"], [self.networks["D"]], side_px)

    def levels(self, side_px: int, batch_size: int) -> dict[str, Level]:
        return draw_levels(self.options.gan_mode, self.games)

    def remedies(self) -> dict[str, str]:
        """How like its input a translation should be, the pairs know."""
        weight = self.options.lambda_L1
        return {
            WON: f"a smaller --ndf, or a lower --lambda_L1 (it is {weight:g}), which leaves the generator more freedom",
            BLIND: "a lower --lr, or a larger --ndf",
        }

    def forward(self, batch: Batch) -> Pix2PixState:
        check_sides(self.networks["G"], batch["A"])
        return Pix2PixState(batch=batch, fake_B=self.networks["G"](batch["A"]))

    def losses(self, player: str, state: Pix2PixState) -> tuple[Tensor, dict[str, Tensor]]:
        return self._discriminator_losses(state) if player == "D" else self._generator_losses(state)

    def _discriminator_losses(self, state: Pix2PixState) -> tuple[Tensor, dict[str, Tensor]]:
        mode, real_A = self.options.gan_mode, state.batch["A"]
        pairs = [torch.cat([real_A, image], 1) for image in (state.fake_B.detach(), state.batch["B"])]
        on_fake, on_real = run_together(self.networks["D"], pairs)
        named = {
            "D_fake": discriminator_loss(mode, on_fake, real=False),
            "D_real": discriminator_loss(mode, on_real, real=True),
        }
        return 0.5 * (named["D_fake"] + named["D_real"]), named

    def _generator_losses(self, state: Pix2PixState) -> tuple[Tensor, dict[str, Tensor]]:
        """Eq. 4: the adversarial loss and lambda times the L1 distance."""
        logits = self.networks["D"](torch.cat([state.batch["A"], state.fake_B], 1))
        named = {
            "G_GAN": generator_loss(self.options.gan_mode, logits),
            "G_L1": self.options.lambda_L1 * l1(state.fake_B, state.batch["B"]),
        }
        return named["G_GAN"] + named["G_L1"], named

    def pictures(self, state: Pix2PixState) -> dict[str, Tensor]:
        named = {"real_A": state.batch["A"], "fake_B": state.fake_B, "real_B": state.batch["B"]}
        return {label: images[0].detach() for label, images in named.items()}

    @classmethod
    def translator(cls, generator: nn.Module, options: Pix2PixOptions) -> nn.Module:
        """The generator, with batch norms as ``test_norm`` says, and without dropout in evaluation mode.

        The paper tests in training mode (section 3.3): batch norms see the picture at hand, and dropout is on, which
        changes little and makes results random. Here the first is kept and the second is not.
        """
        has_running = any(isinstance(module, nn.BatchNorm2d) for module in generator.modules())
        return _with_own_statistics(generator) if options.test_norm == "picture" and has_running else generator


def _with_own_statistics(generator: nn.Module) -> nn.Module:
    """A twin with the same parameters whose batch norms take the statistics of each picture by itself."""
    shared = {id(tensor): tensor for tensor in chain(generator.parameters(), generator.buffers())}
    twin = copy.deepcopy(generator, shared)
    for module in list(twin.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(module, name, _own_statistics(child))
    return twin


def _own_statistics(norm: nn.BatchNorm2d) -> nn.InstanceNorm2d:
    own = nn.InstanceNorm2d(norm.num_features, eps=norm.eps, affine=True)
    own.weight, own.bias = norm.weight, norm.bias
    return own.train(norm.training)
