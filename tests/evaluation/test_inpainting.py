"""PSNR and SSIM of a hole against their formulas."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import structural_similarity

from translate.evaluation.inpainting import hole_quality


def picture(seed: int = 0, shape: tuple[int, ...] = (20, 16, 3)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 200, shape, dtype=np.uint8)


def hole(height: int = 20, width: int = 16) -> np.ndarray:
    mask = np.zeros((height, width), dtype=bool)
    mask[5:12, 3:9] = True
    return mask


def test_a_perfect_fill():
    quality = hole_quality(picture(), picture(), hole())
    assert quality.psnr == math.inf
    assert quality.ssim == pytest.approx(1)


@settings(max_examples=20)
@given(st.integers(1, 55))
def test_psnr_of_a_constant_error(error):
    truth, mask = picture(), hole()
    fill = truth.copy()
    fill[mask] += np.uint8(error)
    assert hole_quality(truth, fill, mask).psnr == pytest.approx(20 * math.log10(255 / error))


def test_psnr_sees_the_hole_alone():
    truth, mask = picture(), hole()
    fill = np.where(mask[..., None], picture(1), truth)
    elsewhere = np.where(mask[..., None], fill, picture(2))
    assert hole_quality(truth, fill, mask).psnr == hole_quality(truth, elsewhere, mask).psnr


@pytest.mark.parametrize("shape", [(20, 16), (20, 16, 3)])
def test_ssim_of_one_pixel_is_that_of_its_window(shape):
    """Luminance, contrast and structure of 7x7 pixels by the published formula, mean over the channels."""
    truth, fill, mask = picture(0, shape), picture(1, shape), np.zeros((20, 16), dtype=bool)
    mask[10, 8] = True
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    expected = []
    for channel in range(3 if len(shape) == 3 else 1):
        x, y = ((p if p.ndim == 2 else p[..., channel])[7:14, 5:12].astype(float).ravel() for p in (truth, fill))
        (xx, xy), (_, yy) = np.cov(x, y)
        top = (2 * x.mean() * y.mean() + c1) * (2 * xy + c2)
        expected.append(top / ((x.mean() ** 2 + y.mean() ** 2 + c1) * (xx + yy + c2)))
    assert hole_quality(truth, fill, mask).ssim == pytest.approx(np.mean(expected), rel=1e-9)


def test_ssim_over_everything_but_the_border_is_scikit_images():
    truth, fill, mask = picture(0), picture(1), np.zeros((20, 16), dtype=bool)
    mask[3:-3, 3:-3] = True  # scikit-image leaves out the windows that reach beyond the picture
    expected = structural_similarity(truth, fill, channel_axis=2, data_range=255)
    assert hole_quality(truth, fill, mask).ssim == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("side", [3, 4, 6, 7, 8])
def test_small_pictures_have_smaller_windows(side):
    truth, fill = picture(0, (side, side + 2, 3)), picture(1, (side, side + 2, 3))
    mask = np.zeros((side, side + 2), dtype=bool)
    mask[1, 1] = True
    assert -1 <= hole_quality(truth, fill, mask).ssim < 1


@pytest.mark.parametrize(
    ("truth", "fill", "mask", "said"),
    [
        (picture().astype(float), picture(), hole(), "uint8"),
        (picture(), picture(), hole().astype(np.uint8), "boolean"),
        (picture(), picture(0, (20, 17, 3)), hole(), "do not fit"),
        (picture(), picture(), hole(16, 20), "do not fit"),
        (picture(0, (2, 9, 3)), picture(0, (2, 9, 3)), np.ones((2, 9), dtype=bool), "too small"),
        (picture(), picture(), np.zeros((20, 16), dtype=bool), "no hole"),
    ],
)
def test_what_does_not_fit_is_refused(truth, fill, mask, said):
    with pytest.raises(ValueError, match=said):
        hole_quality(truth, fill, mask)
