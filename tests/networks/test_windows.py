"""Windows of a map: how far the layers reach, and that a window holds what the whole map holds there."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from translate.networks import build_generator
from translate.networks.windows import Norm, Window, receptive_radius, run_window, steps_of

CPU = torch.device("cpu")
VARIANTS = [{"no_antialias": down, "no_antialias_up": up} for down in (False, True) for up in (False, True)]


def positive_generator(netG, **flags):
    """One whose output changes with each pixel that it can see: nothing cancels, and no ReLU is off."""
    generator = build_generator(netG, ngf=1, normG="none", **flags).double().eval()
    for name, parameter in generator.named_parameters():
        nn.init.constant_(parameter, 0.3 if name.endswith("weight") else 0.0)
    generator.model[-1] = nn.Identity()  # tanh would be flat
    return generator


@pytest.mark.parametrize("flags", VARIANTS)
@pytest.mark.parametrize("netG", ["resnet_4blocks", "resnet_6blocks", "resnet_9blocks"])
def test_the_radius_is_that_of_the_gradient(netG, flags):
    generator = positive_generator(netG, **flags)
    radius, side = receptive_radius(generator), 256
    farthest = 0
    for place in range(126, 130):  # each place within a stride
        picture = torch.ones(1, 3, side, side, dtype=torch.float64, requires_grad=True)
        generator(picture)[0, 0, place, place].backward()
        for dim in (0, 1):
            reached = picture.grad[0, 0].abs().sum(dim).nonzero().flatten()
            farthest = max(farthest, place - reached.min().item(), reached.max().item() - place)
    assert farthest == radius < 120


@settings(max_examples=30)
@given(st.data(), st.sampled_from(VARIANTS))
def test_a_window_holds_what_the_whole_map_holds_there(data, flags):
    torch.manual_seed(0)
    generator = build_generator("resnet_4blocks", ngf=2, normG="none", **flags).double().eval()
    steps = steps_of(generator.model)
    picture = torch.rand(1, 3, 4 * data.draw(st.integers(4, 30)), 96, dtype=torch.float64)
    spans = []
    for length in picture.shape[2:]:
        first = data.draw(st.integers(0, length // 4 - 1))
        spans.append((4 * first, 4 * data.draw(st.integers(first + 1, length // 4))))
    window = Window(*spans)
    with torch.inference_mode():
        found = run_window(steps, picture, window, CPU)
        torch.testing.assert_close(found, window.of(generator(picture)), rtol=1e-10, atol=1e-12)


def test_a_norm_keeps_the_statistics_of_the_first_map_that_it_sees():
    norm = Norm(eps=1e-5)
    first, second = torch.randn(2, 1, 3, 9, 7, dtype=torch.float64) * 2 + 1
    torch.testing.assert_close(norm(first), nn.functional.instance_norm(first))
    variance, mean = torch.var_mean(first, (2, 3), correction=0, keepdim=True)
    torch.testing.assert_close(norm(second), (second - mean) / (variance + 1e-5).sqrt())


def test_a_layer_of_unknown_reach_is_refused():
    with pytest.raises(TypeError, match="how far a AdaptiveAvgPool2d reaches"):
        steps_of([nn.AdaptiveAvgPool2d(1)])
