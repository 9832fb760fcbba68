"""Padding in a fixed order against torch's own."""

import pytest
import torch

from translate.networks import padding
from translate.networks.padding import ReflectionPad, reflect, replicate


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("px", [1, 3])
@pytest.mark.parametrize("mode", ["reflect", "replicate"])
def test_both_ways_give_the_same_values_and_gradients(mode, px, ordered, monkeypatch):
    monkeypatch.setattr(padding, "_wants_order", lambda x: ordered)
    x = torch.randn(2, 3, 5, 4, dtype=torch.float64, requires_grad=True)
    expected = torch.nn.functional.pad(x, (px,) * 4, mode=mode)
    found = {"reflect": reflect, "replicate": replicate}[mode](x, px)
    assert torch.equal(found, expected)
    weights = torch.randn_like(expected)
    gradients = [torch.autograd.grad(y, x, weights)[0] for y in (found, expected)]
    torch.testing.assert_close(*gradients, rtol=1e-12, atol=1e-12)


def test_order_is_wanted_on_a_gpu_that_was_asked_for_it(monkeypatch):
    class OnGpu:
        is_cuda = True

    assert not padding._wants_order(OnGpu())
    monkeypatch.setattr(torch, "are_deterministic_algorithms_enabled", lambda: True)
    assert padding._wants_order(OnGpu())
    assert not padding._wants_order(torch.zeros(1))


def test_the_layer_is_torch_s_by_name_and_kind():
    assert isinstance(ReflectionPad(2), torch.nn.ReflectionPad2d)
    assert ReflectionPad(2)(torch.zeros(1, 1, 4, 4)).shape == (1, 1, 8, 8)


def test_reflection_keeps_nothing_and_stays_in_half_precision():
    kept = []
    x = torch.randn(2, 3, 6, 5, dtype=torch.bfloat16).contiguous(memory_format=torch.channels_last).requires_grad_()
    hooks = torch.autograd.graph.saved_tensors_hooks(
        lambda tensor: kept.append(tensor) or tensor, lambda tensor: tensor
    )
    with hooks, torch.autocast("cpu", dtype=torch.bfloat16):
        padded = reflect(x, 2)
    assert padded.dtype == torch.bfloat16 and not kept
    (gradient,) = torch.autograd.grad(padded, x, torch.ones_like(padded))
    assert gradient.is_contiguous(memory_format=torch.channels_last)


def test_its_gradient_can_be_differentiated():
    x = torch.randn(1, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    torch.autograd.gradgradcheck(lambda x: reflect(x, 1).square(), x)
