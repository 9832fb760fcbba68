import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from translate.errors import RunError
from translate.reports.contact_sheet import GAP, LINE, MARGIN, MOST_PX, draw_sheet, evenly, write_contact_sheet
from translate.reports.results import Row

LABELS = ("real_A", "fake_B")


@pytest.fixture
def rows(tmp_path):
    """rows(count, size=(40, 40), labels=LABELS): red inputs over blue translations."""

    def make(count, size=(40, 40), labels=LABELS):
        for label, colour in zip(labels, ("red", "blue", "green", "black"), strict=False):
            Image.new("RGB", size, colour).save(tmp_path / f"{label}.png")
        return [Row(f"picture {at}", {label: f"{label}.png" for label in labels}) for at in range(count)]

    return make


@given(st.integers(0, 300), st.integers(1, 60))
def test_rows_are_spread_evenly_over_all(total, count):
    chosen = [int(row.name) for row in evenly([Row(str(at), {}) for at in range(total)], count)]
    assert len(chosen) == min(total, count)
    assert chosen == sorted(set(chosen))
    if total and count > 1:
        assert (chosen[0], chosen[-1]) == (0, total - 1)
        steps = np.diff(chosen)
        assert len(chosen) < 2 or steps.max() - steps.min() <= 1


def test_the_input_stands_over_its_translation(tmp_path, rows):
    sheet = draw_sheet(tmp_path, "run", rows(3))
    for column in range(3):
        x, y = MARGIN + column * (128 + GAP) + 64, MARGIN + 2 * LINE + 64
        assert sheet.getpixel((x, y)) == (255, 0, 0)
        assert sheet.getpixel((x, y + 130)) == (0, 0, 255)
    assert sheet.width == 2 * MARGIN + 3 * (128 + GAP) - GAP


@pytest.mark.parametrize("size", [(40, 40), (300, 300), (900, 300), (300, 900)])
@pytest.mark.parametrize("count", [1, 9, 48])
@pytest.mark.parametrize("labels", [("real_A",), ("hole_A", "fake_B", "truth_B", "real_A")])
def test_it_is_never_too_large(tmp_path, rows, size, count, labels):
    sheet = draw_sheet(tmp_path, "run", rows(count, size, labels))
    assert max(sheet.size) <= MOST_PX
    assert min(sheet.size) > 100


def test_it_holds_so_many_rows_and_is_the_same_each_time(tmp_path, rows):
    write_contact_sheet(tmp_path / "one.jpg", "run", rows(100), count=10)
    write_contact_sheet(tmp_path / "two.jpg", "run", rows(100), count=10)
    assert (tmp_path / "one.jpg").read_bytes() == (tmp_path / "two.jpg").read_bytes()
    with Image.open(tmp_path / "one.jpg") as sheet:
        assert sheet.format == "JPEG"
        assert sheet.width == 2 * MARGIN + 8 * (128 + GAP) - GAP
        dark = np.asarray(sheet.convert("RGB")).astype(int)
    blue = (dark[:, :, 2] > 200) & (dark[:, :, 0] < 60)
    assert blue.sum() == pytest.approx(10 * 128**2, rel=0.05)  # JPEG blurs borders; a row is a tenth


def test_names_are_drawn_whatever_they_hold_and_shortened(tmp_path, rows):
    plain = draw_sheet(tmp_path, "run", rows(1))
    for name in ("x" * 500, "two\nlines\t", "Äpfel 猫 🦓", os.fsdecode(b"\xff.png"), "", "W"):
        row = Row(name, rows(1)[0].pictures)
        sheet = draw_sheet(tmp_path, "run", [row])
        assert sheet.size == plain.size
        line = np.asarray(sheet)[MARGIN + LINE : MARGIN + 2 * LINE]
        assert (line[:, MARGIN + 129 :] == line[0, 0]).all(), "no name is wider than its picture"
        assert (line.min() < 100) == bool(name)


def test_names_that_differ_at_their_ends_differ_on_the_sheet(tmp_path, rows):
    pictures = rows(1)[0].pictures
    names = ("a" + "x" * 60 + "a", "b" + "x" * 60 + "a", "a" + "x" * 60 + "b")
    sheets = {draw_sheet(tmp_path, "run", [Row(name, pictures)]).tobytes() for name in names}
    assert len(sheets) == 3


def test_what_cannot_be_read_stays_grey(tmp_path, rows):
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    both = [Row("one", {"real_A": "broken.png", "fake_B": "missing.png"}), rows(1)[0]]
    sheet = draw_sheet(tmp_path, "run", both)
    assert sheet.getpixel((MARGIN + 64, MARGIN + 2 * LINE + 64)) == (0xE5, 0xE5, 0xE9)
    assert sheet.getpixel((MARGIN + 128 + GAP + 64, MARGIN + 2 * LINE + 64)) == (255, 0, 0)


def test_a_thumbnail_is_taken_where_there_is_one(tmp_path, rows):
    row = rows(1)[0]
    sheet = draw_sheet(
        tmp_path, "run", [Row("one", {"real_A": "no.png"}, thumbnails={"real_A": row.pictures["fake_B"]})]
    )
    assert sheet.getpixel((MARGIN + 64, MARGIN + 2 * LINE + 64)) == (0, 0, 255)


def test_a_test_without_pictures_has_a_sheet(tmp_path):
    write_contact_sheet(tmp_path / "sheet.jpg", "run", [])
    with Image.open(tmp_path / "sheet.jpg") as sheet:
        assert min(sheet.size) > 1


def test_a_disk_that_refuses_is_an_error_in_words_and_the_former_sheet_stays(tmp_path, rows):
    (tmp_path / "file").write_text("former")
    with pytest.raises(RunError, match="cannot write"):
        write_contact_sheet(tmp_path / "file" / "sheet.jpg", "run", rows(1))
    assert (tmp_path / "file").read_text() == "former"
