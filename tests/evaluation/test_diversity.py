"""How different results are from each other: against double loops."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from translate.evaluation import diversity
from translate.evaluation.diversity import drawn_pairs, pixel_distances
from translate.evaluation.metric import METRICS, Judged, Tools, Unmeasurable
from translate.evaluation.perceptual import lpips_distances
from translate.evaluation.picture_set import PictureSet


def noise(count, side, seed=0):
    return list(np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), dtype=np.uint8))


def test_distances_are_those_of_means_of_blocks():
    pictures = noise(4, 64)
    small = [np.floor(each.reshape(32, 2, 32, 2, 3).mean((1, 3)) + 0.5) for each in pictures]
    found = pixel_distances(PictureSet.in_memory(pictures), 0)
    for i in range(4):
        for j in range(4):
            assert found[i, j] == pytest.approx(np.sqrt(np.mean((small[i] - small[j]) ** 2)), abs=0.02)
    assert np.array_equal(found, found.T) and not found.diagonal().any()


def test_the_value_is_the_mean_of_all_pairs_beside_real_pictures_and_inputs(judged):
    found = METRICS["diversity_pixels"].measure(judged, Tools())
    for pictures, value in ((judged.results, found.value), (judged.real, found.floor), (judged.inputs, found.ceiling)):
        distances = pixel_distances(pictures, 0)
        pairs = [distances[i, j] for i, j in combinations(range(len(pictures)), 2)]
        assert value == pytest.approx(np.mean(pairs))
    assert found.low < found.value < found.high
    alone = METRICS["diversity_pixels"].measure(Judged(judged.results), Tools())
    assert (alone.floor, alone.ceiling) == (None, None) and alone.value == found.value


def test_one_picture_for_all_inputs_has_none(judged, tools):
    collapsed = Judged(judged.results.part([2] * 6), judged.inputs)
    assert METRICS["diversity_pixels"].measure(collapsed, Tools()).value == 0
    assert METRICS["diversity_lpips"].measure(collapsed, tools).value == 0


def test_of_very_many_some_are_drawn(monkeypatch):
    monkeypatch.setattr(diversity, "MOST", 5)
    pictures = PictureSet.in_memory(noise(9, 32))
    first = pixel_distances(pictures, 1)
    assert first.shape == (5, 5)
    assert np.array_equal(first, pixel_distances(pictures, 1))
    assert not np.array_equal(first, pixel_distances(pictures, 2))


@given(st.integers(2, 30), st.integers(0, 100), st.integers(1, 60))
def test_pairs_are_different_and_as_many_as_there_can_be(count, seed, most):
    pairs = drawn_pairs(count, seed, most)
    assert len(set(pairs)) == len(pairs) == min(most, count * (count - 1) // 2)
    assert all(0 <= i < j < count for i, j in pairs)
    assert pairs == drawn_pairs(count, seed, most)


def test_lpips_is_the_mean_of_the_drawn_pairs(judged, tools, monkeypatch):
    monkeypatch.setattr(diversity, "LPIPS_PX", 64)
    found = METRICS["diversity_lpips"].measure(Judged(judged.results, real=judged.real.part([0, 1, 3])), tools)
    squares = judged.results.part([0, 1, 3, 4])  # of the size that it compares at
    some = METRICS["diversity_lpips"].measure(Judged(squares), tools)
    values = lpips_distances(combinations(squares, 2), 6, tools)
    assert some.value == pytest.approx(values.mean(), rel=1e-5) and some.floor is None
    assert found.floor == pytest.approx(
        lpips_distances(combinations(judged.real.part([0, 1, 3]), 2), 3, tools).mean(), rel=1e-5
    )
    assert found.value != some.value and found.extractor.startswith("alexnet-owt-")


@pytest.mark.parametrize("name", ["diversity_pixels", "diversity_lpips"])
def test_two_results_are_too_few(name, judged):
    with pytest.raises(Unmeasurable, match=f"{name} needs at least 3 results, and there are 2"):
        METRICS[name].measure(Judged(judged.results.part([0, 1])), Tools())
