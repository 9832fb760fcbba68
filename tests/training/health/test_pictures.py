"""The numbers of previews, against slow versions and where they are known."""

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from translate.training.health.pictures import SIDE_PX, compare, look_at

SIDE = 8


def random_pictures(seed, count=3, low=0.0, high=1.0):
    return np.random.default_rng(seed).uniform(low, high, (count, SIDE, SIDE, 3))


def brightness(picture):
    return 0.299 * picture[..., 0] + 0.587 * picture[..., 1] + 0.114 * picture[..., 2]


@given(st.integers(0, 2**32), st.integers(2, 5))
def test_differences_are_means_over_pairs_pixels_and_channels(seed, count):
    inputs, outputs = random_pictures(seed, count), random_pictures(seed + 1, count)
    look = compare(inputs, outputs)
    pairs = [(i, j) for i in range(count) for j in range(i)]
    for spread, pictures in ((look.spread_in, inputs), (look.spread_out, outputs)):
        assert spread == pytest.approx(sum(np.mean(abs(pictures[i] - pictures[j])) for i, j in pairs) / len(pairs))
    assert look.change == pytest.approx(np.mean([np.mean(abs(a - b)) for a, b in zip(inputs, outputs, strict=True)]))
    variances = [np.var(picture[..., channel]) for picture in inputs for channel in range(3)]
    assert look.contrast_in == pytest.approx(np.sqrt(np.mean(variances)))


@given(st.integers(0, 2**32))
def test_the_order_is_the_correlation_of_brightness_within_pictures(seed):
    inputs, outputs = random_pictures(seed), random_pictures(seed + 1)
    sides = [[brightness(picture) for picture in side] for side in (inputs, outputs)]
    a, b = (np.concatenate([(plane - plane.mean()).ravel() for plane in side]) for side in sides)
    assert compare(inputs, outputs).order == pytest.approx(np.corrcoef(a, b)[0, 1])


@given(st.integers(0, 2**32))
def test_what_is_explained_is_r_squared_of_a_regression_on_the_colours_of_the_place(seed):
    inputs, noise = random_pictures(seed), random_pictures(seed + 1)
    outputs = 0.4 * inputs[..., [1, 2, 0]] + 0.3 * noise
    a, b = (np.concatenate([(p - p.mean((0, 1))).reshape(-1, 3) for p in side]) for side in (inputs, outputs))
    weights = np.linalg.solve(a.T @ a, a.T @ b)
    expected = 1 - ((b - a @ weights) ** 2).sum() / (b**2).sum()
    assert compare(inputs, outputs).explained == pytest.approx(expected)


def test_a_copy_is_unchanged_explained_and_in_order():
    pictures = random_pictures(0)
    look = compare(pictures, pictures)
    assert (look.change, look.distinct) == (0, pytest.approx(1))
    assert (look.order, look.hues, look.explained) == (pytest.approx(1), pytest.approx(1), pytest.approx(1))


def test_a_negative_runs_against_its_input_in_brightness_and_hue():
    pictures = random_pictures(0)
    look = compare(pictures, 1 - pictures)
    assert (look.order, look.hues) == (pytest.approx(-1), pytest.approx(-1))
    assert look.explained == pytest.approx(1)


def test_opposite_hues_of_the_same_brightness_run_against_it_in_hue_alone():
    pictures = random_pictures(0, low=0.3, high=0.7)
    grey = pictures.mean(-1, keepdims=True)
    look = compare(pictures, 2 * grey - pictures)
    assert look.hues == pytest.approx(-1)
    assert look.order > 0.4


def test_one_picture_for_all_inputs_is_not_distinct_and_explains_nothing():
    one = np.repeat(random_pictures(1, 1), 3, axis=0)
    look = compare(random_pictures(0), one)
    assert look.distinct == 0
    assert look.explained < 0.05


def test_a_duller_copy_is_as_distinct_as_its_input():
    pictures = random_pictures(0)
    look = compare(pictures, 0.3 * pictures + 0.2)
    assert look.distinct == pytest.approx(1)
    assert look.contrast_out == pytest.approx(0.3 * look.contrast_in)


def test_plain_and_grey_pictures_have_no_order():
    plain = np.full((3, SIDE, SIDE, 3), 0.5)
    look = compare(random_pictures(0), plain)
    assert (look.order, look.hues, look.explained, look.contrast_out) == (None, None, 0, 0)
    grey = np.repeat(random_pictures(0)[..., :1], 3, axis=-1)
    assert compare(grey, random_pictures(1)).hues is None
    assert compare(grey, grey).order == pytest.approx(1)


def test_a_single_input_has_no_spread():
    look = compare(random_pictures(0, 1), random_pictures(1, 1))
    assert (look.spread_in, look.spread_out) == (None, None)


def previews(count=2, size=(40, 60), mode="RGB"):
    """Inputs whose left or right half is bright, and their translations, the same in negative."""
    made = {}
    for number in range(count):
        width, height = size
        picture = Image.new("L", size, 0)
        picture.paste(255, (0, 0, width // 2, height) if number % 2 else (width // 2, 0, width, height))
        made[f"{number}_real_A"] = picture.convert(mode)
        made[f"{number}_fake_B"] = ImageOps.invert(picture).convert(mode)
    return made


@pytest.mark.parametrize(("size", "mode"), [((40, 60), "RGB"), ((300, 200), "L"), ((5, 5), "RGB")])
def test_previews_of_any_size_and_mode_are_paired_by_their_numbers(size, mode):
    made = previews(size=size, mode=mode)
    look, reversed_look = look_at(made), look_at(dict(reversed(made.items())))
    assert asdict(reversed_look) == pytest.approx(asdict(look))
    assert look.spread_in > 0.5
    assert look.order == pytest.approx(-1, abs=0.01)


def test_other_views_are_passed_over_and_without_a_translation_there_is_nothing_to_see():
    made = previews()
    assert look_at({**made, "0_rec_A": made["0_fake_B"], "2_real_A": made["0_real_A"]}) == look_at(made)
    assert look_at({"0_real_A": made["0_real_A"]}) is None
    assert look_at({}) is None


def test_grids_finer_than_the_shrunk_picture_do_not_count():
    """A translation may change textures; what is compared is the large forms."""
    checks = np.indices((8 * SIDE_PX, 8 * SIDE_PX)).sum(0) % 2
    picture = Image.fromarray(np.repeat((checks * 255).astype(np.uint8)[..., None], 3, axis=-1))
    assert look_at({"0_real_A": picture, "0_fake_B": picture}).contrast_in < 0.01
