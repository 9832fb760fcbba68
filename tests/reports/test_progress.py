import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translate.reports.figures import Figure, plain_figure
from translate.reports.progress import minutes_at, progress


@pytest.fixture
def measured(tmp_path, make_tested, read):
    """measured("cut", [(100, 30.0), ...], weights="raw", step_s=0.5): a tested run with such a metric in its log."""

    def make(name, values, weights=("raw",), step_s=0.5, floor=1.9, metric="distance"):
        make_tested(name, step_s=step_s)
        entries = [
            {"step": step, "weights": each, "metrics": {metric: {"value": value + place, "floor": floor}}}
            for step, value in values
            for place, each in enumerate(weights)
        ]
        text = "\n".join(map(json.dumps, entries))
        (tmp_path / "checkpoints" / name / "metrics.jsonl").write_text(text)
        return read(name)

    return make


def corners(made):
    """The points of each line that was drawn."""
    lines = re.findall(r'<polyline points="([^"]*)"', made.render())
    return [[tuple(map(float, corner.split(","))) for corner in line.split()] for line in lines]


def labels(made):
    return re.findall(r'text-anchor="(?:middle|end)"[^>]*>([^<]*)<', made.render())


def test_runs_lie_over_the_time_they_were_trained(measured):
    """One takes twice as long a step, so that its values of the same steps lie twice as far to the right."""
    values = [(0, 9.0), (60, 5.0), (120, 3.0)]
    made = progress([measured("quick", values), measured("slow", values, step_s=1.0)], plain_figure)
    (zero, one, two), (_, _, four) = corners(made)
    assert two[0] - zero[0] == pytest.approx((four[0] - zero[0]) / 2, abs=0.2)
    assert one[0] - zero[0] == pytest.approx((two[0] - zero[0]) / 2, abs=0.2)
    assert two[1] == four[1] > one[1] > zero[1]
    assert "minutes of training" in made.render() and "2.0" in labels(made)  # the last at 120 seconds


def test_without_times_they_lie_over_steps(measured):
    runs = [measured("timed", [(0, 9.0), (200, 3.0)]), measured("untimed", [(0, 9.0), (200, 3.0)], step_s=None)]
    made = progress(runs, plain_figure)
    assert "Over steps." in made.render() and corners(made)[0] == corners(made)[1] and "200" in labels(made)


def test_a_run_has_the_same_colour_in_each_panel_and_in_the_key(measured):
    runs = [measured("a", [(0, 1.0), (9, 2.0)]), measured("b", [(0, 1.0), (9, 2.0)], metric="share"), measured("c", [])]
    text = progress(runs, plain_figure).render()
    colours = re.findall(r"<polyline[^>]*stroke:var\(--series-(\d)", text)
    assert colours == ["1", "2"]
    key = re.findall(r"color:var\(--series-(\d)[^>]*>●</span> *(\w)", text)
    assert key == [("1", "a"), ("2", "b")]  # the third measured nothing


def test_averages_count_where_there_is_nothing_else(measured):
    both = measured("both", [(0, 10.0), (100, 20.0)], ("raw", "ema"))
    only = measured("only", [(0, 11.0), (100, 21.0)], ("ema",))
    first, second = corners(progress([both, only], plain_figure))
    assert first[0][1] > second[0][1]  # lower on the paper: the raw ones


def test_words_are_those_of_the_metric_and_levels_are_drawn(measured):
    def figure_of(name, _):
        return Figure(name, "distance to B", "", better="lower")

    text = progress([measured("a", [(0, 9.0), (100, 3.0)])], figure_of).render()
    assert "distance to B" in text and "lower" in text and "real B 1.900" in text


def test_a_single_moment_is_a_dot(measured):
    made = progress([measured("a", [(100, 3.0)])], plain_figure)
    assert "<circle" in made.render() and not corners(made) and "0.833" in labels(made)


@pytest.mark.parametrize("values", [[], [(100, float("nan"))], [(100, float("inf"))]])
def test_nothing_is_shown_where_nothing_was_measured(measured, values):
    assert progress([measured("a", values, floor=None)], plain_figure) is None


@given(st.lists(st.tuples(st.integers(1, 10**6), st.floats(0.001, 10)), min_size=1, max_size=9), st.data())
def test_minutes_rise_with_steps_and_meet_what_is_known(parts, data):
    times, step, seconds = [], 0, 0.0
    for steps, pace in parts:
        step, seconds = step + steps, seconds + steps * pace
        times.append((step, seconds))
    assert all(minutes_at(step, times) == pytest.approx(seconds / 60) for step, seconds in times)
    one, other = sorted(data.draw(st.tuples(st.integers(0, 2 * step), st.integers(0, 2 * step))))
    assert 0 <= minutes_at(one, times) <= minutes_at(other, times)


def test_a_log_that_starts_at_step_nought_has_a_time():
    assert minutes_at(10, [(0, 0.0)]) == 0.0
    assert minutes_at(10, [(0, 0.0), (20, 60.0)]) == 0.5
