"""Intervals: against slow versions of their definitions, and whether they hold what they should."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from translate.evaluation.frechet import frechet_distance
from translate.evaluation.kernel import kernel_distance, kernel_sums
from translate.evaluation.resampling import _Products, frechet_interval, kernel_interval, mean_interval, pairs_interval


def features(rows: int, columns: int, seed: int, shift: float = 0.0) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal((rows, columns)) + shift).astype(np.float32)


def jackknifed(values_without) -> float:
    values = np.array(values_without)
    return (len(values) - 1) / len(values) * np.sum((values - values.mean()) ** 2)


@settings(max_examples=20)
@given(st.integers(3, 8), st.integers(3, 8), st.integers(0, 2**31))
def test_the_kernel_distance_is_jackknifed(n, m, seed):
    x, y = features(n, 4, seed), features(m, 4, seed + 1, 0.5)
    variance = jackknifed([kernel_distance(np.delete(x, i, 0), y) for i in range(n)])
    variance += jackknifed([kernel_distance(x, np.delete(y, i, 0)) for i in range(m)])
    value, reach = kernel_distance(x, y), 1.959964 * np.sqrt(variance)
    assert kernel_interval(kernel_sums(x, y)) == pytest.approx((value - reach, value + reach), rel=1e-6, abs=1e-9)


@settings(max_examples=20)
@given(st.integers(3, 8), st.integers(0, 2**31))
def test_the_mean_of_pairs_is_jackknifed(n, seed):
    x = features(n, 3, seed).astype(float)

    def mean(rows):
        return np.mean([np.linalg.norm(a - b) for i, a in enumerate(rows) for b in rows[:i]])

    distances = np.linalg.norm(x[:, None] - x, axis=2)
    reach = 1.959964 * np.sqrt(jackknifed([mean(np.delete(x, i, 0)) for i in range(n)]))
    assert pairs_interval(distances) == pytest.approx((mean(x) - reach, mean(x) + reach), rel=1e-6, abs=1e-9)


@settings(max_examples=20)
@given(st.integers(4, 12), st.integers(4, 12), st.integers(1, 30), st.integers(0, 2**31))
def test_halves_have_their_own_frechet_distance(n, m, columns, seed):
    x, y = features(n, columns, seed, 3), features(m, columns, seed + 1, 4)
    rng = np.random.default_rng(seed)
    rows, others = rng.permutation(n)[: n // 2], rng.permutation(m)[: m // 2]
    expected = frechet_distance(x[rows], y[others])
    assert _Products(x, y).frechet_distance(rows, others) == pytest.approx(expected, rel=1e-5, abs=1e-5)


def test_the_mean_is_held_as_often_as_it_should_be():
    held = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        low, high = mean_interval(rng.exponential(1.0, 60), rng, 300)
        held += low <= 1 <= high
    assert 0.88 <= held / 200 <= 0.99


def test_the_frechet_distance_of_sets_as_large_is_held():
    """In all that is expected of 95 %, and without being uselessly wide."""
    fresh = [frechet_distance(features(30, 8, 10_000 + s), features(40, 8, 20_000 + s, 0.7)) for s in range(300)]
    held, widths = 0, []
    for seed in range(60):
        x, y = features(30, 8, seed), features(40, 8, 1000 + seed, 0.7)
        low, high = frechet_interval(x, y, frechet_distance(x, y), np.random.default_rng(seed), 100)
        held += low <= np.mean(fresh) <= high
        widths.append(high - low)
    assert held >= 52
    assert np.mean(widths) < 1.8 * 2 * 1.96 * np.std(fresh)


def test_the_kernel_distance_is_held():
    fresh = [kernel_distance(features(30, 8, 10_000 + s), features(40, 8, 20_000 + s, 0.5)) for s in range(300)]
    held = 0
    for seed in range(100):
        low, high = kernel_interval(kernel_sums(features(30, 8, seed), features(40, 8, 1000 + seed, 0.5)))
        held += low <= np.mean(fresh) <= high
    assert 88 <= held <= 99


def test_the_interval_is_around_the_value_and_the_same_for_a_seed():
    x, y = features(20, 50, 0), features(30, 50, 1)
    value = frechet_distance(x, y)
    interval = frechet_interval(x, y, value, np.random.default_rng(5))
    assert interval == frechet_interval(x, y, value, np.random.default_rng(5))
    assert interval != frechet_interval(x, y, value, np.random.default_rng(6))
    assert interval[0] < value < interval[1]
    same = frechet_interval(x, x, 0.0, np.random.default_rng(5))
    assert same[0] == 0 < same[1]
