"""Everything of pytorch-CycleGAN-and-pix2pix that is compared: networks, steps, files, pairs of pictures."""

import tempfile
from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path
from typing import Any
from unittest import mock

import formula
import numpy as np
import torch
from cases import DISCRIMINATOR_SIZE, GENERATOR_SIZE, NORMS
from cases_cyclegan import (
    CYCLE_GAN,
    CYCLE_GAN_CASES,
    PATCHGANS,
    PIX2PIX,
    PIX2PIX_CASES,
    PIX2PIX_SIZE,
    RESNETS,
    UNET_SIZES,
    UNETS,
)
from PIL import Image
from torch import nn

from reference_parity import cyclegan
from reference_parity.cyclegan import PairOfModels, their_discriminator, their_generator
from reference_parity.networks import relative
from reference_parity.reference import precision, quiet
from reference_parity.steps import effective_weights, gradients, loss_deviation, running_statistics
from reference_parity.table import Table
from translate.data.aligned import AlignedPictures, find_pairs
from translate.data.preprocess import Preprocess
from translate.data.tensors import to_signed
from translate.methods.pix2pix import Pix2Pix, Pix2PixOptions
from translate.networks import build_discriminator, build_generator
from translate.networks.imports import drop_instance_norm_buffers
from translate.networks.unet import describe_unet
from translate.networks.weights import describe_generator, load_weights
from translate.randomness import generator

BOUND = 1e-9
DRIFT = 1e-6  # after some steps, which enlarge what rounding did in the first
STEPS = 10
DIFFERENT = {"A": (32, 40), "B": (48, 32)}
MORE_CYCLES: dict[str, dict[str, Any]] = {
    "dropout": {"no_dropout": False},
    "U-Net 128 with batch norm and dropout": {
        "netG": "unet_128", "normG": "batch", "normD": "batch", "no_dropout": False
    },
    "nine blocks, batch 3, pool 5": {"netG": "resnet_9blocks", "batch_size": 3, "pool_size": 5},
    "pixel discriminator": {"netD": "pixel"},
}  # fmt: skip
MORE_PAIRS: dict[str, dict[str, Any]] = {
    "with dropout": {"no_dropout": False},
    "with dropout, batch 2": {"no_dropout": False, "batch_size": 2},
    "six ResNet blocks": {"netG": "resnet_6blocks", "normG": "instance", "normD": "instance"},
}


def compare_cyclegan(table: Table, full_size: int) -> None:
    """All of it; ``full_size``: side of the pictures for CycleGAN's published networks (pix2pix's take 256)."""
    with precision(torch.float64):
        _networks(table)
        for name, flags in {**CYCLE_GAN_CASES, **MORE_CYCLES}.items():
            sizes = dict.fromkeys("AB", PIX2PIX_SIZE) if "U-Net" in name else None
            _steps(table, f"CycleGAN, {name}", PairOfModels({**CYCLE_GAN, **flags}, sizes))
        _steps(table, "CycleGAN, A and B of different sizes", PairOfModels(CYCLE_GAN, DIFFERENT))
        for name, flags in {**PIX2PIX_CASES, **MORE_PAIRS}.items():
            sizes = dict.fromkeys("AB", PIX2PIX_SIZE)
            _steps(table, f"pix2pix, {name}", PairOfModels({**PIX2PIX, **flags}, sizes))
        _full_size(table, full_size)
    _defaults(table)
    _files(table)
    _pairs_of_pictures(table)


def _networks(table: Table) -> None:
    table.section("U-Nets, strided ResNets, PatchGANs: output (float64)")
    unets = {**UNETS, "published width": {"netG": "unet_256", "ngf": 64, "normG": "batch"}}
    unets |= {f"{word}-dropout": {**UNETS[f"{word}-batch"], "no_dropout": False} for word in UNET_SIZES}
    for name, flags in unets.items():
        image = formula.picture(1, 3, *UNET_SIZES[flags["netG"]], number=1)
        _compare(table, name, build_generator(**flags), their_generator(flags), image)
    strided = {"no_antialias": True, "no_antialias_up": True}
    for name, flags in {**RESNETS, "dropout": {**RESNETS["resnet_9blocks-instance"], "no_dropout": False}}.items():
        image = formula.picture(2, 3, *GENERATOR_SIZE, number=1)
        _compare(table, name, build_generator(**{**flags, **strided}), their_generator(flags), image)
    layers = {
        f"n_layers-{count}-{norm}": {**PATCHGANS["n_layers-2-batch-3 channels"], "n_layers_D": count, "normD": norm}
        for count, norm in product((1, 4, 5), NORMS)
    }
    for name, flags in {**PATCHGANS, **layers}.items():
        image = formula.picture(2, flags["input_nc"], *DISCRIMINATOR_SIZE, number=1)
        _compare(table, name, build_discriminator(**flags), their_discriminator(flags), image)


def _compare(table: Table, name: str, ours: nn.Module, theirs: nn.Module, image: torch.Tensor) -> None:
    formula.fill(theirs)
    table.fact(f"{name}: keys and their order", list(ours.state_dict()) == list(theirs.state_dict()))
    ours.load_state_dict(theirs.state_dict(), strict=True)
    outputs = []
    for network in (ours, theirs):
        torch.manual_seed(1)  # the same dropout masks
        outputs.append(network(image))
    table.row(name, relative(*outputs), BOUND)


def _steps(table: Table, name: str, pair: PairOfModels) -> None:
    """Losses and gradients of the first step and of all, weights and running statistics at the end."""
    table.section(f"{name}: first step (float64)")
    worst = _step(pair, 1)
    _rows(table, worst, BOUND)
    table.section(f"{name}: {STEPS} steps (float64)")
    for number in range(2, STEPS + 1):
        found = _step(pair, number)
        worst = {what: max(worst[what], found[what]) for what in worst}
    _rows(table, worst, DRIFT)
    for network, mine in pair.method.networks.items():
        other = pair.their_network(network)
        table.row(f"weights of {network}", relative(effective_weights(mine), effective_weights(other)), DRIFT)
        if running_statistics(mine).numel():
            table.row(f"statistics of {network}", relative(running_statistics(mine), running_statistics(other)), DRIFT)
    if getattr(pair.settings.method, "pool_size", 0):
        _compare_pools(table, pair)


def _step(pair: PairOfModels, number: int) -> dict[str, float]:
    """How far a step's losses and gradients are apart."""
    theirs, ours = pair.their_step(number), pair.our_step(number)
    found = {"losses": loss_deviation(ours, theirs)}
    for network, mine in pair.method.networks.items():
        found[f"gradient of {network}"] = relative(gradients(mine), gradients(pair.their_network(network)))
    return found


def _rows(table: Table, deviations: Mapping[str, float], bound: float) -> None:
    for what, deviation in deviations.items():
        table.row(what, deviation, bound)


def _compare_pools(table: Table, pair: PairOfModels) -> None:
    for domain, pool in pair.method.pools.items():
        theirs = getattr(pair.theirs, f"fake_{domain}_pool").images
        deviations = [relative(a, b[0]) for a, b in zip(pool.images, theirs, strict=True)]
        table.row(f"pool of {domain}: {len(deviations)} pictures", max(deviations), DRIFT)


def _full_size(table: Table, side: int) -> None:
    """One step of the published networks with the repository's own initialisation."""
    table.section("one step, published networks and initialisation (float64)")
    for model, side_px in (("cycle_gan", side), ("pix2pix", 256)):
        pair = PairOfModels({"model": model}, dict.fromkeys("AB", (side_px, side_px)), filled=False)
        _rows(table, {f"{model}: {what}": deviation for what, deviation in _step(pair, 1).items()}, BOUND)


def _defaults(table: Table) -> None:
    table.section("defaults")
    same = ("lr", "beta1", "gan_mode", "n_epochs", "n_epochs_decay", "init_type", "init_gain", "netG", "netD", "ngf")
    same += ("ndf", "n_layers_D", "load_size", "crop_size", "batch_size", "preprocess", "lr_policy", "dataset_mode")
    own = {"cycle_gan": ("lambda_A", "lambda_B", "lambda_identity", "pool_size"), "pix2pix": ("lambda_L1",)}
    for model, names in own.items():
        opt, ours = cyclegan.options({"model": model}), cyclegan.resolve({"model": model}).flat()
        for name in (*same, *names, "no_dropout"):
            table.fact(f"{model}: --{name} {ours[name]}", ours[name] == getattr(opt, name))
        table.fact(f"{model}: norm {ours['normG']}", ours["normG"] == ours["normD"] == opt.norm)


def _files(table: Table) -> None:
    """Files that the repository writes, of today and of before 2018, loaded here."""
    table.section("files: the picture that comes out (float32)")
    cases: dict[str, tuple[dict[str, Any], Callable[..., dict[str, Any]], bool]] = {
        "latest_net_G_A.pth": ({**CYCLE_GAN, "ngf": 8}, describe_generator, False),
        "latest_net_G_A.pth with statistics of instance norms": ({**CYCLE_GAN, "ngf": 8}, describe_generator, True),
        "latest_net_G.pth": ({**PIX2PIX, "ngf": 8}, describe_unet, True),
    }
    for name, (flags, describe, old) in cases.items():
        with tempfile.TemporaryDirectory() as folder:
            with _tracking_instance_norms(old):
                expected, image = _saved(folder, flags)
            path = Path(folder) / "run" / name.split()[0]
            weights = load_weights(path)
            has_statistics = any("running" in key for key in weights)
            table.fact(
                f"{name}: running statistics {'are' if has_statistics else 'are not'} in it", has_statistics == old
            )
            weights = drop_instance_norm_buffers(weights)
            network = build_generator(**describe(weights, path))
            network.load_state_dict(weights, strict=True)
            table.row(name, relative(network(image), expected), 1e-6)
            if flags["model"] == "pix2pix":  # which the repository tests in training mode
                translator = Pix2Pix.translator(network.eval(), Pix2PixOptions())
                table.row(f"{name} as a translator", relative(translator(image), expected), 1e-6)


def _saved(folder: str, flags: Mapping[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
    """Train the repository's model for two steps, let it save its networks; what its generator makes of a picture."""
    (Path(folder) / "run").mkdir()
    sizes = dict.fromkeys("AB", PIX2PIX_SIZE)
    pair = PairOfModels({**flags, "checkpoints_dir": folder, "name": "run"}, sizes, loads=False)
    for number in (1, 2):
        pair.their_step(number)
    with quiet():
        pair.theirs.save_networks("latest")
    image = formula.picture(1, 3, *PIX2PIX_SIZE, number=9)
    generator_of = pair.theirs.netG_A if flags["model"] == "cycle_gan" else pair.theirs.netG
    return generator_of(image), image


def _tracking_instance_norms(on: bool) -> Any:
    """Instance norms that keep statistics, as all did before torch 0.4."""
    build = nn.InstanceNorm2d.__init__

    def tracking(self: nn.Module, channels: int, *_: float, affine: bool = False, **rest: bool) -> None:
        build(self, channels, affine=affine, **{**rest, "track_running_stats": True})

    return mock.patch.object(nn.InstanceNorm2d, "__init__", tracking if on else build)


def _pairs_of_pictures(table: Table) -> None:
    table.section("pairs of pictures, side by side in a file")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "train").mkdir()
        pixels = (formula.picture(1, 3, 90, 220, number=40)[0].permute(1, 2, 0).numpy() + 1) * 127.5
        Image.fromarray(pixels.astype(np.uint8)).save(Path(folder) / "train" / "pair.png")
        ours = AlignedPictures(find_pairs(Path(folder), "train"), 3, 3, Preprocess(load_size=72, crop_size=64), seed=1)
        opt = cyclegan.options({"model": "pix2pix", "dataroot": folder, "load_size": 72, "crop_size": 64})
        for epoch in range(1, 5):
            theirs = _their_sample(opt, *_drawn(epoch))
            sample = ours[(epoch, 0)]
            same = all(torch.equal(to_signed(sample[domain]), theirs[domain]) for domain in "AB")
            table.fact(f"epoch {epoch}: crop and flip {_drawn(epoch)}", same)


def _drawn(epoch: int) -> tuple[int, int, bool]:
    rng = generator(1, "augment pair", epoch, 0)
    return int(rng.integers(9)), int(rng.integers(9)), bool(rng.random() < 0.5)


def _their_sample(opt: Any, left: int, top: int, flip: bool) -> Mapping[str, Any]:
    aligned = cyclegan.module("data.aligned_dataset")
    with mock.patch.object(aligned, "get_params", lambda *_: {"crop_pos": (left, top), "flip": flip}):
        return aligned.AlignedDataset(opt)[0]
