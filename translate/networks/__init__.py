"""Networks by the names of their flags."""

from functools import partial

from torch import nn

from translate.errors import InputError
from translate.networks.patchgan import PatchDiscriminator, PixelDiscriminator
from translate.networks.projection import PatchProjection, PatchSample
from translate.networks.resnet import ResnetGenerator
from translate.registry import Registry, did_you_mean

GENERATORS: Registry = Registry("generator (--netG)")
for blocks in (9, 6, 4):
    GENERATORS.register(f"resnet_{blocks}blocks")(partial(ResnetGenerator, blocks=blocks))

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
) -> ResnetGenerator:
    """A generator described by the values of its flags."""
    return GENERATORS[netG](
        input_nc=input_nc,
        output_nc=output_nc,
        ngf=ngf,
        norm=normG,
        dropout=not no_dropout,
        antialias_down=not no_antialias,
        antialias_up=not no_antialias_up,
    )


def build_discriminator(
    netD: str,
    input_nc: int = 3,
    ndf: int = 64,
    n_layers_D: int = 3,
    normD: str = "instance",
    no_antialias: bool = False,
) -> nn.Module:
    """A discriminator described by the values of its flags."""
    return DISCRIMINATORS[netD](input_nc, ndf, n_layers_D, normD, no_antialias)


def build_patch_head(netF: str, channels: list[int], netF_nc: int = 256) -> nn.Module:
    """What turns tapped features into the unit vectors that PatchNCE compares."""
    if netF not in PATCH_HEADS:
        raise InputError(f"unknown patch head (--netF) {netF!r}: {did_you_mean(netF, PATCH_HEADS)}")
    return PatchProjection(channels, netF_nc) if netF == "mlp_sample" else PatchSample()
