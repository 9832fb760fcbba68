"""The generator and the discriminator of single-picture CUT: StyleGAN2's residual networks without a style
(Karras et al., CVPR 2020, arXiv:1912.04958; Park et al., ECCV 2020, arXiv:2007.15651, appendix)."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from translate.errors import InputError
from translate.networks.stylegan2_layers import EqualLinear, ResidualBlock, UpBlock, conv_layer
from translate.networks.taps import Tapped, resolve_taps

STYLEGAN2_BLOCKS = {"stylegan2": 6, "smallstylegan2": 2}  # residual blocks without a change of size
STYLEGAN2_GENERATORS = tuple(STYLEGAN2_BLOCKS)
PUBLISHED_SIDE_PX = 64
SMALLEST_MAP_PX = 4  # what the discriminator halves a picture down to


class StyleGAN2Generator(Tapped):
    """Image to image without any norm: a 1x1 stem, downsampling and plain residual blocks, and back.

    (B, input_nc, H, W) in [-1, 1] -> (B, output_nc, H, W), H and W multiples of ``stride``. The output is not bounded;
    who shows or stores it clamps it. State-dict keys are those of the reference (``encoder.convs.1.0.weight`` ...).

    Features can be tapped in the encoder, by index or by name: ``pixels`` (the picture), ``down1`` ... (after each
    downsampling), ``res1`` ... ``resN`` (after each plain residual block).

    Args:
        input_nc, output_nc: channels of the input and the output picture.
        ngf: width: 8 * ngf channels at full size for crops of 64 pixels, doubled at half the size.
        blocks: plain residual blocks, half of them before and half behind the middle.
        side_px: side of the training pictures; it sets the width, and any other size can be translated.
        downsamplings: how often the size is halved.
        noise: whether noise can be added where the size is doubled.
    """

    features_are_reusable = True  # samples do not influence each other

    def __init__(
        self,
        input_nc: int = 3,
        output_nc: int = 3,
        ngf: int = 64,
        blocks: int = 6,
        side_px: int = PUBLISHED_SIDE_PX,
        downsamplings: int = 1,
        noise: bool = True,
    ):
        super().__init__()
        self.stride = 2**downsamplings
        self.takes_noise = noise
        self.downsamplings = downsamplings
        # As far as an output pixel sees, rounded up to the stride: 8 pixels of its size for each change of size (two
        # convolutions and a blur on the way down, one and a blur on the way up), and two convolutions a plain block.
        self.reach_px = 8 * (self.stride - 1) + 2 * self.stride * blocks
        self.reach_px += -self.reach_px % self.stride
        widths = generator_widths(ngf, side_px, downsamplings)
        self.channels = [input_nc, *widths, *[widths[-1]] * (blocks // 2)]  # behind each layer of the encoder
        self.tap_names = {"pixels": 0}
        self.tap_names |= {f"down{n}": 1 + n for n in range(1, downsamplings + 1)}
        self.tap_names |= {f"res{n}": 1 + downsamplings + n for n in range(1, blocks // 2 + 1)}
        down = [ResidualBlock(a, b, down=True) for a, b in pairwise(widths)]
        up = [UpBlock(b, a) for a, b in reversed(list(pairwise(widths)))]
        encoder, decoder = ([ResidualBlock(widths[-1], widths[-1]) for _ in range(blocks // 2)] for _ in range(2))
        stem, head = conv_layer(input_nc, widths[0], 1), conv_layer(widths[0], output_nc, 1)
        self.encoder = _Stack(nn.Identity(), stem, *down, *encoder)
        self.decoder = _Stack(*decoder, *up, head)

    def forward(self, image: Tensor, noise: Sequence[Tensor] | None = None) -> Tensor:
        """The translated image.

        Args:
            noise: one map (B, h, w) of standard normal numbers for each doubling (see ``noise_sizes``); None: none is
                added, which is what the network makes of a picture on average.
        """
        return self.forward_with_features(image, [], noise)[0]

    def noise_sizes(self, height: int, width: int) -> list[tuple[int, int]]:
        """Height and width of the noise maps for a picture of the given size, in the order of ``forward``."""
        if not self.takes_noise:
            return []
        scales = [2**level for level in reversed(range(self.downsamplings))]
        return [(height // scale, width // scale) for scale in scales]

    def resolve_taps(self, taps: Sequence[int | str]) -> list[int]:
        """Indices, ascending and without repetition, of taps given by index or name (-1: the end of the encoder).

        Raises:
            ValueError: no such tap.
        """
        return resolve_taps(taps, self.tap_names, len(self.encoder.convs))

    def tap_sizes(self, height: int, width: int, taps: Sequence[int]) -> list[tuple[int, int]]:
        """Height and width of the feature maps at ascending indices, for a picture of the given size."""
        halvings = [min(max(tap - 1, 0), self.downsamplings) for tap in taps]
        return [(height >> times, width >> times) for times in halvings]

    def tap_channels(self, taps: Sequence[int]) -> list[int]:
        """Channels of the feature maps at ascending indices."""
        return [self.channels[tap] for tap in taps]

    def features(self, image: Tensor, taps: Sequence[int]) -> list[Tensor]:
        """The features (B, C, h, w) at ascending indices; layers behind the last one are not run."""
        return self._run(image, taps, stop=taps[-1])[1]

    def forward_with_features(
        self, image: Tensor, taps: Sequence[int], noise: Sequence[Tensor] | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """The translated image and the features on the way to it, in one pass."""
        return self._run(image, taps, noise)

    def _run(
        self, x: Tensor, taps: Sequence[int], noise: Sequence[Tensor] | None = None, stop: int | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """The whole way, or as far as a layer of the encoder."""
        found = []
        for index, layer in enumerate(self.encoder.convs):
            x = layer(x)
            if index in taps:
                found.append(x)
            if index == stop:
                return x, found
        maps = iter(noise or ())
        for layer in self.decoder.convs:
            x = layer(x, next(maps, None)) if isinstance(layer, UpBlock) else layer(x)
        return x, found


class StyleGAN2Discriminator(nn.Module):
    """Judges whole pictures of one size: (B, C, side_px, side_px) -> raw logits (B, 1).

    Residual blocks halve the picture down to a map of 4x4 (4 to 5 pixels or 3, where ``side_px`` is no power of two),
    which two linear layers turn into a logit. There are no norm, no dropout and no statistics over the batch.

    Args:
        input_nc: channels of the picture.
        ndf: width: 4 * ndf channels at full size for pictures of 64 pixels, doubled a halving, at most 384.
        side_px: side of the pictures.
    """

    def __init__(self, input_nc: int = 3, ndf: int = 64, side_px: int = PUBLISHED_SIDE_PX):
        super().__init__()
        self.side_px = side_px
        nearest_px = _nearest_power(side_px)
        halvings = max(int(math.log2(nearest_px // SMALLEST_MAP_PX)), 0)
        widths = [_width(nearest_px >> level, ndf / 64, most=384, round_to=int) for level in range(halvings + 1)]
        blocks = [ResidualBlock(a, b, down=True) for a, b in pairwise(widths)]
        last = _width(SMALLEST_MAP_PX, ndf / 64, most=384, round_to=int)
        self.convs = nn.Sequential(conv_layer(input_nc, widths[0], 1), *blocks)
        self.final_conv = conv_layer(widths[-1], last, 3)
        places = (side_px >> halvings) ** 2
        self.final_linear = nn.Sequential(EqualLinear(last * places, last, activate=True), EqualLinear(last, 1))

    def forward(self, image: Tensor) -> Tensor:
        height, width = image.shape[-2:]
        if (height, width) != (self.side_px, self.side_px):
            raise InputError(
                f"--netD stylegan2 judges pictures of {self.side_px}x{self.side_px} pixels and got one of "
                f"{width}x{height}: end --preprocess in patch or crop, or give --netD basic"
            )
        # As the reference flattens it: channels before places, whatever the layout in memory.
        return self.final_linear(self.final_conv(self.convs(image)).flatten(1))


class _Stack(nn.Module):
    """Layers under the name that the reference's files know them by."""

    def __init__(self, *layers: nn.Module):
        super().__init__()
        self.convs = nn.Sequential(*layers)


def generator_widths(ngf: int, side_px: int, downsamplings: int) -> list[int]:
    """Channels of the generator at full size and behind each halving, for training pictures of that side."""
    nearest_px = _nearest_power(side_px)
    return [_width(nearest_px >> level, ngf / 32, most=512, round_to=round) for level in range(downsamplings + 1)]


def is_stylegan2_generator(weights: Mapping[str, Tensor]) -> bool:
    """Whether these are weights of such a generator."""
    return "encoder.convs.1.0.weight" in weights and any(key.startswith("decoder.convs.") for key in weights)


def describe_stylegan2_generator(weights: Mapping[str, Tensor], path: Path) -> dict[str, Any]:
    """The flags of the generator that has these weights (see ``translate.networks.build_generator``).

    Width and crop size are told from the channels alone, which a few pairs of them share; the pair with the crop size
    nearest to the published one is taken, and builds the same network.

    Raises:
        InputError: no flags give such a generator.
    """
    stem = weights["encoder.convs.1.0.weight"]
    layers = {int(key.split(".")[2]) for key in weights if key.startswith("encoder.convs.")}
    downs = sorted(index for index in layers if f"encoder.convs.{index}.skip.1.weight" in weights)
    blocks = 2 * (len(layers) - 1 - len(downs))
    words = [word for word, count in STYLEGAN2_BLOCKS.items() if count == blocks]
    widths = [stem.shape[0], *(weights[f"encoder.convs.{index}.skip.1.weight"].shape[0] for index in downs)]
    sides = sorted((2**power for power in range(2, 11)), key=lambda side: abs(math.log2(side / PUBLISHED_SIDE_PX)))
    fitting = ((ngf, side) for side in sides if (ngf := _multiplier(widths, side, len(downs))))
    ngf, side_px = next(fitting, (0, 0))
    if not (words and ngf):
        raise InputError(f"{path} holds a StyleGAN2 generator of a size that is not known here; give its run folder")
    head = weights[f"decoder.convs.{blocks // 2 + len(downs)}.0.weight"]
    return {
        "netG": words[0],
        "input_nc": stem.shape[1],
        "output_nc": head.shape[0],
        "ngf": ngf,
        "crop_size": side_px,
        "stylegan2_G_num_downsampling": len(downs),
    }


def is_stylegan2_discriminator(weights: Mapping[str, Tensor]) -> bool:
    """Whether these are weights of such a discriminator."""
    return "convs.0.0.weight" in weights and "final_linear.0.weight" in weights


def describe_stylegan2_discriminator(weights: Mapping[str, Tensor]) -> dict[str, Any]:
    """The flags of the discriminator that has these weights."""
    halvings = sum(key.endswith("skip.1.weight") for key in weights)
    first, linear = weights["convs.0.0.weight"], weights["final_linear.0.weight"]
    side_px = math.isqrt(linear.shape[1] // linear.shape[0]) << halvings
    ndf = round(first.shape[0] * 64 * _nearest_power(side_px) / 2**14)
    return {"netD": "stylegan2", "ndf": ndf, "crop_size": side_px}


def _multiplier(widths: Sequence[int], side_px: int, downsamplings: int) -> int:
    """The ``ngf`` that gives these widths, or 0."""
    ngf = round(widths[0] * 32 * side_px / 2**14)
    return ngf if ngf and generator_widths(ngf, side_px, downsamplings) == list(widths) else 0


def _nearest_power(side_px: int) -> int:
    return 2 ** round(math.log2(side_px))


def _width(side_px: int, multiplier: float, most: int, round_to: Any) -> int:
    """Channels of maps of this size: inversely as their side, and at most so many for those of up to 32 pixels."""
    channels = max(round_to(2**14 / side_px * multiplier), 1)
    return min(channels, most) if side_px <= 32 else channels
