"""A table of runs beside each other: a column for each, and lines of what was measured and of what they were told."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dominate.tags import caption, html_tag, small, span, strong, table, tbody, td, th, thead, tr

from translate.reports.figures import CEILING, FLOOR, Figure, direction, figure_head

REFERENCES = {"floor": FLOOR, "ceiling": CEILING, "better": "better"}


@dataclass(frozen=True)
class Line:
    """What is said of each run.

    Attributes:
        head: what it is, in words or as a figure whose title and protocol count.
        values, below: of each run, and what stands in small letters below it.
        best: places of the best run, and of those that may be as good.
        more: what stands in further columns.
        floor, ceiling, better: as of a figure.
    """

    head: str | Figure
    values: Sequence[str]
    below: Sequence[str] = ()
    best: frozenset[int] = frozenset()
    more: Sequence[str] = ()
    floor: str = ""
    ceiling: str = ""
    better: str = ""

    @classmethod
    def of_words(cls, head: str, values: Sequence[str], more: Sequence[str] = ()) -> "Line":
        """A line of what is neither better nor worse."""
        return cls(head, values, more=more)

    @classmethod
    def of_figures(cls, figures: Sequence[Figure | None], more: Sequence[str] = ()) -> "Line":
        """A line of one figure of each run; None where a run does not have it."""
        there = [figure for figure in figures if figure]
        return cls(
            there[0],
            [figure.value if figure else "" for figure in figures],
            [figure.interval if figure else "" for figure in figures],
            best_of(figures),
            more,
            " / ".join(dict.fromkeys(figure.floor for figure in there if figure.floor)),
            " / ".join(dict.fromkeys(figure.ceiling for figure in there if figure.ceiling)),
            there[0].better,
        )


def best_of(figures: Sequence[Figure | None]) -> frozenset[int]:
    """The places of the best figures, and of those whose interval overlaps with that of the best, so that nobody can
    tell; none where no direction is better, or where not even one is worse."""
    numbers = {
        at: figure.number
        for at, figure in enumerate(figures)
        if figure and figure.better and figure.number is not None and not math.isnan(figure.number)
    }
    if not numbers:
        return frozenset()
    choose = max if any(figure and figure.better == "higher" for figure in figures) else min
    best = choose(numbers.values())
    low, high = _within([_ends(figures[at]) for at, number in numbers.items() if number == best])
    found = frozenset(at for at in numbers if _ends(figures[at])[0] <= high and _ends(figures[at])[1] >= low)
    return found if len(found) < len(numbers) else frozenset()


def _ends(figure: Figure) -> tuple[float, float]:
    """Of its interval; of a figure without one, its value."""
    return figure.ends or (figure.number, figure.number)


def _within(intervals: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The narrowest range that holds all of them."""
    return min(low for low, _ in intervals), max(high for _, high in intervals)


def runs_table(
    runs: Sequence[html_tag | str], groups: Mapping[str, Sequence[Line]], more: Sequence[str] = ()
) -> html_tag:
    """A table with a column for each run.

    Args:
        groups: title -> lines; those without any are left out.
        more: heads of further columns.
    """
    lines = [line for group in groups.values() for line in group]
    shown = {key: head for key, head in REFERENCES.items() if any(getattr(line, key) for line in lines)}
    heads = [*(th(run, scope="col") for run in runs), *(th(head, scope="col") for head in [*more, *shown.values()])]
    across = 1 + len(heads)
    made = table(caption("Runs"), thead(tr(td(), *heads)), cls="runs")
    for title, group in groups.items():
        if group:
            head = tr(th(span(title), scope="rowgroup", colspan=str(across)), cls="group")
            made.add(tbody(head, *(_row(line, list(shown)) for line in group)))
    return made


def _row(line: Line, references: Sequence[str]) -> html_tag:
    head = figure_head(line.head) if isinstance(line.head, Figure) else th(line.head, scope="row")
    row = tr(head)
    for at, value in enumerate(line.values):
        badge = "" if at not in line.best else "best" if len(line.best) == 1 else "among the best"
        row.add(_cell(value, line.below[at] if at < len(line.below) else "", badge))
    row.add(*(td(text) for text in line.more))
    for key in references:
        text = getattr(line, key)
        row.add(td(direction(text) if key == "better" else text, cls="reference"))
    return row


def _cell(value: str, below: str, badge: str) -> html_tag:
    cell = td(span(badge, cls="badge"), strong(value)) if badge else td(value)
    if below:
        cell.add(small(below))
    return cell
