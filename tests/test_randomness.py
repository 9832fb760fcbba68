"""Random numbers that are functions of what they are for."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from translate.randomness import generator

KEYS = st.tuples(
    st.integers(0, 2**63 - 1),
    st.sampled_from(["crop", "flip", "partner"]),
    st.integers(0, 10**6),
    st.integers(0, 10**9),
)


@given(KEYS)
def test_equal_keys_give_equal_numbers_and_know_nothing_of_each_other(key):
    first = generator(*key)
    generator(*key).random(100)
    np.random.default_rng().random(3)
    assert (first.integers(2**62, size=8) == generator(*key).integers(2**62, size=8)).all()


@given(KEYS, KEYS)
def test_other_keys_give_other_numbers(one, other):
    equal = (generator(*one).integers(2**62, size=4) == generator(*other).integers(2**62, size=4)).all()
    assert equal == (one == other)


def test_neighbours_do_not_resemble_each_other():
    draws = np.array([generator(0, "crop", epoch, index).random(64) for epoch in range(8) for index in range(32)])
    correlations = np.corrcoef(draws)[~np.eye(len(draws), dtype=bool)]
    assert np.abs(correlations).max() < 0.6  # 5 sigma of 64 independent numbers
    assert abs(draws.mean() - 0.5) < 0.01


def test_numbers_stay_the_same_from_release_to_release():
    """A resumed run draws what the interrupted one would have drawn, whatever was installed in between."""
    assert generator(0, "crop").integers(1000, size=4).tolist() == [40, 342, 837, 771]
    assert generator(7, "partner", 3, 12).integers(1000, size=4).tolist() == [61, 142, 957, 382]


def test_epoch_and_index_are_zero_where_they_do_not_matter():
    assert generator(5, "weights").random() == generator(5, "weights", 0, 0).random()
