"""Losses of depth against their formulas, pixel by pixel."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from translate.losses.depth import (
    between_sets,
    curvature,
    gradient_matching,
    log_of,
    scale_invariant,
    smoothness,
)

seeds = st.integers(0, 2**31)
sides = st.integers(3, 19)


def drawn(seed, height, width, batch=2, share=0.7):
    """Log ratio (B, 1, H, W), which of its pixels are known, and pictures (B, 3, H, W) in [0, 1]."""
    rng = np.random.default_rng(seed)
    return (
        torch.from_numpy(rng.normal(size=(batch, 1, height, width))),
        torch.from_numpy(rng.random((batch, 1, height, width)) < share),
        torch.from_numpy(rng.random((batch, 3, height, width))),
    )


@settings(deadline=None)
@given(seeds, sides, sides)
def test_scale_invariant_is_half_the_mean_squared_difference_of_all_pairs(seed, height, width):
    ratio, valid, _ = drawn(seed, min(height, 9), min(width, 9))
    expected = []
    for one, known in zip(ratio[:, 0].numpy(), valid[:, 0].numpy(), strict=True):
        values = one[known]
        expected.append(0.5 * np.mean((values[:, None] - values) ** 2) if values.size else 0.0)
    assert scale_invariant(ratio, valid).item() == pytest.approx(np.mean(expected), abs=1e-12)
    assert between_sets(ratio, valid, valid).item() == pytest.approx(np.mean(expected), abs=1e-12)


@settings(deadline=None)
@given(seeds)
def test_between_sets_is_half_the_mean_squared_difference_of_their_pairs(seed):
    ratio, valid, pictures = drawn(seed, 7, 8)
    people = valid & (pictures[:, :1] < 0.3)
    expected = []
    for one, known, person in zip(ratio[:, 0].numpy(), valid[:, 0].numpy(), people[:, 0].numpy(), strict=True):
        pairs = one[person][:, None] - one[known]
        expected.append(0.5 * np.mean(pairs**2) if pairs.size else 0.0)
    assert between_sets(ratio, people, valid).item() == pytest.approx(np.mean(expected), abs=1e-12)


def slopes_by_hand(ratio, known):
    """Sum and count of |R(x) - R(x + 2)| over the known pairs of one map (H, W)."""
    total, count = 0.0, 0
    height, width = ratio.shape
    for y in range(height):
        for x in range(width):
            for dy, dx in ((2, 0), (0, 2)):
                if y + dy < height and x + dx < width and known[y, x] and known[y + dy, x + dx]:
                    total, count = total + abs(ratio[y, x] - ratio[y + dy, x + dx]), count + 1
    return total, count


@settings(deadline=None, max_examples=20)
@given(seeds, sides, sides)
def test_gradient_matching(seed, height, width):
    ratio, valid, _ = drawn(seed, height, width)
    expected = 0.0
    for step in (1, 2, 4, 8, 16):
        maps = zip(ratio[:, 0, ::step, ::step].numpy(), valid[:, 0, ::step, ::step].numpy(), strict=True)
        totals = [slopes_by_hand(*each) for each in maps]
        count = sum(each[1] for each in totals)
        expected += sum(each[0] for each in totals) / count if count else 0.0
    assert gradient_matching(ratio, valid).item() == pytest.approx(expected, abs=1e-12)


def smooth_by_hand(depth, picture):
    """Of one scale: depth (H, W), picture (3, H, W)."""
    height, width = depth.shape
    costs = []
    for y in range(height - 1):
        for x in range(width - 1):
            across = abs(depth[y, x + 1] - depth[y, x]) * np.exp(
                -np.abs(picture[:, y, x + 1] - picture[:, y, x]).mean()
            )
            down = abs(depth[y + 1, x] - depth[y, x]) * np.exp(-np.abs(picture[:, y + 1, x] - picture[:, y, x]).mean())
            costs.append(across + down)
    return np.mean(costs) if costs else 0.0


def bend_by_hand(depth, picture):
    def laplacian(values, y, x):
        around = values[..., y - 1, x] + values[..., y + 1, x] + values[..., y, x - 1] + values[..., y, x + 1]
        return np.abs(4 * values[..., y, x] - around)

    height, width = depth.shape
    places = [(y, x) for y in range(1, height - 1) for x in range(1, width - 1)]
    costs = [laplacian(depth, *at) * np.exp(-laplacian(picture, *at).mean()) for at in places]
    return np.mean(costs) if costs else 0.0


@pytest.mark.parametrize(("loss", "by_hand"), [(smoothness, smooth_by_hand), (curvature, bend_by_hand)])
@settings(deadline=None, max_examples=20)
@given(seeds, sides, sides)
def test_smoothness_and_curvature(loss, by_hand, seed, height, width):
    depth, _, pictures = drawn(seed, height, width, batch=1)
    expected = sum(
        by_hand(depth[0, 0, ::step, ::step].numpy(), pictures[0, :, ::step, ::step].numpy()) / step
        for step in (1, 2, 4, 8, 16)
    )
    assert loss(depth, pictures).item() == pytest.approx(expected, abs=1e-12)


def test_no_loss_changes_when_the_depth_is_scaled():
    ratio, valid, pictures = drawn(0, 17, 19)
    for loss, other in (
        (scale_invariant, valid), (gradient_matching, valid), (smoothness, pictures), (curvature, pictures)
    ):  # fmt: skip
        before, scaled = loss(ratio, other), loss(ratio + np.log(7.0), other)
        assert before.item() > 0.01 and scaled.item() == pytest.approx(before.item(), abs=1e-9)


def test_where_nothing_is_known_there_is_no_loss_and_no_gradient():
    ratio, valid, _ = drawn(0, 9, 9)
    valid = torch.zeros_like(valid)
    ratio.requires_grad_(True)
    total = scale_invariant(ratio, valid) + gradient_matching(ratio, valid) + between_sets(ratio, valid, valid)
    total.backward()
    assert total.item() == 0 and not ratio.grad.any()


def test_a_slanted_plane_costs_slope_and_no_curvature():
    plane = torch.arange(12.0, dtype=torch.float64).view(1, 1, 1, 12).expand(1, 1, 12, 12)
    grey = torch.full((1, 3, 12, 12), 0.5, dtype=torch.float64)
    assert curvature(plane, grey).item() == 0
    # A slope of 1, 2, 4 and 8 on the first scales, each with half the weight of the one before; the last has one pixel.
    assert smoothness(plane, grey).item() == pytest.approx(4.0)


def test_logarithms_of_what_is_not_known_are_zero():
    depth = torch.tensor([0.0, 1.0, np.e], dtype=torch.float64, requires_grad=True)
    found = log_of(depth, depth > 0)
    found.sum().backward()
    assert torch.allclose(found, torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64))
    assert depth.grad.tolist() == pytest.approx([0.0, 1.0, 1 / np.e])
