"""The numbers of previews, against slow versions and where they are known."""

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter, ImageOps

from translate.training.health.pictures import SIDE_PX, look_at


def noise(seed, low=0, high=256):
    """A picture of random pixels that is not shrunk any more, so that slow versions see what is seen."""
    return Image.fromarray(np.random.default_rng(seed).integers(low, high, (SIDE_PX, SIDE_PX, 3), dtype=np.uint8))


def forms(seed, size=(96, 96)):
    """Coloured patches with edges between them."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.NEAREST)


def previews(inputs, outputs):
    made = {f"{number}_real_A": picture for number, picture in enumerate(inputs)}
    return made | {f"{number}_fake_B": picture for number, picture in enumerate(outputs)}


def look(inputs, outputs):
    return look_at(previews(inputs, outputs))


def translated(translate, count=4, make=forms):
    inputs = [make(seed) for seed in range(count)]
    return look(inputs, [translate(picture) for picture in inputs])


def values(picture):
    return np.asarray(picture, dtype=np.float64) / 255


def brightness(picture):
    red, green, blue = np.moveaxis(values(picture), -1, 0)
    return 0.299 * red + 0.587 * green + 0.114 * blue


@given(st.integers(0, 2**32), st.integers(1, 4))
def test_contrasts_and_change_are_those_of_the_pixels(seed, count):
    inputs, outputs = ([noise(seed + at) for at in range(first, first + count)] for first in (0, count))
    found = look(inputs, outputs)
    for contrast, pictures in ((found.contrast_in, inputs), (found.contrast_out, outputs)):
        variances = [np.var(values(picture)[..., channel]) for picture in pictures for channel in range(3)]
        assert contrast == pytest.approx(np.sqrt(np.mean(variances)))
    differences = [np.mean(abs(values(a) - values(b))) for a, b in zip(inputs, outputs, strict=True)]
    assert found.change == pytest.approx(np.mean(differences) / found.contrast_in)


@given(st.integers(0, 2**32))
def test_the_order_is_the_correlation_of_brightness_within_pictures(seed):
    sides = [[noise(seed + at) for at in range(first, first + 3)] for first in (0, 3)]
    planes = [[brightness(picture) for picture in side] for side in sides]
    a, b = (np.concatenate([(plane - plane.mean()).ravel() for plane in side]) for side in planes)
    assert look(*sides).order == pytest.approx(np.corrcoef(a, b)[0, 1], abs=1e-6)


def slow_explained(inputs, outputs):
    """By the normal equations, one target at a time: colours, and how much each pixel differs from its neighbours."""

    def detail(picture):
        grey = np.asarray(picture.convert("L"), dtype=np.float64)
        steps = np.zeros_like(grey)
        steps[:-1] += abs(grey[1:] - grey[:-1])
        steps[:, :-1] += abs(grey[:, 1:] - grey[:, :-1])
        return steps[..., None] / 255

    def flat(arrays):
        return np.concatenate([(each - each.mean((0, 1))).reshape(-1, each.shape[-1]) for each in arrays])

    def r_squared(known, wanted):
        a, b = flat(known), flat(wanted)
        return 1 - ((b - a @ np.linalg.solve(a.T @ a, a.T @ b)) ** 2).sum() / (b**2).sum()

    known, shares = [np.concatenate([values(each), detail(each)], axis=-1) for each in inputs], []
    for wanted in ([values(each) for each in outputs], [detail(each) for each in outputs]):
        others = [r_squared(known[shift:] + known[:shift], wanted) for shift in range(1, len(known))]
        shares.append(r_squared(known, wanted) - np.mean(others))
    return np.mean(shares)


@settings(max_examples=20)
@given(st.integers(0, 2**32), st.integers(2, 4))
def test_what_is_explained_is_r_squared_of_a_regression_less_that_on_other_inputs(seed, count):
    inputs = [noise(seed + at) for at in range(count)]
    mixed = [Image.blend(picture, noise(seed + 9 + at), 0.4) for at, picture in enumerate(inputs)]
    assert look(inputs, mixed).explained == pytest.approx(slow_explained(inputs, mixed), abs=1e-4)


def test_a_copy_is_unchanged_explained_and_in_order():
    found = translated(lambda picture: picture)
    assert found.change == 0
    assert (found.order, found.hues) == (pytest.approx(1), pytest.approx(1))
    assert found.explained > 0.7  # all have the same grid, which the other inputs explain too
    assert found.contrast_out == found.contrast_in


def test_a_negative_runs_against_its_input_in_brightness_and_hue():
    found = translated(ImageOps.invert)
    assert (found.order, found.hues) == (pytest.approx(-1), pytest.approx(-1))
    assert found.explained > 0.7  # all have the same grid, which the other inputs explain too


def test_opposite_hues_run_against_it_in_hue_alone():
    def turned(picture):
        return Image.fromarray((2 * np.asarray(picture).mean(-1, keepdims=True) - np.asarray(picture)).astype(np.uint8))

    found = translated(turned, make=lambda seed: noise(seed, 90, 166))
    assert found.hues == pytest.approx(-1, abs=0.01)
    assert found.order > 0.4


@pytest.mark.parametrize("kind", ["one picture for all", "a picture of its own each"])
def test_what_has_nothing_to_do_with_its_input_is_not_explained(kind):
    inputs = [forms(seed) for seed in range(4)]
    outputs = [forms(99 if kind == "one picture for all" else 100 + seed) for seed in range(4)]
    assert abs(look(inputs, outputs).explained) < 0.08


def test_what_keeps_its_colours_or_its_edges_is_explained():
    recoloured = translated(lambda picture: Image.merge("RGB", picture.split()[::-1]))
    drawn = translated(lambda picture: ImageOps.invert(picture.convert("L").filter(ImageFilter.FIND_EDGES)))
    textured = translated(lambda picture: Image.blend(picture, noise(7).resize(picture.size), 0.4))
    assert min(recoloured.explained, drawn.explained, textured.explained) > 0.3


def test_a_duller_copy_is_explained_as_well_as_any():
    found = translated(lambda picture: picture.point(lambda value: 0.3 * value + 80))
    assert found.explained > 0.7  # all have the same grid, which the other inputs explain too
    assert found.contrast_out == pytest.approx(0.3 * found.contrast_in, rel=0.02)


def test_a_single_input_or_inputs_that_are_alike_tell_nothing_of_whose_translation_it_is():
    assert translated(ImageOps.invert, count=1).explained is None
    alike = [Image.blend(forms(0), forms(seed), 0.05) for seed in range(1, 5)]
    assert look(alike, [ImageOps.invert(picture) for picture in alike]).explained is None


def test_plain_and_grey_pictures_have_no_order_of_what_they_lack():
    plain = translated(lambda picture: Image.new("RGB", picture.size, (120, 130, 140)))
    assert (plain.order, plain.hues, plain.contrast_out) == (None, None, pytest.approx(0))
    assert plain.explained == 0
    grey = translated(lambda picture: picture, make=lambda seed: forms(seed).convert("L"))
    assert grey.hues is None
    assert grey.order == pytest.approx(1)
    white = [Image.new("RGB", (40, 40), "white")] * 4
    assert look(white, [forms(seed) for seed in range(4)]).change is None


def test_numbers_that_are_not_there_are_left_out():
    assert translated(ImageOps.invert, count=1).numbers().keys() == {"change", "order", "hues", "contrast"}
    found = translated(ImageOps.invert)
    assert found.numbers() == {
        "change": round(found.change, 4),
        "explained": round(found.explained, 4),
        "order": -1,
        "hues": -1,
        "contrast": round(found.contrast_out, 4),
    }


@pytest.mark.parametrize(("size", "mode"), [((40, 60), "RGB"), ((300, 200), "L"), ((5, 5), "RGB")])
def test_previews_of_any_size_and_mode_are_paired_by_their_numbers(size, mode):
    inputs = [forms(seed, size).convert(mode) for seed in range(3)]
    made = previews(inputs, [ImageOps.invert(picture) for picture in inputs])
    reversed_look = look_at(dict(reversed(made.items())))
    assert asdict(reversed_look) == pytest.approx(asdict(look_at(made)))
    assert reversed_look.order == pytest.approx(-1, abs=0.01)


def test_other_views_are_passed_over_and_without_a_translation_there_is_nothing_to_see():
    made = previews([forms(0), forms(1)], [forms(2), forms(3)])
    assert look_at({**made, "0_rec_A": forms(4), "2_real_A": forms(5)}) == look_at(made)
    assert look_at({"0_real_A": forms(0)}) is None
    assert look_at({}) is None


def test_textures_finer_than_the_shrunk_picture_are_no_contrast():
    """A translation may change textures; what is compared is the large forms."""
    checks = np.indices((8 * SIDE_PX, 8 * SIDE_PX)).sum(0) % 2
    picture = Image.fromarray(np.repeat((checks * 255).astype(np.uint8)[..., None], 3, axis=-1))
    assert look([picture], [picture]).contrast_in < 0.01
