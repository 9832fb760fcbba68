"""Colorful image colorization (Zhang, Isola, Efros, ECCV 2016, arXiv:1603.08511): the colours of a grey picture."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from translate.errors import InputError
from translate.flags import flag
from translate.losses.adversarial import discriminator_loss, generator_loss
from translate.losses.classification import multinomial_loss
from translate.losses.reconstruction import masked_l2
from translate.method_options import ColorizationTestOptions
from translate.methods.base import Batch, Method
from translate.methods.building import PLAIN_GAN_MODES, check_crop, check_sides, make_discriminator, make_generator
from translate.methods.health import BLIND, WON, Game, Level, draw_levels
from translate.networks.colorizer import COLORIZERS, Colorizer, Prediction, paint
from translate.networks.gamut import (
    SPACING,
    ab_histogram,
    class_weights,
    gamut_bins,
    has_colour,
    soft_encode,
    soft_prior,
)
from translate.networks.initialization import initialize
from translate.networks.lab import rgb_to_lab
from translate.options import NetworkOptions

SUBSAMPLING = 4  # colours are predicted at a quarter of the resolution
MEASURED_PIXELS = 256 * 256  # of a picture, about; more of them say nothing new about the colours of a data set


@dataclass(frozen=True)
class ColorizationOptions:
    """Method colorization"""

    lambda_classes: float = flag(1.0, "weight of the classification over 313 colours; 0: without it", low=0)
    lambda_L2: float = flag(1.0, "weight of the regression head on the same trunk; 0: without it", low=0)
    lambda_GAN: float = flag(0.0, "weight of an adversarial loss on the coloured picture", low=0)
    gan_mode: str = flag("lsgan", "adversarial loss", choices=PLAIN_GAN_MODES)
    rebalance: bool = flag(True, "weight rare colours up, by how often they occur in the training pictures")
    prior_mix: float = flag(0.5, "share of equal frequencies in those that --rebalance goes by", above=0, high=1)
    soft_k: int = flag(5, "bins that share the code of a colour: 5 in the paper, 10 in its code", low=1, high=313)
    soft_sigma: float = flag(5.0, "width of that code in ab units", above=0)
    annealed_T: float = flag(0.38, "temperature of the result: 1 the mean (dull), 0 the mode (vivid)", low=0)
    predict_px: int = flag(
        256, "shorter side to which larger pictures are scaled to predict their colours; 0: none; default: load_size",
        low=0,
    )  # fmt: skip


@dataclass
class ColorizationState:
    """What the players share in one step; h and w are a quarter of H and W."""

    real_A: Tensor  # (B, 3, H, W) in [-1, 1]
    lightness: Tensor  # (B, 1, H, W) in [0, 100]
    ab: Tensor  # (B, 2, h, w), the truth
    counted: Tensor  # (B,) bool: the pictures that have colours to learn from
    prediction: Prediction
    fake_B: Tensor | None  # (B, 3, H, W) in [-1, 1], for the discriminator
    counts: Mapping[str, Tensor]  # of a batch in pieces, see Method.counts


class Colorization(Method):
    """A network that sees lightness and predicts, for every fourth pixel, a distribution over colours and a colour."""

    Options = ColorizationOptions
    recordable = True
    TestOptions = ColorizationTestOptions
    needs = "single"
    netG = tuple(COLORIZERS)
    test_size = "original"
    measures = "ab-histogram-1"

    def __init__(self, options: ColorizationOptions, networks: NetworkOptions, input_nc: int = 3, output_nc: int = 3):
        super().__init__()
        _refuse_unfit(options, networks, input_nc, output_nc)
        self.options = options
        generator = make_generator(networks, input_nc, output_nc)
        self.networks = nn.ModuleDict({"G": generator})
        self.players = {"G": ("G",)}
        if options.lambda_GAN > 0:
            self.networks["D"] = make_discriminator(networks, output_nc)
            self.players = {"D": ("D",), **self.players}
            self.games = (Game(("D_fake", "D_real"), "G_GAN"),)
        weights = {"classes": options.lambda_classes, "L2": options.lambda_L2}
        self.falling = tuple(name for name, weight in weights.items() if weight > 0)
        initialize(self.networks, networks.init_type, networks.init_gain)
        for head in generator.heads():
            nn.init.zeros_(head.weight)  # all bins alike, and grey: the losses start at what is known of the data
        self.register_buffer("class_weights", torch.ones(len(gamut_bins())))
        if options.lambda_classes == 0 or not options.rebalance:
            self.measures = ""

    @staticmethod
    def defaults(values: Mapping[str, Any]) -> dict[str, Any]:
        """The published solver and crops; their step of the learning rate depends on the size of the data set.

        The published code reads pictures that were scaled before; here their shorter side is, so that none is squashed.
        """
        published = {
            "netG": "eccv16",
            "normG": "batch",
            "init_type": "kaiming",  # a ReLU behind every convolution, and a norm behind every second or third only
            "lr": 3e-5,
            "beta1": 0.9,
            "beta2": 0.99,
            "weight_decay": 1e-3,
            "batch_size": 40,
            "preprocess": "scale_aspect_and_crop",
            "load_size": 256,
            "crop_size": 176,
            "decay_load_size": "load_size",
            "predict_px": values.get("load_size", 256),
        }
        return {**published, "lambda_L2": 0.0} if values.get("netG") == "eccv16_classes" else published

    @property
    def title(self) -> str:
        heads = {"L2": self.options.lambda_L2, "classes": self.options.lambda_classes, "GAN": self.options.lambda_GAN}
        return f"colorization ({' + '.join(name for name, weight in heads.items() if weight > 0)})"

    def check_size(self, side_px: int) -> None:
        """Refuse training pictures that the trunk cannot halve, or that leave the discriminator no patch to judge."""
        generator = self.networks["G"]
        check_crop(generator, [self.networks["D"]] if "D" in self.networks else [], side_px)
        if side_px < 2 * generator.stride:  # a map of one pixel has no statistics
            raise InputError(f"--crop_size {side_px} is too small for colorization: use {2 * generator.stride} or more")

    def levels(self, side_px: int, batch_size: int) -> dict[str, Level]:
        """A draw of the game, and what the classification is where each colour is as likely as any other."""
        levels = draw_levels(self.options.gan_mode, self.games, self.options.lambda_GAN)
        if self.options.lambda_classes > 0:
            guessing = self.options.lambda_classes * math.log(len(self.class_weights))
            levels["classes"] = Level("guessing", guessing)
        return levels

    def remedies(self) -> dict[str, str]:
        """The lightness of a translation is its input's: only colours can go wrong, and these the losses know."""
        if not self.games:
            return {}
        weight = self.options.lambda_GAN
        return {
            WON: f"a smaller --ndf, or a higher --lambda_GAN (it is {weight:g})",
            BLIND: "a lower --lr, or a larger --ndf",
        }

    def measure(self, pictures: Iterable[Tensor]) -> Tensor:
        """A histogram (256, 256) of the colours in the pictures, whatever the flags of their soft code.

        Large pictures are thinned out, so that each picture counts about alike; grey ones are left out, as they are
        of the loss.

        Raises:
            InputError: there is no picture in colour.
        """
        total = None
        for picture in pictures:
            if picture.shape[0] == 3:
                step = max(1, math.isqrt(picture[0].numel() // MEASURED_PIXELS))
                ab = rgb_to_lab(picture[None, :, ::step, ::step].float() / 127.5 - 1)[:, 1:]
                histogram = ab_histogram(ab) * has_colour(ab)
                total = histogram if total is None else total + histogram
        if total is None or not total.any():
            raise InputError("none of the training pictures has colours to learn from; add pictures in colour")
        return total.float()  # as it comes back from a cache

    def use_measured(self, value: Tensor) -> None:
        """Weights of the classes, from the histogram that ``measure`` returned."""
        options = self.options
        prior = soft_prior(value.cpu(), gamut_bins(), options.soft_k, options.soft_sigma)
        self.class_weights.copy_(class_weights(prior, options.prior_mix))

    def counts(self, batch: Batch) -> dict[str, Tensor]:
        return {"coloured": has_colour(_take_apart(batch["A"])[1]).sum()}

    def forward(self, batch: Batch) -> ColorizationState:
        """The pictures taken apart, and what the network makes of their lightness."""
        generator, real_A = self.networks["G"], batch["A"]
        check_sides(generator, real_A)
        lightness, ab = _take_apart(real_A)
        counts = batch.get("counts", {})
        state = ColorizationState(real_A, lightness, ab, has_colour(ab), generator(lightness), None, counts)
        if self.options.lambda_GAN > 0:
            state.fake_B = paint(lightness, self.trained_translator().colours(state.prediction)["fake_B"])
        return state

    def losses(self, player: str, state: ColorizationState) -> tuple[Tensor, dict[str, Tensor]]:
        return self._discriminator_losses(state) if player == "D" else self._generator_losses(state)

    def _discriminator_losses(self, state: ColorizationState) -> tuple[Tensor, dict[str, Tensor]]:
        discriminator, mode = self.networks["D"], self.options.gan_mode
        # Real colours as coarse as the predicted ones: else their sharpness alone would give the fakes away.
        real = paint(state.lightness, state.ab)
        named = {
            "D_fake": discriminator_loss(mode, discriminator(state.fake_B.detach()), real=False),
            "D_real": discriminator_loss(mode, discriminator(real), real=True),
        }
        return 0.5 * (named["D_fake"] + named["D_real"]), named

    def _generator_losses(self, state: ColorizationState) -> tuple[Tensor, dict[str, Tensor]]:
        options, named = self.options, {}
        if options.lambda_classes > 0:
            named["classes"] = options.lambda_classes * self._classification(state)
        if options.lambda_L2 > 0:
            named["L2"] = options.lambda_L2 * self._regression(state)
        if options.lambda_GAN > 0:
            logits = self.networks["D"](state.fake_B)
            named["G_GAN"] = options.lambda_GAN * generator_loss(options.gan_mode, logits)
        total = torch.stack(list(named.values())).sum()
        return total, {"G": total, **named}

    def _classification(self, state: ColorizationState) -> Tensor:
        bins = self.networks["G"].model_out.centres()
        with torch.no_grad():
            indices, shares = soft_encode(state.ab, bins, self.options.soft_k, self.options.soft_sigma)
        count = state.counts.get("coloured")
        return multinomial_loss(state.prediction.logits, indices, shares, self.class_weights, state.counted, count)

    def _regression(self, state: ColorizationState) -> Tensor:
        """Half the squared distance (eq. 1) as the mean over the pixels of the pictures that count, which is the mean
        over pixels and both of a and b. In units of the spacing of the bins it is of the size of the classification:
        then neither head has the trunk for itself."""
        counted = state.counted.view(-1, 1, 1, 1)
        count = state.counts.get("coloured")
        values = None if count is None else count * state.ab[0].numel()
        return masked_l2(state.prediction.ab / SPACING, state.ab / SPACING, counted, values)

    @torch.no_grad()
    def pictures(self, state: ColorizationState) -> dict[str, Tensor]:
        first = Prediction(*(part if part is None else part[:1] for part in state.prediction))
        colours = self.trained_translator().colours(first)
        painted = {label: paint(state.lightness[:1], ab)[0] for label, ab in colours.items()}
        return {**painted, "real_A": state.real_A[0]}

    @classmethod
    def translator(cls, generator: nn.Module, options: ColorizationOptions) -> Colorizer:
        return Colorizer(
            generator, options.lambda_classes > 0, options.lambda_L2 > 0, options.annealed_T, options.predict_px
        )


@torch.no_grad()
def _take_apart(images: Tensor) -> tuple[Tensor, Tensor]:
    """Lightness (B, 1, H, W) of pictures (B, 3, H, W), and of every fourth pixel a and b (B, 2, h, w)."""
    lightness, ab = rgb_to_lab(images).split((1, 2), dim=1)
    # The pixel nearest to the middle of what a predicted colour covers when the prediction is scaled up.
    return lightness, ab[..., SUBSAMPLING // 2 :: SUBSAMPLING, SUBSAMPLING // 2 :: SUBSAMPLING]


def _refuse_unfit(options: ColorizationOptions, networks: NetworkOptions, input_nc: int, output_nc: int) -> None:
    if input_nc != 3 or output_nc != 3:
        raise InputError(
            f"colorization learns from pictures in colour, not with --input_nc {input_nc} and --output_nc {output_nc}; "
            "train on pictures in colour (grey ones are for the test)"
        )
    if networks.normG == "instance":
        raise InputError(f"--normG instance does not suit --netG {networks.netG}: use batch, as published, or none")
    if options.lambda_classes == 0 and options.lambda_L2 == 0:
        raise InputError("--lambda_classes and --lambda_L2 are both 0: nothing is left to learn; raise one of them")
    if options.lambda_L2 > 0 and networks.netG == "eccv16_classes":
        raise InputError("--netG eccv16_classes has no regression head: use --lambda_L2 0 or --netG eccv16")
    if options.lambda_GAN > 0 and options.annealed_T == 0 and options.lambda_classes > 0:
        raise InputError(
            "--annealed_T 0 takes the likeliest colour, through which --lambda_GAN has no gradient; raise it"
        )
