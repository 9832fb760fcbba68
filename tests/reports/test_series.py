import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from translate.reports.series import finite, groups, smooth, thin, tick_label, ticks, value_range

values = st.floats(allow_nan=False, min_value=-1e99, max_value=1e99)
curves = st.lists(values, min_size=1, max_size=300).map(lambda found: list(enumerate(found)))


def test_related_losses_share_a_panel_whatever_their_order():
    assert groups(["NCE_Y", "G", "D_fake", "NCE", "G_GAN"]) == [["NCE", "NCE_Y"], ["G"], ["G_GAN", "D_fake"]]


def test_unknown_losses_stand_alone():
    assert groups(["cycle_A", "cycle_B", "D_real"]) == [["cycle_A"], ["cycle_B"], ["D_real"]]


def test_what_is_not_finite_is_left_out():
    assert finite([(3, 1.0), (1, math.nan), (2, math.inf), (0, -math.inf), (4, 1e300), (1, 2.0)]) == [
        (1, 2.0),
        (3, 1.0),
    ]


@settings(deadline=None)
@given(curves)
def test_a_smoothed_curve_stays_within_its_values(points):
    found = [value for _, value in points]
    slack = 1e-9 * max(map(abs, found))
    smoothed = smooth(points)
    assert [step for step, _ in smoothed] == [step for step, _ in points]
    assert all(min(found) - slack <= value <= max(found) + slack for _, value in smoothed)


def test_smoothing_takes_noise_away_and_leaves_a_level():
    noisy = [(step, 2.0 + (-1) ** step) for step in range(1000)]
    assert all(abs(value - 2.0) < 0.1 for _, value in smooth(noisy)[100:])
    assert smooth([(0, 1.0), (1, 3.0)]) == [(0, 1.0), (1, 3.0)]


@settings(deadline=None)
@given(curves, st.integers(4, 60))
def test_thinning_keeps_the_outline(points, limit):
    kept = thin(points, limit)
    assert len(kept) <= limit
    assert kept == sorted(set(kept)) and set(kept) <= set(points)
    assert kept[0] == points[0] and kept[-1] == points[-1]
    found, left = [value for _, value in points], [value for _, value in kept]
    assert min(left) == min(found) and max(left) == max(found)


def test_a_short_curve_is_not_thinned():
    points = [(step, 0.0) for step in range(400)]
    assert thin(points) == points


@settings(deadline=None)
@given(st.lists(values, min_size=1, max_size=20), st.integers(4, 8))
def test_an_axis_holds_all_values_and_has_round_ticks(found, count):
    low, high = value_range(found)
    assert low < high and low <= min(found) and max(found) <= high
    marks = ticks(low, high, count)
    slack = 1e-9 * max(abs(low), abs(high))
    assert 2 <= len(marks) <= 2 * count + 1
    assert all(low - slack <= mark <= high + slack for mark in marks)
    step = marks[1] - marks[0]
    assert 0.9 < step / 10 ** math.floor(math.log10(step * 1.001)) < 10


@pytest.mark.parametrize(("found", "expected"), [([0.1, 1.0], 0.0), ([9.0, 10.0], 8.95), ([-1.0, 1.0], -1.1)])
def test_an_axis_starts_at_zero_where_zero_is_near(found, expected):
    assert value_range(found)[0] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("value", "step", "text"),
    [
        (0.25, 0.05, "0.25"),
        (5, 1, "5"),
        (1500, 500, "1.5k"),
        (100000, 20000, "100k"),
        (3e6, 1e6, "3M"),
        (-0.4, 0.2, "-0.4"),
        (2e70, 1e70, "2e+70"),
    ],
)
def test_tick_labels_are_short(value, step, text):
    assert tick_label(value, step) == text
