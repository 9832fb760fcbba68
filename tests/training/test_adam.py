"""The fused Adam on every layout against torch's own that is not fused."""

import pytest
import torch
from torch import nn

from translate.training.adam import Adam, AdamW

PLAIN, LAST = torch.contiguous_format, torch.channels_last
KINDS = {Adam: torch.optim.Adam, AdamW: torch.optim.AdamW}
FLAGS = {"lr": 0.05, "betas": (0.5, 0.9), "weight_decay": 0.1}
SHAPES = [(5, 4, 3, 2), (4, 6), (3,), (2, 1, 3, 3)]


def weights(layout, kind=torch.float64):
    drawn = torch.Generator().manual_seed(0)
    numbers = [torch.randn(shape, dtype=kind, generator=drawn) for shape in SHAPES]
    return [nn.Parameter(each.contiguous(memory_format=layout) if each.ndim == 4 else each) for each in numbers]


def take_steps(optimizer, found, numbers):
    for number in numbers:
        drawn = torch.Generator().manual_seed(number)
        for weight in found:
            gradient = torch.randn(weight.shape, dtype=weight.dtype, generator=drawn)
            weight.grad = torch.empty_like(weight).copy_(gradient)  # autograd lays it like the weight
        optimizer.step()


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def kind(request):
    return request.param


@pytest.fixture
def expected(kind):
    """Six steps by torch."""
    found = weights(PLAIN)
    take_steps(KINDS[kind](found, **FLAGS, fused=False, foreach=False), found, range(6))
    return found


def assert_same(found, expected):
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("layout", [PLAIN, LAST])
def test_steps_are_those_of_torch(kind, layout, expected):
    found = weights(layout)
    take_steps(kind(found, **FLAGS, fused=True), found, range(6))
    assert_same(found, expected)


@pytest.mark.parametrize("before", [PLAIN, LAST])
@pytest.mark.parametrize("after", [PLAIN, LAST])
def test_a_state_goes_on_where_weights_lie_otherwise(kind, before, after, expected):
    first = weights(before)
    optimizer = kind(first, **FLAGS, fused=True)
    take_steps(optimizer, first, range(3))
    second = weights(after)
    for weight, value in zip(second, first, strict=True):
        weight.data.copy_(value.data)
    resumed = kind(second, **FLAGS, fused=True)
    resumed.load_state_dict(optimizer.state_dict())
    take_steps(resumed, second, range(3, 6))
    assert_same(second, expected)


def test_moments_have_the_shape_and_the_layout_of_their_weight(kind):
    found = weights(LAST)
    optimizer = kind(found, **FLAGS, fused=True)
    take_steps(optimizer, found, range(1))
    for weight in found:
        for name in ("exp_avg", "exp_avg_sq"):
            moment = optimizer.state[weight][name]
            assert moment.shape == weight.shape and moment.stride() == weight.stride()


def test_nothing_is_copied(kind):
    found = weights(LAST)
    optimizer = kind(found, **FLAGS, fused=True)
    take_steps(optimizer, found, range(1))
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        optimizer.step()
    names = {event.key for event in profile.key_averages()}
    assert "aten::_fused_adam_" in names or "aten::_fused_adamw_" in names
    assert "aten::clone" not in names
