"""The golden file of CycleGAN and pix2pix: results of the repository for tests that run without it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import formula
import torch
from cases import DISCRIMINATOR_SIZE, GENERATOR_SIZE
from cases_cyclegan import (
    CYCLE_GAN,
    CYCLE_GAN_CASES,
    PATCHGANS,
    PIX2PIX,
    PIX2PIX_CASES,
    PIX2PIX_SIZE,
    RESNETS,
    STEP_SIZE,
    STEPS,
    UNET_SIZES,
    UNETS,
)
from torch import nn

from reference_parity import cyclegan
from reference_parity.cyclegan import PairOfModels, their_discriminator, their_generator
from reference_parity.reference import precision, quiet
from reference_parity.steps import gradients
from translate.files import write_text


def write(folder: Path) -> None:
    """Write ``cyclegan.json``, all in float64."""
    source = {"repository": cyclegan.REPOSITORY, "commit": cyclegan.COMMIT, "torch": torch.__version__}
    with precision(torch.float64), quiet():
        content = {
            "layouts": {
                name: _layout(their_generator(UNETS[name])) for name in ("unet_256-instance", "unet_128-batch")
            },
            "unets": {
                name: _output(their_generator(flags), 3, UNET_SIZES[flags["netG"]]) for name, flags in UNETS.items()
            },
            "resnets": {name: _output(their_generator(flags), 3, GENERATOR_SIZE) for name, flags in RESNETS.items()},
            "patchgans": {
                name: _output(their_discriminator(flags), flags["input_nc"], DISCRIMINATOR_SIZE)
                for name, flags in PATCHGANS.items()
            },
            "cycle_gan": {name: _steps({**CYCLE_GAN, **f}, STEP_SIZE) for name, f in CYCLE_GAN_CASES.items()},
            "pix2pix": {name: _steps({**PIX2PIX, **f}, PIX2PIX_SIZE) for name, f in PIX2PIX_CASES.items()},
        }
    path = folder / "cyclegan.json"
    write_text(path, json.dumps({"source": source, **content}, indent=1) + "\n")
    print(f"{path}: {path.stat().st_size / 1024:.0f} KiB")


def _layout(network: nn.Module) -> dict[str, list[int]]:
    return {key: list(value.shape) for key, value in network.state_dict().items()}


def _output(network: nn.Module, channels: int, size: tuple[int, int]) -> dict[str, Any]:
    return formula.summary(formula.fill(network)(formula.picture(1, channels, *size, number=1)))


def _steps(flags: Mapping[str, Any], size: tuple[int, int]) -> dict[str, Any]:
    """Losses of some steps of training, and the gradients of the last."""
    pair = PairOfModels(flags, dict.fromkeys("AB", size))
    losses = [pair.their_step(number) for number in range(1, STEPS + 1)]
    found = {name: formula.summary(gradients(pair.their_network(name))) for name in pair.method.networks}
    return {"losses": losses, "gradients": found}
