"""The page of a test run: every input beside its translation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dominate.tags import a, div, h2, html_tag, input_, label, main, output, p, section

from translate.reports.cards import card, cards, glossary
from translate.reports.page import heading, page, picture_url, save_page

ROWS_WORTH_A_FILTER = 13


@dataclass(frozen=True)
class Row:
    """One input and what became of it.

    Attributes:
        name: what the row is called, usually the file name of the input.
        pictures: label (real_A, fake_B, truth_B, ...) -> path relative to the page's folder, in the
            order in which they are shown.
        note: what is said below the name, such as scores.
        thumbnails: label -> path of a small copy, for large pictures.
    """

    name: str
    pictures: dict[str, str]
    note: str = ""
    thumbnails: dict[str, str] = field(default_factory=dict)


def write_results_page(
    path: Path, title: str, rows: Sequence[Row], facts: Mapping[str, str], width: int = 256, contact_sheet: str = ""
) -> None:
    """Write a page that shows ``rows`` side by side; any number of them, pictures load as one scrolls.

    Args:
        path: the HTML file; pictures are linked relative to its folder and must not move away from it.
        facts: name -> value, shown at the top: dataset, checkpoint, step, size, "N in, N written".
        width: of a picture in the page, in pixels; narrower where the window is.
        contact_sheet: path of a picture of all, relative to the page's folder, that is linked at the top.

    Raises:
        RunError: the disk refused the write.
    """
    path = Path(path)
    labels = list(dict.fromkeys(label for row in rows for label in row.pictures))
    made = page(title)
    content = main(heading(title, facts))
    if meanings := glossary(labels):
        content.add(meanings)
    if contact_sheet:
        content.add(p(a("contact sheet", href=picture_url(contact_sheet)), cls="links"))
    if len(rows) >= ROWS_WORTH_A_FILTER:
        content.add(_filter(len(rows)))
    if rows:
        columns = max(len(row.pictures) for row in rows)
        made_of_rows = (card(row.name, row.pictures, path.parent, row.note, row.thumbnails) for row in rows)
        content.add(section(h2("Pictures"), cards(made_of_rows, width, columns, any(row.note for row in rows))))
    else:
        content.add(p("No pictures were written.", cls="empty"))
    made.add(content)
    save_page(made, path)


def _filter(count: int) -> html_tag:
    """A field that narrows a long page to the names that hold what is typed."""
    typed = input_(type="search", id="filter", placeholder="part of a name", autocomplete="off")
    counted = output(f"{count} of {count}", id="filter-count")
    return div(label("Find", html_for="filter"), typed, counted, cls="find needs-script", hidden=True)
