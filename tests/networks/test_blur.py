"""The sums of shifted maps against depthwise convolutions."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from translate.networks.blur import blur_downsample, blur_upsample
from translate.networks.layers import binomial_filter

LAYOUTS = [torch.contiguous_format, torch.channels_last]
sides = st.integers(2, 9)


def convolved_down(x: Tensor) -> Tensor:
    kernel = binomial_filter(3).to(x).repeat(x.shape[1], 1, 1, 1)
    return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), kernel, stride=2, groups=x.shape[1])


def convolved_up(x: Tensor) -> Tensor:
    kernel = (binomial_filter(4) * 4).to(x).repeat(x.shape[1], 1, 1, 1)
    padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
    return F.conv_transpose2d(padded, kernel, stride=2, padding=3, groups=x.shape[1])


def kernel_of(function) -> Tensor:
    kernel = binomial_filter(3) if function is blur_downsample else binomial_filter(4) * 4
    return kernel.double().repeat(3, 1, 1, 1)


def maps(height: int, width: int, layout: torch.memory_format) -> Tensor:
    numbers = torch.randn(2, 3, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(height))
    return numbers.contiguous(memory_format=layout).requires_grad_()


@settings(max_examples=40, deadline=None)
@given(sides, sides, st.sampled_from(LAYOUTS))
@pytest.mark.parametrize(("ours", "theirs"), [(blur_downsample, convolved_down), (blur_upsample, convolved_up)])
def test_values_and_gradients_are_those_of_a_convolution(ours, theirs, height, width, layout):
    x = maps(height, width, layout)
    result, expected = ours(x, kernel_of(ours)), theirs(x)
    torch.testing.assert_close(result, expected, rtol=1e-12, atol=1e-12)
    assert result.is_contiguous(memory_format=layout)
    incoming = torch.randn_like(expected)
    (gradient,), (wanted,) = (torch.autograd.grad(y, x, incoming) for y in (result, expected))
    torch.testing.assert_close(gradient, wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("function", [blur_downsample, blur_upsample])
def test_gradients_can_be_differentiated(function):
    x = maps(5, 4, torch.channels_last)
    torch.autograd.gradgradcheck(lambda x: function(x, kernel_of(function)), x)


def test_half_precision_stays_within_its_rounding():
    x = maps(8, 8, torch.channels_last).detach()
    for function, expected in ((blur_downsample, convolved_down), (blur_upsample, convolved_up)):
        with torch.autocast("cpu", torch.bfloat16):
            result = function(x.bfloat16(), kernel_of(function))
        assert result.dtype == torch.bfloat16
        torch.testing.assert_close(result.double(), expected(x), rtol=0.02, atol=0.02)


def test_a_row_alone_has_nothing_to_be_reflected():
    with pytest.raises(RuntimeError):
        blur_downsample(torch.zeros(1, 1, 1, 4), torch.ones(1, 1, 3, 3))


@settings(max_examples=30, deadline=None)
@given(sides, sides, st.integers(1, 2))
def test_a_translation_in_half_precision_doubles_as_training_does(height, width, batch):
    x = maps(height, width, torch.channels_last).detach()[:batch].bfloat16()
    result = blur_upsample(x, kernel_of(blur_upsample))
    assert result.dtype == torch.bfloat16 and result.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(result.double(), convolved_up(x.double()), rtol=0.02, atol=0.02)
