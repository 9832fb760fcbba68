"""Errors of depth against all their pairs."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from translate.evaluation.depth import depth_errors


def drawn(seed):
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0.5, 20, (6, 7))
    predicted = truth * np.exp(rng.normal(size=truth.shape) * 0.3) * 3
    truth[rng.random(truth.shape) < 0.2] = 0
    return predicted, truth, rng.random(truth.shape) < 0.3


@settings(deadline=None)
@given(st.integers(0, 2**31))
def test_errors_are_those_of_all_pairs(seed):
    predicted, truth, people = drawn(seed)
    known = truth > 0
    ratio = np.log(predicted[known]) - np.log(truth[known])
    human = people[known]
    sets = {"full": (ratio, ratio), "env": (ratio[~human],) * 2, "human": (ratio[human], ratio),
            "intra": (ratio[human],) * 2, "inter": (ratio[human], ratio[~human])}  # fmt: skip
    found = depth_errors(predicted, truth, people=people)
    for name, (first, second) in sets.items():
        pairs = first[:, None] - second
        expected = math.sqrt(np.mean(pairs**2)) if pairs.size else math.nan
        assert getattr(found, name) == pytest.approx(expected, abs=1e-9, nan_ok=True), name
    factor = np.linalg.lstsq(predicted[known][:, None], truth[known], rcond=None)[0][0]
    off = factor * predicted[known] - truth[known]
    assert found.relative == pytest.approx(np.mean(np.abs(off) / truth[known]))
    assert found.rmse == pytest.approx(math.sqrt(np.mean(off**2)))


def test_no_error_depends_on_the_scale_of_the_prediction():
    predicted, truth, people = drawn(1)
    one, other = depth_errors(predicted, truth, people=people), depth_errors(predicted * 50, truth, people=people)
    assert vars(other) == pytest.approx(vars(one)) and one.full > 0.1


def test_a_right_depth_of_another_scale_has_no_error():
    _, truth, people = drawn(2)
    found = depth_errors(np.where(truth > 0, 4 * truth, 1), truth, people=people)
    assert max(vars(found).values()) == pytest.approx(0, abs=1e-7)


def test_only_what_is_valid_counts():
    predicted, truth, _ = drawn(3)
    half = np.arange(truth.size).reshape(truth.shape) < truth.size // 2
    changed = np.where(half, predicted, predicted * 9)
    assert depth_errors(predicted, truth, half).full == depth_errors(changed, truth, half).full
    assert depth_errors(predicted, truth).full != depth_errors(changed, truth).full


def test_without_people_or_known_pixels_errors_are_nan():
    found = depth_errors(np.ones((3, 3)), np.full((3, 3), 2.0))
    assert (found.full, found.env) == (0, 0) and all(math.isnan(getattr(found, n)) for n in ("human", "intra", "inter"))
    assert all(math.isnan(value) for value in vars(depth_errors(np.ones((3, 3)), np.zeros((3, 3)))).values())


def test_depths_of_other_shapes_are_refused():
    with pytest.raises(ValueError, match="cannot be compared"):
        depth_errors(np.ones((3, 3)), np.ones((3, 4)))
