"""Networks of a method from the flags that all methods share, and whether crops suit them."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from translate.errors import InputError
from translate.losses.adversarial import GAN_MODES
from translate.networks import build_discriminator, build_generator
from translate.networks.resnet import ResnetGenerator
from translate.networks.stylegan2 import STYLEGAN2_GENERATORS
from translate.networks.unet import UNET_GENERATORS
from translate.options import NetworkOptions

# WGAN-GP is a loss and a penalty on the discriminator; for methods that were published without the penalty.
PLAIN_GAN_MODES = tuple(mode for mode in GAN_MODES if mode != "wgangp")
OF_DISCRIMINATORS = ("netD", "ndf", "n_layers_D", "normD")  # flags
LARGEST_SIDE_PX = 4096  # where the search for a crop size that is enough ends


def make_generator(networks: NetworkOptions, input_nc: int, output_nc: int, **own: Any) -> nn.Module:
    """The generator of the flags; ``own`` is what only this kind of generator takes.

    Raises:
        InputError: a flag was given that this generator knows nothing of.
    """
    if networks.netG in UNET_GENERATORS and not networks.no_antialias_up:
        raise InputError(f"--no_antialias_up false: {networks.netG} has no blur filters; drop the flag")
    if networks.netG in STYLEGAN2_GENERATORS:
        _refuse_without_effect(networks, networks.netG, ("normG", "no_dropout", "no_antialias", "no_antialias_up"))
    return build_generator(
        networks.netG,
        input_nc,
        output_nc,
        networks.ngf,
        networks.normG,
        networks.no_dropout,
        networks.no_antialias,
        networks.no_antialias_up,
        **own,
    )


def make_discriminator(networks: NetworkOptions, input_nc: int, **own: Any) -> nn.Module:
    """The discriminator of the flags, for pictures of so many channels; ``own`` is what only this kind takes.

    Raises:
        InputError: a flag was given that this discriminator knows nothing of.
    """
    if networks.netD == "stylegan2":
        _refuse_without_effect(networks, networks.netD, ("normD", "no_antialias"))
    return build_discriminator(
        networks.netD, input_nc, networks.ndf, networks.n_layers_D, networks.normD, networks.no_antialias, **own
    )


def _refuse_without_effect(networks: NetworkOptions, word: str, names: Iterable[str]) -> None:
    for name in names:
        value, usual = getattr(networks, name), getattr(NetworkOptions, name)
        if value != usual:
            raise InputError(f"--{name} {value} has no effect on {word}, which has blur filters and no norm; drop it")


def check_crop(generator: nn.Module, discriminators: Iterable[nn.Module], side_px: int) -> None:
    """Refuse a crop size that the generator cannot halve, or that leaves a discriminator no patch to judge.

    Raises:
        InputError: names a crop size that is enough.
    """
    stride = generator.stride
    if side_px % stride:
        larger_px = (side_px // stride + 1) * stride
        raise InputError(
            f"--crop_size {side_px} does not suit the generator, which needs a multiple of {stride}: "
            f"use --crop_size {larger_px}"
        )
    check_inside(generator, side_px)
    check_judged(discriminators, side_px, stride)


def check_inside(generator: nn.Module, side_px: int) -> None:
    """Refuse a crop size that leaves a resnet a single pixel inside, beside which nothing can be reflected.

    Raises:
        InputError: names a crop size that is enough.
    """
    if isinstance(generator, ResnetGenerator) and side_px < 2 * generator.stride:
        raise InputError(
            f"--crop_size {side_px} leaves the generator a single pixel inside: use --crop_size {2 * generator.stride}"
        )


def check_judged(discriminators: Iterable[nn.Module], side_px: int, step_px: int) -> None:
    """Refuse a crop size that leaves a discriminator no patch to judge.

    Args:
        step_px: how far apart the larger sizes are among which one that is enough is looked for.

    Raises:
        InputError: names a crop size that is enough.
    """
    for discriminator in discriminators:
        if not _can_judge(discriminator, side_px):
            sides = range(side_px + step_px, LARGEST_SIDE_PX, step_px)
            enough_px = next((side for side in sides if _can_judge(discriminator, side)), None)
            larger = f"--crop_size {enough_px} or more, or a discriminator of " if enough_px else ""
            raise InputError(
                f"--crop_size {side_px} leaves the discriminator nothing to judge: use {larger}fewer --n_layers_D"
            )


def check_sides(generator: nn.Module, images: Tensor) -> None:
    """Refuse a batch (B, C, H, W) whose sides are no multiples of the generator's stride.

    Raises:
        InputError: names the size and what to do.
    """
    height, width = images.shape[-2:]
    if height % generator.stride or width % generator.stride:
        raise InputError(
            f"a picture of {width}x{height} does not suit the generator, which needs sides that are multiples of "
            f"{generator.stride}: use --preprocess resize_and_crop"
        )


def check_mixable(fake: Tensor, real: Tensor) -> None:
    """Refuse fakes (B, C, H, W) of another size than the real pictures that WGAN-GP mixes them with.

    Raises:
        InputError: names both sizes and what to do.
    """
    if fake.shape != real.shape:
        sizes = " and ".join(f"{images.shape[3]}x{images.shape[2]}" for images in (fake, real))
        raise InputError(
            f"--gan_mode wgangp mixes fakes with real pictures, and these have different sizes ({sizes}): use "
            "--preprocess resize_and_crop, or --lambda_gp 0"
        )


@torch.no_grad()
def _can_judge(discriminator: nn.Module, side_px: int) -> bool:
    training = discriminator.training
    discriminator.eval()  # running statistics stay as they are
    weight = next(discriminator.parameters())
    try:
        discriminator(weight.new_zeros(1, weight.shape[1], side_px, side_px))
        return True
    except (RuntimeError, ValueError):  # a map got smaller than a kernel or its border, or shrank to one value
        return False
    finally:
        discriminator.train(training)
