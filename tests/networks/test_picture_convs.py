"""Convolutions at the ends of a generator against torch's own, which they are in another arrangement."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from translate.networks import picture_convs
from translate.networks.picture_convs import (
    ConvFromPicture,
    ConvToPicture,
    convolve_neighbours,
    convolve_to_blocks,
)

WAYS = [convolve_to_blocks, convolve_neighbours]
LAYOUTS = [torch.contiguous_format, torch.channels_last]


def numbers(*shape: int, layout: torch.memory_format = torch.contiguous_format) -> Tensor:
    drawn = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(sum(shape)))
    return drawn.contiguous(memory_format=layout).requires_grad_()


def assert_same(way, x, *weights):
    result, expected = way(x, *weights), F.conv2d(x, *weights)
    torch.testing.assert_close(result, expected, rtol=1e-12, atol=1e-12)
    incoming = numbers(*expected.shape).detach()
    inputs = [each for each in (x, *weights) if each is not None]
    found, wanted = (torch.autograd.grad(y, inputs, incoming) for y in (result, expected))
    for each, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(each, other, rtol=1e-12, atol=1e-12)
    return result


@settings(max_examples=40, deadline=None)
@given(
    batch=st.integers(1, 3),
    channels=st.integers(1, 5),
    filters=st.integers(1, 4),
    kernel=st.tuples(st.integers(1, 7), st.integers(1, 7)),
    blocks=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    with_bias=st.booleans(),
    layout=st.sampled_from(LAYOUTS),
)
@pytest.mark.parametrize("way", WAYS)
def test_values_and_gradients_are_those_of_torch(way, batch, channels, filters, kernel, blocks, with_bias, layout):
    height, width = (2 * count + length - 1 for count, length in zip(blocks, kernel, strict=True))
    x = numbers(batch, channels, height, width, layout=layout)
    assert_same(way, x, numbers(filters, channels, *kernel), numbers(filters) if with_bias else None)


@pytest.mark.parametrize("way", WAYS)
def test_channels_last_stays_and_gradients_can_be_differentiated(way):
    x, weight, bias = numbers(2, 3, 6, 8, layout=torch.channels_last), numbers(2, 3, 3, 3), numbers(2)
    assert assert_same(way, x, weight, bias).is_contiguous(memory_format=torch.channels_last)
    assert torch.autograd.gradgradcheck(way, (x, weight, bias))


@pytest.mark.parametrize("way", WAYS)
def test_bfloat16_is_rounded_no_more_than_by_torch(way):
    channels, filters = (64, 3) if way is convolve_to_blocks else (3, 64)
    x = numbers(1, channels, 26, 26, layout=torch.channels_last).detach().bfloat16()
    weight = (numbers(filters, channels, 7, 7).detach() / 50).bfloat16()
    exact = F.conv2d(x.double(), weight.double())
    with torch.autocast("cpu", torch.bfloat16):
        errors = [(each(x, weight, None).double() - exact).norm() for each in (way, F.conv2d)]
    assert errors[0] < 1.1 * errors[1]


class TestWhichWay:
    @pytest.fixture
    def ways(self, monkeypatch):
        """The names of the ways that were gone."""
        gone = []
        for way in WAYS:
            name = way.__name__
            monkeypatch.setattr(picture_convs, name, lambda *rest, way=way, name=name: gone.append(name) or way(*rest))
        return gone

    def test_to_a_picture_in_blocks_of_channels_last_maps_with_even_sides(self, ways):
        layer = ConvToPicture(8, 3, 7)
        x = torch.rand(2, 8, 14, 12).contiguous(memory_format=torch.channels_last)
        torch.testing.assert_close(layer(x), nn.Conv2d.forward(layer, x))
        assert ways == ["convolve_to_blocks"]

    @pytest.mark.parametrize(("channels", "sides", "layout"), [
        (3, (14, 12), torch.contiguous_format), (3, (13, 12), torch.channels_last),
        (3, (12, 13), torch.channels_last), (5, (14, 12), torch.channels_last),
    ])  # fmt: skip
    def test_to_a_picture_by_torch_where_that_does_not_fit(self, ways, channels, sides, layout):
        layer, x = ConvToPicture(8, channels, 7), torch.rand(2, 8, *sides).contiguous(memory_format=layout)
        assert torch.equal(layer(x), nn.Conv2d.forward(layer, x))
        assert not ways

    def test_from_a_picture_whose_gradient_is_asked_for_by_neighbours(self, ways):
        layer = ConvFromPicture(3, 8, 7)
        x = torch.rand(2, 3, 13, 12).contiguous(memory_format=torch.channels_last)
        expected = layer(x)
        assert not ways, "nobody asks"
        x.requires_grad_()
        torch.testing.assert_close(layer(x), expected)
        assert ways == ["convolve_neighbours"]
        with torch.no_grad():
            layer(x)
        layer(x.contiguous())
        assert len(ways) == 1

    @pytest.mark.parametrize("kind", [ConvToPicture, ConvFromPicture])
    def test_another_device_and_a_compiler_get_torch_s_own(self, ways, kind, monkeypatch):
        layer = kind(4, 4, 3)
        x = torch.rand(1, 4, 6, 6).contiguous(memory_format=torch.channels_last).requires_grad_()
        layer.to("meta")(x.to("meta"))
        monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
        kind(4, 4, 3)(x)
        assert not ways
