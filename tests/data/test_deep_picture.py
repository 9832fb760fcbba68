"""Deep pictures are scaled, cut and mirrored as pictures of 8 bits are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from translate.data.deep_picture import DeepPicture, visible, with_channels
from translate.data.preprocess import WORDS, Preprocess
from translate.data.value_range import ValueRange

EIGHT_BITS = ValueRange(0, 255, "uint8")


def smooth(width, height, channels=1):
    """Levels (H, W, C) uint8 without sharp edges, which floats and rounded levels resize alike."""
    y, x, c = np.mgrid[:height, :width, :channels]
    return np.rint(128 + 60 * np.sin(x / 5 + c) + 60 * np.cos(y / 4 - c)).astype(np.uint8)


def both(levels):
    """The same picture deep and of 8 bits."""
    return DeepPicture.of(levels, EIGHT_BITS), Image.fromarray(levels.squeeze())


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    "words", [*WORDS, "resize_and_crop", "scale_width_and_crop", "zoom_and_crop", "scale_aspect_and_trim"]
)
def test_a_transform_does_to_deep_pictures_what_it_does_to_others(words, channels):
    deep, image = both(smooth(53, 47, channels))
    preprocess = Preprocess(words, load_size=44, crop_size=36)
    for seed in range(4):
        found = visible(preprocess(deep, np.random.default_rng(seed)))
        expected = preprocess(image, np.random.default_rng(seed))
        assert (found.mode, found.size) == (expected.mode, expected.size)
        # Pillow rounds 8 bits after each direction and each step.
        assert np.abs(np.asarray(found, int) - np.asarray(expected, int)).max() <= 2


def test_scaling_is_that_of_floats_and_cut_to_the_range():
    rng = np.random.default_rng(0)
    signed = np.where(rng.random((9, 11, 3)) < 0.5, -1, 1).astype(np.float32)
    found = DeepPicture(signed).resize((23, 17), Image.Resampling.BICUBIC).signed
    planes = [
        np.asarray(Image.fromarray(signed[:, :, c].copy()).resize((23, 17), Image.Resampling.BICUBIC)) for c in range(3)
    ]
    assert np.abs(planes).max() > 1
    assert np.array_equal(found, np.clip(np.stack(planes, -1), -1, 1))


def test_bytes_are_rows_of_pixels_also_of_a_part_and_of_a_mirrored_picture():
    signed = np.random.default_rng(0).uniform(-1, 1, (5, 7, 3)).astype(np.float32)
    part = DeepPicture(signed).crop((1, 2, 6, 4)).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    assert part.size == (5, 2)
    assert part.tobytes() == signed[2:4, 1:6][:, ::-1].copy().tobytes()


@given(st.integers(0, 255))
def test_the_view_of_8_bits_shows_each_level_as_it_was(level):
    deep, image = both(np.full((2, 3, 1), level, np.uint8))
    assert np.array_equal(deep.view(), image)


def test_colour_becomes_grey_as_pillow_makes_it_and_grey_three_equal_channels():
    levels = np.random.default_rng(0).integers(0, 256, (8, 9, 3), np.uint8)
    grey = with_channels(levels.astype(np.float32), 1)
    assert np.abs(grey[:, :, 0] - np.asarray(Image.fromarray(levels).convert("L"))).max() <= 1
    assert np.array_equal(with_channels(grey, 3), np.concatenate([grey] * 3, axis=2))


def test_values_come_back_in_the_shape_of_their_channels():
    values = np.arange(24, dtype=np.int16).reshape(2, 4, 3) * 100
    ct = ValueRange(-1000, 3000, "int16")
    assert np.array_equal(DeepPicture.of(values, ct).values(ct), values)
    assert np.array_equal(DeepPicture.of(values[:, :, :1], ct).values(ct), values[:, :, 0])
