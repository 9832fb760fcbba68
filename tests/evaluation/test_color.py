"""Distances in ab and colourfulness, against other formulas and known values."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from skimage.color import deltaE_cie76, rgb2lab

from translate.evaluation.color import ab_error, colourfulness


def random_picture(seed: int, height: int = 5, width: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@settings(max_examples=20)
@given(st.integers(0, 2**31))
@example(1613)  # has a grey pixel
def test_the_error_is_the_distance_at_equal_lightness(seed):
    truth, result = random_picture(seed), random_picture(seed + 1)
    labs = [rgb2lab(picture) for picture in (truth, result)]
    for lab, picture in zip(labs, (truth, result), strict=True):
        lab[..., 0] = 50
        lab[(picture == picture[..., :1]).all(-1), 1:] = 0  # grey by definition; the constants of Lab give but almost
    distance = deltaE_cie76(*labs)
    error = ab_error(truth, result)
    assert error.mean == pytest.approx(distance.mean(), rel=1e-9)
    assert error.rms == pytest.approx(np.sqrt((distance**2).mean()), rel=1e-9)


def test_known_errors():
    red = np.full((3, 3, 3), (255, 0, 0), np.uint8)
    assert ab_error(red, red) == (0, 0)
    assert ab_error(red).mean == pytest.approx(104.55, abs=0.01)  # the chroma of sRGB's red
    half = red.copy()
    half[0] = 90
    assert ab_error(red, half).mean == pytest.approx(104.55 / 3, abs=0.01)
    assert ab_error(red, half).rms == pytest.approx(104.55 / np.sqrt(3), abs=0.01)


def test_grey_is_the_baseline():
    truth = random_picture(0)
    grey = np.repeat(truth[..., :1], 3, axis=2)
    assert ab_error(truth, grey) == pytest.approx(ab_error(truth))
    assert ab_error(grey) == (0, 0)


@settings(max_examples=20)
@given(st.integers(0, 2**31))
def test_colourfulness_is_its_formula(seed):
    picture = random_picture(seed)
    rg, yb = [], []
    for red, green, blue in picture.reshape(-1, 3).tolist():
        rg.append(red - green)
        yb.append(0.5 * (red + green) - blue)
    spread = np.sqrt(np.var(rg) + np.var(yb))
    centre = np.sqrt(np.mean(rg) ** 2 + np.mean(yb) ** 2)
    assert colourfulness(picture) == pytest.approx(spread + 0.3 * centre, rel=1e-9)


def test_known_colourfulness():
    assert colourfulness(np.full((4, 4, 3), 77, np.uint8)) == 0
    blue = np.full((4, 4, 3), (0, 0, 255), np.uint8)
    assert colourfulness(blue) == pytest.approx(0.3 * 255)
    blue[:2] = (255, 255, 0)
    assert colourfulness(blue) == pytest.approx(255)  # spread 255, centre 0


def test_what_is_no_picture_is_refused():
    good = random_picture(0)
    for bad in (good[..., 0], good / 255, good[:0]):
        with pytest.raises(ValueError, match="uint8"):
            colourfulness(bad)
        with pytest.raises(ValueError, match="uint8"):
            ab_error(good, bad)
    with pytest.raises(ValueError, match="different sizes"):
        ab_error(good, good[1:])
