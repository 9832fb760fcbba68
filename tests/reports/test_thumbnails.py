import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from translate.reports.thumbnails import save_thumbnail, shrunk


@example((90, 1), (40, 40))
@given(st.tuples(st.integers(1, 90), st.integers(1, 90)), st.tuples(st.integers(1, 60), st.integers(1, 60)))
def test_a_copy_fits_keeps_its_shape_and_is_never_enlarged(size, room):
    small = shrunk(Image.new("RGB", size), room)
    assert small.width <= min(size[0], room[0]) and small.height <= min(size[1], room[1])
    scale = min(1, room[0] / size[0], room[1] / size[1])
    assert small.width == pytest.approx(size[0] * scale, abs=1)
    assert small.height == pytest.approx(size[1] * scale, abs=1)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "F"])
def test_every_kind_of_picture_becomes_rgb(mode):
    small = shrunk(Image.new("L", (40, 20)).convert(mode), (10, 10))
    assert (small.mode, small.size) == ("RGB", (10, 5))


def test_sixteen_bits_keep_their_brightness():
    picture = Image.fromarray(np.full((4, 4), 0x8000, np.uint16))
    assert shrunk(picture, (4, 4)).getpixel((0, 0)) == (128, 128, 128)


def test_a_turned_photograph_is_upright():
    picture = Image.new("RGB", (40, 20))
    picture.getexif()[0x0112] = 6
    assert shrunk(picture, (10, 10)).size == (5, 10)


def test_only_large_pictures_get_a_thumbnail(tmp_path):
    assert not save_thumbnail(Image.new("RGB", (128, 64)), tmp_path / "a.jpg", 32)
    assert not (tmp_path / "a.jpg").exists()
    assert save_thumbnail(Image.new("RGB", (129, 64), "red"), tmp_path / "within" / "b.jpg", 32)
    with Image.open(tmp_path / "within/b.jpg") as small:
        assert small.size == (64, 32)
        assert small.getpixel((0, 0))[0] > 250
