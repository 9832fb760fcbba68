"""Metrics that are a mean over the results."""

import pytest

from translate.evaluation.means import mean_measured
from translate.evaluation.metric import Tools, Unmeasurable


def test_it_is_the_mean_with_its_parts_and_an_interval():
    found = mean_measured([1.0, 2.0, 6.0], "x", Tools(), "net")
    assert (found.value, found.per_picture, found.extractor) == (3.0, (1.0, 2.0, 6.0), "net")
    assert 1 <= found.low < 3 < found.high <= 6


def test_it_depends_on_seed_and_name_alone():
    values = [0.1, 0.5, 0.7, 0.2, 0.9]
    first = mean_measured(values, "x", Tools(seed=1))
    assert first == mean_measured(values, "x", Tools(seed=1))
    others = mean_measured(values, "x", Tools(seed=2)), mean_measured(values, "y", Tools(seed=1))
    assert all((first.low, first.high) != (other.low, other.high) for other in others)


def test_one_picture_has_no_interval_and_none_no_mean():
    assert mean_measured([2.0], "x", Tools()).low is None
    with pytest.raises(Unmeasurable, match="x needs results, and there are none"):
        mean_measured([], "x", Tools())
