"""Depths as pictures, and in colours."""

import numpy as np
import pytest
import torch

from translate.networks.depth_maps import COLOURS, UNKNOWN, DepthEstimator, depth_of, relative_depth, warm
from translate.networks.hourglass import Hourglass


def test_the_farthest_pixel_is_one_whatever_the_scale():
    log_depth = torch.tensor([[0.0, 1.0], [2.0, -3.0]]).view(1, 1, 2, 2)
    found = depth_of(relative_depth(log_depth))
    assert found.flatten().tolist() == pytest.approx(np.exp([-2.0, -1.0, 0.0, -5.0]), abs=1e-6)
    assert torch.allclose(relative_depth(log_depth + 9), relative_depth(log_depth), atol=1e-6)


def test_near_is_light_far_is_dark_and_unknown_is_grey():
    depths = torch.tensor([0.0, 0.1, 0.2, 0.5, 1.0]).view(1, 1, 1, 5).repeat(1, 1, 20, 1)
    colours = (warm(2 * depths - 1)[0, :, 0] + 1) / 2  # (3, 5)
    assert colours[:, 0].tolist() == pytest.approx(UNKNOWN, abs=1e-6)
    assert colours[:, 4].tolist() == pytest.approx(COLOURS[0], abs=1e-6)
    lightness = colours[:, 1:].mean(0)
    assert torch.all(lightness.diff() < 0)  # from near to far
    assert (colours[0] - colours[2])[1] > 0.2 > (colours[0] - colours[2])[4]  # warm, cold


def test_a_depth_that_is_known_nowhere_is_grey_all_over():
    assert torch.allclose(warm(torch.full((1, 1, 4, 5), -1.0)), 2 * torch.tensor(UNKNOWN).view(1, 3, 1, 1) - 1)


def test_a_few_very_near_pixels_do_not_take_all_colours():
    depths = torch.linspace(0.5, 1, 1000).view(1, 1, 10, 100)
    spoiled = depths.clone()
    spoiled[0, 0, 0, :5] = 1e-4
    assert (warm(2 * depths - 1)[..., 5:, :] - warm(2 * spoiled - 1)[..., 5:, :]).abs().max() < 0.1


def test_the_tool_shows_the_depth_and_its_colours():
    torch.manual_seed(0)
    tool = DepthEstimator(Hourglass(width=8)).eval()
    images = torch.rand(2, 3, 32, 48) * 2 - 1
    views = tool.views(images)
    assert {label: tuple(view.shape) for label, view in views.items()} == {
        "fake_B": (2, 1, 32, 48), "coloured_B": (2, 3, 32, 48)
    }  # fmt: skip
    assert torch.equal(views["fake_B"], tool(images)) and tool.stride == 16
    assert torch.allclose(depth_of(tool(images)).amax((2, 3)), torch.ones(2, 1))
