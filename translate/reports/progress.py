"""How the quality of several runs came along: each metric over the time of their trainings, a line for each run."""

import math
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from dominate.tags import article, div, h2, h3, html_tag, li, p, section, span, ul
from dominate.util import raw

from translate.reports.figures import Figure, direction
from translate.reports.metrics_log import LEVELS, METRICS_LOG, metric_lines, read_metrics_log
from translate.reports.panel import Panel, axes, colour_of, dotted_path, levels, merged, svg
from translate.reports.series import Points, can_be_drawn, finite
from translate.reports.tested import LOG, Tested
from translate.reports.training_log import read_training_log

WIDTH, HEIGHT = 420, 230
Entries = Sequence[Mapping[str, Any]]


class _Measured(NamedTuple):
    """What was measured of a run while it was trained.

    Attributes:
        at: its place among the runs, which decides its colour.
        entries: of its ``metrics.jsonl``, of one kind of weights.
        times: (step, seconds) of its training.
    """

    at: int
    entries: Entries
    times: list[tuple[int, float]]


def progress(runs: Sequence[Tested], figure_of: Callable[[str, Mapping[str, Any]], Figure]) -> html_tag | None:
    """A panel for each metric that was measured during a training; None where there is none.

    The curves are those of the raw weights, and lie over the minutes that were trained, evaluations not counted; over
    steps where a run tells no times.
    """
    found = [_measured(at, run) for at, run in enumerate(runs)]
    found = [each for each in found if each.entries]
    timed = all(each.times for each in found)
    names = dict.fromkeys(name for each in found for entry in each.entries for name in entry["metrics"])
    panels = [made for name in names if (made := _panel(name, found, timed, figure_of(name, {}))) is not None]
    if not panels:
        return None
    axis = "minutes of training, in which measuring is not counted" if timed else "steps"
    key = ul(*(_key(each.at, runs[each.at].name) for each in found), cls="key")
    return section(h2("While they were trained"), p(f"Over {axis}.", cls="note"), key, div(*panels, cls="curves"))


def _measured(at: int, run: Tested) -> _Measured:
    entries = read_metrics_log(run.run / METRICS_LOG)
    kinds = {entry["weights"] for entry in entries}
    kept = "raw" if "raw" in kinds else next(iter(kinds), "")
    return _Measured(
        at, [entry for entry in entries if entry["weights"] == kept], read_training_log(run.run / LOG).times
    )


def _key(at: int, name: str) -> html_tag:
    return li(span("●", style=f"color:{colour_of(at)}", aria_hidden="true"), f" {name}")


def _panel(name: str, found: Sequence[_Measured], timed: bool, figure: Figure) -> html_tag | None:
    curves = {each.at: points for each in found if (points := _points(name, each, timed))}
    if not curves:
        return None
    known = merged(_levels(name, found))
    panel = Panel(list(curves.values()), known, WIDTH, HEIGHT)
    drawn = axes(panel) + "".join(dotted_path(panel, points, colour_of(at)) for at, points in curves.items())
    better = [span(direction(figure.better), " is better", cls="note")] if figure.better else []
    head = div(h3(figure.title), *better, cls="metric-head")
    described = f"{figure.title} of {len(curves)} runs over {'minutes' if timed else 'steps'}"
    return article(head, raw(svg(drawn + levels(panel, known), described, WIDTH, HEIGHT)), cls="metric")


def _points(name: str, run: _Measured, timed: bool) -> Points:
    values = [
        (entry["step"], lines[entry["weights"]])
        for entry in run.entries
        if entry["weights"] in (lines := metric_lines(entry).get(name, {}))
    ]
    return finite((minutes_at(step, run.times) if timed else step, value) for step, value in values)


def _levels(name: str, found: Sequence[_Measured]) -> dict[str, float]:
    """What real pictures and the inputs reach, as the newest entries have it: runs of one data set agree."""
    known = {}
    for each in found:
        for entry in each.entries:
            lines = metric_lines(entry).get(name, {})
            found_here = {said: lines[level] for level, said in LEVELS.items() if level in lines}
            known |= {said: value for said, value in found_here.items() if can_be_drawn(value)}
    return known


def minutes_at(step: int, times: Sequence[tuple[int, float]]) -> float:
    """The minutes that a training had taken at a step.

    Args:
        times: (step, seconds) in order of the steps, at least one; between and behind them the nearest pace counts.

    >>> [minutes_at(step, [(100, 60.0), (200, 180.0)]) for step in (0, 50, 150, 250)]
    [0.0, 0.5, 2.0, 4.0]
    """
    known = [(0, 0.0), *(each for each in times if each[0] > 0)]
    if len(known) == 1:
        return 0.0
    at = min(max(bisect_left(known, (step, -math.inf)), 1), len(known) - 1)
    (before, start), (after, end) = known[at - 1], known[at]
    return (start + (step - before) * (end - start) / (after - before)) / 60
