"""Loss curves as inline SVG: small panels that need no script, no fonts and no network."""

from collections.abc import Mapping, Sequence
from html import escape

from translate.reports.series import Points, finite, groups, number, smooth, thin, tick_label, ticks, value_range

MOST_POINTS = 400
LEFT, RIGHT, TOP, BOTTOM = 44, 10, 34, 26  # px around the plot: tick labels, air, legend, tick labels
DIGIT = 6.5  # px, the width of a digit in a tick label

# Okabe and Ito's colours, told apart by colour-blind readers; a page may set lighter ones on a dark ground.
COLOURS = ("#0072B2", "#D55E00", "#009E73")


class _Panel:
    """Where data lie on the paper of one panel."""

    def __init__(self, curves: Sequence[Points], levels: Sequence[float], width: int, height: int):
        steps = [step for curve in curves for step, _ in curve]
        self.first, self.last = min(steps), max(steps)
        self.low, self.high = value_range([value for curve in curves for _, value in curve] + list(levels))
        self.width, self.height = width, height
        values = ticks(self.low, self.high, 4)
        self.value_ticks = [(value, tick_label(value, values[1] - values[0])) for value in values]
        self.step_ticks = _step_ticks(self.first, self.last)
        self.left = max(LEFT, 12 + DIGIT * max(len(text) for _, text in self.value_ticks))

    def x(self, step: float) -> float:
        share = (step - self.first) / (self.last - self.first) if self.last > self.first else 0.5
        return self.left + share * (self.width - self.left - RIGHT)

    def y(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return self.height - BOTTOM - share * (self.height - TOP - BOTTOM)


def loss_curves_svg(
    series: Mapping[str, Sequence[tuple[int, float]]],
    width: int = 420,
    height: int = 230,
    levels: Mapping[str, tuple[str, float]] | None = None,
) -> str:
    """Draw losses over steps, one ``<svg>`` for each group of related ones.

    Args:
        series: loss name -> (step, value) pairs, any number of them, none included. Non-finite values
            are left out. At most 400 points a line are drawn; peaks stay.
        width, height: of one panel, in pixels; a page may scale panels down.
        levels: loss name -> (what it is, value): values to compare with, drawn dashed, for instance
            ``{"NCE": ("chance", 5.545)}``.

    Returns:
        The panels, one after the other, to be placed in HTML as they are; "" for no series.
    """
    levels = levels or {}
    return "".join(
        _svg({name: finite(series[name]) for name in group}, _levels_of(group, levels), width, height)
        for group in groups(series)
    )


def _levels_of(group: Sequence[str], levels: Mapping[str, tuple[str, float]]) -> dict[float, str]:
    """Each value to compare with, once: losses of one group often share it."""
    return {value: text for text, value in (levels[name] for name in group if name in levels)}


def _svg(curves: dict[str, Points], levels: dict[float, str], width: int, height: int) -> str:
    drawn = {name: points for name, points in curves.items() if points}
    if drawn:
        panel = _Panel(list(drawn.values()), list(levels), width, height)
        content = _axes(panel)
        content += "".join(_curve(panel, curves[name], _colour(at)) for at, name in enumerate(curves) if name in drawn)
        content += _levels(panel, levels)
    else:
        content = _text(width / 2, height / 2, "no values yet", "middle")
    last = ", ".join(f"{name} {number(points[-1][1])}" for name, points in drawn.items())
    described = escape(f"Loss curves: {last or ', '.join(curves)}")
    return (
        f'<svg class="curves-panel" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        f'aria-label="{described}" font-size="11" font-family="system-ui, sans-serif">{_legend(curves)}{content}</svg>'
    )


def _legend(curves: dict[str, Points]) -> str:
    """The title line of a panel: each loss in its colour, with its last value."""
    entries = []
    for at, (name, points) in enumerate(curves.items()):
        value = number(points[-1][1]) if points else "–"
        gap = 14 if at else 0
        entries.append(
            f'<tspan dx="{gap}" style="fill:{_colour(at)}">●</tspan>'
            f'<tspan dx="4" style="fill:var(--ink-soft,#666)">{escape(name)}</tspan>'
            f'<tspan dx="5" font-weight="600" style="fill:var(--ink,#222)">{value}</tspan>'
        )
    return f'<text x="{LEFT}" y="16" font-size="12">{"".join(entries)}</text>'


def _axes(panel: _Panel) -> str:
    right, bottom = panel.width - RIGHT, panel.height - BOTTOM
    parts = []
    for value, text in panel.value_ticks:
        y = panel.y(value)
        parts.append(_line(panel.left, y, right, y, "stroke:var(--rule,#e2e2e2)"))
        parts.append(_text(panel.left - 7, y + 3.5, text, "end"))
    parts.append(_line(panel.left, bottom, right, bottom, "stroke:var(--axis,#999)"))
    for step, text in panel.step_ticks:
        x = panel.x(step)
        parts.append(_line(x, bottom, x, bottom + 4, "stroke:var(--axis,#999)"))
        # The outermost labels lean inwards, or they would be cut off by the panel's edge.
        anchor = "end" if x > right - 12 else "middle"
        parts.append(_text(x, bottom + 17, text, anchor))
    return "".join(parts)


def _step_ticks(first: int, last: int) -> list[tuple[float, str]]:
    """Round steps with their labels; there are no halves of steps."""
    if last - first < 5:
        return [(step, str(step)) for step in range(first, last + 1)]
    values = ticks(first, last, 5)
    return [(value, tick_label(value, values[1] - values[0])) for value in values]


def _levels(panel: _Panel, levels: dict[float, str]) -> str:
    parts = []
    for value, text in levels.items():
        y, right = panel.y(value), panel.width - RIGHT
        parts.append(_line(panel.left, y, right, y, "stroke:var(--axis,#999);stroke-dasharray:4 4"))
        parts.append(_text(right, y - 4, f"{text} {number(value)}", "end", halo=True))
    return "".join(parts)


def _curve(panel: _Panel, points: Points, colour: str) -> str:
    """The values as they were, faint, and their moving average over them."""
    if len(points) == 1:
        step, value = points[0]
        return f'<circle cx="{panel.x(step):.1f}" cy="{panel.y(value):.1f}" r="3" style="fill:{colour}"/>'
    return _path(panel, thin(points, MOST_POINTS), colour, 1, 0.22) + _path(
        panel, thin(smooth(points), MOST_POINTS), colour, 1.8, 1
    )


def _path(panel: _Panel, points: Points, colour: str, width: float, opacity: float) -> str:
    corners = " ".join(f"{panel.x(step):.1f},{panel.y(value):.1f}" for step, value in points)
    return (
        f'<polyline points="{corners}" fill="none" stroke-width="{width}" stroke-opacity="{opacity}" '
        f'stroke-linejoin="round" style="stroke:{colour}"/>'
    )


def _colour(at: int) -> str:
    return f"var(--series-{at + 1},{COLOURS[at % len(COLOURS)]})"


def _line(x1: float, y1: float, x2: float, y2: float, look: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" style="{look}"/>'


def _text(x: float, y: float, text: str, anchor: str, halo: bool = False) -> str:
    """A label; with a halo it stays legible over curves."""
    look = "fill:var(--ink-soft,#666)"
    if halo:
        look += ";stroke:var(--card,#fff);stroke-width:4px;stroke-linejoin:round;paint-order:stroke"
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" style="{look}">{escape(text)}</text>'
