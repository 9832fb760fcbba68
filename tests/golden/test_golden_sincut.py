"""A step of single-picture translation against what the reference gave: losses and gradients, with the same noise."""

import json
from pathlib import Path

import cases
import cases_sincut as own
import formula
import pytest
import torch
from test_golden import BOUND, fill_method, gradients, positions_in

from translate.methods import SinCUT
from translate.networks.stylegan2_layers import NormalizedUpsample
from translate.settings import resolve
from translate.training.job import build_method

KEPT = json.loads((Path(__file__).parent / "sincut.json").read_text())["steps"]


def test_every_case_is_kept():
    assert KEPT.keys() == own.STEPS.keys()


@pytest.mark.parametrize("name", own.STEPS)
def test_step(name):
    flags = {**own.BASE, **own.STEPS[name]}
    method = build_method(resolve({**flags, "input_nc": 3, "output_nc": 3}))
    fill_as_files(fill_method(method))
    state = method(batch_for(method))
    losses = {}
    # The reference updates D before G meets it; here that is one step of Adam too.
    for player, names in method.players.items():
        total, named = method.losses(player, state)
        weights = [weight for network in names for weight in method.networks[network].parameters()]
        total.backward(inputs=weights)
        losses |= {loss: value.item() for loss, value in named.items()}
        if player == "D":
            torch.optim.Adam(weights, lr=0.002, betas=(0.0, 0.99)).step()
    assert losses == pytest.approx(KEPT[name]["losses"], rel=BOUND)
    for network, gradient in KEPT[name]["gradients"].items():
        assert formula.deviation(gradients_of(method.networks[network]), gradient) <= BOUND


def gradients_of(network):
    """Those of weights without an effect, such as the strength of noise that is not there, count as zero."""
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
    return gradients(network)


def fill_as_files(method: SinCUT) -> None:
    """The formula scales a weight by its length in a file, where that of an upsampling has one axis more."""
    with torch.no_grad():
        for layer in method.modules():
            if isinstance(layer, NormalizedUpsample):
                layer.weight.div_(layer.weight.shape[0] ** 0.5)


def batch_for(method: SinCUT) -> dict:
    count, patches = own.COUNT, method.options.num_patches
    places = [height * width for height, width in method.networks["G"].tap_sizes(*own.STEP_SIZE, method.taps)]
    first = cases.first_draw(1)
    batch = {
        **cases.pictures(count, own.STEP_SIZE, 1),
        "positions_A": positions_in(places, count, patches, first),
        "positions_B": positions_in(places, count, patches, first + len(places)),
    }
    maps = [own.noise(*size) for size in method.networks["G"].noise_sizes(*own.STEP_SIZE)]
    if maps:
        batch |= {"noise_A": [drawn[:count] for drawn in maps], "noise_B": [drawn[count:] for drawn in maps]}
    return batch
