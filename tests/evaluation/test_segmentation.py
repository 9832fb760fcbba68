"""Intersection over union against values by hand and the sets of pixels."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from translate.evaluation.segmentation import Confusion


class TestByHand:
    def test_void_is_left_out(self):
        confusion = Confusion(3)
        confusion.add(np.array([[0, 0, 1], [1, 0, 2]]), np.array([[0, 1, 1], [1, 0, 255]]))
        assert confusion.counts.tolist() == [[2, 0, 0], [1, 2, 0], [0, 0, 0]]
        assert confusion.ious()[:2] == [2 / 3, 2 / 3] and math.isnan(confusion.ious()[2])
        assert confusion.mean_iou() == pytest.approx(2 / 3)

    def test_a_class_that_is_only_told_counts(self):
        confusion = Confusion(2)
        confusion.add(np.array([0, 1]), np.array([0, 0]))
        assert confusion.ious() == [0.5, 0] and confusion.mean_iou() == 0.25


@given(seed=st.integers(0, 2**32 - 1), classes=st.integers(1, 5), pictures=st.integers(0, 3))
def test_it_is_the_sets_of_pixels(seed, classes, pictures):
    rng = np.random.default_rng(seed)
    confusion, both, either = Confusion(classes), [0] * classes, [0] * classes
    for _ in range(pictures):
        shape = tuple(rng.integers(1, 6, 2))
        told, truth = rng.integers(0, classes, shape), rng.integers(0, classes + 1, shape)
        truth[truth == classes] = 255
        confusion.add(told, truth.astype(np.uint8))
        for label in range(classes):
            mine, theirs = ({*np.flatnonzero((kind == label) & (truth != 255))} for kind in (told, truth))
            both[label] += len(mine & theirs)
            either[label] += len(mine | theirs)
    expected = [a / b if b else math.nan for a, b in zip(both, either, strict=True)]
    assert confusion.ious() == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(("told", "truth", "said"), [
    ([0], [0, 1], "different shapes"), ([2], [0], "not below 2"), ([0], [7], "not below 2"), ([-1], [0], "not below 2"),
])  # fmt: skip
def test_what_is_wrong_is_said(told, truth, said):
    with pytest.raises(ValueError, match=said):
        Confusion(2).add(np.array(told), np.array(truth))
