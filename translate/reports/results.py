"""The page of a test run: every input beside its translation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dominate.tags import a, h2, html_tag, main, p, section

from translate.reports.cards import card, cards, glossary
from translate.reports.controls import controls, titles_of
from translate.reports.figures import Figure, figures_table
from translate.reports.page import heading, page, picture_url, save_page


@dataclass(frozen=True)
class Row:
    """One input and what became of it.

    Attributes:
        name: what the row is called, usually the file name of the input.
        pictures: label (real_A, fake_B, truth_B, ...) -> path relative to the page's folder, in the
            order in which they are shown.
        note: what is said below the name, such as scores.
        thumbnails: label -> path of a small copy, for large pictures.
        scores: title -> number, by which the rows can be sorted; rows need not have the same.
    """

    name: str
    pictures: dict[str, str]
    note: str = ""
    thumbnails: dict[str, str] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)


def write_results_page(
    path: Path,
    title: str,
    rows: Sequence[Row],
    facts: Mapping[str, str],
    width: int = 256,
    contact_sheet: str = "",
    figures: Sequence[Figure] = (),
) -> None:
    """Write a page that shows ``rows`` side by side; any number of them, pictures load as one scrolls.

    Args:
        path: the HTML file; pictures are linked relative to its folder and must not move away from it.
        facts: name -> value, shown at the top: dataset, checkpoint, step, size, "N in, N written".
        width: of a picture in the page, in pixels; narrower where the window is.
        contact_sheet: path of a picture of all, relative to the page's folder, that is linked at the top.
        figures: what was measured of all the pictures, which stands above them.

    Raises:
        RunError: the disk refused the write.
    """
    path = Path(path)
    labels = list(dict.fromkeys(label for row in rows for label in row.pictures))
    made = page(title)
    content = main(heading(title, facts))
    if figures:
        content.add(section(h2("Quality"), figures_table(figures)))
    if meanings := glossary(labels):
        content.add(meanings)
    if contact_sheet:
        content.add(p(a("contact sheet", href=picture_url(contact_sheet)), cls="links"))
    scores = titles_of(row.scores for row in rows)
    if choices := controls(len(rows), scores):
        content.add(choices)
    content.add(_pictures(rows, scores, path.parent, width))
    made.add(content)
    save_page(made, path)


def _pictures(rows: Sequence[Row], scores: Sequence[str], folder: Path, width: int) -> html_tag:
    if not rows:
        return p("No pictures were written.", cls="empty")
    columns = max(len(row.pictures) for row in rows)
    made = (
        card(row.name, row.pictures, folder, row.note, row.thumbnails, [row.scores.get(title) for title in scores])
        for row in rows
    )
    return section(h2("Pictures"), cards(made, width, columns, any(row.note for row in rows)))
