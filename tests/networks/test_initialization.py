"""Initialisation: the spread that each kind promises, layer by layer."""

import math

import pytest
import torch
from torch import nn
from torch.nn.init import _calculate_fan_in_and_fan_out as fans

from translate.networks.initialization import INITIALIZATIONS, initialize
from translate.networks.layers import BlurDownsample

LAYERS = {
    "convolution": lambda: nn.Conv2d(32, 48, 3),
    "transposed convolution": lambda: nn.ConvTranspose2d(32, 48, 3),
    "linear": lambda: nn.Linear(120, 130),
}


def expected_spread(kind: str, weight: torch.Tensor, gain: float) -> float:
    fan_in, fan_out = fans(weight)
    if kind == "xavier":
        return gain * math.sqrt(2 / (fan_in + fan_out))
    return gain if kind == "normal" else math.sqrt(2 / fan_in)


@pytest.mark.parametrize("kind", ["xavier", "normal", "kaiming"])
@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("gain", [0.02, 1.0])
def test_weights_have_the_promised_spread(kind, layer, gain):
    torch.manual_seed(0)
    module = initialize(LAYERS[layer](), kind, gain)
    spread = expected_spread(kind, module.weight, gain)
    # About 14 000 draws: their spread is within 3 % and their mean within 4 / sqrt(n) by far.
    assert module.weight.std().item() == pytest.approx(spread, rel=0.03)
    assert abs(module.weight.mean().item()) < 4 * spread / math.sqrt(module.weight.numel())
    assert module.bias.abs().max() == 0


def test_orthogonal_rows_have_the_length_of_the_gain():
    weight = initialize(nn.Conv2d(16, 8, 3), "orthogonal", 0.3).weight.flatten(1)
    torch.testing.assert_close(weight @ weight.T, 0.09 * torch.eye(8), rtol=1e-4, atol=1e-6)


def test_the_published_kind_is_the_default():
    torch.manual_seed(0)
    default = initialize(nn.Conv2d(8, 8, 3)).weight
    torch.manual_seed(0)
    assert torch.equal(default, initialize(nn.Conv2d(8, 8, 3), "xavier", 0.02).weight)
    assert INITIALIZATIONS == ("xavier", "normal", "kaiming", "orthogonal")


def test_batch_norm_begins_near_the_identity():
    norm = nn.BatchNorm2d(4000)
    nn.init.ones_(norm.bias)
    torch.manual_seed(0)
    initialize(norm, "xavier", 0.05)
    assert norm.weight.mean().item() == pytest.approx(1, abs=0.005)
    assert norm.weight.std().item() == pytest.approx(0.05, rel=0.06)
    assert norm.bias.abs().max() == 0


def test_every_layer_of_a_network_is_reached_and_filters_are_not():
    network = nn.Sequential(nn.Conv2d(3, 3, 3), BlurDownsample(3), nn.Sequential(nn.Linear(3, 3)))
    before = {key: value.clone() for key, value in network.state_dict().items()}
    assert initialize(network) is network
    changed = {key for key, value in network.state_dict().items() if not torch.equal(value, before[key])}
    assert changed == {"0.weight", "0.bias", "2.0.weight", "2.0.bias"}


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="xavier"):
        initialize(nn.Linear(2, 2), "uniform")
