from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from translate.data import preprocess as room
from translate.data.preprocess import WORDS, Preprocess, parse_words
from translate.errors import InputError

SCALINGS = ("", "resize", "scale_width", "scale_shortside", "scale_aspect")
sides = st.integers(4, 90)
targets = st.integers(4, 80)


class Listed:
    """A generator that gives out listed numbers and knows which ranges were asked for."""

    def __init__(self, *numbers):
        self.numbers = list(numbers)
        self.ranges = []

    def integers(self, high):
        self.ranges.append(high)
        return self.numbers.pop(0)

    def uniform(self, low, high, size):
        self.ranges.append((low, high))
        return np.array([self.numbers.pop(0) for _ in range(size)])

    def random(self):
        self.ranges.append("flip")
        return self.numbers.pop(0)


def grid(width, height):
    """A picture whose pixels tell their place: red is the column, green is the row."""
    rows, columns = np.mgrid[:height, :width].astype(np.uint8)
    return Image.fromarray(np.dstack([columns, rows, rows]))


def corners(image):
    """First and last pixel of a grid as (column, row)."""
    return image.getpixel((0, 0))[:2], image.getpixel((image.width - 1, image.height - 1))[:2]


def nearest_multiple_of_4(side):
    """The slow way: of 4, 8, 12, ... the nearest; of two equally near ones the multiple of 8."""
    candidates = range(4, side + 8, 4)
    return min(candidates, key=lambda candidate: (abs(candidate - side), candidate % 8))


def expected_scaled_size(word, width, height, load, crop):
    """Reference cut.md 2.10, in exact fractions and one case at a time."""
    if word == "resize":
        return load, load
    if word == "scale_width":
        tall = Fraction(load * height, width)
        return load, max(int(tall), crop)
    if word == "scale_aspect" or (word == "scale_shortside" and min(width, height) < load):
        long = Fraction(load * max(width, height), min(width, height))
        return (load, round(long)) if width <= height else (round(long), load)
    return width, height


# --- words ------------------------------------------------------------------------------------------


def test_words_are_split_not_searched():
    assert parse_words("resize_and_crop") == {"resize", "crop"}
    assert parse_words("scale_shortside_and_zoom_and_trim") == {"scale_shortside", "zoom", "trim"}
    assert parse_words("zoom_and_patch") == {"zoom", "patch"}
    assert parse_words("crop") == {"crop"}
    assert parse_words("none") == frozenset()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("resize_and_cropp", r"unknown part 'cropp': did you mean crop\?"),
        ("resizeandcrop", "unknown part 'resizeandcrop'"),
        ("", "unknown part ''"),
        ("scale_widths", r"did you mean scale_width\?"),
        ("resize_and_scale_width", "scales in more than one way"),
        ("none_and_crop", "leave none out"),
    ],
)
def test_wrong_words_are_refused_with_a_hint(text, words):
    with pytest.raises(InputError, match=words):
        parse_words(text)
    with pytest.raises(InputError, match=words):
        Preprocess(words=text)


def test_wrong_values_are_refused():
    with pytest.raises(InputError, match="did you mean bicubic"):
        Preprocess(filter="bicubik")
    with pytest.raises(InputError, match="--load_size is 0"):
        Preprocess(load_size=0)
    with pytest.raises(InputError, match="--crop_size is -4"):
        Preprocess(crop_size=-4)


# --- sizes ------------------------------------------------------------------------------------------


@given(st.sampled_from(SCALINGS), sides, sides, targets, targets)
def test_scaled_size_is_the_references(word, width, height, load, crop):
    transform = Preprocess(words=word or "none", load_size=load, crop_size=crop)
    assert transform.scaled_size(width, height) == expected_scaled_size(word, width, height, load, crop)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(SCALINGS),
    st.sets(st.sampled_from(["zoom", "crop", "patch", "trim"])),
    sides,
    sides,
    targets,
    targets,
)
def test_the_promised_size_comes_out(scaling, others, width, height, load, crop):
    words = "_and_".join(filter(None, [scaling, *sorted(others)])) or "none"
    transform = Preprocess(words=words, load_size=load, crop_size=crop)
    rng = np.random.default_rng(0)
    if not transform.fits(width, height):
        with pytest.raises(InputError, match="is larger than"):
            transform.output_size(width, height)
        with pytest.raises(InputError, match="is larger than"):
            transform(grid(width, height), rng)
        return
    promised = transform.output_size(width, height)
    actual = transform(grid(width, height), rng).size
    assert actual[0] % 4 == actual[1] % 4 == 0
    assert (promised is None) == ("zoom" in others and len(others) == 1)
    assert promised is None or actual == promised


@given(sides, sides)
def test_none_rounds_to_the_nearest_multiple_of_4(width, height):
    image = grid(width, height)
    size = nearest_multiple_of_4(width), nearest_multiple_of_4(height)
    result = Preprocess(words="none", flip=False)(image, None)
    assert result.tobytes() == image.resize(size, Image.Resampling.BICUBIC).tobytes()


@pytest.mark.parametrize(("multiple_px", "side"), [(1, 227), (4, 228), (16, 224)])
def test_a_network_may_want_another_multiple(multiple_px, side):
    transform = Preprocess("resize_and_crop", 256, 227, multiple_px=multiple_px)
    assert transform.output_size(300, 400) == (side, side)
    assert transform(Image.new("RGB", (300, 400)), np.random.default_rng(0)).size == (side, side)


def test_tiny_pictures_are_raised_to_4():
    assert Preprocess(words="none").output_size(1, 2) == (4, 4)
    assert Preprocess(words="none", flip=False)(grid(1, 2), None).size == (4, 4)


# --- pixels -----------------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.sampled_from(SCALINGS[1:]), sides, sides, targets, targets, st.sampled_from(["bicubic", "bilinear"]))
def test_scaling_is_pillows_filter_applied_once(word, width, height, load, crop, name):
    image = grid(width, height)
    size = expected_scaled_size(word, width, height, load, crop)
    assume(all(side % 4 == 0 for side in size))
    filters = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
    result = Preprocess(word, load, crop, flip=False, filter=name)(image, None)
    assert result.tobytes() == image.resize(size, filters[name]).tobytes()


def test_default_is_286_squashed_and_256_cropped():
    image = grid(200, 100)
    rng = Listed(7, 30, 0.9)
    result = Preprocess()(image, rng)
    assert rng.ranges == [31, 31, "flip"]
    squashed = image.resize((286, 286), Image.Resampling.BICUBIC)
    assert result.tobytes() == squashed.crop((7, 30, 263, 286)).tobytes()


@pytest.mark.parametrize("size", [(500, 375), (375, 500), (90, 60), (60, 90), (77, 77)])
def test_the_shorter_side_is_scaled_up_and_down_without_squashing(size):
    transform = Preprocess("scale_aspect_and_crop", 72, 64, flip=False)
    width, height = transform.scaled_size(*size)
    assert min(width, height) == 72
    assert width / height == pytest.approx(size[0] / size[1], abs=1 / 72)
    room = width - 64, height - 64
    rng = Listed(*room)
    assert transform(Image.new("RGB", size), rng).size == (64, 64)
    assert rng.ranges == [side + 1 for side in room]


def test_flip_mirrors_half_of_the_pictures():
    image = grid(8, 8)
    flip = Preprocess(words="none")
    assert flip(image, Listed(0.49)).tobytes() == ImageOps.mirror(image).tobytes()
    assert flip(image, Listed(0.5)).tobytes() == image.tobytes()
    flipped = sum(flip(image, np.random.default_rng(seed)).getpixel((0, 0))[0] == 7 for seed in range(400))
    assert 150 < flipped < 250


def test_crop_reaches_every_place():
    transform = Preprocess(words="crop", crop_size=8, flip=False)
    places = {corners(transform(grid(10, 9), np.random.default_rng(seed))) for seed in range(200)}
    assert places == {((x, y), (x + 7, y + 7)) for x in range(3) for y in range(2)}


def test_crop_of_the_whole_picture_draws_but_changes_nothing():
    rng = Listed(0, 0)
    image = grid(8, 8)
    assert Preprocess(words="crop", crop_size=8, flip=False)(image, rng).tobytes() == image.tobytes()
    assert rng.ranges == [1, 1]


def test_patches_are_cells_of_an_offset_grid_counted_down_the_columns():
    transform = Preprocess(words="patch", crop_size=8, flip=False)
    for cell, (column, row) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)]):
        rng = Listed(3, 1, cell)
        left, top = 3 + 8 * column, 1 + 8 * row
        assert corners(transform(grid(30, 18), rng)) == ((left, top), (left + 7, top + 7))
        assert rng.ranges == [7, 3, 6]  # room to the right 30 - 24, below 18 - 16, cells 3 x 2


def test_trim_cuts_only_the_longer_axes():
    rng = Listed(5, 0)
    result = Preprocess(words="trim", crop_size=12, flip=False)(grid(20, 8), rng)
    assert corners(result) == ((5, 0), (16, 7))
    assert rng.ranges == [9, 1]


def test_zoom_draws_one_factor_an_axis_and_stops_at_crop_size():
    image = grid(40, 40)
    rng = Listed(0.9, 0.2)
    result = Preprocess(words="zoom", crop_size=24, flip=False, zoom_min=0.2)(image, rng)
    assert rng.ranges == [(0.2, 1.0)]
    assert result.tobytes() == image.resize((36, 24), Image.Resampling.BICUBIC).tobytes()


def test_words_act_in_one_order_whatever_the_text_says():
    one = Preprocess(words="trim_and_zoom_and_scale_shortside", load_size=40, crop_size=16)
    other = Preprocess(words="scale_shortside_and_zoom_and_trim", load_size=40, crop_size=16)
    image = grid(30, 50)
    results = [transform(image, np.random.default_rng(3)).tobytes() for transform in (one, other)]
    assert results[0] == results[1]
    rng = Listed(1.0, 1.0, 2, 3, 1.0)
    one(image, rng)
    assert rng.ranges == [(0.8, 1.0), 40 - 16 + 1, 67 - 16 + 1, "flip"]


@pytest.mark.parametrize("words", ["resize_and_crop", "zoom_and_patch", "scale_width_and_trim", "none"])
def test_equal_generators_give_equal_pictures(words):
    transform = Preprocess(words=words, load_size=30, crop_size=16)
    first, second = (transform(grid(40, 50), np.random.default_rng(5)) for _ in range(2))
    assert first.tobytes() == second.tobytes()


def test_grey_pictures_stay_grey(noise):
    assert Preprocess(load_size=30, crop_size=16)(noise(20, 20, "L"), np.random.default_rng(0)).mode == "L"


def test_test_time_never_mirrors():
    transform = room.test_time("resize_and_crop", 256, 256)
    assert transform == Preprocess(load_size=256, crop_size=256, flip=False)
    image = grid(100, 60)
    result = transform(image, np.random.default_rng(0))
    assert result.tobytes() == image.resize((256, 256), Image.Resampling.BICUBIC).tobytes()


# --- words for pictures that are too small ----------------------------------------------------------


@pytest.mark.parametrize(
    ("transform", "remedy"),
    [
        (Preprocess("resize_and_crop", 200, 256), "use --load_size 286 or --crop_size 200"),
        (Preprocess("scale_width_and_crop", 200, 256), "use --load_size 286 or --crop_size 200"),
        (Preprocess("crop", 286, 256), "use --preprocess scale_shortside_and_crop --load_size 286 or --crop_size 180"),
    ],
)
def test_the_remedies_work(transform, remedy):
    message = transform.too_small("trainA/cat.png", 183, 240)
    assert message == f"crop_size 256 is larger than trainA/cat.png (183x240); {remedy}"
    assert not transform.fits(183, 240)
    crop_size = int(remedy.split()[-1])
    assert Preprocess(transform.words, transform.load_size, crop_size).fits(183, 240)
    words = "scale_shortside_and_crop" if transform.words == "crop" else transform.words
    assert Preprocess(words, 286, 256).fits(183, 240)


@pytest.mark.parametrize(("transform", "said"), [
    (Preprocess(), "scaled to 286x286, cut to 256x256 at random, half of them mirrored"),
    (Preprocess(load_size=256, flip=False), "scaled to 256x256, not mirrored"),
    (Preprocess("none"), "not scaled, half of them mirrored"),
    (Preprocess("crop_and_scale_width", 100, 64, False),
     "scaled to a width of 100, cut to 64x64 at random, not mirrored"),
    (Preprocess("zoom_and_patch", 100, 64, False),
     "each axis scaled by 0.8 to 1 at random, cut to a random cell of 64x64, not mirrored"),
])  # fmt: skip
def test_what_it_does_is_said(transform, said):
    assert transform.describe() == said


@pytest.mark.parametrize("word", [word for word in WORDS if word != "none"])
def test_each_word_is_said(word):
    assert Preprocess(word).describe() != Preprocess("none").describe()
