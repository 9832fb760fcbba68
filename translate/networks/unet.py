"""The U-Net generator of pix2pix (Isola et al., CVPR 2017, arXiv:1611.07004, section 6.1.1)."""

import re
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from translate.errors import InputError
from translate.networks.layers import FullPrecisionTanh, conv_has_bias, norm_layer

# Words of --netG, named after the side that they bring down to a single place, and their downsamplings.
UNET_DOWNSAMPLINGS = {"unet_256": 8, "unet_128": 7}
UNET_GENERATORS = tuple(UNET_DOWNSAMPLINGS)
WIDEST = 8  # the most channels of a level, in multiples of ngf
DROPOUT_FROM = 4  # level of the first dropout; the innermost has none


class UnetGenerator(nn.Module):
    """Image to image: strided convolutions down, transposed ones up, and a skip at every resolution between them.

    (B, input_nc, H, W) in [-1, 1] -> (B, output_nc, H, W) in [-1, 1], where H and W are multiples of ``stride``. The
    levels are nested, so a state dict has the keys of the reference (``model.model.0.weight``,
    ``model.model.1.model.1.weight`` ...).

    Args:
        input_nc, output_nc: channels of the input and the output picture.
        downsamplings: how often the picture is halved, at least twice; 8 (``unet_256``) and 7 are published.
        ngf: channels of the outermost level; doubled a level, at most eightfold.
        norm: ``instance``, ``batch`` or ``none``.
        dropout: dropout of 0.5 behind the fifth level and those below it, without the innermost: three levels of eight.

    Raises (forward):
        ValueError: a side is no multiple of ``stride``.
    """

    def __init__(
        self,
        input_nc: int = 3,
        output_nc: int = 3,
        downsamplings: int = 8,
        ngf: int = 64,
        norm: str = "batch",
        dropout: bool = False,
    ):
        super().__init__()
        if downsamplings < 2:
            raise ValueError(f"a U-Net halves its input at least twice, not {downsamplings} times")
        self.stride = 2**downsamplings
        widths = [ngf * min(2**level, WIDEST) for level in range(downsamplings)]
        inner = None
        for level in range(downsamplings - 1, 0, -1):
            drops = dropout and inner is not None and level >= DROPOUT_FROM
            inner = _Level(widths[level - 1], widths[level], inner, norm, drops)
        self.model = _Outermost(input_nc, output_nc, widths[0], inner)

    def forward(self, image: Tensor) -> Tensor:
        height, width = image.shape[-2:]
        if height % self.stride or width % self.stride:
            raise ValueError(f"a picture of {width}x{height} does not suit this U-Net: sides in steps of {self.stride}")
        return self.model(image)


class _Outermost(nn.Module):
    """The level at full resolution: no norm on either way, no skip past it, tanh."""

    def __init__(self, input_nc: int, output_nc: int, width: int, inner: nn.Module):
        super().__init__()
        down = nn.Conv2d(input_nc, width, 4, stride=2, padding=1, bias=inner.has_bias)
        up = nn.ConvTranspose2d(2 * width, output_nc, 4, stride=2, padding=1)
        self.model = nn.Sequential(down, inner, nn.ReLU(inplace=True), up, FullPrecisionTanh())

    def forward(self, image: Tensor) -> Tensor:
        return self.model(image)


class _Level(nn.Module):
    """One resolution: (B, C, h, w) -> (B, 2C, h, w), the input and what came of it below.

    Args:
        outer: channels C at this resolution.
        width: channels at half of it.
        inner: the next level, which takes and doubles ``width`` channels; None in the innermost.
    """

    def __init__(self, outer: int, width: int, inner: nn.Module | None, norm: str, dropout: bool):
        super().__init__()
        self.has_bias = conv_has_bias(norm)
        layers = [nn.LeakyReLU(0.2), nn.Conv2d(outer, width, 4, stride=2, padding=1, bias=self.has_bias)]
        if inner is not None:  # the innermost map may be a single place, which a norm would wipe out
            layers += [norm_layer(norm, width), inner]
        joined = width if inner is None else 2 * width
        up = nn.ConvTranspose2d(joined, outer, 4, stride=2, padding=1, bias=self.has_bias)
        layers += [nn.ReLU(inplace=True), up, norm_layer(norm, outer)]
        if dropout:
            layers.append(nn.Dropout(0.5))
        self.model = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.model(x)], 1)


def build_unet(
    input_nc: int,
    output_nc: int,
    ngf: int,
    norm: str,
    dropout: bool,
    antialias_down: bool = False,
    antialias_up: bool = False,
    *,
    downsamplings: int,
) -> UnetGenerator:
    """A U-Net with the arguments of every generator of the registry; it has no blur filters to switch on."""
    return UnetGenerator(input_nc, output_nc, downsamplings, ngf, norm, dropout)


UNET_BUILDERS = {word: partial(build_unet, downsamplings=count) for word, count in UNET_DOWNSAMPLINGS.items()}


def is_unet(weights: dict[str, Tensor]) -> bool:
    """Whether a state dict is that of a U-Net generator."""
    return "model.model.0.weight" in weights


def describe_unet(weights: dict[str, Tensor], path: Path) -> dict[str, Any]:
    """The flags of the U-Net generator that has these weights (see ``build_generator``).

    Dropout leaves no trace in the keys, so ``no_dropout`` is not among them.

    Raises:
        InputError: the keys are not those of such a generator.
    """
    convs = {key: value for key, value in weights.items() if value.ndim == 4}
    nested = all(re.fullmatch(r"model(\.model\.\d)+\.weight", key) and convs[key].shape[-1] == 4 for key in convs)
    words = {2 * count: word for word, count in UNET_DOWNSAMPLINGS.items()}  # each level has two convolutions
    down, up = (weights.get(f"model.model.{index}.weight") for index in (0, 3))
    if not nested or len(convs) not in words or down is None or up is None:
        keys = ", ".join(list(weights)[:3])
        known = " or ".join(UNET_DOWNSAMPLINGS)
        raise InputError(f"{path} does not hold a U-Net generator ({known}): its keys begin with {keys}")
    return {
        "netG": words[len(convs)],
        "input_nc": down.shape[1],
        "output_nc": up.shape[1],
        "ngf": down.shape[0],
        "normG": _norm(weights),
    }


def _norm(weights: dict[str, Tensor]) -> str:
    if "model.model.1.model.2.weight" in weights:
        return "batch"
    return "instance" if "model.model.0.bias" in weights else "none"
