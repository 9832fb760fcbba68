"""Dots of several seeds on an axis."""

import statistics
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translate.reports.dot_plot import dot_plot_svg

ROWS = {"random weights": [37.0, 39.0, 41.0], "rotation": [50.0, 56.0], "moco <v2>": [44.0]}
values = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=5)


def circles(plot):
    """(x, y, radius) of each dot."""
    return [tuple(float(dot.get(key)) for key in ("cx", "cy", "r")) for dot in plot.iter("circle")]


def texts(plot):
    return ["".join(each.itertext()) for each in plot.iter("text")]


def test_each_seed_and_the_mean_stand_in_the_row_of_their_name():
    plot = ElementTree.fromstring(dot_plot_svg(ROWS, ["random weights"]))
    rows = {}
    for x, y, radius in circles(plot):
        rows.setdefault(y, []).append((radius, x))
    assert [len(dots) for dots in rows.values()] == [4, 3, 1]  # a lone value is its own mean
    first, second, third = (dict(sorted(dots)) for dots in rows.values())
    assert first[5.5] < third[5.5] < second[5.5]
    places = [x for radius, x in next(iter(rows.values())) if radius == 3]
    assert first[5.5] == pytest.approx(statistics.fmean(places), abs=0.1)
    assert {"random weights", "39.0 ± 2.0", "rotation", "53.0 ± 4.2", "moco <v2>", "44.0"} <= set(texts(plot))


def test_a_dashed_line_stands_at_the_best_of_what_others_are_compared_with():
    dashed = [
        [line for line in ElementTree.fromstring(dot_plot_svg(ROWS, names)).iter("line") if "dash" in line.get("style")]
        for names in ([], ["random weights"], ["moco <v2>", "random weights"], ["nobody"])
    ]
    assert [len(lines) for lines in dashed] == [0, 1, 1, 0]
    plot = ElementTree.fromstring(dot_plot_svg(ROWS, ["random weights"]))
    means = [x for x, _, radius in circles(plot) if radius == 5.5]
    assert [float(lines[0].get("x1")) for lines in dashed if lines] == [means[0], means[2]]


@given(st.dictionaries(st.text(st.characters(categories=["L", "N", "P"]), max_size=60), values, min_size=1, max_size=6))
def test_everything_is_on_the_paper(rows):
    plot = ElementTree.fromstring(dot_plot_svg(rows))
    width, height = float(plot.get("width")), float(plot.get("height"))
    assert all(0 <= x <= width and 0 <= y <= height for x, y, _ in circles(plot))
    labels = [each for each in plot.iter("text") if each.get("text-anchor") == "end"]
    assert len(labels) == 2 * len(rows) and max(len(text) for text in texts(plot)) <= 34


def test_no_rows_are_no_plot():
    assert dot_plot_svg({}) == ""
