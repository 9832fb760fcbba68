"""Numbers about a whole test, as a table: what was measured, how certain it is, and what it is to be compared with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dominate.tags import caption, details, html_tag, p, span, summary, table, tbody, td, th, thead, tr

from translate.reports.series import number

DIRECTIONS = {"higher": ("↑", "higher"), "lower": ("↓", "lower")}
FLOOR, CEILING = "real B", "inputs untouched"
# Field of a figure -> the head of its column.
COLUMNS = {"value": "value", "interval": "95 % interval", "floor": FLOOR, "ceiling": CEILING, "better": "better"}


@dataclass(frozen=True)
class Figure:
    """A number about translations, in the words in which people read it.

    Attributes:
        name: a short one, without spaces, as flags and files have it.
        title: as it is shown.
        value, interval: the number, and the range in which it is with 95 % certainty.
        floor: the value that real pictures of domain B reach.
        ceiling: the value of the inputs, left as they are.
        better: ``higher`` or ``lower``; empty where neither is.
        about: the protocol in a sentence.
        note: what a reader must know of this one, in a sentence.
        number: the value itself, where figures are compared.
        ends: of the interval, in numbers.
    """

    name: str
    title: str
    value: str
    interval: str = ""
    floor: str = ""
    ceiling: str = ""
    better: str = ""
    about: str = ""
    note: str = ""
    number: float | None = None
    ends: tuple[float, float] | None = None


def plain_figure(name: str, found: Mapping[str, Any]) -> Figure:
    """The words for what was found, where nothing more is known of a measure than its name.

    Args:
        found: ``value``, and ``low``, ``high``, ``floor``, ``ceiling`` where there are any.
    """
    shown = {key: number(value) for key, value in found.items() if type(value) in (int, float)}
    ends = (float(found["low"]), float(found["high"])) if {"low", "high"} <= shown.keys() else None
    interval = f"{shown['low']} to {shown['high']}" if ends else ""
    value = float(found["value"]) if "value" in shown else None
    floor, ceiling = shown.get("floor", ""), shown.get("ceiling", "")
    return Figure(name, name, shown.get("value", ""), interval, floor, ceiling, number=value, ends=ends)


def figures_table(figures: Sequence[Figure]) -> html_tag:
    """A row for each figure, and columns for what at least one of them has. Its protocol unfolds below its title."""
    shown = {key: head for key, head in COLUMNS.items() if any(getattr(figure, key) for figure in figures)}
    head = tr(th("measure", scope="col"), *(th(text, scope="col") for text in shown.values()))
    rows = (tr(figure_head(figure), *(_cell(figure, key) for key in shown)) for figure in figures)
    return table(caption("What was measured"), thead(head), tbody(*rows), cls="figures")


def figure_head(figure: Figure) -> html_tag:
    """The head of a figure's row: its title, its protocol to be unfolded, and its note."""
    head = th(scope="row")
    if figure.about:
        head.add(details(summary(figure.title), p(figure.about), cls="about"))
    else:
        head.add(figure.title)
    if figure.note:
        head.add(p(figure.note, cls="note"))
    return head


def direction(better: str) -> html_tag | str:
    """An arrow and the word; nothing where no direction is better."""
    if better not in DIRECTIONS:
        return ""
    arrow, word = DIRECTIONS[better]
    return span(span(arrow, aria_hidden="true"), f" {word}", cls="direction")


def _cell(figure: Figure, key: str) -> html_tag:
    text = getattr(figure, key)
    cell = td(direction(text) if key == "better" else text, cls=key)
    if text and key != "value":
        cell.set_attribute("data-head", COLUMNS[key])  # where a phone has no room for the heads of columns
    return cell
