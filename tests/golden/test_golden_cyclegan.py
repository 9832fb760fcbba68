"""Everything that pytorch-CycleGAN-and-pix2pix computed and ``cyclegan.json`` keeps, computed here."""

import json
from pathlib import Path
from typing import Any

import cases
import cases_cyclegan as own
import formula
import pytest
import torch

from translate.methods import Method
from translate.networks import build_discriminator, build_generator
from translate.settings import TrainSettings, resolve
from translate.training.job import build_method
from translate.training.optimizers import build_optimizers

KEPT = json.loads((Path(__file__).parent / "cyclegan.json").read_text())
BOUND = 1e-9
DRIFT = 1e-6  # of the losses and gradients after some steps


@pytest.mark.parametrize("name", ["unet_256-instance", "unet_128-batch"])
def test_unets_have_the_keys_and_shapes_of_the_reference(name):
    layout = {key: list(value.shape) for key, value in build_generator(**own.UNETS[name]).state_dict().items()}
    assert layout == KEPT["layouts"][name]
    assert list(layout) == list(KEPT["layouts"][name])


@pytest.mark.parametrize("name", own.UNETS)
def test_unet(name):
    flags = own.UNETS[name]
    check_output(build_generator(**flags), 3, own.UNET_SIZES[flags["netG"]], KEPT["unets"][name])


@pytest.mark.parametrize("name", own.RESNETS)
def test_strided_resnet(name):
    check_output(build_generator(**own.RESNETS[name]), 3, cases.GENERATOR_SIZE, KEPT["resnets"][name])


@pytest.mark.parametrize("name", own.PATCHGANS)
def test_strided_patchgan(name):
    flags = own.PATCHGANS[name]
    network = build_discriminator(**flags)
    check_output(network, flags["input_nc"], cases.DISCRIMINATOR_SIZE, KEPT["patchgans"][name])


def check_output(network: torch.nn.Module, channels: int, size: tuple[int, int], kept: dict[str, Any]) -> None:
    output = formula.fill(network)(formula.picture(1, channels, *size, number=1))
    assert formula.deviation(output, kept) <= BOUND


@pytest.mark.parametrize("name", own.CYCLE_GAN_CASES)
def test_steps_of_cycle_gan(name):
    check_steps({**own.CYCLE_GAN, **own.CYCLE_GAN_CASES[name]}, own.STEP_SIZE, KEPT["cycle_gan"][name])


@pytest.mark.parametrize("name", own.PIX2PIX_CASES)
def test_steps_of_pix2pix(name):
    check_steps({**own.PIX2PIX, **own.PIX2PIX_CASES[name]}, own.PIX2PIX_SIZE, KEPT["pix2pix"][name])


def check_steps(flags: dict[str, Any], size: tuple[int, int], kept: dict[str, Any]) -> None:
    """Losses of every step, gradients of the last; the reference logs 0 for a loss that is not there."""
    settings = resolve({**flags, "input_nc": 3, "output_nc": 3})
    method = build_method(settings).train()
    for number, network in enumerate(method.networks.values()):
        formula.fill(network, number)
    optimizers = build_optimizers(method, settings)
    for number, expected in enumerate(kept["losses"], start=1):
        losses = step(method, optimizers, batch_of(settings, size, number))
        present = {name: value for name, value in expected.items() if value != 0}
        assert losses == pytest.approx(present, rel=BOUND if number == 1 else DRIFT)
    for name, gradient in kept["gradients"].items():
        found = formula.flatten({key: p.grad for key, p in method.networks[name].named_parameters()})
        assert formula.deviation(found, gradient) <= DRIFT


def step(method: Method, optimizers: dict[str, torch.optim.Optimizer], batch: dict[str, Any]) -> dict[str, float]:
    state = method(batch)
    losses: dict[str, float] = {}
    for player, optimizer in optimizers.items():
        total, named = method.losses(player, state)
        optimizer.zero_grad()
        total.backward(inputs=[p for group in optimizer.param_groups for p in group["params"]])
        optimizer.step()
        losses |= {name: loss.item() for name, loss in named.items()}
    method.after_step()
    return losses


def batch_of(settings: TrainSettings, size: tuple[int, int], number: int) -> dict[str, Any]:
    count = settings.data.batch_size
    places = getattr(settings.method, "pool_size", 0)
    draws = own.pool_draws(number, count, places) if places else {}
    pools = {f"pool_{domain}": torch.tensor(decided) for domain, decided in draws.items()}
    return {**cases.pictures(count, size, number), **pools}
