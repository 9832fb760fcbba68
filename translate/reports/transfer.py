"""A page of what could be read from encoders: for each protocol a drawing, and a table of the layers."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dominate.tags import caption, div, h2, html_tag, main, p, section, table, tbody, td, th, thead, tr
from dominate.util import raw

from translate.reports.dot_plot import dot_plot_svg
from translate.reports.page import heading, page, save_page


@dataclass(frozen=True)
class Part:
    """What one protocol, or several beside each other, came to.

    Attributes:
        title: its name.
        heads: of the columns behind the names.
        cells: name of a row -> what stands in its columns.
        dots: name of a row -> its values over the seeds, to be drawn; of any rows, none included.
        about: how it is measured, in a sentence.
    """

    title: str
    heads: Sequence[str]
    cells: Mapping[str, Sequence[str]]
    dots: Mapping[str, Sequence[float]] = field(default_factory=dict)
    about: str = ""


def write_transfer_page(
    path: Path, facts: Mapping[str, str], parts: Sequence[Part], compared: Collection[str] = ()
) -> None:
    """Write the page, atomically.

    Args:
        facts: name -> value, at the top.
        compared: names of rows that the others are compared with, as untrained weights.

    Raises:
        RunError: the disk refused the write.
    """
    made = page("What encoders have learned")
    content = main(heading("What encoders have learned", facts))
    for part in parts:
        shown = section(h2(part.title))
        if part.about:
            shown.add(p(part.about, cls="note"))
        if drawn := dot_plot_svg(part.dots, compared, what=part.title):
            shown.add(div(raw(drawn), cls="dots", tabindex="0", role="region", aria_label=f"{part.title}, drawn"))
        shown.add(_table(part))
        content.add(shown)
    made.add(content)
    save_page(made, path)


def _table(part: Part) -> html_tag:
    head = thead(tr(td(), *(th(head, scope="col") for head in part.heads)))
    rows = (tr(th(name, scope="row"), *map(td, cells)) for name, cells in part.cells.items())
    made = table(caption(part.title), head, tbody(*rows), cls="runs")
    return div(made, cls="wide", tabindex="0", role="region", aria_label=f"{part.title} in numbers")
