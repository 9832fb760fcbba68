import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from translate.evaluation.depth import PAIR_SETS, aligned_errors, si_rmse


def scene(seed, height=7, width=6):
    rng = np.random.default_rng(seed)
    shape = (height, width)
    return rng.normal(size=shape), rng.uniform(0.1, 9, shape), rng.random(shape) < 0.8, rng.random(shape) < 0.4


def naive(log_depth, depth, valid, people):
    """Pair by pair."""
    pixels = [(log_depth[at] - np.log(depth[at]), people[at]) for at in zip(*np.nonzero(valid), strict=True)]
    counts = {
        "full": lambda i, j: True,
        "env": lambda i, j: not i and not j,
        "human": lambda i, j: i,
        "intra": lambda i, j: i and j,
        "inter": lambda i, j: i and not j,
    }
    found = {}
    for name, counted in counts.items():
        squares = [(a - b) ** 2 for a, of_a in pixels for b, of_b in pixels if counted(of_a, of_b)]
        if squares:
            found[name] = np.sqrt(np.mean(squares))
    return found


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 6))
def test_it_is_what_counting_pairs_gives(seed, height, width):
    given_scene = scene(seed, height, width)
    assert si_rmse(*given_scene) == pytest.approx(naive(*given_scene))


def test_all_sets_of_a_picture_with_people_and_one_without():
    log_depth, depth, valid, people = scene(1)
    assert tuple(si_rmse(log_depth, depth, valid, people)) == PAIR_SETS
    assert si_rmse(log_depth, depth, valid).keys() == {"full"}
    assert si_rmse(log_depth, depth, valid, np.zeros_like(people)).keys() == {"full", "env"}
    assert si_rmse(log_depth, depth, np.zeros_like(valid), people) == {}


def test_the_scale_does_not_count():
    log_depth, depth, valid, people = scene(2)
    there = si_rmse(log_depth, depth, valid, people)
    assert si_rmse(log_depth + 3, depth * 1000, valid, people) == pytest.approx(there)
    assert si_rmse(np.log(depth) + 1, depth, valid, people)["full"] == pytest.approx(0, abs=1e-9)


def test_errors_after_the_best_factor():
    log_depth, depth, valid, _ = scene(3)
    found = aligned_errors(np.exp(log_depth), depth, valid)
    factor = np.linalg.lstsq(np.exp(log_depth)[valid][:, None], depth[valid], rcond=None)[0][0]
    error = factor * np.exp(log_depth)[valid] - depth[valid]
    assert found["rmse"] == pytest.approx(np.sqrt(np.mean(error**2)))
    assert found["relative"] == pytest.approx(np.mean(abs(error) / depth[valid]))
    assert aligned_errors(5 * depth, depth, valid) == pytest.approx({"relative": 0, "rmse": 0}, abs=1e-12)
    assert aligned_errors(depth, depth, np.zeros_like(valid)) == {}
