"""Layers that learn equally fast, in an encoder that computes what it did."""

import math

import pytest
import torch

from translate.errors import InputError
from translate.networks.encoders import build_encoder
from translate.networks.encoders.rescaling import absorb_norms, gradient_ratios, rescaled
from translate.networks.initialization import initialize

KINDS = [
    ("alexnet", "batch"),
    ("alexnet", "batch_plain"),
    ("alexnet", "none"),
    ("caffenet", "batch"),
    ("split_alexnet", "batch"),
]


def images_of(count=3, seed=1):
    return torch.rand(count, 3, 96, 96, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 2 - 1


def encoder_of(netE="alexnet", norm="batch"):
    """With running statistics, scales and shifts of its own, and layers of very different size."""
    torch.manual_seed(0)
    encoder = initialize(build_encoder(netE, nef=8, normE=norm), "kaiming").double()
    with torch.no_grad():
        for name, weight in encoder.named_parameters():
            if weight.ndim == 1:
                weight.add_(torch.rand_like(weight) * 0.2)
            if weight.ndim == 4:
                weight.mul_(10.0 ** (int(name[4]) - 3))
        encoder.train()
        encoder(images_of(8, 7))
    return encoder.eval()


@pytest.mark.parametrize(("netE", "norm"), KINDS)
def test_norms_are_absorbed(netE, norm):
    encoder, images = encoder_of(netE, norm), images_of()
    network = absorb_norms(encoder)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in network.modules())
    expected, found = encoder.features(images, encoder.taps), network.features(images, encoder.taps)
    for tap in encoder.taps:
        assert torch.allclose(found[tap], expected[tap], rtol=1e-9, atol=1e-12), tap
    # It is what build_encoder makes without a norm, so that its weights can be kept.
    assert network.state_dict().keys() == build_encoder(netE, nef=8, normE="none").state_dict().keys()


@pytest.mark.parametrize(("netE", "norm"), KINDS)
def test_ratios_get_equal_and_the_deepest_map_stays(netE, norm):
    encoder, images = encoder_of(netE, norm), images_of()
    before = gradient_ratios(absorb_norms(encoder), images, 0)
    network = rescaled(encoder, images, 0)
    after = gradient_ratios(network, images, 0)
    assert max(before.values()) / min(before.values()) > 1.5
    assert max(after.values()) / min(after.values()) < 1.02
    assert math.prod(after.values()) == pytest.approx(math.prod(before.values()), rel=1e-6)
    assert torch.allclose(network(images), encoder(images), rtol=1e-8, atol=1e-12)
    maps = zip(*(each.features(images, each.taps).values() for each in (network, encoder)), strict=True)
    for found, expected in maps:  # each is the same but for one factor
        factor = found.norm() / expected.norm()
        assert torch.allclose(found, expected * factor, rtol=1e-8, atol=1e-12)


def test_a_ratio_is_that_of_its_definition():
    encoder, images = encoder_of("alexnet", "none"), images_of()
    noise = torch.randn(encoder(images).shape, generator=torch.Generator().manual_seed(4)).double()
    (encoder(images) * noise).sum().backward()
    weight = encoder.conv3[0].weight
    assert gradient_ratios(encoder, images, 4)["conv3"] == pytest.approx((weight.grad.norm() / weight.norm()).item())


def test_with_response_normalisation_ratios_get_equal_in_rounds():
    encoder, images = encoder_of("caffenet", "lrn"), images_of()
    after = gradient_ratios(rescaled(encoder, images, 0), images, 0)
    assert max(after.values()) / min(after.values()) < 1.02


def test_a_dead_layer_is_let_be():
    encoder = encoder_of("alexnet", "none")
    with torch.no_grad():
        encoder.conv3[0].weight.zero_()
        encoder.conv3[0].bias.fill_(-1)
    images = images_of()
    assert torch.equal(rescaled(encoder, images, 0)(images), encoder(images))


def test_the_encoder_itself_stays():
    encoder = encoder_of()
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    rescaled(encoder, images_of(), 0)
    assert all(torch.equal(before[key], value) for key, value in encoder.state_dict().items())


def test_layers_that_cannot_be_scaled_are_refused():
    with pytest.raises(InputError, match=r"^--rescale is for alexnet, caffenet and split_alexnet"):
        rescaled(build_encoder("resnet18"), torch.zeros(1, 3, 64, 64), 0)
