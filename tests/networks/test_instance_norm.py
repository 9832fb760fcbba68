"""Instance norm against its formula: values, gradients of both orders, types and layouts."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from translate.networks.instance_norm import InstanceNorm, Moments, instance_norm

LAYOUTS = [torch.contiguous_format, torch.channels_last]


def slow(x: Tensor, eps: float = 1e-5) -> Tensor:
    """One map after the other."""
    maps = []
    for plane in x.flatten(0, 1):
        centred = plane - plane.sum() / plane.numel()
        maps.append(centred / (centred.square().sum() / plane.numel() + eps).sqrt())
    return torch.stack(maps).view(x.shape)


def maps(*shape, dtype=torch.float64, layout=torch.contiguous_format) -> Tensor:
    x = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(sum(shape))) * 3 + 2
    return x.to(dtype).contiguous(memory_format=layout).requires_grad_()


@settings(max_examples=20, deadline=None)
@given(
    st.integers(1, 3), st.integers(1, 4), st.integers(1, 5), st.integers(2, 5),
    st.sampled_from(LAYOUTS), st.sampled_from(LAYOUTS), st.booleans(),
)  # fmt: skip
def test_values_and_gradients_are_those_of_the_formula(
    batch, channels, height, width, layout, gradient_layout, rectify
):
    x = maps(batch, channels, height, width, layout=layout)
    result, expected = instance_norm(x, rectify=rectify), slow(x)
    if rectify:
        expected = expected.relu()
    torch.testing.assert_close(result, expected, rtol=1e-9, atol=1e-9)
    incoming = torch.randn_like(expected).contiguous(memory_format=gradient_layout)
    (gradient,), (wanted,) = (torch.autograd.grad(y, x, incoming, retain_graph=True) for y in (result, expected))
    torch.testing.assert_close(gradient, wanted, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("rectify", [False, True])
def test_its_gradient_can_be_differentiated(layout, rectify):
    torch.autograd.gradgradcheck(lambda x: instance_norm(x, rectify=rectify), maps(2, 2, 3, 3, layout=layout))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("rectify", [False, True])
def test_a_gradient_that_can_be_differentiated_is_the_plain_one(layout, rectify):
    x = maps(2, 3, 4, 5, layout=layout)
    result = instance_norm(x, rectify=rectify)
    incoming = torch.randn(result.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    plain, differentiable = (
        torch.autograd.grad(result, x, incoming, retain_graph=True, create_graph=again)[0] for again in (False, True)
    )
    assert differentiable.requires_grad
    torch.testing.assert_close(differentiable, plain, rtol=1e-9, atol=1e-9)


def test_a_relu_behind_it_keeps_no_map_of_its_own():
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor.shape) or tensor, lambda x: x):
        instance_norm(maps(2, 3, 4, 5, layout=torch.channels_last), rectify=True)
    assert kept.count((2, 3, 4, 5)) == 1


@pytest.mark.parametrize("offset", [0, 2, 20])
def test_a_half_precision_relu_behind_it_passes_gradient_where_it_passed_values(offset):
    """Far from zero too, where a mean rounded to bfloat16 lies on the other side of many values."""
    x = (maps(2, 8, 16, 16).detach() + offset).bfloat16().contiguous(memory_format=torch.channels_last)
    x.requires_grad_()
    incoming = torch.randn(x.shape, generator=torch.Generator().manual_seed(0)).bfloat16()
    exact = x.detach().double().requires_grad_()
    (gradient,) = torch.autograd.grad(instance_norm(x, rectify=True), x, incoming)
    (wanted,) = torch.autograd.grad(slow(exact).relu(), exact, incoming.double())
    assert torch.cosine_similarity(gradient.double().flatten(), wanted.flatten(), dim=0) > 0.9999


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_half_precision_keeps_its_type_and_has_statistics_in_full(dtype):
    """With a large mean, statistics of half precision would lose the variance."""
    x = (maps(2, 3, 16, 16).detach() * 0.05 + 8).to(dtype).requires_grad_()
    result = instance_norm(x)
    assert result.dtype == dtype
    expected = slow(x.detach().double().requires_grad_())
    torch.testing.assert_close(result.double(), expected, rtol=0.02, atol=0.02)
    (gradient,) = torch.autograd.grad(result, x, torch.randn_like(result))
    assert gradient.dtype == dtype and gradient.isfinite().all()


@pytest.mark.parametrize("batch", [1, 2])
def test_channels_last_stays(batch):
    x = maps(batch, 3, 4, 5, layout=torch.channels_last)
    result = instance_norm(x)
    assert result.is_contiguous(memory_format=torch.channels_last)
    (gradient,) = torch.autograd.grad(result.square().sum(), x)
    assert gradient.is_contiguous(memory_format=torch.channels_last)


def test_the_layer_has_no_weights_and_no_state():
    layer = InstanceNorm(3)
    assert not list(layer.parameters()) and not layer.state_dict()
    x = maps(1, 3, 4, 4)
    assert torch.equal(layer(x), layer.eval()(x))  # there are no running statistics


def test_a_single_pixel_is_refused():
    with pytest.raises(ValueError, match="more than one pixel"):
        instance_norm(torch.zeros(1, 3, 1, 1))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_float32_statistics_of_large_maps_are_right(layout):
    """Far from zero, where a sum over all pixels in float32 loses digits."""
    x = maps(1, 4, 1024, 1024, dtype=torch.float32, layout=layout).detach() + 10
    assert (instance_norm(x) - slow(x.double())).abs().max() < 1e-4


@pytest.mark.parametrize("layout", LAYOUTS)
def test_values_and_gradients_of_a_large_map_are_those_of_the_formula(layout):
    x = maps(2, 2, 300, 240, layout=layout)
    result, expected = instance_norm(x), slow(x)
    torch.testing.assert_close(result, expected, rtol=1e-9, atol=1e-9)
    incoming = torch.randn_like(expected)
    (gradient,), (wanted,) = (torch.autograd.grad(y, x, incoming, retain_graph=True) for y in (result, expected))
    torch.testing.assert_close(gradient, wanted, rtol=1e-8, atol=1e-8)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=5), st.integers(1, 300))
def test_moments_of_parts_are_those_of_the_whole(heights, width):
    x = maps(1, 3, sum(heights), width).detach()
    moments = Moments()
    for part in x.split(heights, dim=2):
        moments.add(part)
    mean, variance = moments.result(x)
    torch.testing.assert_close(mean, x.mean((0, 2, 3)), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(variance, x.var((0, 2, 3), correction=0), rtol=1e-9, atol=1e-9)
