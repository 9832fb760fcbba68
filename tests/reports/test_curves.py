import math
import re
from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st

from translate.reports.curves import loss_curves_svg
from translate.reports.panel import COLOURS

series = st.dictionaries(
    st.sampled_from(["G_GAN", "D_real", "D_fake", "G", "NCE", "NCE_Y", "<other & \"'>"]),
    st.lists(st.tuples(st.integers(0, 2**40), st.floats()), max_size=30),
)


def _panels(svg):
    return list(ElementTree.fromstring(f"<div>{svg}</div>"))


def _points(panel):
    return [
        [tuple(map(float, corner.split(","))) for corner in line.get("points").split()]
        for line in panel.iter("polyline")
    ]


def _texts(panel):
    return ["".join(each.itertext()) for each in panel.iter("text")]


def test_one_panel_for_each_group():
    curve = [(0, 1.0), (1, 2.0)]
    panels = _panels(loss_curves_svg({name: curve for name in ("G_GAN", "D_real", "D_fake", "G", "NCE", "NCE_Y")}))
    names = [re.findall(r"●(\w+?)2.000", _texts(panel)[0]) for panel in panels]
    assert names == [["G_GAN", "D_real", "D_fake"], ["G"], ["NCE", "NCE_Y"]]


def test_every_loss_of_a_panel_has_a_colour_of_its_own():
    svg = loss_curves_svg({name: [(0, 1.0), (1, 2.0)] for name in ("G_GAN", "D_real", "D_fake")})
    used = {re.search("#......", line.get("style"))[0] for line in _panels(svg)[0].iter("polyline")}
    assert used == set(COLOURS[:3])


def test_the_last_value_is_printed_and_read_out():
    (panel,) = _panels(loss_curves_svg({"G": [(0, 1.0), (100, 0.1234)]}))
    assert "0.123" in _texts(panel)[0]
    assert panel.get("aria-label") == "Loss curves: G 0.123"


def test_raw_and_smoothed_lines_go_through_the_panel_from_left_to_right():
    (panel,) = _panels(loss_curves_svg({"G": [(step, math.sin(step)) for step in range(100)]}, 420, 230))
    raw, smoothed = _points(panel)
    assert len(raw) == len(smoothed) == 100
    assert raw[0][0] == smoothed[0][0] < raw[-1][0] == smoothed[-1][0] <= 420
    assert raw != smoothed


def test_a_higher_loss_is_drawn_higher():
    (panel,) = _panels(loss_curves_svg({"G": [(0, 1.0), (1, 2.0)]}))
    (_, low), (_, high) = _points(panel)[0]
    assert high < low


def test_long_series_are_thinned_and_keep_their_peaks():
    points = [(step, 1.0) for step in range(50_000)]
    points[31_234] = (31_234, 9.0)
    (panel,) = _panels(loss_curves_svg({"G": points}))
    raw, smoothed = _points(panel)
    assert len(raw) <= 400 and len(smoothed) <= 400
    assert min(y for _, y in raw) < 60 < min(y for _, y in raw if y > 60)


def test_no_point_and_one_point_are_fine():
    empty, single = _panels(loss_curves_svg({"G": [], "NCE": [(7, 0.5)]}))
    assert "no values yet" in _texts(empty)
    assert len(list(single.iter("circle"))) == 1 and not _points(single)
    assert "7" in _texts(single)
    assert loss_curves_svg({}) == ""


def test_levels_are_drawn_once_a_group_and_are_within_the_axis():
    curve = [(0, 1.0), (1, 2.0)]
    levels = {"NCE": ("guessing", 5.545), "NCE_Y": ("guessing", 5.545), "absent": ("other", 1.0)}
    (panel,) = _panels(loss_curves_svg({"NCE": curve, "NCE_Y": curve}, levels=levels))
    assert _texts(panel).count("guessing 5.545") == 1 and "other 1.000" not in _texts(panel)
    dashed = [line for line in panel.iter("line") if "dasharray" in line.get("style")]
    assert len(dashed) == 1 and 34 <= float(dashed[0].get("y1")) <= 204


def test_tick_labels_are_round():
    (panel,) = _panels(loss_curves_svg({"G": [(step * 100, 0.9 * step / 1000) for step in range(1001)]}))
    assert {"0", "0.2", "0.4", "0.6", "0.8", "20k", "40k", "60k", "80k", "100k"} <= set(_texts(panel))


@settings(max_examples=50, deadline=None)
@given(series)
def test_whatever_was_logged_gives_a_drawing_within_its_panels(logged):
    svg = loss_curves_svg(logged, 420, 230)
    assert "nan" not in svg and "inf" not in svg
    panels = _panels(svg)
    assert all(panel.get("viewBox") == "0 0 420 230" for panel in panels)
    corners = [corner for panel in panels for line in _points(panel) for corner in line]
    assert all(0 <= x <= 420 and 0 <= y <= 230 for x, y in corners)
