"""The size at which a picture is translated."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from translate.data.preprocess import Preprocess
from translate.errors import InputError
from translate.methods import METHODS
from translate.options import ApplyOptions, TestOptions
from translate.sizing import TestSize, choose_size

SIDES = st.integers(1, 200)
CROPS = st.integers(1, 32).map(lambda number: 4 * number)


def picture(width, height, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@given(SIDES, SIDES, CROPS)
def test_the_shorter_side_becomes_the_crop_size_and_the_aspect_stays(width, height, crop_size):
    scaled = TestSize("crop", crop_size).apply(Image.new("L", (width, height))).size
    short, long = (0, 1) if width <= height else (1, 0)
    assert scaled[short] == crop_size
    exact = crop_size * (width, height)[long] / (width, height)[short]
    assert abs(scaled[long] - exact) <= 0.5 + 1e-6


@given(SIDES, CROPS)
def test_a_square_picture_becomes_what_the_reference_makes_of_it(side, crop_size):
    """The reference squashes to crop_size x crop_size (Pillow, bicubic), then to the nearest multiple of 4."""
    image = picture(side, side)
    expected = image.resize((crop_size, crop_size), Image.Resampling.BICUBIC) if side != crop_size else image
    assert np.array_equal(TestSize("crop", crop_size).apply(image), expected)


def test_at_the_published_size_it_is_the_reference_s_words_too():
    image = picture(300, 300)
    words = Preprocess("resize_and_crop", 256, 256, flip=False)
    assert np.array_equal(TestSize("crop", 256).apply(image), TestSize("crop", 256, words).apply(image))


@given(SIDES, SIDES)
def test_original_leaves_the_very_picture(width, height):
    image = Image.new("RGB", (width, height))
    assert TestSize("original", 64).apply(image) is image


@given(SIDES, SIDES, SIDES, SIDES)
def test_a_size_in_pixels_is_met(width, height, wanted_width, wanted_height):
    image = Image.new("RGB", (width, height))
    assert TestSize(f"{wanted_width}x{wanted_height}").apply(image).size == (wanted_width, wanted_height)


@pytest.mark.parametrize("mode", ["L", "RGB", "F"])
def test_the_mode_stays(mode):
    assert TestSize("crop", 8).apply(Image.new(mode, (5, 7))).mode == mode


@pytest.mark.parametrize("policy", ["", "crops", "512", "512x", "x512", "0x5", "5x0", "-1x5", "5x5x5", "5 x 5", "1.5x2",
                                    "٣x٣"])  # fmt: skip
def test_another_policy_is_refused_with_the_known_ones(policy):
    with pytest.raises(InputError, match=r"--size .*is not crop, original or WIDTHxHEIGHT such as 512x256"):
        TestSize(policy)


@pytest.mark.parametrize(("words", "size"), [
    ("resize_and_crop", (32, 32)),
    ("resize", (40, 40)),
    ("scale_width", (40, 60)),
    ("none", (52, 80)),
    ("crop", (32, 32)),
    ("trim", (32, 32)),
])  # fmt: skip
def test_the_reference_s_words_take_precedence_and_give_the_same_each_time(words, size):
    test_size = TestSize("original", 32, Preprocess(words, 40, 32, flip=False))
    image = picture(53, 80)
    first = test_size.apply(image)
    assert first.size == size
    assert np.array_equal(first, test_size.apply(image))


@pytest.mark.parametrize(("size", "words"), [
    (TestSize("crop", 128), "shorter side 128"),
    (TestSize("original"), "original size"),
    (TestSize("512x256"), "512x256"),
    (TestSize("crop", 32, Preprocess("resize", 40, 32)), "resize, load size 40, crop size 32"),
])  # fmt: skip
def test_a_size_describes_itself(size, words):
    assert size.describe() == words


@pytest.mark.parametrize("options", [TestOptions, ApplyOptions])
@pytest.mark.parametrize("flag", ["load_size", "crop_size"])
def test_two_flags_that_say_how_large_pictures_are_exclude_each_other(options, flag):
    for size in ("original", "512x256"):
        with pytest.raises(InputError, match=f"--size {size} and --{flag} both say how large pictures are"):
            choose_size(options(size=size, **{flag: 300}), {}, METHODS["cut"])
    assert choose_size(options(size="crop", **{flag: 300}), {}, METHODS["cut"]) == TestSize("crop", 300)


@given(SIDES, SIDES, CROPS, st.sampled_from(["crop", "original", "50x30"]))
def test_pixels_are_counted_before_there_are_any(width, height, crop_size, policy):
    size = TestSize(policy, crop_size)
    scaled = size.apply(Image.new("L", (width, height)))
    assert size.pixels(width, height) == scaled.width * scaled.height


@pytest.mark.parametrize("words", ["none", "resize_and_crop", "scale_width", "scale_width_and_crop", "trim", "zoom"])
def test_pixels_of_the_reference_s_words_are_counted_too(words):
    size = TestSize("crop", 24, Preprocess(words, 40, 24, flip=False))
    scaled = size.apply(Image.new("L", (60, 51)))
    found = size.pixels(60, 51)
    assert found >= scaled.width * scaled.height if words == "zoom" else found == scaled.width * scaled.height
