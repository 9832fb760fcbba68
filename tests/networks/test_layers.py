"""Blur filters against loops, and norms by name."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from translate.networks.instance_norm import InstanceNorm
from translate.networks.layers import (
    NORMS,
    BlurDownsample,
    BlurUpsample,
    binomial_filter,
    conv_has_bias,
    norm_layer,
    run_layers,
)

sides = st.integers(2, 9)


def slow_blur_downsample(x: Tensor) -> Tensor:
    """Every second pixel of the picture blurred by [1, 2, 1] / 4 in both directions, mirrored at its borders."""
    height, width = x.shape[2:]

    def at(index: int, length: int) -> int:
        index = abs(index)
        return 2 * (length - 1) - index if index >= length else index

    rows = []
    for i in range(0, height, 2):
        row = []
        for j in range(0, width, 2):
            total = 0
            for a, p in zip((1, 2, 1), (i - 1, i, i + 1), strict=True):
                for b, q in zip((1, 2, 1), (j - 1, j, j + 1), strict=True):
                    total = total + a * b / 16 * x[:, :, at(p, height), at(q, width)]
            row.append(total)
        rows.append(torch.stack(row, -1))
    return torch.stack(rows, -2)


def slow_blur_upsample(x: Tensor) -> Tensor:
    """Each pixel becomes two by two: along each axis three quarters of itself and a quarter of the nearer neighbour."""
    for axis in (2, 3):
        first, last = x.narrow(axis, 0, 1), x.narrow(axis, x.shape[axis] - 1, 1)
        before = torch.cat([first, x.narrow(axis, 0, x.shape[axis] - 1)], axis)
        after = torch.cat([x.narrow(axis, 1, x.shape[axis] - 1), last], axis)
        x = torch.stack([0.75 * x + 0.25 * before, 0.75 * x + 0.25 * after], axis + 1).flatten(axis, axis + 1)
    return x


@settings(max_examples=20)
@given(sides, sides)
def test_downsampling_is_a_blur_and_every_second_pixel(height, width):
    x = torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(height * 10 + width))
    result = BlurDownsample(3)(x)
    assert result.shape == (2, 3, -(-height // 2), -(-width // 2))
    torch.testing.assert_close(result, slow_blur_downsample(x))


@settings(max_examples=20)
@given(st.integers(1, 9), st.integers(1, 9))
def test_upsampling_is_linear_interpolation(height, width):
    x = torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(height * 10 + width))
    result = BlurUpsample(3)(x)
    assert result.shape == (2, 3, 2 * height, 2 * width)
    torch.testing.assert_close(result, slow_blur_upsample(x))


@pytest.mark.parametrize("layer", [BlurDownsample, BlurUpsample])
def test_a_plain_picture_stays_plain(layer):
    x = torch.full((1, 2, 6, 8), 0.7)
    torch.testing.assert_close(layer(2)(x), torch.full_like(layer(2)(x), 0.7))


@pytest.mark.parametrize("layer", [BlurDownsample, BlurUpsample])
def test_filters_are_saved_but_not_learned(layer):
    assert list(layer(2).state_dict()) == ["filt"]
    assert list(layer(2).parameters()) == []


@pytest.mark.parametrize(
    ("taps", "row"), [(1, [1]), (2, [1, 1]), (3, [1, 2, 1]), (4, [1, 3, 3, 1]), (5, [1, 4, 6, 4, 1])]
)
def test_filters_are_rows_of_pascals_triangle(taps, row):
    row = torch.tensor(row) / sum(row)
    torch.testing.assert_close(binomial_filter(taps), torch.outer(row, row))


def test_norms_by_name():
    kinds = {"instance": InstanceNorm, "batch": nn.BatchNorm2d, "none": nn.Identity}
    assert set(kinds) == set(NORMS)
    for name, kind in kinds.items():
        assert type(norm_layer(name, 4)) is kind
    assert [name for name in NORMS if conv_has_bias(name)] == ["instance"]


def test_instance_norm_has_no_state_and_batch_norm_has():
    assert norm_layer("instance", 4).state_dict() == {}
    assert set(norm_layer("batch", 4).state_dict()) == {
        "weight", "bias", "running_mean", "running_var", "num_batches_tracked"
    }  # fmt: skip


def test_a_norm_and_its_relu_run_as_one_unless_somebody_listens():
    layers = nn.Sequential(norm_layer("instance", 3), nn.ReLU(inplace=True), nn.Conv2d(3, 2, 1))
    x = torch.randn(1, 3, 4, 4)
    expected, heard = layers(x), []
    torch.testing.assert_close(run_layers(layers, x), expected)
    layers[1].register_forward_hook(lambda *_: heard.append(1))
    torch.testing.assert_close(run_layers(layers, x), expected)
    assert heard == [1]
    torch.testing.assert_close(run_layers(layers, x, last=0), layers[0](x))  # a tap at the norm sees it as it is
    torch.testing.assert_close(run_layers(layers, layers[0](x), first=1), expected)
