"""SSIM, PSNR and change against slow formulas and by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from translate.evaluation.metric import METRICS, Judged, Tools, Unmeasurable
from translate.evaluation.picture_set import PictureSet
from translate.evaluation.similarity import psnr, rms_difference, ssim


def noise(seed: int, height: int = 14, width: int = 12) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def slow_ssim(x: np.ndarray, y: np.ndarray) -> float:
    """Equation 13 of Wang et al. 2004 at each place where the window fits, mean over these and the channels."""
    offsets = np.arange(-5, 6)
    window = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * 1.5**2))
    window /= window.sum()
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    values = []
    for channel in range(3):
        for row in range(5, x.shape[0] - 5):
            for column in range(5, x.shape[1] - 5):
                place = np.s_[row - 5 : row + 6, column - 5 : column + 6, channel]
                a, b = x[place].astype(float), y[place].astype(float)
                ma, mb = (window * a).sum(), (window * b).sum()
                va, vb = (window * (a - ma) ** 2).sum(), (window * (b - mb) ** 2).sum()
                both = (window * (a - ma) * (b - mb)).sum()
                values.append((2 * ma * mb + c1) * (2 * both + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2)))
    return float(np.mean(values))


@settings(max_examples=10)
@given(st.integers(0, 2**31), st.integers(11, 15), st.integers(11, 15))
def test_ssim_is_its_formula(seed, height, width):
    x = noise(seed, height, width)
    y = (x * 0.7 + noise(seed + 1, height, width) * 0.3).astype(np.uint8)
    assert ssim(x, y) == pytest.approx(slow_ssim(x, y), rel=1e-6)
    assert ssim(x, x) == 1


@settings(max_examples=20)
@given(st.integers(0, 2**31), st.integers(1, 9), st.integers(1, 9))
def test_psnr_and_change_are_their_formulas(seed, height, width):
    x, y = noise(seed, height, width), noise(seed + 1, height, width)
    squares = np.mean([(float(a) - float(b)) ** 2 for a, b in zip(x.ravel(), y.ravel(), strict=True)])
    assert psnr(x, y) == pytest.approx(10 * math.log10(255**2 / squares), rel=1e-9)
    assert rms_difference(x, y) == pytest.approx(math.sqrt(squares), rel=1e-9)


def test_an_equal_picture_has_a_finite_psnr_better_than_any_other():
    x = noise(0)
    almost = x.copy()
    almost[0, 0, 0] ^= 1
    assert psnr(x, x) == pytest.approx(psnr(x, almost))
    assert psnr(np.zeros((256, 256, 3), np.uint8), np.zeros((256, 256, 3), np.uint8)) == pytest.approx(101, abs=0.1)


@pytest.mark.parametrize(("name", "compare"), [("ssim_truth", ssim), ("psnr_truth", psnr)])
def test_results_and_inputs_are_compared_with_the_truth(name, compare, judged):
    found = METRICS[name].measure(judged, Tools())
    values = [compare(truth, result) for truth, result in zip(judged.truths, judged.results, strict=True)]
    assert found.per_picture == pytest.approx(values) and found.value == pytest.approx(np.mean(values))
    assert found.low < found.value < found.high
    inputs = [compare(truth, source) for truth, source in zip(judged.truths, judged.inputs, strict=True)]
    assert found.ceiling == pytest.approx(np.mean(inputs))
    assert METRICS[name].measure(Judged(judged.results, truths=judged.truths), Tools()).ceiling is None


def test_change_is_in_grey_levels(judged):
    found = METRICS["changed_rms"].measure(judged, Tools())
    assert found.per_picture == pytest.approx(
        [rms_difference(a, b) for a, b in zip(judged.results, judged.inputs, strict=True)]
    )
    unchanged = METRICS["changed_rms"].measure(Judged(judged.inputs, judged.inputs), Tools())
    assert (unchanged.value, unchanged.low, unchanged.high) == (0, 0, 0)
    grey = [PictureSet.in_memory([np.full((4, 4), level, np.uint8)] * 3) for level in (100, 103)]
    assert METRICS["changed_rms"].measure(Judged(*grey), Tools()).value == 3


def test_pictures_smaller_than_the_window_are_named():
    with pytest.raises(Unmeasurable, match="12x10 pixels is too small for SSIM, which needs 11 on each side"):
        ssim(noise(0, 10, 12), noise(1, 10, 12))
