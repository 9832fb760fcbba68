import re
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from translate.reports.metric_panel import Mark, metric_panel_svg
from translate.reports.panel import COLOURS, DOTTED

CURVE = [(0, 1.0), (50, 3.0), (100, 2.0)]


def _drawn(*arguments, **more):
    return ElementTree.fromstring(metric_panel_svg(*arguments, **more))


def _corners(element):
    return [tuple(map(float, corner.split(","))) for corner in element.get("points").split()]


def _dashed(panel):
    return [line for line in panel.iter("line") if "dasharray:4 4" in line.get("style")]


def _texts(panel):
    return ["".join(each.itertext()) for each in panel.iter("text")]


def test_lines_are_in_colours_of_their_own_whichever_of_them_are_there():
    both = _drawn({"ema": CURVE, "raw": CURVE}, {})
    assert [re.search("#......", line.get("style"))[0] for line in both.iter("polyline")] == list(COLOURS[:2])
    (only,) = _drawn({"ema": CURVE}, {}).iter("polyline")
    assert COLOURS[1] in only.get("style")
    assert _texts(both)[0] == "●raw2.000●ema2.000"


def test_levels_and_intervals_have_a_place_on_the_axis():
    panel = _drawn({"raw": CURVE}, {"real B": 9.0, "untouched": 0.5}, {"raw": [(0, 0.5, 12.0), (50, 2.0, 4.0)]})
    heights = [float(line.get("y1")) for line in _dashed(panel)]
    assert len(heights) == 2 and heights[0] < heights[1]
    assert {"real B 9.000", "untouched 0.500"} <= set(_texts(panel))
    (band,) = panel.iter("polygon")
    assert all(34 <= y <= 204 for _, y in _corners(band)) and all(34 <= y <= 204 for y in heights)


def test_equal_levels_share_a_line():
    panel = _drawn({"raw": CURVE}, {"real B": 2.0, "untouched": 2.0})
    assert len(_dashed(panel)) == 1 and "real B, untouched 2.000" in _texts(panel)


def test_names_of_levels_that_are_near_do_not_overlap():
    panel = _drawn({"raw": CURVE}, {"real B": 2.0, "untouched": 2.02})
    at = [float(each.get("y")) for each in panel.iter("text") if (each.text or "").startswith(("real", "untouched"))]
    assert abs(at[0] - at[1]) >= 12


def test_the_best_is_ringed_where_it_was_chosen_and_its_step_dotted():
    panel = _drawn({"raw": CURVE}, {}, mark=Mark(50, 3.0))
    (ring,) = [each for each in panel.iter("circle") if each.get("fill") == "none"]
    corner = _corners(next(panel.iter("polyline")))[1]
    assert (float(ring.get("cx")), float(ring.get("cy"))) == corner
    assert _texts(panel)[0] == "●raw2.000○best3.000"
    elsewhere = _drawn({"raw": CURVE}, {}, mark=Mark(50))
    assert not [each for each in elsewhere.iter("circle") if each.get("fill") == "none"]
    for drawn in (panel, elsewhere):
        (dotted,) = [line for line in drawn.iter("line") if "dasharray:1 4" in line.get("style")]
        assert float(dotted.get("x1")) == corner[0]


def test_a_step_that_is_not_on_the_axis_has_no_mark():
    assert "dasharray:1 4" not in metric_panel_svg({"raw": CURVE}, {}, mark=Mark(101, 2.0))


def test_few_points_are_dots_and_many_a_thinned_line():
    few = _drawn({"raw": CURVE}, {})
    assert len(list(few.iter("circle"))) == 3
    many = _drawn({"raw": [(step, step % 3) for step in range(10 * DOTTED)]}, {})
    assert not list(many.iter("circle")) and len(_corners(next(many.iter("polyline")))) <= 400


def test_one_point_is_a_dot_with_its_interval():
    panel = _drawn({"raw": [(7, 0.5)]}, {}, {"raw": [(7, 0.4, 0.6)]})
    assert len(list(panel.iter("circle"))) == 1 and not list(panel.iter("polygon"))
    assert [line for line in panel.iter("line") if "stroke-opacity" in line.get("style")]


def test_what_cannot_be_drawn_is_nothing():
    assert metric_panel_svg({}, {"real B": 1.0}) == metric_panel_svg({"raw": [(0, float("nan"))]}, {}) == ""


VALUES = st.floats() | st.floats(-5, 5)
POINTS = st.lists(st.tuples(st.integers(0, 2**40), VALUES), max_size=8)


@given(
    st.dictionaries(st.sampled_from(["raw", "ema"]), POINTS),
    st.dictionaries(st.sampled_from(["real B", "untouched"]), VALUES),
    st.dictionaries(
        st.sampled_from(["raw", "ema"]), st.lists(st.tuples(st.integers(0, 2**40), VALUES, VALUES), max_size=8)
    ),
    st.none() | st.builds(Mark, st.integers(0, 2**40), st.none() | VALUES),
)
def test_whatever_was_measured_gives_a_drawing_within_its_panel(curves, named, bands, mark):
    drawn = metric_panel_svg(curves, named, bands, mark)
    assert not re.search('="[^"]*(nan|inf)', drawn)
    if drawn:
        corners = [corner for line in ElementTree.fromstring(drawn).iter("polyline") for corner in _corners(line)]
        assert all(0 <= x <= 420 and 0 <= y <= 230 for x, y in corners)
