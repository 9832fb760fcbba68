"""The files that results become: format, name, quality, and that none takes the place of another."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from translate.data.gathering import Found
from translate.errors import InputError, RunError
from translate.options import OUTPUT_FORMATS
from translate.saving import ENCODING, ENDINGS, plan, save, write_picture


def planned(names, format="same", output="out"):
    found = [Found(Path("in") / name, Path(name)) for name in names]
    return [(each.target.as_posix(), each.format) for each in plan(found, Path(output), format)]


def test_every_format_is_known():
    assert set(ENDINGS) == set(ENCODING) == set(OUTPUT_FORMATS) - {"same"}


@pytest.mark.parametrize(("name", "target", "format"), [
    ("a.png", "a.png", "png"), ("a.JPG", "a.JPG", "jpg"), ("a.jpeg", "a.jpeg", "jpg"), ("a.tif", "a.tif", "tiff"),
    ("a.webp", "a.webp", "webp"), ("a.bmp", "a.bmp", "bmp"), ("a.ppm", "a.ppm", "ppm"),
    ("a.pgm", "a.png", "png"), ("a.gif", "a.png", "png"), ("a", "a.png", "png"), ("a.b.c.gif", "a.b.c.png", "png"),
    ("day/a.jpg", "day/a.jpg", "jpg"),
])  # fmt: skip
def test_same_is_the_format_of_the_ending_or_png(name, target, format):
    assert planned([name]) == [(f"out/{target}", format)]


@pytest.mark.parametrize("format", ENDINGS)
def test_an_ending_that_says_the_format_stays_and_another_is_replaced(format):
    for ending in ENDINGS[format]:
        assert planned([f"a.{ending.upper()}"], format) == [(f"out/a.{ending.upper()}", format)]
    assert planned(["day/a.gif"], format) == [(f"out/day/a.{format}", format)]


@given(st.lists(st.sampled_from(["a", "b", "sub/a"]).flatmap(
    lambda stem: st.sampled_from([f"{stem}.{ending}" for ending in ("png", "jpg", "jpeg", "gif", "tif")])),
    min_size=1, max_size=6, unique=True), st.sampled_from(OUTPUT_FORMATS))  # fmt: skip
def test_each_result_has_a_name_of_its_own_or_both_pictures_are_named(names, format):
    try:
        targets = [target for target, _ in planned(names, format)]
    except InputError as error:
        assert sum(f"in/{name} " in f"{error} " for name in names) == 2
    else:
        assert len(set(targets)) == len(names)


def test_two_pictures_of_one_name_are_both_told():
    with pytest.raises(InputError, match=r"the results of in/a\.jpg and in/a\.webp would both be out/a\.png; rename"):
        planned(["a.jpg", "a.webp"], "png")


@pytest.fixture
def folder(tmp_path, random_picture):
    random_picture().save(tmp_path / "a.png")
    random_picture().save(tmp_path / "b.bmp")
    return tmp_path


def test_a_picture_is_never_overwritten_by_a_result(folder):
    pictures = [Found(folder / "a.png", Path("a.png")), Found(folder / "b.bmp", Path("b.bmp"))]
    with pytest.raises(InputError, match=r"the result of .*a\.png would overwrite .*a\.png; give another folder"):
        plan(pictures, folder, "same")
    with pytest.raises(InputError, match=r"the result of .*x/a\.bmp would overwrite .*a\.png"):
        plan([Found(folder / "x/a.bmp", Path("a.bmp")), Found(folder / "a.png", Path("y/a.png"))], folder, "png")
    assert [each.target for each in plan(pictures[1:], folder, "png")] == [folder / "b.png"]


def test_a_picture_is_not_overwritten_through_a_link(folder):
    (folder / "link").symlink_to(folder)
    with pytest.raises(InputError, match="would overwrite"):
        plan([Found(folder / "a.png", Path("a.png"))], folder / "link", "same")


def test_a_picture_is_not_overwritten_under_another_name_of_its_own(folder):
    """As on a disk where letter case does not count."""
    (folder / "other").mkdir()
    os.link(folder / "a.png", folder / "other" / "A.png")
    with pytest.raises(InputError, match=r"would overwrite .*a\.png"):
        plan([Found(folder / "a.png", Path("A.png"))], folder / "other", "same")


def test_two_names_that_a_mac_takes_for_one_are_told_there(monkeypatch):
    pictures = [Found(Path("x/A.png"), Path("A.png")), Found(Path("y/a.png"), Path("a.png"))]
    assert len(plan(pictures, Path("out"), "same")) == 2
    monkeypatch.setattr("sys.platform", "darwin")
    with pytest.raises(InputError, match="would both be"):
        plan(pictures, Path("out"), "same")


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("format", ["png", "tiff", "bmp", "ppm"])
def test_formats_without_loss_hold_every_bit(tmp_path, random_picture, format, mode):
    picture = random_picture(mode=mode)
    save(picture, tmp_path / "sub/x", format)
    with Image.open(tmp_path / "sub/x") as saved:
        assert (saved.format, saved.mode) == (ENCODING[format]["format"], mode)
        assert np.array_equal(saved, picture)


def test_jpg_is_fine_in_colour_too(tmp_path):
    stripes = np.zeros((16, 16, 3), np.uint8)
    stripes[:, ::2] = (255, 0, 0)
    stripes[:, 1::2] = (0, 0, 255)
    save(Image.fromarray(stripes), tmp_path / "x.jpg", "jpg")
    with Image.open(tmp_path / "x.jpg") as saved:
        assert saved.format == "JPEG"
        assert np.abs(np.asarray(saved).astype(int) - stripes).max() < 40, "subsampled colours would mix to violet"


def test_webp_is_near_the_picture(tmp_path):
    picture = Image.linear_gradient("L").convert("RGB")
    save(picture, tmp_path / "x.webp", "webp")
    with Image.open(tmp_path / "x.webp") as saved:
        assert saved.format == "WEBP"
        assert np.abs(np.asarray(saved).astype(int) - np.asarray(picture)).max() < 8


@pytest.mark.parametrize(("format", "width"), [("webp", 16384), ("jpg", 65501)])
def test_a_picture_that_a_format_has_no_room_for_is_refused_and_leaves_the_former(tmp_path, format, width):
    target = tmp_path / "x"
    target.write_bytes(b"former")
    said = rf"cannot write .*x \({width}x1\) as {format} \(.*\); .*another --format, such as png"
    with pytest.raises(RunError, match=said):
        save(Image.new("L", (width, 1)), target, format)
    assert target.read_bytes() == b"former"
    with pytest.raises(RunError, match=said):
        write_picture(Image.new("L", (width, 1)), target, format)
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_disk_that_refuses_is_no_matter_of_the_format(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", refuse)
    with pytest.raises(RunError, match=r"No space left on device; free some space or choose another folder"):
        save(Image.new("L", (4, 4)), tmp_path / "x.png", "png")
    with pytest.raises(OSError, match="No space left"):
        write_picture(Image.new("L", (4, 4)), tmp_path / "x.png", "png")
