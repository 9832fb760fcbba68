"""Loss curves as inline SVG: small panels that need no script, no fonts and no network."""

from collections.abc import Mapping, Sequence

from translate.reports.panel import MOST_POINTS, Panel, axes, colour_of, legend, path, svg, text
from translate.reports.panel import levels as level_lines
from translate.reports.series import Points, finite, groups, number, smooth, thin


def loss_curves_svg(
    series: Mapping[str, Sequence[tuple[int, float]]],
    width: int = 420,
    height: int = 230,
    levels: Mapping[str, tuple[str, float]] | None = None,
    title: str = "Loss curves",
) -> str:
    """Draw losses over steps, one ``<svg>`` for each group of related ones.

    Args:
        series: loss name -> (step, value) pairs, any number of them, none included. Non-finite values
            are left out. At most 400 points a line are drawn; peaks stay.
        width, height: of one panel, in pixels; a page may scale panels down.
        levels: loss name -> (what it is, value): values to compare with, drawn dashed, for instance
            ``{"NCE": ("chance", 5.545)}``.
        title: what they are, for those who do not see them.

    Returns:
        The panels, one after the other, to be placed in HTML as they are; "" for no series.
    """
    levels = levels or {}
    return "".join(
        _svg({name: finite(series[name]) for name in group}, _levels_of(group, levels), width, height, title)
        for group in groups(series)
    )


def _levels_of(group: Sequence[str], levels: Mapping[str, tuple[str, float]]) -> dict[float, str]:
    """Each value to compare with, once: losses of one group often share it."""
    return {value: text for text, value in (levels[name] for name in group if name in levels)}


def _svg(curves: dict[str, Points], levels: dict[float, str], width: int, height: int, title: str) -> str:
    drawn = {name: points for name, points in curves.items() if points}
    if drawn:
        panel = Panel(list(drawn.values()), levels, width, height)
        coloured = {name: colour_of(at) for at, name in enumerate(curves)}
        content = axes(panel) + "".join(_curve(panel, points, coloured[name]) for name, points in drawn.items())
        content += level_lines(panel, levels)
    else:
        content = text(width / 2, height / 2, "no values yet", "middle")
    last = {name: number(points[-1][1]) if points else "–" for name, points in curves.items()}
    entries = (("●", colour_of(at), name, value) for at, (name, value) in enumerate(last.items()))
    described = ", ".join(f"{name} {last[name]}" for name in drawn) or ", ".join(curves)
    return svg(legend(entries) + content, f"{title}: {described}", width, height)


def _curve(panel: Panel, points: Points, colour: str) -> str:
    """The values as they were, faint, and their moving average over them."""
    if len(points) == 1:
        step, value = points[0]
        return f'<circle cx="{panel.x(step):.1f}" cy="{panel.y(value):.1f}" r="3" style="fill:{colour}"/>'
    return path(panel, thin(points, MOST_POINTS), colour, 1, 0.22) + path(
        panel, thin(smooth(points), MOST_POINTS), colour, 1.8, 1
    )
