"""The curves of one metric over the steps of a training, as inline SVG."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from translate.reports.panel import (
    BOTTOM,
    MOST_POINTS,
    TOP,
    Panel,
    axes,
    colour_of,
    dotted_path,
    legend,
    levels,
    line,
    merged,
    svg,
)
from translate.reports.series import Points, can_be_drawn, finite, number, thin

WEIGHTS = ("raw", "ema")  # what curves are called, in the order of their colours
Band = Sequence[tuple[int, float, float]]  # step, low, high


class Mark(NamedTuple):
    """A checkpoint in a panel: its step, and its value where it was chosen by this metric."""

    step: int
    value: float | None = None


def metric_panel_svg(
    curves: Mapping[str, Points],
    named: Mapping[str, float],
    bands: Mapping[str, Band] | None = None,
    mark: Mark | None = None,
    width: int = 420,
    height: int = 230,
) -> str:
    """Draw a metric, one line for each kind of weights.

    Args:
        curves: ``raw`` or ``ema`` -> (step, value) pairs. At most 400 points a line are drawn.
        named: values to compare with by their names, drawn dashed.
        bands: ``raw`` or ``ema`` -> the interval around each of its values, drawn faint.
        mark: the best checkpoint: a dotted line at its step, and a ring at its value.
        width, height: in pixels; a page may scale it down.

    Returns:
        The panel; "" where no value can be drawn.
    """
    drawn = {name: points for name in WEIGHTS if (points := finite(curves.get(name, ())))}
    if not drawn:
        return ""
    kept = {name: _finite_band(band) for name, band in (bands or {}).items() if name in drawn}
    dashed = merged({name: value for name, value in named.items() if can_be_drawn(value)})
    ends = [end for band in kept.values() for _, low, high in band for end in (low, high)]
    marked = [mark.value] if mark and mark.value is not None else []
    panel = Panel(list(drawn.values()), [*dashed, *ends, *marked], width, height)
    content = axes(panel) + "".join(_band(panel, band, _colour(name)) for name, band in kept.items())
    content += "".join(dotted_path(panel, points, _colour(name)) for name, points in drawn.items())
    content += levels(panel, dashed) + (_mark(panel, mark) if mark else "")
    entries = [("●", _colour(name), name, number(points[-1][1])) for name, points in drawn.items()]
    if marked:
        entries.append(("○", "var(--ink,#222)", "best", number(marked[0])))
    described = ", ".join(f"{name} {value}" for _, _, name, value in entries)
    return svg(legend(entries) + content, f"Curves over steps: {described}", width, height)


def _colour(name: str) -> str:
    return colour_of(WEIGHTS.index(name))


def _finite_band(band: Band) -> Band:
    return sorted(each for each in band if can_be_drawn(each[1]) and can_be_drawn(each[2]))


def _band(panel: Panel, band: Band, colour: str) -> str:
    """The intervals around a curve: an area, or a stroke where there is one."""
    lows, highs = [(step, low) for step, low, _ in band], [(step, high) for step, _, high in band]
    outline = [*thin(highs, MOST_POINTS), *reversed(thin(lows, MOST_POINTS))]
    if len(band) == 1:
        x = panel.x(band[0][0])
        return line(x, panel.y(band[0][1]), x, panel.y(band[0][2]), f"stroke:{colour};stroke-opacity:0.4")
    corners = " ".join(f"{panel.x(step):.1f},{panel.y(value):.1f}" for step, value in outline)
    return f'<polygon points="{corners}" fill-opacity="0.13" style="fill:{colour}"/>' if outline else ""


def _mark(panel: Panel, mark: Mark) -> str:
    if not panel.first <= mark.step <= panel.last:
        return ""
    x = panel.x(mark.step)
    drawn = line(x, TOP, x, panel.height - BOTTOM, "stroke:var(--ink-soft,#666);stroke-dasharray:1 4")
    if mark.value is not None and can_be_drawn(mark.value):
        drawn += (
            f'<circle cx="{x:.1f}" cy="{panel.y(mark.value):.1f}" r="6" fill="none" stroke-width="2" '
            'style="stroke:var(--ink,#222)"/>'
        )
    return drawn
