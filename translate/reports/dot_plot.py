"""What several seeds came to, as dots on an axis, a row for each name, as inline SVG."""

import statistics
from collections.abc import Callable, Collection, Mapping, Sequence

from translate.reports.panel import colour_of, line, svg, text
from translate.reports.series import tick_label, ticks, value_range

ROW, TOP, BOTTOM, GAP = 28, 14, 30, 12  # px: of a row, around the rows, beside the names and the values
LETTER = 6.6  # px, about the width of a letter
MOST_LETTERS = 34  # of a name; longer ones are cut off
GREY = "var(--ink-soft,#666)"


def dot_plot_svg(
    rows: Mapping[str, Sequence[float]], compared: Collection[str] = (), width: int = 640, what: str = "Values"
) -> str:
    """Draw a row for each name: its values as small dots, their mean as a large one, and both as numbers.

    Args:
        rows: name -> at least one finite value.
        compared: names that the others are compared with: in grey, with a dashed line at their best mean.
        width: in pixels; a page may scale it down.
        what: the values are, for those who do not see them.

    Returns:
        An ``<svg>``; "" for no rows.
    """
    if not rows:
        return ""
    means = {name: statistics.fmean(values) for name, values in rows.items()}
    numbers = {name: in_numbers(values) for name, values in rows.items()}
    left = GAP + LETTER * max(len(_cut(name)) for name in rows) + GAP
    right = width - GAP - LETTER * max(map(len, numbers.values())) - GAP
    low, high = value_range([value for values in rows.values() for value in values])
    height = TOP + ROW * len(rows) + BOTTOM

    def x(value: float) -> float:
        return left + (value - low) / (high - low) * (right - left)

    drawn = [_axis(x, ticks(low, high, 5), left, right, height - BOTTOM)]
    if levels := [means[name] for name in compared if name in means]:
        place = x(max(levels))
        drawn.append(line(place, TOP, place, height - BOTTOM, "stroke:var(--axis,#999);stroke-dasharray:4 4"))
    for at, (name, values) in enumerate(rows.items()):
        y = TOP + ROW * (at + 0.5)
        colour = GREY if name in compared else colour_of(0)
        drawn.append(text(left - GAP, y + 4, _cut(name), "end"))
        drawn += [_dot(x(value), y, 3, colour, 0.4) for value in (values if len(values) > 1 else ())]
        drawn.append(_dot(x(means[name]), y, 5.5, colour, 1))
        drawn.append(text(width - GAP, y + 4, numbers[name], "end"))
    described = ", ".join(f"{name} {numbers[name]}" for name in rows)
    return svg("".join(drawn), f"{what}: {described}", width, height)


def in_numbers(values: Sequence[float]) -> str:
    """The mean, with the standard deviation of several.

    >>> in_numbers([1, 2, 3]), in_numbers([4])
    ('2.0 ± 1.0', '4.0')
    """
    mean = f"{statistics.fmean(values):.1f}"
    return f"{mean} ± {statistics.stdev(values):.1f}" if len(values) > 1 else mean


def _axis(x: Callable[[float], float], places: Sequence[float], left: float, right: float, bottom: float) -> str:
    parts = [line(left, bottom, right, bottom, "stroke:var(--axis,#999)")]
    step = places[1] - places[0] if len(places) > 1 else 1
    for place in places:
        parts.append(line(x(place), TOP, x(place), bottom, "stroke:var(--rule,#e2e2e2)"))
        parts.append(text(x(place), bottom + 17, tick_label(place, step), "middle"))
    return "".join(parts)


def _dot(x: float, y: float, radius: float, colour: str, opacity: float) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill-opacity="{opacity}" style="fill:{colour}"/>'


def _cut(name: str) -> str:
    return name if len(name) <= MOST_LETTERS else f"{name[: MOST_LETTERS - 1]}…"
