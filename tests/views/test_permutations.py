"""Sets of permutations against the greedy rule computed the slow way, and against the figures that are known."""

from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from translate.views.permutations import RULES, hamming_distances, permutation_set


@pytest.fixture(scope="module")
def thousand():
    return permutation_set(1000)


def distance(first, second):
    return sum(a != b for a, b in zip(first, second, strict=True))


def lower_median(values):
    return sorted(values)[(len(values) - 1) // 2]


def best_next(rule, chosen, tiles):
    """All permutations that the rule may choose next, by looking at every pair."""
    left = [one for one in permutations(range(tiles)) if one not in chosen]
    sums = {one: sum(distance(one, other) for other in chosen) for one in left}
    nearest = {one: min(distance(one, other) for other in chosen) for one in left}
    wanted = {
        "max_min": lambda one: (nearest[one], sums[one]) == max((nearest[other], sums[other]) for other in left),
        "max_mean": lambda one: sums[one] == max(sums.values()),
        "middle": lambda one: sums[one] == lower_median(sums.values()),
        "min": lambda one: sums[one] == min(sums.values()),
    }[rule]
    return {one for one in left if wanted(one)}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("seed", [0, 1])
def test_each_one_is_the_best_of_those_that_are_left(rule, seed):
    chosen = [tuple(row) for row in permutation_set(24, rule, seed, tiles=4).tolist()]
    assert sorted(chosen) == list(permutations(range(4)))
    for count in range(1, 24):
        assert chosen[count] in best_next(rule, chosen[:count], 4)


def test_equals_are_chosen_between_by_chance():
    """Of 24 there are 9 that differ from the first everywhere, wherever in the list they are."""
    second = {tuple((row := permutation_set(2, "max_mean", seed, tiles=4))[1][row[0].argsort()]) for seed in range(100)}
    assert len(second) == 9


@pytest.mark.parametrize(("count", "mean", "minimum"), [(6, 9.0, 9), (10, 8.8, 8), (30, 8.255, 7), (100, 8.08, 6)])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_far_ones_are_as_far_as_is_known(count, mean, minimum, seed):
    found = hamming_distances(permutation_set(count, seed=seed))
    assert found == (pytest.approx(mean, abs=0.005), minimum)


def test_so_are_a_thousand(thousand):
    mean, minimum = hamming_distances(thousand)
    assert 8.0 <= mean <= 8 * 1000 / 999 and minimum == 5


def test_they_are_different_permutations_of_nine(thousand):
    assert thousand.shape == (1000, 9) and thousand.dtype == np.int64
    assert (np.sort(thousand, axis=1) == np.arange(9)).all()
    assert len(np.unique(thousand, axis=0)) == 1000


def test_the_published_rule_lets_some_be_neighbours():
    mean, minimum = hamming_distances(permutation_set(100, "max_mean"))
    assert mean == pytest.approx(8 * 100 / 99, abs=0.005) and minimum < 6


def test_rules_are_ordered_by_the_mean():
    means = [hamming_distances(permutation_set(20, rule))[0] for rule in ("min", "middle", "max_mean")]
    assert means == sorted(means) and means[2] - means[1] > 0.1 and means[1] - means[0] > 2


def test_a_set_is_a_function_of_its_arguments(thousand):
    assert np.array_equal(permutation_set.__wrapped__(10), permutation_set(10))
    assert np.array_equal(permutation_set(10), thousand[:10])  # and a smaller one the beginning of a larger
    others = {permutation_set(10, seed=seed).tobytes() for seed in range(4)}
    assert len(others) == 4


def test_nobody_writes_into_what_all_share():
    with pytest.raises(ValueError, match="read-only"):
        permutation_set(6)[0, 0] = 3


@settings(max_examples=20)
@given(st.integers(2, 12), st.integers(2, 6), st.integers(0, 1000))
def test_distances_of_a_set_are_those_of_its_pairs(count, tiles, seed):
    rng = np.random.default_rng(seed)
    chosen = np.stack([rng.permutation(tiles) for _ in range(count)])
    slow = [distance(first, second) for first, second in combinations(chosen.tolist(), 2)]
    mean, minimum = hamming_distances(chosen)
    assert mean == pytest.approx(np.mean(slow)) and minimum == min(slow)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"count": 6, "rule": "far"}, "one of max_min"),
        ({"count": 25, "tiles": 4}, "4 tiles have 24"),
        ({"count": 0}, "not 0"),
        ({"count": 6, "tiles": 10}, "1 to 9 tiles"),
    ],
)
def test_what_cannot_be_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        permutation_set(**arguments)


def test_one_permutation_has_no_distance():
    with pytest.raises(ValueError, match="at least two"):
        hamming_distances(permutation_set(1))
