"""Average precision against values by hand and the formula written out."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from translate.evaluation.average_precision import (
    average_precision,
    eleven_point_average_precision,
    mean_over_classes,
)

SCORES = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
RIGHT = np.array([True, False, True, True, False])  # precision 1, 1/2, 2/3, 3/4, 3/5; recall 1/3, 1/3, 2/3, 1, 1

RANKINGS = st.lists(st.tuples(st.integers(0, 6), st.booleans()), max_size=25)


def points_of_curve(scores, right, positives):
    """(true positives, precision) for every threshold, one by one."""
    points = []
    for threshold in sorted(set(scores.tolist())):
        accepted = scores >= threshold
        points.append((int((accepted & right).sum()), (accepted & right).sum() / accepted.sum()))
    return points


def naive_area(scores, right, positives):
    points = points_of_curve(scores, right, positives)
    return sum(
        max((precision for found, precision in points if found >= wanted), default=0.0) / positives
        for wanted in range(1, positives + 1)
    )


def naive_eleven(scores, right, positives):
    points = points_of_curve(scores, right, positives)
    return sum(
        max((precision for found, precision in points if 10 * found >= tenth * positives), default=0.0) / 11
        for tenth in range(11)
    )


class TestByHand:
    def test_the_area(self):
        assert average_precision(SCORES, RIGHT) == pytest.approx((1 + 3 / 4 + 3 / 4) / 3)

    def test_eleven_points(self):  # recalls 0, .1, .2, .3 have precision 1, the other seven 3/4
        assert eleven_point_average_precision(SCORES, RIGHT) == pytest.approx((4 * 1 + 7 * 3 / 4) / 11)

    def test_positives_without_a_score_are_missed(self):  # recall ends at 3/6, reached at precision 3/4
        assert average_precision(SCORES, RIGHT, 6) == pytest.approx((1 + 3 / 4 + 3 / 4) / 6)
        assert eleven_point_average_precision(SCORES, RIGHT, 6) == pytest.approx((2 * 1 + 4 * 3 / 4) / 11)

    def test_a_recall_of_exactly_a_tenth_counts(self):
        """3 / 10 is less than 0.1 * 3 in floating point."""
        right = np.array([True] * 3 + [False])
        assert eleven_point_average_precision(np.arange(4.0)[::-1], right, 10) == pytest.approx(4 / 11)

    @pytest.mark.parametrize("measure", [average_precision, eleven_point_average_precision])
    def test_the_ends(self, measure):
        assert measure(np.array([3.0, 2, 1]), np.array([True, True, False])) == 1
        assert measure(np.array([3.0, 2]), np.array([False, False]), 4) == 0
        assert measure(np.empty(0), np.empty(0, dtype=bool), 2) == 0
        assert math.isnan(measure(np.array([1.0]), np.array([False])))

    def test_equal_scores_have_no_order(self):
        scores = np.zeros(4)
        assert average_precision(scores, np.array([True, False, False, False])) == 1 / 4
        assert average_precision(scores, np.array([False, False, False, True])) == 1 / 4

    def test_the_mean_leaves_out_classes_that_do_not_occur(self):
        assert mean_over_classes([0.5, math.nan, 1.0]) == 0.75
        assert math.isnan(mean_over_classes([math.nan])) and math.isnan(mean_over_classes([]))


@given(ranking=RANKINGS, missed=st.integers(0, 8))
def test_it_is_the_formula(ranking, missed):
    scores = np.array([score for score, _ in ranking], dtype=np.float64)
    right = np.array([truth for _, truth in ranking], dtype=bool)
    positives = int(right.sum()) + missed
    if positives:
        assert average_precision(scores, right, positives) == pytest.approx(naive_area(scores, right, positives))
        eleven = eleven_point_average_precision(scores, right, positives)
        assert eleven == pytest.approx(naive_eleven(scores, right, positives))


@pytest.mark.parametrize(("scores", "right", "positives", "said"), [
    ([1.0], [True, False], None, "same length"),
    ([math.nan], [True], None, "not a number"),
    ([1.0, 2.0], [True, True], 1, "2 are right, of 1"),
])  # fmt: skip
def test_what_is_wrong_is_said(scores, right, positives, said):
    with pytest.raises(ValueError, match=said):
        average_precision(np.array(scores), np.array(right), positives)
