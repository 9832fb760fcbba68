"""The kernel distance against a double loop."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from translate.evaluation import kernel
from translate.evaluation.kernel import kernel_distance, kernel_sums, subsets_distance


def features(rows: int, columns: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((rows, columns)).astype(np.float32)


def slow(x: np.ndarray, y: np.ndarray) -> float:
    def k(a, b):
        return (sum(float(p) * float(q) for p, q in zip(a, b, strict=True)) / len(a) + 1) ** 3

    def within(rows):
        pairs = [k(a, b) for i, a in enumerate(rows) for j, b in enumerate(rows) if i != j]
        return sum(pairs) / len(pairs)

    across = [k(a, b) for a in x for b in y]
    return within(x) + within(y) - 2 * sum(across) / len(across)


@settings(max_examples=25)
@given(st.integers(2, 9), st.integers(2, 9), st.integers(1, 6), st.integers(0, 2**31))
def test_it_is_the_mean_over_pairs(n, m, columns, seed):
    x, y = features(n, columns, seed), features(m, columns, seed + 1)
    assert kernel_distance(x, y) == pytest.approx(slow(x, y), rel=1e-9, abs=1e-9)


def test_blocks_change_nothing(monkeypatch):
    x, y = features(23, 5, 0), features(17, 5, 1)
    whole = kernel_sums(x, y)
    monkeypatch.setattr(kernel, "BLOCK", 4)
    for mine, other in zip(kernel_sums(x, y), whole, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-12)


def test_samples_of_one_distribution_are_at_zero_on_average():
    values = [kernel_distance(features(10, 4, 2 * seed), features(12, 4, 2 * seed + 1)) for seed in range(300)]
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(300)
    assert min(values) < 0 < max(values)


def test_a_known_value():
    """Rows of ones against rows of zeros, of whatever width: 8 + 1 - 2."""
    assert kernel_distance(np.ones((3, 7)), np.zeros((4, 7))) == pytest.approx(7, rel=1e-12)


def test_subsets_agree_with_all_rows_on_average():
    x, y = features(40, 6, 0), features(50, 6, 1) + 0.3
    value, deviation = subsets_distance(x, y, np.random.default_rng(0), subsets=400, size=10)
    assert abs(value - kernel_distance(x, y)) < 4 * deviation / np.sqrt(400)
    whole, none = subsets_distance(x, y[:40], np.random.default_rng(0), subsets=3, size=40)
    assert whole == pytest.approx(kernel_distance(x, y[:40]), rel=1e-9) and none == pytest.approx(0, abs=1e-12)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"at least 2, not \(1, 4\) and \(5, 4\)"):
        kernel_distance(np.zeros((1, 4)), np.zeros((5, 4)))
