"""The golden files: results of the reference for tests that run without it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import formula
import torch
from cases import (
    DISCRIMINATOR_SIZE,
    DISCRIMINATORS,
    DROPOUT,
    GAN_MODES,
    GENERATOR_SIZE,
    GENERATORS,
    PATCH_HEADS,
    SMALL,
    STEP_SIZE,
    STEPS,
    TAPS,
    TRAINING,
    TRAINING_STEPS,
    is_mirrored,
    logits,
    patch_features,
)
from torch import nn

from reference_parity import reference, sincut
from reference_parity.networks import their_discriminator, their_gan_loss, their_generator, their_patch_head
from reference_parity.steps import Pair, gradients, running_statistics
from translate.files import write_text


def write(folder: Path) -> None:
    """Write ``networks.json``, ``steps.json`` ``training.json`` and ``sincut.json``, all in float64."""
    source = {"repository": reference.REPOSITORY, "commit": reference.COMMIT, "torch": torch.__version__}
    with reference.precision(torch.float64), reference.quiet():
        contents = {"networks": _networks(), "steps": _steps(), "training": _training()}
    for name, content in contents.items():
        path = folder / f"{name}.json"
        write_text(path, json.dumps({"source": source, **content}, indent=1) + "\n")
        print(f"{path}: {path.stat().st_size / 1024:.0f} KiB")
    sincut.write_golden(folder, source)


def _networks() -> dict[str, Any]:
    return {
        "layouts": _layouts(),
        "generators": {name: _generator(flags) for name, flags in {**GENERATORS, **DROPOUT}.items()},
        "discriminators": {name: _discriminator(flags) for name, flags in DISCRIMINATORS.items()},
        "patch_heads": {name: _patch_head(**arguments) for name, arguments in PATCH_HEADS.items()},
        "gan_losses": {mode: _gan_losses(mode) for mode in GAN_MODES},
    }


def _layouts() -> dict[str, dict[str, list[int]]]:
    """State-dict keys and shapes of the default networks."""
    generator = their_generator({"netG": "resnet_9blocks"})
    features = generator(torch.zeros(1, 3, 32, 32), TAPS, encode_only=True)
    found = {"G": generator, "D": their_discriminator({"netD": "basic"}), "F": their_patch_head(features, 256)}
    return {
        name: {key: list(value.shape) for key, value in network.state_dict().items()} for name, network in found.items()
    }


def _generator(flags: Mapping[str, Any]) -> dict[str, Any]:
    network = formula.fill(their_generator(flags))
    network.train(flags.get("no_dropout", True))
    image = formula.picture(2, 3, *GENERATOR_SIZE, number=1)
    features = network(image, list(TAPS), encode_only=True)
    return {"output": formula.summary(network(image)), "taps": [formula.summary(feature) for feature in features]}


def _discriminator(flags: Mapping[str, Any]) -> dict[str, Any]:
    network = formula.fill(their_discriminator(flags))
    return formula.summary(network(formula.picture(2, 3, *DISCRIMINATOR_SIZE, number=1)))


def _patch_head(netF: str, patches: int) -> list[dict[str, Any]]:
    features = patch_features()
    head = formula.fill(their_patch_head(features, 16, use_mlp=netF == "mlp_sample"))
    with reference.Draws(1):
        vectors, _ = head(features, patches, None)
    return [formula.summary(vector) for vector in vectors]


def _gan_losses(mode: str) -> dict[str, float]:
    loss = their_gan_loss(mode)
    return {"real": loss(logits(), True).item(), "fake": loss(logits(), False).item()}


def _steps() -> dict[str, Any]:
    return {"steps": {name: _step({**SMALL, **flags}, mirrored) for name, (flags, mirrored) in STEPS.items()}}


def _step(flags: Mapping[str, Any], mirrored: bool) -> dict[str, Any]:
    pair = Pair(flags, STEP_SIZE)
    losses, _ = pair.their_step(1, mirrored)
    found = {name: pair.their_network(name) for name in "GFD"}
    statistics = _statistics(found["G"])
    return {
        "losses": losses,
        "gradients": {name: formula.summary(gradients(network)) for name, network in found.items()},
        **({"running_statistics": statistics} if statistics else {}),
    }


def _statistics(network: nn.Module) -> dict[str, Any] | None:
    running = running_statistics(network)
    return formula.summary(running) if running.numel() else None


def _training() -> dict[str, Any]:
    runs = {}
    for name, flags in TRAINING.items():
        pair = Pair({**SMALL, **flags}, STEP_SIZE)
        runs[name] = [pair.their_step(step, is_mirrored(step))[0] for step in range(1, TRAINING_STEPS + 1)]
    return {"losses": runs}
