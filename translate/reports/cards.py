"""What the pages of results and of training share: pictures side by side, and what their labels mean."""

import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path

from dominate.tags import a, article, dd, div, dl, dt, figcaption, figure, h3, html_tag, img, p
from PIL import Image

from translate.reports.page import picture_url

MEANINGS = {
    "real_A": "the input, a picture from domain A",
    "fake_B": "its translation to domain B",
    "truth_B": "the known true translation of the input",
    "hole_A": "what the network saw: a picture with a hole",
    "grey_A": "what the network saw: a picture's lightness",
    "l2_B": "its colours by regression, which means: the mean of all that is likely",
    "real_B": "a real picture from domain B, unrelated to the input",
    "idt_B": "real_B sent through the translator, which should leave it as it is",
    "fake_A": "a translation of real_B to domain A",
    "rec_A": "fake_B translated back to domain A",
    "rec_B": "fake_A translated back to domain B",
    "idt_A": "a real picture from A sent through the translator to A, which should leave it as it is",
}

SHOWN_BY_BROWSERS = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".avif"}
PHONE_COLUMNS = 2  # enough to compare, and large enough to see
ROTATED_BY_EXIF = {5, 6, 7, 8}
EXIF_ORIENTATION = 0x0112


def glossary(labels: Iterable[str]) -> html_tag | None:
    """What the labels on this page mean; None where none of them is a known one."""
    known = [label for label in MEANINGS if label in set(labels)]
    if not known:
        return None
    return dl(*(div(dt(label), dd(MEANINGS[label])) for label in known), cls="glossary")


def cards(rows: Iterable[html_tag], width: int, columns: int, notes: bool = False) -> html_tag:
    """A grid of cards, each with up to ``columns`` pictures, ``width`` pixels wide where there is room.

    Args:
        notes: whether there is a line below the names.
    """
    columns = max(columns, 1)
    on_phone = min(columns, PHONE_COLUMNS)
    sizes = f"--width:{width}px;--columns:{columns};--phone-columns:{on_phone};--phone-lines:{-(-columns // on_phone)}"
    return div(*rows, cls="cards", style=f"{sizes};--notes:{int(notes)}")


def card(name: str, pictures: Mapping[str, str], folder: Path, note: str = "") -> html_tag:
    """One row: its name and its pictures side by side.

    Args:
        pictures: label -> path relative to ``folder``, the folder of the page. All get the aspect of
            the first one, read from its file, so that the page has its final layout before they load.
        note: a line below the name.
    """
    ratio = aspect(folder / next(iter(pictures.values()))) if pictures else 1.0
    shown = div(*(_picture(name, label, path) for label, path in pictures.items()), cls="pictures")
    said = [h3(name), p(note, cls="note")] if note else [h3(name)]
    return article(*said, shown, cls="card", data_row=name, style=f"--aspect:{ratio:.4f}")


def zoom(label: str, path: str, alt: str, part: str = "") -> html_tag:
    """A lazily loaded picture that opens the viewer; without script it opens the file.

    ``part`` is "before" or "after" for what the slider compares within a row.
    """
    link = a(href=picture_url(path), cls="zoom", data_label=label)
    if part:
        link.set_attribute("data-part", part)
    if Path(path).suffix.lower() in SHOWN_BY_BROWSERS:
        link.add(img(src=picture_url(path), alt=alt, loading="lazy", decoding="async"))
    else:
        link.set_attribute("class", "file")
        link.add(f"{Path(path).suffix.lstrip('.').upper() or 'file'}: open it outside the browser")
    return link


def aspect(path: Path) -> float:
    """Width over height of a picture as a browser shows it; 1.0 where the file cannot be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a very large picture is no concern of a page that links to it
            with Image.open(path) as picture:
                width, height = picture.size
                turned = picture.getexif().get(EXIF_ORIENTATION) in ROTATED_BY_EXIF
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return 1.0
    return height / width if turned else width / height


def part_of(label: str) -> str:
    """Which side of the slider a label is on: the input before, its translation after."""
    return {"real_A": "before", "hole_A": "before", "grey_A": "before", "fake_B": "after"}.get(label, "")


def _picture(name: str, label: str, path: str) -> html_tag:
    return figure(zoom(label, path, f"{label} of {name}", part_of(label)), figcaption(label))
