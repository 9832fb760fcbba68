"""Masks of pictures at test time: words, files, pictures and arrays, and what is refused."""

import numpy as np
import pytest
from PIL import Image

from translate.data.mask_files import make_mask, read_mask
from translate.errors import InputError
from translate.masks import centre_mask


@pytest.fixture
def mask_file(tmp_path):
    """A mask of 8x4 that is white on its right half, in several shades; gives its path."""
    grey = np.zeros((4, 8), dtype=np.uint8)
    grey[:, :4], grey[:, 4:] = 127, 128
    grey[0, 7] = 255
    path = tmp_path / "mask.png"
    Image.fromarray(grey).save(path)
    return path


def test_white_is_the_hole_from_the_middle_grey_on(mask_file):
    for mask in (mask_file, str(mask_file), Image.open(mask_file), Image.open(mask_file).convert("RGB")):
        hole = make_mask(mask, 8, 4)
        assert hole.dtype == bool
        assert hole.shape == (4, 8)
        assert not hole[:, :4].any()
        assert hole[:, 4:].all()


def test_a_mask_is_scaled_to_its_picture_without_new_shades(mask_file):
    hole = read_mask(mask_file, width=40, height=12)
    assert hole.shape == (12, 40)
    assert np.array_equal(hole, np.broadcast_to(np.arange(40) >= 20, (12, 40)))


def test_one_bit_files_and_palettes_are_masks_too(tmp_path):
    half = Image.fromarray((np.arange(8) >= 4)[None].repeat(4, 0))
    for name, picture in (("one_bit.png", half), ("palette.gif", half.convert("P"))):
        picture.save(tmp_path / name)
        assert np.array_equal(make_mask(tmp_path / name, 8, 4), np.asarray(half))


def test_centre_is_a_square_of_its_share_of_the_shorter_side():
    assert np.array_equal(make_mask("centre", 100, 64), centre_mask(64, 100, 32))
    assert np.array_equal(make_mask("CENTRE", 128, 128, hole_share=56 / 128), centre_mask(128, 128, 56))
    assert make_mask("centre", 1, 5, hole_share=0.1).sum() == 1
    for side in range(1, 400):  # shares are floats, sides are not
        for hole, whole in ((56, 128), (105, 227)):
            found = make_mask("centre", side, side, hole_share=hole / whole)
            assert found.sum() == max(1, side * hole // whole) ** 2


@pytest.mark.parametrize("kind", ["blocks", "region"])
def test_random_masks_follow_from_seed_name_and_size(kind):
    first = make_mask(kind, 60, 50, seed=1, name="a/cat.png")
    assert first.shape == (50, 60)
    assert np.array_equal(first, make_mask(kind.upper(), 60, 50, seed=1, name="a/cat.png"))
    assert not np.array_equal(first, make_mask(kind, 60, 50, seed=2, name="a/cat.png"))
    assert not np.array_equal(first, make_mask(kind, 60, 50, seed=1, name="a/dog.png"))
    assert make_mask(kind, 60, 50, name="\udcff.png").any()  # a name that is not UTF-8


def test_an_array_is_taken_as_it_is():
    hole = np.zeros((4, 6), dtype=bool)
    hole[1, 2] = True
    assert make_mask(hole, 6, 4) is hole
    for wrong in (hole.T, hole.astype(np.uint8)):
        with pytest.raises(InputError, match=r"does not suit a picture of 6x4: give a boolean array of shape \(4, 6\)"):
            make_mask(wrong, 6, 4)


@pytest.mark.parametrize(
    ("word", "hint"), [("center", "did you mean centre"), ("holes/cat.png", "choose from blocks, centre, region")]
)
def test_unknown_words_are_refused_with_a_hint(word, hint):
    with pytest.raises(InputError, match=f"--mask {word} is neither a kind of mask nor a file that exists: {hint}"):
        make_mask(word, 8, 4)


def test_masks_without_a_hole_and_without_anything_else_are_refused(tmp_path):
    path = tmp_path / "flat.png"
    for level, said in ((127, "has no hole in a picture of 8x4: paint it white"), (128, "is white all over")):
        Image.new("L", (5, 5), level).save(path)
        with pytest.raises(InputError, match=f"flat.png {said}"):
            make_mask(path, 8, 4)
        with pytest.raises(InputError, match=f"the mask {said}"):
            make_mask(Image.new("L", (8, 4), level), 8, 4)
        with pytest.raises(InputError, match=f"the mask {said}"):
            make_mask(np.full((4, 8), level == 128), 8, 4)


def test_a_hole_that_is_lost_by_scaling_is_refused(tmp_path):
    grey = np.zeros((100, 100), dtype=np.uint8)
    grey[0, 0] = 255
    Image.fromarray(grey).save(tmp_path / "dot.png")
    assert make_mask(tmp_path / "dot.png", 100, 100).sum() == 1
    with pytest.raises(InputError, match="has no hole in a picture of 8x4"):
        make_mask(tmp_path / "dot.png", 8, 4)


def test_files_that_are_no_pictures_are_refused(tmp_path):
    (tmp_path / "mask.png").write_text("white")
    with pytest.raises(InputError, match=r"mask\.png is text, not a picture"):
        make_mask(tmp_path / "mask.png", 8, 4)
