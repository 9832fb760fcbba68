"""Networks and plain losses of both implementations on the same input."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import formula
import torch
from cases import (
    DISCRIMINATOR_SIZE,
    DISCRIMINATORS,
    GAN_MODES,
    GENERATOR_SIZE,
    GENERATORS,
    PATCH_HEADS,
    TAPS,
    logits,
    patch_features,
)
from torch import Tensor, nn

from reference_parity import reference
from reference_parity.table import Table
from translate.losses.adversarial import discriminator_loss, generator_loss, gradient_penalty
from translate.networks import build_discriminator, build_generator, build_patch_head

BOUND = 1e-9
PARAMETERS = {"generator": 11_378_179, "discriminator": 2_764_737, "patch head": 560_384}


def their_generator(flags: Mapping[str, Any]) -> nn.Module:
    return reference.networks().define_G(
        3, 3, flags.get("ngf", 64), flags["netG"], flags.get("normG", "instance"), not flags.get("no_dropout", True),
        "xavier", 0.02, flags.get("no_antialias", False), flags.get("no_antialias_up", False), [], None,
    )  # fmt: skip


def their_discriminator(flags: Mapping[str, Any]) -> nn.Module:
    return reference.networks().define_D(
        3, flags.get("ndf", 64), flags["netD"], flags.get("n_layers_D", 3), flags.get("normD", "instance"),
        "xavier", 0.02, flags.get("no_antialias", False), [], None,
    )  # fmt: skip


def their_patch_head(features: Sequence[Tensor], width: int, use_mlp: bool = True) -> nn.Module:
    """With its MLPs made, which happens on the first call there."""
    head = reference.networks().PatchSampleF(use_mlp=use_mlp, init_type="xavier", init_gain=0.02, nc=width)
    with reference.Draws(0):
        head(list(features), 1, None)
    return head


def relative(ours: Tensor, theirs: Tensor) -> float:
    """L2 norm of the difference by the norm of theirs; infinite if the shapes differ."""
    if ours.shape != theirs.shape:
        return float("inf")
    ours, theirs = ours.detach(), theirs.detach()
    return float((ours - theirs).norm() / theirs.norm().clamp_min(1e-30))


def compare_networks(table: Table) -> None:
    """Everything that needs no training step, in float64."""
    with reference.precision(torch.float64):
        _sizes(table)
        _generators(table)
        _dropout(table)
        _discriminators(table)
        _patch_heads(table)
        _gan_losses(table)


def _sizes(table: Table) -> None:
    table.section("parameters and state-dict keys of the default networks")
    image = torch.zeros(1, 3, 32, 32)
    generator = their_generator({"netG": "resnet_9blocks"})
    features = generator(image, TAPS, encode_only=True)
    pairs = {
        "generator": (build_generator("resnet_9blocks"), generator),
        "discriminator": (build_discriminator("basic"), their_discriminator({"netD": "basic"})),
        "patch head": (
            build_patch_head("mlp_sample", [f.shape[1] for f in features]), their_patch_head(features, 256)
        ),
    }  # fmt: skip
    for name, (ours, theirs) in pairs.items():
        for network in (ours, theirs):
            count = sum(parameter.numel() for parameter in network.parameters())
            table.fact(f"{name}: {count:,} parameters", count == PARAMETERS[name])
        table.fact(f"{name}: keys, order and shapes", _layout(ours) == _layout(theirs))


def _layout(network: nn.Module) -> list[tuple[str, torch.Size]]:
    return [(key, value.shape) for key, value in network.state_dict().items()]


def _same_weights(ours: nn.Module, theirs: nn.Module) -> None:
    formula.fill(theirs)
    ours.load_state_dict(theirs.state_dict(), strict=True)


def _generators(table: Table) -> None:
    table.section("generators: output and taps (float64)")
    image = formula.picture(2, 3, *GENERATOR_SIZE, number=1)
    for name, flags in GENERATORS.items():
        ours, theirs = build_generator(**flags), their_generator(flags)
        _same_weights(ours, theirs)
        output, features = ours.forward_with_features(image, TAPS)
        pairs = [(output, theirs(image)), *zip(features, theirs(image, TAPS, encode_only=True), strict=True)]
        pairs += zip(ours.features(image, TAPS), theirs(image, TAPS, encode_only=True), strict=True)
        table.row(name, max(relative(a, b) for a, b in pairs), BOUND)


def _dropout(table: Table) -> None:
    table.section("generators with dropout: the same masks (float64)")
    image = formula.picture(1, 3, 32, 32, number=1)
    for netG in ("resnet_9blocks", "resnet_6blocks"):
        flags = {"netG": netG, "ngf": 4, "no_dropout": False}
        ours, theirs = build_generator(**flags), their_generator(flags)
        _same_weights(ours, theirs)
        torch.manual_seed(1)
        expected = theirs(image)
        torch.manual_seed(1)
        table.row(netG, relative(ours(image), expected), BOUND)


def _discriminators(table: Table) -> None:
    table.section("discriminators (float64)")
    image = formula.picture(2, 3, *DISCRIMINATOR_SIZE, number=1)
    for name, flags in DISCRIMINATORS.items():
        ours, theirs = build_discriminator(**flags), their_discriminator(flags)
        _same_weights(ours, theirs)
        table.row(name, relative(ours(image), theirs(image)), BOUND)


def _patch_heads(table: Table) -> None:
    table.section("patch heads (float64)")
    features = patch_features()
    for name, arguments in PATCH_HEADS.items():
        netF, patches = arguments["netF"], arguments["patches"]
        theirs = their_patch_head(features, 16, use_mlp=netF == "mlp_sample")
        ours = build_patch_head(netF, [f.shape[1] for f in features], 16)
        _same_weights(ours, theirs)
        with reference.Draws(1):
            expected, ids = theirs(features, patches, None)
        vectors = ours(features, [positions.expand(2, -1) for positions in ids])
        pairs = zip(vectors, expected, strict=True)
        table.row(name, max(relative(a.flatten(0, 1), b) for a, b in pairs), BOUND)


def their_gan_loss(mode: str) -> Callable[[Tensor, bool], Tensor]:
    criterion = reference.networks().GANLoss(mode)
    return lambda predicted, real: criterion(predicted, real).mean()


def _gan_losses(table: Table) -> None:
    table.section("adversarial losses (float64)")
    for mode in GAN_MODES:
        theirs = their_gan_loss(mode)
        pairs = [(discriminator_loss(mode, logits(), real), theirs(logits(), real)) for real in (True, False)]
        pairs.append((generator_loss(mode, logits()), theirs(logits(), True)))
        table.row(mode, max(relative(a, b) for a, b in pairs), BOUND)
    flags = {"netD": "basic", "ndf": 4, "normD": "none"}
    ours, theirs = build_discriminator(**flags), their_discriminator(flags)
    _same_weights(ours, theirs)
    real, fake = (formula.picture(3, 3, 40, 40, number) for number in (31, 33))
    mix = (formula.tensor((3,), 35) + 1) / 2
    with _rand(mix.view(3, 1)):
        expected, _ = reference.networks().cal_gradient_penalty(theirs, real, fake, "cpu", lambda_gp=1.0)
    table.row("gradient penalty", relative(gradient_penalty(ours, real, fake, mix), expected), BOUND)


def _rand(values: Tensor) -> contextlib.AbstractContextManager[Any]:
    return reference.mock.patch.object(torch, "rand", lambda *_, **__: values)
