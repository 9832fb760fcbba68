"""Networks by the names of their flags."""

from functools import partial
from typing import Any

from torch import nn

from translate.errors import InputError
from translate.networks.colorizer import COLORIZERS, build_colorizer
from translate.networks.context import CONTEXT_BUILDERS, build_context_discriminator
from translate.networks.hourglass import Hourglass
from translate.networks.patchgan import PatchDiscriminator, PixelDiscriminator
from translate.networks.projection import PatchProjection, PatchSample
from translate.networks.resnet import ResnetGenerator
from translate.networks.stylegan2 import (
    PUBLISHED_SIDE_PX,
    STYLEGAN2_BLOCKS,
    StyleGAN2Discriminator,
    StyleGAN2Generator,
)
from translate.networks.unet import UNET_BUILDERS
from translate.registry import Registry, did_you_mean

GENERATORS: Registry = Registry("generator (--netG)")
RESNET_GENERATORS = ("resnet_9blocks", "resnet_6blocks", "resnet_4blocks")
for blocks, word in zip((9, 6, 4), RESNET_GENERATORS, strict=True):
    GENERATORS.register(word)(partial(ResnetGenerator, blocks=blocks))
for word, builder in (UNET_BUILDERS | CONTEXT_BUILDERS).items():
    GENERATORS.register(word)(builder)


def _colorizer(netG: str, ngf: int, norm: str, **_: Any) -> nn.Module:
    """Of what describes a generator, width and norm matter here; the channels are those of Lab."""
    return build_colorizer(netG, ngf, norm)


for word in COLORIZERS:
    GENERATORS.register(word)(partial(_colorizer, word))


@GENERATORS.register("hourglass")
def _hourglass(input_nc: int, ngf: int, **_: Any) -> nn.Module:
    """Of what describes a generator, channels in and width matter here; the norm is always that of the batch."""
    return Hourglass(input_nc, ngf)


def _stylegan2(
    netG: str,
    input_nc: int,
    output_nc: int,
    ngf: int,
    crop_size: int = PUBLISHED_SIDE_PX,
    stylegan2_G_num_downsampling: int = 1,
    **_: Any,
) -> nn.Module:
    """Of what describes a generator, width matters here; there is no norm, no dropout, and always a blur."""
    blocks, downsamplings = STYLEGAN2_BLOCKS[netG], stylegan2_G_num_downsampling
    return StyleGAN2Generator(input_nc, output_nc, ngf, blocks, crop_size, downsamplings, noise=netG == "stylegan2")


for word in STYLEGAN2_BLOCKS:
    GENERATORS.register(word)(partial(_stylegan2, word))

DISCRIMINATORS: Registry = Registry("discriminator (--netD)")


@DISCRIMINATORS.register("basic")
def _basic(input_nc: int, ndf: int, n_layers_D: int, normD: str, no_antialias: bool) -> nn.Module:
    return PatchDiscriminator(input_nc, ndf, 3, normD, not no_antialias)


@DISCRIMINATORS.register("n_layers")
def _n_layers(input_nc: int, ndf: int, n_layers_D: int, normD: str, no_antialias: bool) -> nn.Module:
    return PatchDiscriminator(input_nc, ndf, n_layers_D, normD, not no_antialias)


@DISCRIMINATORS.register("pixel")
def _pixel(input_nc: int, ndf: int, n_layers_D: int, normD: str, no_antialias: bool) -> nn.Module:
    return PixelDiscriminator(input_nc, ndf, normD)


DISCRIMINATORS.register("context")(build_context_discriminator)


@DISCRIMINATORS.register("stylegan2")
def _stylegan2_discriminator(
    input_nc: int, ndf: int, n_layers_D: int, normD: str, no_antialias: bool, crop_size: int = PUBLISHED_SIDE_PX
) -> nn.Module:
    return StyleGAN2Discriminator(input_nc, ndf, crop_size)


PATCH_HEADS = ("mlp_sample", "sample")


def build_generator(
    netG: str,
    input_nc: int = 3,
    output_nc: int = 3,
    ngf: int = 64,
    normG: str = "instance",
    no_dropout: bool = True,
    no_antialias: bool = False,
    no_antialias_up: bool = False,
    **own: Any,
) -> nn.Module:
    """A generator described by the values of its flags.

    Args:
        own: what only this kind of generator takes, such as ``bottleneck`` of a context encoder.
    """
    return GENERATORS[netG](
        input_nc=input_nc,
        output_nc=output_nc,
        ngf=ngf,
        norm=normG,
        dropout=not no_dropout,
        antialias_down=not no_antialias,
        antialias_up=not no_antialias_up,
        **own,
    )


def build_discriminator(
    netD: str,
    input_nc: int = 3,
    ndf: int = 64,
    n_layers_D: int = 3,
    normD: str = "instance",
    no_antialias: bool = False,
    **own: Any,
) -> nn.Module:
    """A discriminator described by the values of its flags.

    Args:
        own: what only this kind of discriminator takes, such as ``crop_size`` of one that judges whole pictures.
    """
    return DISCRIMINATORS[netD](input_nc, ndf, n_layers_D, normD, no_antialias, **own)


def build_patch_head(netF: str, channels: list[int], netF_nc: int = 256) -> nn.Module:
    """What turns tapped features into the unit vectors that PatchNCE compares."""
    if netF not in PATCH_HEADS:
        raise InputError(f"unknown patch head (--netF) {netF!r}: {did_you_mean(netF, PATCH_HEADS)}")
    return PatchProjection(channels, netF_nc) if netF == "mlp_sample" else PatchSample()
