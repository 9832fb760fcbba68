"""The discriminators: sizes, and how many pixels a logit sees."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from translate.networks import DISCRIMINATORS, build_discriminator
from translate.networks.layers import NORMS


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def receptive_field(network: nn.Module, size: int) -> tuple[int, int]:
    """Height and width of the pixels whose change moves the logit in the middle."""
    image = torch.zeros(1, 3, size, size, dtype=torch.float64, requires_grad=True)
    logits = network.double()(image)
    middle = logits.shape[2] // 2
    (gradient,) = torch.autograd.grad(logits[0, 0, middle, middle], image)
    seen = gradient[0].abs().sum(0) > 0
    rows, columns = seen.any(1).nonzero().flatten(), seen.any(0).nonzero().flatten()
    return int(rows[-1] - rows[0]) + 1, int(columns[-1] - columns[0]) + 1


def output_length(length: int, layers: int, antialias: bool) -> int:
    """By the arithmetic of its convolutions."""
    for _ in range(layers):
        length = -(-(length - 1) // 2) if antialias else length // 2
    return length - 2


def test_published_parameter_counts():
    assert count(build_discriminator("basic")) == 2_764_737
    assert count(build_discriminator("basic", no_antialias=True)) == 2_764_737
    assert count(build_discriminator("pixel")) == 8_705


def test_the_registry_offers_the_published_kinds():
    assert DISCRIMINATORS.names() == ["basic", "context", "n_layers", "pixel", "stylegan2"]


@pytest.mark.parametrize(
    ("layers", "no_antialias", "pixels"), [(3, False, 84), (3, True, 70), (2, True, 34), (1, True, 16)]
)
def test_receptive_field(layers, no_antialias, pixels):
    torch.manual_seed(0)
    network = build_discriminator("n_layers", ndf=2, n_layers_D=layers, normD="none", no_antialias=no_antialias)
    assert receptive_field(network, 160) == (pixels, pixels)


def test_the_pixel_discriminator_sees_a_pixel():
    torch.manual_seed(0)
    assert receptive_field(build_discriminator("pixel", ndf=2, normD="none"), 8) == (1, 1)


@settings(max_examples=20)
@given(st.integers(1, 4), st.booleans(), st.sampled_from(NORMS), st.integers(72, 90), st.integers(72, 90))
def test_one_logit_a_patch(layers, no_antialias, norm, height, width):
    network = build_discriminator("n_layers", ndf=1, n_layers_D=layers, normD=norm, no_antialias=no_antialias)
    expected = [output_length(length, layers, not no_antialias) for length in (height, width)]
    assert list(network(torch.rand(2, 3, height, width)).shape) == [2, 1, *expected]


def test_published_output_size():
    assert build_discriminator("basic", ndf=2)(torch.rand(1, 3, 256, 256)).shape == (1, 1, 30, 30)


def test_basic_is_three_layers_whatever_n_layers_says():
    layouts = [
        {key: value.shape for key, value in network.state_dict().items()}
        for network in (
            build_discriminator("basic", ndf=2, n_layers_D=5),
            build_discriminator("n_layers", ndf=2, n_layers_D=3),
        )
    ]
    assert layouts[0] == layouts[1]


def test_width_doubles_eightfold_at_most():
    network = build_discriminator("n_layers", ndf=2, n_layers_D=5)
    widths = [module.out_channels for module in network.modules() if isinstance(module, nn.Conv2d)]
    assert widths == [2, 4, 8, 16, 16, 16, 1]


@pytest.mark.parametrize("norm", NORMS)
def test_the_first_layer_has_a_bias_and_no_norm(norm):
    for netD in ("basic", "pixel"):
        network = build_discriminator(netD, ndf=2, normD=norm)
        layers = [module for module in network.modules() if not list(module.children())]
        assert layers[0].bias is not None
        assert isinstance(layers[1], nn.LeakyReLU)
        assert layers[1].negative_slope == 0.2


@pytest.mark.parametrize("netD", ["basic", "pixel"])
def test_instance_norm_judges_each_picture_alone(netD):
    network = build_discriminator(netD, ndf=2).double()
    images = torch.rand(2, 3, 64, 64, dtype=torch.float64)
    alone: Tensor = network(images[:1])
    torch.testing.assert_close(network(images)[:1], alone)
