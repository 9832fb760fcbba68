"""Improved precision and recall against a slow version and by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from translate.evaluation import manifold
from translate.evaluation.manifold import improved_precision_recall


def slow_share(points, centres, neighbours):
    """Which points lie within the distance of some centre to its k-th nearest other centre."""

    def distance(a, b):
        return float(np.sqrt(np.sum((a - b) ** 2)))

    radii = []
    for i, centre in enumerate(centres):
        others = sorted(distance(centre, other) for j, other in enumerate(centres) if j != i)
        radii.append(others[neighbours - 1])
    return [any(distance(point, c) <= r for c, r in zip(centres, radii, strict=True)) for point in points]


@settings(max_examples=40)
@given(st.integers(4, 12), st.integers(4, 12), st.integers(1, 4), st.integers(0, 2**31), st.booleans())
def test_it_is_what_its_definition_says(n, m, columns, seed, is_whole):
    rng = np.random.default_rng(seed)
    draw = (lambda rows: rng.integers(0, 4, (rows, columns))) if is_whole else lambda rows: rng.random((rows, columns))
    results, real = draw(n).astype(float), draw(m).astype(float)
    found = improved_precision_recall(results, real)
    assert found.precise.tolist() == slow_share(results, real, 3)
    assert found.recalled.tolist() == slow_share(real, results, 3)


def test_blocks_change_nothing(monkeypatch):
    rng = np.random.default_rng(0)
    results, real = rng.random((23, 5)), rng.random((17, 5)) + 0.1
    whole = improved_precision_recall(results, real)
    monkeypatch.setattr(manifold, "BLOCK", 4)
    parts = improved_precision_recall(results, real)
    assert [each.tolist() for each in parts] == [each.tolist() for each in whole]


def test_one_good_picture_again_and_again_is_precise_and_recalls_little():
    real = np.random.default_rng(0).standard_normal((50, 20)) * 10
    found = improved_precision_recall(np.repeat(real[:1], 10, axis=0), real)
    assert found.precise.all()
    assert found.recalled.tolist() == [True] + 49 * [False]


def test_equal_sets_are_perfect_and_far_ones_hopeless():
    x = np.random.default_rng(0).standard_normal((20, 2048)).astype(np.float32)
    assert all(part.all() for part in improved_precision_recall(x, x))
    assert not any(part.any() for part in improved_precision_recall(x, x + 100))


def test_too_few_rows_are_refused():
    with pytest.raises(ValueError, match="3 results and 9 real rows do not have 3 neighbours each"):
        improved_precision_recall(np.zeros((3, 2)), np.zeros((9, 2)))
    with pytest.raises(ValueError, match="features are"):
        improved_precision_recall(np.zeros((5, 2)), np.zeros((9, 3)))
