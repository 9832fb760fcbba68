"""Average precision of boxes against values by hand and the rules written out."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from translate.data.objects import Objects
from translate.evaluation.average_precision import eleven_point_average_precision
from translate.evaluation.detection import Detected, detection_precisions, overlaps

LEFT, RIGHT, FAR = (0, 0, 10, 10), (20, 0, 30, 10), (50, 50, 60, 60)


def objects(*boxes, labels=None, difficult=None):
    labels = np.zeros(len(boxes), dtype=int) if labels is None else np.array(labels)
    difficult = np.array(difficult or [False] * len(boxes), dtype=bool)
    return Objects(np.array(boxes, dtype=float).reshape(-1, 4), labels, difficult)


def detected(*boxes, scores, labels=None):
    labels = np.zeros(len(boxes), dtype=int) if labels is None else np.array(labels)
    return Detected(np.array(boxes, dtype=float).reshape(-1, 4), labels, np.array(scores, dtype=float))


def naive_iou(one, other):
    """By counting the pixels of boxes at whole numbers."""
    mine, theirs = (
        {(x, y) for x in range(int(left), int(right)) for y in range(int(top), int(bottom))}
        for left, top, right, bottom in (one, other)
    )
    return len(mine & theirs) / len(mine | theirs) if mine | theirs else 0.0


def naive_precision(found, truths, label):
    """All boxes of a class in one list by falling score, each looked at as the rules say."""
    listed = [
        (score, index, box)
        for index, guess in enumerate(found)
        for box, score, its in zip(guess.boxes, guess.scores, guess.labels, strict=True)
        if its == label
    ]
    asked = sum(int((~truth.difficult[truth.labels == label]).sum()) for truth in truths)
    taken, rights, wrongs, points = set(), 0, 0, []
    for _, index, box in sorted(listed, key=lambda entry: -entry[0]):
        truth = truths[index]
        mine = [place for place in range(len(truth.labels)) if truth.labels[place] == label]
        best = max(mine, key=lambda place: naive_iou(box, truth.boxes[place]), default=None)
        if best is None or naive_iou(box, truth.boxes[best]) < 0.5:
            wrongs += 1
        elif truth.difficult[best]:
            continue
        elif (index, best) in taken:
            wrongs += 1
        else:
            taken.add((index, best))
            rights += 1
        points.append((rights, rights / (rights + wrongs)))
    if not asked:
        return math.nan
    return sum(max((p for r, p in points if r >= wanted), default=0.0) / asked for wanted in range(1, asked + 1))


class TestByHand:
    def test_overlaps(self):
        found = overlaps(
            np.array([LEFT, (5, 0, 15, 10)], dtype=float), np.array([LEFT, FAR, (3, 3, 3, 3)], dtype=float)
        )
        assert np.allclose(found, [[1, 0, 0], [1 / 3, 0, 0]])

    def test_all_found(self):
        assert detection_precisions([detected(LEFT, RIGHT, scores=(0.3, 0.9))], [objects(LEFT, RIGHT)], 1) == [1]

    def test_one_missed_and_one_wrong(self):  # right, wrong, right of three: 1, 1/2, 2/3
        found = [detected(LEFT, FAR, RIGHT, scores=(0.9, 0.8, 0.7))]
        truth = [objects(LEFT, RIGHT, (80, 80, 90, 90))]
        assert detection_precisions(found, truth, 1) == [pytest.approx((1 + 2 / 3) / 3)]

    def test_a_duplicate_is_wrong(self):  # 1, 1/2, 2/3 of two
        found = [detected(LEFT, LEFT, RIGHT, scores=(0.9, 0.8, 0.7))]
        assert detection_precisions(found, [objects(LEFT, RIGHT)], 1) == [pytest.approx((1 + 2 / 3) / 2)]

    def test_a_difficult_object_does_not_count_either_way(self):
        found = [detected(RIGHT, RIGHT, LEFT, scores=(0.9, 0.8, 0.7))]
        assert detection_precisions(found, [objects(LEFT, RIGHT, difficult=[False, True])], 1) == [1]
        assert math.isnan(detection_precisions(found, [objects(RIGHT, difficult=[True])], 1)[0])

    def test_half_an_overlap_is_enough(self):
        truth = [objects(LEFT)]
        assert detection_precisions([detected((0, 0, 10, 5), scores=[1])], truth, 1) == [1]
        assert detection_precisions([detected((0, 0, 10, 4.9), scores=[1])], truth, 1) == [0]

    def test_classes_and_pictures_are_apart(self):
        found = [detected(LEFT, scores=[1], labels=[1]), detected(LEFT, scores=[1], labels=[0])]
        truth = [objects(LEFT, labels=[0]), objects(LEFT, labels=[0])]
        values = detection_precisions(found, truth, 3)
        assert values[0] == 0.5 and all(math.isnan(value) for value in values[1:])

    def test_scores_are_ranked_over_all_pictures(self):  # wrong before right: precision 1/2
        found = [detected(FAR, scores=[0.9]), detected(LEFT, scores=[0.5])]
        assert detection_precisions(found, [objects(), objects(LEFT)], 1) == [0.5]

    def test_the_form_of_2007(self):
        found = [detected(LEFT, FAR, RIGHT, scores=(0.9, 0.8, 0.7))]
        value = detection_precisions(found, [objects(LEFT, RIGHT)], 1, eleven_point_average_precision)
        assert value == [pytest.approx((6 * 1 + 5 * 2 / 3) / 11)]


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**32 - 1))
def test_it_is_the_rules(seed):
    rng = np.random.default_rng(seed)

    def boxes(count):
        corners = rng.integers(0, 4, (count, 2))
        return np.concatenate([corners, corners + rng.integers(1, 5, (count, 2))], 1).astype(float)

    truths, found = [], []
    scores = rng.permutation(30)  # of which no two are equal: only their order counts
    for picture in range(3):
        count, guesses = rng.integers(0, 4), rng.integers(0, 10)
        truths.append(Objects(boxes(count), rng.integers(0, 2, count), rng.random(count) < 0.3))
        own = scores[10 * picture : 10 * picture + guesses]
        found.append(Detected(boxes(guesses), rng.integers(0, 2, guesses), own.astype(float)))
    expected = [naive_precision(found, truths, label) for label in range(2)]
    assert detection_precisions(found, truths, 2) == pytest.approx(expected, nan_ok=True)
