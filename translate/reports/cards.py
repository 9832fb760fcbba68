"""What the pages of results and of training share: pictures side by side, and what their labels mean."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from dominate.tags import a, article, dd, div, dl, dt, figcaption, figure, h3, html_tag, img, p
from PIL import Image

from translate.reports.controls import in_script
from translate.reports.page import picture_url

MEANINGS = {
    "real_A": "the input, a picture from domain A",
    "turned_90": "it turned to the left by a right angle",
    "turned_180": "it upside down",
    "turned_270": "it turned to the right by a right angle",
    "view_1": "a random view of it",
    "view_2": "another one: to the encoder the two should be alike, and unlike views of other pictures",
    "nearest_A": "the picture of the batch that its caption is nearest to: when all is learned, itself",
    "shuffled_A": "what the network saw: tiles of it, each of the same brightness and contrast, shuffled",
    "solved_A": "these tiles in the order that the network takes for the right one",
    "patches_A": "its patches at their places, as the encoder saw them one by one",
    "colours_A": "its lightness, in the colours that were predicted from it",
    "lightness_A": "its colours, with the lightness that was predicted from them",
    "fake_B": "its translation to domain B",
    "truth_B": "the known true translation of the input",
    "hole_A": "what the network saw: a picture with a hole",
    "grey_A": "what the network saw: a picture's lightness",
    "l2_B": "its colours by regression, which means: the mean of all that is likely",
    "real_B": "a real picture from domain B: the true answer where training has pairs, else unrelated to the input",
    "idt_B": "real_B sent through the translator, which should leave it as it is",
    "fake_A": "a translation of real_B to domain A",
    "truth_A": "the known true translation of the input",
    "rec_A": "fake_B translated back to domain A",
    "rec_B": "fake_A translated back to domain B",
    "idt_A": "a real picture from A sent through the translator to A, which should leave it as it is",
}
# The same labels mean something else beside these.
BESIDE = {
    "hole_A": {
        "real_A": "the picture without the hole",
        "fake_B": "the same with the hole filled",
        "truth_B": "the picture without the hole",
    },
    "grey_A": {
        "real_A": "the picture in its true colours",
        "fake_B": "the same in the colours that the network chose",
        "truth_B": "the picture in its true colours",
    },
}
INPUT_B = "the input, a picture from domain B"

SHOWN_BY_BROWSERS = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".avif"}
PHONE_COLUMNS = 2  # enough to compare, and large enough to see
ROTATED_BY_EXIF = {5, 6, 7, 8}
EXIF_ORIENTATION = 0x0112


def glossary(labels: Iterable[str]) -> html_tag | None:
    """What the labels on this page mean; None where none of them is a known one."""
    known = meanings(labels)
    return dl(*(div(dt(label), dd(meaning)) for label, meaning in known.items()), cls="glossary") if known else None


def meanings(labels: Iterable[str]) -> dict[str, str]:
    """What the known ones of labels that stand beside each other mean.

    >>> meanings(["fake_B", "hole_A", "depth"])["fake_B"]
    'the same with the hole filled'
    """
    given = set(labels)
    known = {label: meaning for label, meaning in MEANINGS.items() if label in given}
    if "real_B" in given and "real_A" not in given:
        known["real_B"] = INPUT_B  # a test of the way back
    for label, others in BESIDE.items():
        if label in given:
            known |= {other: meaning for other, meaning in others.items() if other in given}
    return known


def cards(rows: Iterable[html_tag], width: int, columns: int, notes: bool = False) -> html_tag:
    """A grid of cards, each with up to ``columns`` pictures, ``width`` pixels wide where there is room.

    Args:
        notes: whether there is a line below the names.
    """
    columns = max(columns, 1)
    on_phone = min(columns, PHONE_COLUMNS)
    sizes = f"--width:{width}px;--columns:{columns};--phone-columns:{on_phone};--phone-lines:{-(-columns // on_phone)}"
    return div(*rows, cls="cards", style=f"{sizes};--notes:{int(notes)}")


def card(
    name: str,
    pictures: Mapping[str, str],
    folder: Path,
    note: str = "",
    thumbnails: Mapping[str, str] | None = None,
    scores: Sequence[float | None] = (),
    parts: Mapping[str, str] | None = None,
) -> html_tag:
    """One row: its name and its pictures side by side.

    Args:
        pictures: label -> path relative to ``folder``, the folder of the page. All get the aspect of
            the first one, read from its file, so that the page has its final layout before they load.
        note: a line below the name.
        thumbnails: label -> path of a small copy, which the page shows in place of the picture.
        scores: what the rows of a page can be sorted by, in the order of its ``controls``.
        parts: label -> "before" or "after", for labels that ``part_of`` does not know.
    """
    thumbnails, parts = thumbnails or {}, parts or {}
    sizes = [shown_size(folder / path) for path in pictures.values()]
    width, height = (sizes and sizes[0]) or (1, 1)
    shown = div(cls="pictures")
    for (label, path), size in zip(pictures.items(), sizes, strict=True):
        part = parts.get(label, part_of(label))
        linked = zoom(label, path, f"{label} of {name}", part, size, thumbnails.get(label))
        shown.add(figure(linked, figcaption(label)))
    said = [h3(name), p(note, cls="note")] if note else [h3(name)]
    made = article(*said, shown, cls="card", data_row=name, style=f"--aspect:{width / height:.4f}")
    if scores:
        made.set_attribute("data-scores", " ".join(map(in_script, scores)))
    return made


def zoom(
    label: str,
    path: str,
    alt: str,
    part: str = "",
    size: tuple[int, int] | None = None,
    thumbnail: str | None = None,
) -> html_tag:
    """A lazily loaded picture that opens the viewer; without script it opens the file.

    Args:
        part: "before" or "after" for what the slider compares within a row.
        size: width and height of the picture in pixels, for the browser to know before it is there.
        thumbnail: the path of a small copy, which is shown until the viewer opens, and in it too where no browser shows
            the picture.
    """
    link = a(href=picture_url(path), cls="zoom", data_label=label)
    if part:
        link.set_attribute("data-part", part)
    if not shown_by_browsers(path) and thumbnail:
        link.set_attribute("data-shown", picture_url(thumbnail))
    if shown_by_browsers(path) or thumbnail:
        sides = {"width": size[0], "height": size[1]} if size else {}
        link.add(img(src=picture_url(thumbnail or path), alt=alt, loading="lazy", decoding="async", **sides))
    else:
        link.set_attribute("class", "file")
        link.add(f"{alt}: {Path(path).suffix.lstrip('.').upper() or 'file'}, to be opened outside the browser")
    return link


def shown_by_browsers(path: str | Path) -> bool:
    """Whether a browser shows a picture of this ending."""
    return Path(path).suffix.lower() in SHOWN_BY_BROWSERS


def aspect(path: Path) -> float:
    """Width over height of a picture as a browser shows it; 1.0 where the file cannot be read."""
    size = shown_size(path)
    return size[0] / size[1] if size else 1.0


def shown_size(path: Path) -> tuple[int, int] | None:
    """Width and height in pixels of a picture as a browser shows it; None where the file cannot be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a very large picture is no concern of a page that links to it
            with Image.open(path) as picture:
                width, height = picture.size
                # Without this look, getexif would decode a PNG to see whether something stands behind its pixels.
                turned = "exif" in picture.info and picture.getexif().get(EXIF_ORIENTATION) in ROTATED_BY_EXIF
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    return (height, width) if turned else (width, height)


def part_of(label: str) -> str:
    """Which side of the slider a label is on: the input before, its translation after."""
    return {"real_A": "before", "hole_A": "before", "grey_A": "before", "fake_B": "after"}.get(label, "")
