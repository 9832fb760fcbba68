"""Each loss against its formula in numpy, pair by pair and pixel by pixel."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from translate.losses.depth import (
    count_pairs,
    edge_aware_curvature,
    edge_aware_smoothness,
    human_pairs,
    log_residual,
    multi_scale_gradient,
    scale_invariant,
)

SEEDS = st.integers(0, 2**32 - 1)
SIDES = st.integers(1, 9)


def scene(seed, height, width, batch=2, known=0.7):
    rng = np.random.default_rng(seed)
    shape = (batch, 1, height, width)
    return {
        "log_depth": rng.normal(size=shape),
        "depth": rng.uniform(0.1, 20, shape),
        "valid": rng.random(shape) < known,
        "people": rng.random(shape) < 0.4,
        "images": rng.random((batch, 3, height, width)),
    }


def tensors(numbers):
    return {name: torch.from_numpy(value) for name, value in numbers.items()}


def residual_of(s):
    return log_residual(s["log_depth"], s["depth"], s["valid"])


def by_picture(s):
    """R at the valid pixels of each picture, and which of them are people's."""
    for log_depth, depth, valid, people in zip(s["log_depth"], s["depth"], s["valid"], s["people"], strict=True):
        yield (log_depth - np.log(depth))[valid], people[valid]


@settings(max_examples=30, deadline=None)
@given(SEEDS, SIDES, SIDES)
def test_scale_invariant_error_is_half_the_mean_square_over_all_pairs(seed, height, width):
    numbers = scene(seed, height, width)
    s = tensors(numbers)
    expected = [0.5 * ((r[:, None] - r[None]) ** 2).mean() if len(r) else 0 for r, _ in by_picture(numbers)]
    assert scale_invariant(residual_of(s), s["valid"]).item() == pytest.approx(np.mean(expected), abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(SEEDS, SIDES, SIDES)
def test_human_pairs_are_those_of_a_persons_pixel_with_any(seed, height, width):
    numbers = scene(seed, height, width)
    s = tensors(numbers)
    expected = [
        0.5 * ((r[people][:, None] - r[None]) ** 2).mean() if people.any() else 0 for r, people in by_picture(numbers)
    ]
    found = human_pairs(residual_of(s), s["valid"], s["people"])
    assert found.item() == pytest.approx(np.mean(expected), abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.integers(1, 40), st.integers(1, 12))
def test_gradients_are_of_pixels_two_apart_at_five_scales(seed, height, width):
    numbers = scene(seed, height, width)
    s = tensors(numbers)
    residual = numbers["log_depth"] - np.log(numbers["depth"])
    expected = 0.0
    for scale in range(5):
        sums, count = 0.0, 0
        coarse = (plane[:, 0, :: 2**scale, :: 2**scale] for plane in (residual, numbers["valid"]))
        for r, v in zip(*coarse, strict=True):
            for y in range(r.shape[0]):
                for x in range(r.shape[1]):
                    for other in ((y + 2, x), (y, x + 2)):
                        if other[0] < r.shape[0] and other[1] < r.shape[1] and v[y, x] and v[other]:
                            sums, count = sums + abs(r[y, x] - r[other]), count + 1
        expected += sums / count if count else 0
    assert multi_scale_gradient(residual_of(s), s["valid"]).item() == pytest.approx(expected, abs=1e-12)


def naive_smoothness(numbers, scales):
    total = 0.0
    for scale in range(scales):
        terms = []
        for d, image in zip(numbers["log_depth"][:, 0], numbers["images"], strict=True):
            d, image = d[:: 2**scale, :: 2**scale], image[:, :: 2**scale, :: 2**scale]
            for y in range(d.shape[0] - 1):
                for x in range(d.shape[1] - 1):
                    right = abs(d[y, x + 1] - d[y, x]) * math.exp(-np.abs(image[:, y, x + 1] - image[:, y, x]).mean())
                    down = abs(d[y + 1, x] - d[y, x]) * math.exp(-np.abs(image[:, y + 1, x] - image[:, y, x]).mean())
                    terms.append(right + down)
        total += 2.0**-scale * np.mean(terms) if terms else 0
    return total


def naive_curvature(numbers, scales):
    def laplacian(plane, y, x):
        return abs(4 * plane[y, x] - plane[y - 1, x] - plane[y + 1, x] - plane[y, x - 1] - plane[y, x + 1])

    total = 0.0
    for scale in range(scales):
        terms = []
        for d, image in zip(numbers["log_depth"][:, 0], numbers["images"], strict=True):
            d, image = d[:: 2**scale, :: 2**scale], image[:, :: 2**scale, :: 2**scale]
            terms += [
                laplacian(d, y, x) * math.exp(-np.mean([laplacian(plane, y, x) for plane in image]))
                for y in range(1, d.shape[0] - 1)
                for x in range(1, d.shape[1] - 1)
            ]
        total += 2.0**-scale * np.mean(terms) if terms else 0
    return total


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.integers(1, 17), st.integers(1, 9), st.integers(1, 5))
def test_smoothness_gives_way_at_edges(seed, height, width, scales):
    numbers = scene(seed, height, width)
    s = tensors(numbers)
    first = edge_aware_smoothness(s["log_depth"], s["images"], scales).item()
    second = edge_aware_curvature(s["log_depth"], s["images"], scales).item()
    assert first == pytest.approx(naive_smoothness(numbers, scales), abs=1e-12)
    assert second == pytest.approx(naive_curvature(numbers, scales), abs=1e-12)


LOSSES = {
    "scale_invariant": lambda s: scale_invariant(residual_of(s), s["valid"]),
    "human_pairs": lambda s: human_pairs(residual_of(s), s["valid"], s["people"]),
    "gradient": lambda s: multi_scale_gradient(residual_of(s), s["valid"]),
    "smoothness": lambda s: edge_aware_smoothness(s["log_depth"], s["images"]),
    "curvature": lambda s: edge_aware_curvature(s["log_depth"], s["images"]),
}


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("factor", [1e-3, 1000.0])
def test_a_loss_does_not_know_the_scale(name, factor):
    s = tensors(scene(3, 20, 24))
    there = LOSSES[name](s).item()
    assert LOSSES[name]({**s, "log_depth": s["log_depth"] + math.log(factor)}).item() == pytest.approx(there, abs=1e-9)
    assert LOSSES[name]({**s, "depth": s["depth"] * factor}).item() == pytest.approx(there, abs=1e-9)
    assert there > 0.01


@pytest.mark.parametrize("name", ["scale_invariant", "human_pairs", "gradient"])
def test_without_a_valid_pixel_loss_and_gradient_are_0(name):
    s = tensors(scene(0, 12, 12, known=0))
    s["depth"] = torch.zeros_like(s["depth"])
    s["log_depth"].requires_grad_()
    loss = LOSSES[name](s)
    loss.backward()
    assert loss.item() == 0
    assert not s["log_depth"].grad.any()


@settings(max_examples=30, deadline=None)
@given(SEEDS, SIDES, SIDES)
def test_gradients_of_pieces_are_those_of_the_batch_where_they_divide_by_the_mean_count(seed, height, width):
    s = tensors(scene(seed, height, width, batch=3))
    residual, valid = residual_of(s), s["valid"].clone()
    valid[0] = False  # a piece without any pair
    pieces = list(zip(residual.split(1), valid.split(1), strict=True))
    counts = torch.stack([count_pairs(known) for _, known in pieces]).double().mean(0)
    counts = torch.where(counts > 0, counts, 1.0)
    found = [multi_scale_gradient(each, known, counts=counts).item() for each, known in pieces]
    assert np.mean(found) == pytest.approx(multi_scale_gradient(residual, valid).item(), abs=1e-12)


def test_without_people_their_pairs_are_0():
    s = tensors(scene(0, 12, 12))
    assert human_pairs(residual_of(s), s["valid"], torch.zeros_like(s["people"])).item() == 0


def test_a_plain_residual_is_no_error():
    s = tensors(scene(1, 16, 16))
    s["log_depth"] = s["depth"].log() + 0.7
    assert all(LOSSES[name](s).item() < 1e-9 for name in ("scale_invariant", "human_pairs", "gradient"))


def test_half_of_the_pixels_twice_as_deep():
    depth = torch.ones(1, 1, 4, 4, dtype=torch.float64)
    log_depth = torch.zeros_like(depth)
    log_depth[..., :2] = math.log(2)
    valid = torch.ones_like(depth, dtype=torch.bool)
    residual = log_residual(log_depth, depth, valid)
    assert scale_invariant(residual, valid).item() == pytest.approx(math.log(2) ** 2 / 4)
    assert multi_scale_gradient(residual, valid, scales=1).item() == pytest.approx(math.log(2) / 2)


def test_far_depth_in_single_precision_keeps_its_variance():
    rng = np.random.default_rng(0)
    residual = torch.from_numpy(1e4 + 0.01 * rng.normal(size=(1, 1, 32, 32))).float()
    valid = torch.ones_like(residual, dtype=torch.bool)
    exact = residual.double().var(unbiased=False).item()
    assert scale_invariant(residual, valid).item() == pytest.approx(exact, rel=1e-2)
