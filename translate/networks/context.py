"""Context encoders: networks that fill a hole from what is around it (Pathak et al., CVPR 2016, arXiv:1604.07379)."""

from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from translate.errors import InputError
from translate.networks.layers import FullPrecisionTanh, conv_has_bias, norm_layer

# Words of --netG, and the side of the pictures that each of them sees.
CONTEXT_SIDES = {"context_encoder": 128, "context_encoder_64": 64, "context_alexnet": 227}
CONTEXT_GENERATORS = tuple(CONTEXT_SIDES)


class HoleFiller(nn.Module):
    """What the generators share: pictures of one size, a colour for their holes, a prediction in their middle.

    A subclass maps pictures (B, C, side, side) in [-1, 1], their holes filled with the colour, to
    (B, C, patch_px, patch_px) in [-1, 1]. The buffer ``hole`` (C,) is that colour in [-1, 1], so it is in the state
    dict: 0 until somebody sets it, the mean colour of the training pictures in the paper.

    Args:
        channels: of the pictures.
        side: height and width of the pictures.
        patch_px: height and width of what is predicted, in the middle of the picture; ``side``: all of it.
    """

    def __init__(self, channels: int, side: int, patch_px: int):
        super().__init__()
        self.side = side
        self.patch_px = patch_px
        self.register_buffer("hole", torch.zeros(channels))

    @property
    def whole(self) -> bool:
        """Whether the whole picture is predicted."""
        return self.patch_px == self.side

    def punch(self, images: Tensor, holes: Tensor) -> Tensor:
        """Pictures (B, C, H, W) of any size with the hole's colour where ``holes`` (B, 1, H, W) is True."""
        return torch.where(holes, self.hole.view(1, -1, 1, 1), images)

    def predict(self, punched: Tensor) -> Tensor:
        """The prediction at its place in the picture, (B, C, side, side); 0 around it."""
        margin = (self.side - self.patch_px) // 2
        return F.pad(self(punched), (margin, margin, margin, margin))

    def crop(self, images: Tensor) -> Tensor:
        """What of (B, C, side, side) is predicted: (B, C, patch_px, patch_px)."""
        margin = (self.side - self.patch_px) // 2
        return images[..., margin : margin + self.patch_px, margin : margin + self.patch_px]


class ContextGenerator(HoleFiller):
    """The inpainting network: strided 4x4 convolutions down to 4x4, a bottleneck of 1x1, and up again; tanh.

    128 -> 64, 32, 16, 8, 4 -> 1 -> 4, 8, 16, 32 -> 64 (or one level more, -> 128). Leaky ReLU of 0.2 down, ReLU up, a
    norm behind every convolution but the first and the last. As in the published training, which resets every bias to
    zero before each step, convolutions have none (but with instance norm, see ``conv_has_bias``); their weights begin
    as N(0, 0.02), those of batch norm as N(1, 0.02): ``initialize(network, "normal", 0.02)``.

    Args:
        channels: of the pictures.
        width: channels of the first level (64); 1, 1, 2, 4, 8 times it down to 4x4.
        bottleneck: channels of the bottleneck (4000).
        side: height and width of the pictures, 128 or another power of two from 16 on.
        whole: predict the whole picture, not only its middle half.
        norm: ``batch``, ``instance`` (the bottleneck, a single value a channel, then has none) or ``none``.
    """

    def __init__(
        self,
        channels: int = 3,
        width: int = 64,
        bottleneck: int = 4000,
        side: int = 128,
        whole: bool = False,
        norm: str = "batch",
    ):
        super().__init__(channels, side, side if whole else side // 2)
        bias = conv_has_bias(norm)
        layers = _convolutions(channels, width, _levels(side), norm)
        squeeze = nn.Conv2d(_widths(width, _levels(side))[-1], bottleneck, 4, bias=bias)
        inner_norm = norm_layer("batch" if norm == "batch" else "none", bottleneck)
        self.encoder = nn.Sequential(*layers, squeeze, inner_norm, nn.LeakyReLU(0.2, inplace=True))
        widths = _widths(width, _levels(self.patch_px))[::-1]
        up = _norm_relu(nn.ConvTranspose2d(bottleneck, widths[0], 4, bias=bias), norm)
        for before, after in pairwise(widths):
            up += _norm_relu(nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=bias), norm)
        last = nn.ConvTranspose2d(widths[-1], channels, 4, stride=2, padding=1, bias=bias)
        self.decoder = nn.Sequential(*up, last, FullPrecisionTanh())

    def forward(self, punched: Tensor) -> Tensor:
        return self.decoder(self.encoder(punched))


class ChannelwiseLinear(nn.Module):
    """A fully connected layer for each channel on its own: (B, C, n, n) -> (B, C, n, n), C * n**4 weights.

    331,776 weights for 256 channels of 6x6, where a layer that also mixes channels would have 85 million.
    """

    def __init__(self, channels: int, side: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels, side**2, side**2))
        nn.init.normal_(self.weight, std=1 / side)  # keeps the variance: every output sums side**2 inputs

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("bci,cij->bcj", x.flatten(2), self.weight).view_as(x)


class ContextAlexNet(HoleFiller):
    """The network for learning features: AlexNet to pool5, a channel-wise fully connected layer, five up-convolutions.

    227 -> 55, 27, 13, 6 -> 6 -> 11, 21, 41, 81, 161, enlarged to 227 by bilinear interpolation. A 1x1 convolution
    behind the channel-wise layer mixes the channels. The encoder has AlexNet's kernels, strides, groups and widths;
    in place of its local response normalisation the norm stands behind every convolution, so that it can be
    trained from small random weights. The paper does not state the widths of the decoder: here 128, 64, 64 and 32.

    Args:
        channels: of the pictures.
        width: 64 gives AlexNet's 96, 256, 384, 384 and 256 channels; a multiple of 4.
        norm: ``batch``, ``instance`` or ``none``.
    """

    def __init__(self, channels: int = 3, width: int = 64, norm: str = "batch"):
        side = CONTEXT_SIDES["context_alexnet"]
        super().__init__(channels, side, patch_px=side)
        conv = partial(nn.Conv2d, bias=conv_has_bias(norm))
        first, wide, widest = 3 * width // 2, 4 * width, 6 * width
        self.encoder = nn.Sequential(
            *_norm_relu(conv(channels, first, 11, stride=4), norm),
            nn.MaxPool2d(3, 2),
            *_norm_relu(conv(first, wide, 5, padding=2, groups=2), norm),
            nn.MaxPool2d(3, 2),
            *_norm_relu(conv(wide, widest, 3, padding=1), norm),
            *_norm_relu(conv(widest, widest, 3, padding=1, groups=2), norm),
            *_norm_relu(conv(widest, wide, 3, padding=1, groups=2), norm),
            nn.MaxPool2d(3, 2),
        )
        self.channelwise = ChannelwiseLinear(wide, 6)
        up = _norm_relu(conv(wide, wide, 1), norm)
        widths = (wide, 2 * width, width, width, width // 2)
        transposed = partial(nn.ConvTranspose2d, kernel_size=5, stride=2, padding=2, bias=conv_has_bias(norm))
        for before, after in pairwise(widths):
            up += _norm_relu(transposed(before, after), norm)
        self.decoder = nn.Sequential(*up, transposed(widths[-1], channels), FullPrecisionTanh())

    def forward(self, punched: Tensor) -> Tensor:
        drawn = self.decoder(self.channelwise(self.encoder(punched)))  # (B, C, 161, 161)
        return F.interpolate(drawn, size=(self.side, self.side), mode="bilinear", align_corners=False)


class ContextDiscriminator(nn.Module):
    """Judges a predicted picture alone, without its surroundings: strided 4x4 convolutions, then a last 4x4 one.

    (B, C, H, W) -> raw logits (B, 1, h, w): a single one for 64x64 with 4 layers and for 128x128 with 5. As in the
    generator, convolutions have no bias; no norm behind the first.

    Args:
        channels: of the picture.
        width: channels of the first layer (64); the last four have 1, 2, 4 and 8 times it.
        layers: strided convolutions.
        norm: ``batch``, ``instance`` or ``none``.
    """

    def __init__(self, channels: int = 3, width: int = 64, layers: int = 4, norm: str = "batch"):
        super().__init__()
        judge = nn.Conv2d(_widths(width, layers)[-1], 1, 4, bias=conv_has_bias(norm))
        self.model = nn.Sequential(*_convolutions(channels, width, layers, norm), judge)

    def forward(self, image: Tensor) -> Tensor:
        return self.model(image)


def build_context_generator(
    input_nc: int,
    output_nc: int,
    ngf: int,
    norm: str,
    dropout: bool = False,
    antialias_down: bool = False,
    antialias_up: bool = False,
    *,
    netG: str,
    bottleneck: int = 4000,
    whole: bool = False,
) -> HoleFiller:
    """A generator with the arguments of every generator of the registry; it has no dropout and no blur filters.

    Args:
        bottleneck, whole: see :class:`ContextGenerator`; AlexNet has no bottleneck and predicts the whole picture.

    Raises:
        InputError: different channels in and out, or a width that AlexNet cannot have.
    """
    if input_nc != output_nc:
        raise InputError(
            f"a fill is pasted into the picture it belongs to, so --input_nc {input_nc} and --output_nc {output_nc} "
            "must be equal: give both"
        )
    if netG == "context_alexnet":
        if ngf % 4:
            raise InputError(f"--ngf {ngf} cannot be split into AlexNet's groups: give a multiple of 4 (64: published)")
        return ContextAlexNet(input_nc, ngf, norm)
    return ContextGenerator(input_nc, ngf, bottleneck, CONTEXT_SIDES[netG], whole, norm)


CONTEXT_BUILDERS = {word: partial(build_context_generator, netG=word) for word in CONTEXT_GENERATORS}


def build_context_discriminator(
    input_nc: int, ndf: int, n_layers_D: int, normD: str, no_antialias: bool
) -> ContextDiscriminator:
    """A discriminator with the arguments of every discriminator of the registry; it has no blur filters."""
    return ContextDiscriminator(input_nc, ndf, n_layers_D, normD)


def is_context_generator(weights: dict[str, Tensor]) -> bool:
    """Whether a state dict is that of a context encoder."""
    return "hole" in weights and "encoder.0.weight" in weights


def describe_context_generator(weights: dict[str, Tensor], path: Path) -> dict[str, Any]:
    """The flags of the context encoder that has these weights, with the word ``netG`` and what its builder takes.

    Raises:
        InputError: the keys are not those of such a generator.
    """
    if not is_context_generator(weights):
        keys = ", ".join(list(weights)[:3])
        raise InputError(f"{path} does not hold a context encoder: its keys begin with {keys}")
    channels = weights["hole"].shape[0]
    flags = {"input_nc": channels, "output_nc": channels, "normG": _norm(weights)}
    if "channelwise.weight" in weights:
        return {"netG": "context_alexnet", **flags, "ngf": weights["channelwise.weight"].shape[0] // 4}
    down, up = (
        [value for key, value in weights.items() if key.startswith(part) and value.ndim == 4]
        for part in ("encoder.", "decoder.")
    )
    side = 4 << (len(down) - 1)
    return {
        "netG": next((word for word, known in CONTEXT_SIDES.items() if known == side), "context_encoder"),
        **flags,
        "ngf": down[0].shape[0],
        "bottleneck": down[-1].shape[0],
        "whole": len(up) == len(down),
    }


def _norm(weights: dict[str, Tensor]) -> str:
    if any(key.endswith("running_mean") for key in weights):
        return "batch"
    return "instance" if "encoder.0.bias" in weights else "none"


def _levels(side: int) -> int:
    """How often the side is halved on its way to 4."""
    levels = side.bit_length() - 3
    if levels < 1 or side != 4 << levels:
        raise ValueError(f"the side of a picture is a power of two from 8 on, not {side}")
    return levels


def _widths(width: int, levels: int) -> list[int]:
    """Channels level by level: 1, 2, 4, 8 times the width; what is above these four keeps the width."""
    return [width * 2 ** max(0, level - max(0, levels - 4)) for level in range(levels)]


def _convolutions(channels: int, width: int, levels: int, norm: str) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for level, after in enumerate(_widths(width, levels)):
        layers.append(nn.Conv2d(channels, after, 4, stride=2, padding=1, bias=conv_has_bias(norm)))
        if level:  # the first sees the pixels: no norm, so that colour and contrast are kept
            layers.append(norm_layer(norm, after))
        layers.append(nn.LeakyReLU(0.2, inplace=True))
        channels = after
    return layers


def _norm_relu(convolution: nn.Module, norm: str) -> list[nn.Module]:
    return [convolution, norm_layer(norm, convolution.out_channels), nn.ReLU(inplace=True)]
