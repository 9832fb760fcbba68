"""Context encoders: filling holes from their surroundings (Pathak et al., CVPR 2016, arXiv:1604.07379)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from translate.errors import InputError
from translate.flags import flag
from translate.losses.adversarial import GAN_MODES, discriminator_loss, generator_loss
from translate.losses.reconstruction import masked_l2, overlap_weights
from translate.masks import MASKS, centre_mask, draw_mask
from translate.method_options import ContextEncoderTestOptions
from translate.methods.base import Batch, Method
from translate.methods.health import BLIND, WON, Game, Level, draw_levels
from translate.methods.inpainting import Inpainter
from translate.networks import build_discriminator, build_generator
from translate.networks.context import CONTEXT_GENERATORS, CONTEXT_SIDES, HoleFiller
from translate.networks.initialization import initialize
from translate.options import NetworkOptions
from translate.registry import did_you_mean


@dataclass(frozen=True)
class ContextEncoderOptions:
    """Method context_encoder"""

    mask: str = flag("centre", "where the holes are: centre, blocks or region", choices=MASKS, fixed=True)
    overlap_px: int = flag(
        4, "known pixels around the hole that are predicted too; blocks and region: 0", low=0, fixed=True
    )
    overlap_weight: float = flag(10.0, "weight of their L2 against that of the hole", above=0)
    lambda_rec: float = flag(0.999, "weight of the L2 loss", low=0)
    lambda_adv: float = flag(0.001, "weight of the adversarial loss; 0: L2 alone, no discriminator", low=0)
    gan_mode: str = flag("vanilla", "adversarial loss", choices=tuple(mode for mode in GAN_MODES if mode != "wgangp"))
    bottleneck: int | None = flag(
        None, "channels of the bottleneck, which context_alexnet does not have", low=1, fixed=True
    )
    lr_factor_G: float | None = flag(
        None, "the generator's share of --lr; default: 10 where 0 < lambda_rec < 1 (published), else 1", above=0
    )


@dataclass
class ContextState:
    """What the players share in one step: pictures (B, C, H, W) in [-1, 1], holes and weights (B, 1, H, W)."""

    real: Tensor
    holes: Tensor  # True: hidden from the generator
    weights: Tensor  # of the L2 loss, 0 where nothing is predicted
    prediction: Tensor  # in the place of the picture it belongs to
    filled: Tensor  # the prediction inside the holes, the picture around them
    counts: Mapping[str, Tensor]  # of a batch in pieces, see Method.counts


class ContextEncoder(Method):
    """A generator that predicts what a hole hides, held to the truth by L2 and to the plausible by a discriminator.

    A network that predicts the middle alone has its prediction judged alone, without the surroundings, as published.
    Where the whole picture is predicted, the loss asks nothing of what is known, so the filled picture is judged.
    """

    Options = ContextEncoderOptions
    recordable = True
    TestOptions = ContextEncoderTestOptions
    needs = "single"
    netG = CONTEXT_GENERATORS
    test_size = "original"
    measures = "mean colour, 1"

    def __init__(self, options: ContextEncoderOptions, networks: NetworkOptions, input_nc: int = 3, output_nc: int = 3):
        super().__init__()
        self.options = options
        if options.lambda_rec == 0 and options.lambda_adv == 0:
            raise InputError("--lambda_rec and --lambda_adv are both 0: nothing is left to learn; raise one of them")
        if networks.netG not in CONTEXT_GENERATORS:
            hint = did_you_mean(networks.netG, CONTEXT_GENERATORS)
            raise InputError(f"--netG {networks.netG} is not a context encoder: {hint}")
        if networks.netG == "context_alexnet" and options.bottleneck is not None:
            raise InputError(
                f"--bottleneck {options.bottleneck}: --netG {networks.netG} has no bottleneck; leave the flag out"
            )
        generator = build_generator(
            networks.netG,
            input_nc,
            output_nc,
            networks.ngf,
            networks.normG,
            whole=options.mask != "centre",
            **({} if options.bottleneck is None else {"bottleneck": options.bottleneck}),
        )
        self.word = networks.netG
        self.hole_px = _centre_hole_px(generator, options)
        self.networks = torch.nn.ModuleDict({"G": generator})
        self.players = {"G": ("G",)}
        if options.lambda_adv > 0:
            self.networks["D"] = build_discriminator(
                networks.netD, input_nc, networks.ndf, networks.n_layers_D, networks.normD, networks.no_antialias
            )
            self.players = {"D": ("D",), **self.players}
            self.games = (Game(("D_real", "D_fake"), "G_GAN"),)
        self.falling = ("G_L2",) if options.lambda_rec > 0 else ()
        initialize(self.networks, networks.init_type, networks.init_gain)
        published = 10.0 if 0 < options.lambda_rec < 1 else 1.0
        self.lr_scales = {"G": published if options.lr_factor_G is None else options.lr_factor_G}

    @staticmethod
    def defaults(values: Mapping[str, Any]) -> dict[str, Any]:
        """The published training, which scales pictures by their shorter side; without overlap where the hole is not
        in the middle, L2 alone and no bottleneck for AlexNet."""
        netG = str(values.get("netG", "context_encoder")).lower()
        alexnet = netG == "context_alexnet"
        mask = str(values.get("mask", "region" if alexnet else "centre")).lower()
        crop_size = CONTEXT_SIDES.get(netG, CONTEXT_SIDES["context_encoder"])
        judged_px = crop_size // 2 if mask == "centre" and not alexnet else crop_size
        return {
            "dataset_mode": "single",
            "netG": netG,
            "netD": "context",
            "n_layers_D": judged_px.bit_length() - 3,  # down to 4x4
            "normG": "batch",
            "normD": "batch",
            "init_type": "normal",
            "init_gain": 0.02,
            "lr": 2e-4,
            "beta1": 0.5,
            "batch_size": 64,
            "preprocess": "scale_aspect_and_crop",
            "load_size": 350,
            "crop_size": crop_size,
            "decay_load_size": "load_size",
            "n_epochs": 500,
            "n_epochs_decay": 0,
            "mask": mask,
            "overlap_px": 4 if mask == "centre" else 0,
            **({"lambda_adv": 0.0} if alexnet else {"bottleneck": 4000}),
        }

    @staticmethod
    def multiple_px(networks: NetworkOptions) -> int:
        """AlexNet's 227 is no multiple of 4."""
        return 1 if networks.netG == "context_alexnet" else 4

    @property
    def title(self) -> str:
        losses = [("L2", self.options.lambda_rec), ("adversarial", self.options.lambda_adv)]
        return f"context encoder ({' + '.join(name for name, weight in losses if weight > 0)})"

    def check_size(self, side_px: int) -> None:
        """Refuse training pictures of another size than the network's, and a discriminator that is too deep."""
        self._check_sides(side_px, side_px)
        if "D" not in self.networks:
            return
        judged = self._judged(next(self.networks["G"].parameters()).new_zeros(1, len(self._colour), side_px, side_px))
        try:
            with torch.no_grad():
                self.networks["D"].eval()(judged)  # running statistics stay as they are
        except RuntimeError:  # a map got smaller than a kernel
            raise InputError(
                f"the discriminator has nothing to judge in {judged.shape[-1]}x{judged.shape[-1]} predicted pixels: "
                "use fewer --n_layers_D"
            ) from None
        finally:
            self.networks["D"].train()

    def check_batch(self, size: int, pieces: int) -> None:
        """Refuse a piece of one picture where the bottleneck, a single pixel, has a batch norm."""
        if size == pieces and isinstance(self.networks["G"].encoder[-2], torch.nn.BatchNorm2d):
            alone = f" in each of {pieces} processes or parts" if pieces > 1 else ""
            raise InputError(
                f"--batch_size {size} leaves one picture{alone}, and batch norm nothing to compare it with: use "
                f"--batch_size {2 * pieces} or more"
            )

    def levels(self, side_px: int, batch_size: int) -> dict[str, Level]:
        return draw_levels(self.options.gan_mode, self.games, self.options.lambda_adv)

    def remedies(self) -> dict[str, str]:
        """A picture with its hole filled is nearly the input, and should be."""
        if not self.games:
            return {}
        weight = self.options.lambda_adv
        return {
            WON: f"a smaller --ndf, or a higher --lambda_adv (it is {weight:g})",
            BLIND: "a lower --lr, or a larger --ndf",
        }

    def _check_sides(self, height: int, width: int) -> None:
        side = self.networks["G"].side
        if (height, width) != (side, side):
            raise InputError(
                f"--netG {self.word} is trained on pictures of {side}x{side}, not {width}x{height}: use --crop_size "
                f"{side} and a --preprocess that crops"
            )

    @property
    def _colour(self) -> Tensor:
        return self.networks["G"].hole

    def measure(self, pictures: Iterable[Tensor]) -> Tensor:
        """The mean colour (C,) in [-1, 1] over all pixels of the uint8 pictures (C, H, W)."""
        total = torch.zeros(len(self._colour), dtype=torch.float64)
        pixels = 0
        for picture in pictures:
            total += picture.flatten(1).sum(1, dtype=torch.int64).cpu()
            pixels += picture.shape[1] * picture.shape[2]
        return (total / max(pixels, 1) / 127.5 - 1).to(torch.float32)

    def use_measured(self, value: Tensor) -> None:
        """Fill the holes with this colour from now on; it is saved with the generator."""
        self._colour.copy_(value)

    def draw(self, rng: np.random.Generator, sizes: Mapping[str, tuple[int, int]]) -> dict[str, Any]:
        """The hole, (H, W) boolean; that of a network trained with holes in the middle is the same each time."""
        if self.hole_px:
            return {"hole": centre_mask(*sizes["A"], self.hole_px)}
        return {"hole": draw_mask(self.options.mask, rng, *sizes["A"])}

    def counts(self, batch: Batch) -> dict[str, Tensor]:
        return {"predicted": (self._weights(batch) > 0).sum() * batch["A"].shape[1]}

    def _weights(self, batch: Batch) -> Tensor:
        """Of the L2 loss, (B, 1, H, W)."""
        return overlap_weights(batch["hole"].unsqueeze(1), self.options.overlap_px, self.options.overlap_weight)

    def forward(self, batch: Batch) -> ContextState:
        """The prediction from what is around the hole, and the picture filled with it."""
        real, generator = batch["A"], self.networks["G"]
        self._check_sides(*real.shape[-2:])
        holes = batch["hole"].unsqueeze(1)  # (B, 1, H, W)
        prediction = generator.predict(generator.punch(real, holes))
        return ContextState(
            real=real,
            holes=holes,
            weights=self._weights(batch),
            prediction=prediction,
            filled=torch.where(holes, prediction, real),
            counts=batch.get("counts", {}),
        )

    def _judged(self, images: Tensor) -> Tensor:
        """What of a picture the discriminator sees."""
        return self.networks["G"].crop(images)

    def losses(self, player: str, state: ContextState) -> tuple[Tensor, dict[str, Tensor]]:
        return self._discriminator_losses(state) if player == "D" else self._generator_losses(state)

    def _fake(self, state: ContextState) -> Tensor:
        return self._judged(state.filled if self.networks["G"].whole else state.prediction)

    def _discriminator_losses(self, state: ContextState) -> tuple[Tensor, dict[str, Tensor]]:
        discriminator, mode = self.networks["D"], self.options.gan_mode
        named = {
            "D_real": discriminator_loss(mode, discriminator(self._judged(state.real)), real=True),
            "D_fake": discriminator_loss(mode, discriminator(self._fake(state).detach()), real=False),
        }
        return named["D_real"] + named["D_fake"], named

    def _generator_losses(self, state: ContextState) -> tuple[Tensor, dict[str, Tensor]]:
        options = self.options
        missed = masked_l2(state.prediction, state.real, state.weights, state.counts.get("predicted"))
        named = {"G_L2": options.lambda_rec * missed}
        total = named["G_L2"]
        if options.lambda_adv > 0:
            logits = self.networks["D"](self._fake(state))
            named["G_GAN"] = options.lambda_adv * generator_loss(options.gan_mode, logits)
            total = total + named["G_GAN"]
        return total, {"G": total, **named}

    def pictures(self, state: ContextState) -> dict[str, Tensor]:
        """The picture, with its hole, and filled."""
        punched = self.networks["G"].punch(state.real[:1], state.holes[:1])
        named = {"real_A": state.real, "hole_A": punched, "fake_B": state.filled}
        return {label: images[0].detach() for label, images in named.items()}

    @classmethod
    def translator(cls, generator: HoleFiller, options: ContextEncoderOptions) -> Inpainter:
        """The generator as a module that fills the holes of pictures of any size."""
        return Inpainter(generator, _centre_hole_px(generator, options))


def _centre_hole_px(generator: HoleFiller, options: ContextEncoderOptions) -> int | None:
    """Side of the hole in the middle: half the picture less the overlap on both sides; None for holes anywhere."""
    if options.mask != "centre":
        return None
    hole_px = generator.side // 2 - 2 * options.overlap_px
    if hole_px < 1:
        raise InputError(
            f"--overlap_px {options.overlap_px} leaves nothing of the hole of {generator.side // 2} pixels: "
            f"use at most {(generator.side // 2 - 1) // 2}"
        )
    return hole_px
