"""One picture of a whole test for quick looks: inputs over their translations."""

import statistics
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from translate.files import replace_atomically
from translate.reports.results import Row
from translate.reports.thumbnails import JPEG_QUALITY, shrunk

MOST_PX = 4000  # of the sheet, in width and height
TILE_PX = 128, 256  # a picture's place is as wide as the pictures usually are, within these
ACROSS = 8
MARGIN, GAP, LINE, TEXT = 16, 12, 18, 13  # px: around, between columns, of a line of text, of its letters
GROUND, INK, EMPTY = "#fafafa", "#1d1d20", "#e5e5e9"
UNREADABLE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)


def write_contact_sheet(path: Path, title: str, rows: Sequence[Row], count: int = 48) -> None:
    """Write a JPEG of rows spread evenly over all: their names, and below each its pictures, the input on top.

    The sheet is at most 4000 pixels wide and high and depends on nothing but the pictures and the arguments. One
    picture at a time is in memory beside it. What cannot be read stays grey.

    Args:
        path: the JPEG; the paths of the rows are relative to its folder.
        title: the first line, beside the labels.
        count: so many rows at most.

    Raises:
        RunError: the disk refused the write; a former sheet is untouched.
    """
    path = Path(path)
    chosen = evenly(rows, count)
    sheet = draw_sheet(path.parent, f"{title}: {len(chosen):,} of {len(rows):,}", chosen)
    replace_atomically(path, lambda file: sheet.save(file, format="JPEG", quality=JPEG_QUALITY))


def evenly(rows: Sequence[Row], count: int) -> list[Row]:
    """At most so many rows, the first and the last among them where there is room for two."""
    if len(rows) <= count:
        return list(rows)
    if count == 1:
        return [rows[0]]
    return [rows[at * (len(rows) - 1) // (count - 1)] for at in range(count)]


def draw_sheet(folder: Path, title: str, rows: Sequence[Row]) -> Image.Image:
    """The sheet of all of these rows, whose paths are relative to ``folder``."""
    labels = list(dict.fromkeys(label for row in rows for label in row.pictures))
    across = max(min(ACROSS, len(rows)), 1)
    down = -(-len(rows) // across)
    tile = _tile(_usual_size(folder, rows), across, down, len(labels))
    block = (tile[0] + GAP, LINE + len(labels) * (tile[1] + 2) + GAP)
    top = MARGIN + LINE
    sheet = Image.new("RGB", (2 * MARGIN + across * block[0] - GAP, top + MARGIN + down * block[1]), GROUND)
    _text(sheet, (MARGIN, MARGIN - 4), f"{title}; top to bottom: {', '.join(labels)}", sheet.width - 2 * MARGIN)
    for at, row in enumerate(rows):
        place = (MARGIN + at % across * block[0], top + at // across * block[1])
        _text(sheet, place, row.name, tile[0])
        for line, label in enumerate(labels):
            if label in row.pictures:
                corner = (place[0], place[1] + LINE + line * (tile[1] + 2))
                _paste(sheet, corner, tile, folder / row.thumbnails.get(label, row.pictures[label]))
    return sheet


def _tile(usual: tuple[float, float], across: int, down: int, labels: int) -> tuple[int, int]:
    """Width and height of a picture's place: the usual size where the limits of the sheet allow."""
    aspect = min(max(usual[0] / usual[1], 0.5), 2.0)
    widest = (MOST_PX - 2 * MARGIN) // across - GAP
    highest = ((MOST_PX - 2 * MARGIN - LINE) // max(down, 1) - LINE - GAP) // max(labels, 1) - 2
    largest = min(TILE_PX[1], TILE_PX[1] * aspect, widest, highest * aspect)
    width = min(max(usual[0], TILE_PX[0]), largest)
    return max(round(width), 1), max(round(width / aspect), 1)


def _usual_size(folder: Path, rows: Sequence[Row]) -> tuple[float, float]:
    """The median width and height of these pictures."""
    found = []
    for row in rows:
        for label, path in row.pictures.items():
            try:
                with Image.open(folder / row.thumbnails.get(label, path)) as picture:
                    found.append(picture.size)
            except UNREADABLE:
                continue
    widths, heights = zip(*found, strict=True) if found else ((1,), (1,))
    return statistics.median(widths), statistics.median(heights)


def _paste(sheet: Image.Image, corner: tuple[int, int], tile: tuple[int, int], path: Path) -> None:
    """A picture in the middle of its place."""
    ImageDraw.Draw(sheet).rectangle((*corner, corner[0] + tile[0] - 1, corner[1] + tile[1] - 1), EMPTY)
    try:
        with Image.open(path) as picture:
            picture.draft("RGB", (2 * tile[0], 2 * tile[1]))  # a large JPEG need not be decoded whole
            small = ImageOps.contain(shrunk(picture, tile), tile)
    except UNREADABLE:
        return
    sheet.paste(small, (corner[0] + (tile[0] - small.width) // 2, corner[1] + (tile[1] - small.height) // 2))


def _text(sheet: Image.Image, corner: tuple[int, int], text: str, width: int) -> None:
    """One line, shortened in its middle where it is too long: names differ at their ends."""
    font = ImageFont.load_default(TEXT)
    # Control characters would begin new lines, and bytes of a file name that are no text cannot be drawn.
    text = "".join(each if each.isprintable() else "?" for each in text)
    ImageDraw.Draw(sheet).text(corner, _shortened(text, width, font), INK, font)


def _shortened(text: str, width: int, font: ImageFont.FreeTypeFont) -> str:
    short, kept = text, len(text)
    while kept > 2 and font.getlength(short) > width:
        kept -= 1
        short = f"{text[: kept - kept // 2]}…{text[-(kept // 2) :]}"
    return short
