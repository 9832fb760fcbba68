"""A panel of curves as inline SVG: where values lie on the paper, axes, levels to compare with, and a legend."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from translate.reports.series import Points, number, thin, tick_label, ticks, value_range

LEFT, RIGHT, TOP, BOTTOM = 44, 10, 34, 26  # px around the plot: tick labels, air, legend, tick labels
DIGIT = 6.5  # px, the width of a digit in a tick label
SHORTEST = 1e-6  # of an axis of times; below, all is at one time
LABEL = 15  # px, what a level's label takes above its line

# Okabe and Ito's colours (the last three darkened), told apart by colour-blind readers; a page may set lighter ones on
# a dark ground.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#B05A8A", "#8A6D00", "#2E7F9F")
DOTTED = 60  # points, up to which each is drawn as a dot
MOST_POINTS = 400


class Panel:
    """Where data lie on the paper of one panel.

    Args:
        curves: each of at least one point.
        levels: further values that must have a place.
        width, height: of the paper, in pixels.
    """

    def __init__(self, curves: Sequence[Points], levels: Iterable[float], width: int, height: int):
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


def svg(content: str, described: str, width: int, height: int) -> str:
    """The paper with what is drawn on it.

    Args:
        described: what a reader hears who does not see it.
    """
    return (
        f'<svg class="curves-panel" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        f'aria-label="{escape(described)}" font-size="11" font-family="system-ui, sans-serif">{content}</svg>'
    )


def legend(entries: Iterable[tuple[str, str, str, str]]) -> str:
    """The title line of a panel: (sign, its colour, name, value) of each curve."""
    parts = []
    for at, (sign, colour, name, value) in enumerate(entries):
        gap = 14 if at else 0
        parts.append(
            f'<tspan dx="{gap}" style="fill:{colour}">{sign}</tspan>'
            f'<tspan dx="4" style="fill:var(--ink-soft,#666)">{escape(name)}</tspan>'
            f'<tspan dx="5" font-weight="600" style="fill:var(--ink,#222)">{value}</tspan>'
        )
    return f'<text x="{LEFT}" y="16" font-size="12">{"".join(parts)}</text>'


def axes(panel: Panel) -> str:
    """Round values at the left, round steps below."""
    right, bottom = panel.width - RIGHT, panel.height - BOTTOM
    parts = []
    for value, label in panel.value_ticks:
        y = panel.y(value)
        parts.append(line(panel.left, y, right, y, "stroke:var(--rule,#e2e2e2)"))
        parts.append(text(panel.left - 7, y + 3.5, label, "end"))
    parts.append(line(panel.left, bottom, right, bottom, "stroke:var(--axis,#999)"))
    for step, label in panel.step_ticks:
        x = panel.x(step)
        parts.append(line(x, bottom, x, bottom + 4, "stroke:var(--axis,#999)"))
        # The outermost labels lean inwards, or they would be cut off by the panel's edge.
        anchor = "end" if x > right - 12 else "middle"
        parts.append(text(x, bottom + 17, label, anchor))
    return "".join(parts)


def _step_ticks(first: float, last: float) -> list[tuple[float, str]]:
    """Round steps, or minutes, with their labels; there are no halves of steps."""
    if isinstance(first, int) and isinstance(last, int) and last - first < 5:
        return [(step, str(step)) for step in range(first, last + 1)]
    if last - first < SHORTEST:
        return [(first, number(first))]
    values = ticks(first, last, 5)
    return [(value, tick_label(value, values[1] - values[0])) for value in values]


def levels(panel: Panel, named: Mapping[float, str]) -> str:
    """Values to compare with, dashed, each with its name above it, or below where another one has that place."""
    parts, taken = [], -LABEL
    for value in sorted(named, reverse=True):
        y, right = panel.y(value), panel.width - RIGHT
        beside = y - 4 if y - taken >= LABEL else y + LABEL - 4
        parts.append(line(panel.left, y, right, y, "stroke:var(--axis,#999);stroke-dasharray:4 4"))
        parts.append(text(right, beside, f"{named[value]} {number(value)}", "end", halo=True))
        taken = max(y, beside)
    return "".join(parts)


def merged(named: Mapping[str, float]) -> dict[float, str]:
    """Each value once, with all of its names."""
    found: dict[float, str] = {}
    for name, value in named.items():
        found[value] = f"{found[value]}, {name}" if value in found else name
    return found


def path(panel: Panel, points: Points, colour: str, width: float, opacity: float) -> str:
    """A line through points."""
    corners = " ".join(f"{panel.x(step):.1f},{panel.y(value):.1f}" for step, value in points)
    return (
        f'<polyline points="{corners}" fill="none" stroke-width="{width}" stroke-opacity="{opacity}" '
        f'stroke-linejoin="round" style="stroke:{colour}"/>'
    )


def dotted_path(panel: Panel, points: Points, colour: str) -> str:
    """A line through points, each of which is a dot too where they are few."""
    thinned = thin(points, MOST_POINTS)
    drawn = path(panel, thinned, colour, 1.8, 1) if len(thinned) > 1 else ""
    return drawn + "".join(
        f'<circle cx="{panel.x(step):.1f}" cy="{panel.y(value):.1f}" r="2.5" style="fill:{colour}"/>'
        for step, value in (points if len(points) <= DOTTED else [])
    )


def colour_of(at: int) -> str:
    """The colour of a panel's n-th curve, which the page may set."""
    place = at % len(COLOURS)
    return f"var(--series-{place + 1},{COLOURS[place]})"


def line(x1: float, y1: float, x2: float, y2: float, look: str) -> str:
    """A straight line; ``look`` is its style."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" style="{look}"/>'


def text(x: float, y: float, words: str, anchor: str, halo: bool = False) -> str:
    """A label; with a halo it stays legible over curves."""
    look = "fill:var(--ink-soft,#666)"
    if halo:
        look += ";stroke:var(--card,#fff);stroke-width:4px;stroke-linejoin:round;paint-order:stroke"
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" style="{look}">{escape(words)}</text>'
