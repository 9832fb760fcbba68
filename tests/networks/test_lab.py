"""CIE Lab against scikit-image, known triples, round trips and slopes."""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.color import lab2rgb, rgb2lab
from torch import Tensor

from translate.networks.lab import lab_to_rgb, rgb_to_lab

seeds = st.integers(0, 2**32 - 1)


def random_rgb(seed: int, dark: bool = False) -> np.ndarray:
    """(6, 7, 3) in [0, 1]; dark ones lie around the knee of the curve."""
    return np.random.default_rng(seed).random((6, 7, 3)) * (0.08 if dark else 1)


def random_lab(seed: int) -> np.ndarray:
    """Half of it is out of sRGB's reach."""
    return np.random.default_rng(seed).random((6, 7, 3)) * (100, 240, 240) - (0, 120, 120)


def to_planes(array: np.ndarray, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.from_numpy(array).permute(2, 0, 1).unsqueeze(0).to(dtype)


def to_array(planes: Tensor) -> np.ndarray:
    return planes[0].permute(1, 2, 0).double().numpy()


def clipping_lab2rgb(lab: np.ndarray) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says how much it clipped
        return lab2rgb(lab)


@settings(max_examples=30)
@given(seeds, st.booleans())
def test_lab_is_that_of_scikit_image(seed, dark):
    rgb = random_rgb(seed, dark)
    np.testing.assert_allclose(to_array(rgb_to_lab(to_planes(rgb) * 2 - 1)), rgb2lab(rgb), rtol=0, atol=1e-9)


@settings(max_examples=30)
@given(seeds)
def test_rgb_is_that_of_scikit_image_clipped_ones_included(seed):
    lab = random_lab(seed)
    found = (to_array(lab_to_rgb(to_planes(lab))) + 1) / 2
    np.testing.assert_allclose(found, clipping_lab2rgb(lab), rtol=0, atol=1e-9)


def test_single_precision():
    """In float32 a and b are 500 and 200 times differences of numbers near 1: 1e-7 becomes 1e-4."""
    rgb, lab = random_rgb(1), random_lab(1)
    found = rgb_to_lab(to_planes(rgb, torch.float32) * 2 - 1)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(to_array(found), rgb2lab(rgb), rtol=0, atol=1e-4)
    back = lab_to_rgb(to_planes(lab, torch.float32))
    np.testing.assert_allclose((to_array(back) + 1) / 2, clipping_lab2rgb(lab), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("rgb", "lab"),
    [
        ((0, 0, 0), (0, 0, 0)),
        ((255, 255, 255), (100, 0, 0)),
        ((119, 119, 119), (50.03, 0, 0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 255, 0), (87.74, -86.18, 83.18)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
    ],
)
def test_known_colours(rgb, lab):
    found = rgb_to_lab(torch.tensor(rgb).view(1, 3, 1, 1) / 127.5 - 1).flatten().tolist()
    assert found == pytest.approx(lab, abs=0.011)


@settings(max_examples=20)
@given(seeds)
def test_there_and_back(seed):
    images = to_planes(random_rgb(seed)) * 2 - 1
    torch.testing.assert_close(lab_to_rgb(rgb_to_lab(images)), images, rtol=0, atol=2e-6)


@pytest.mark.parametrize("function", [rgb_to_lab, lambda images: lab_to_rgb(rgb_to_lab(images.clamp(-0.9, 0.9)))])
def test_slopes_are_those_of_the_values(function):
    images = (to_planes(random_rgb(3)[:2, :3]) * 1.6 - 0.8).requires_grad_()
    assert torch.autograd.gradcheck(function, (images,), eps=1e-7, atol=1e-3)


@pytest.mark.parametrize("grey", [-1.0, 0.0, 1.0])
def test_slopes_are_finite_at_the_ends(grey):
    images = torch.full((1, 3, 2, 2), grey, requires_grad=True)
    lab = rgb_to_lab(images)
    lab_to_rgb(lab).sum().backward()
    assert images.grad.isfinite().all()


def test_what_is_clipped_gets_no_gradient():
    lab = torch.tensor([50.0, 200.0, 150.0]).view(1, 3, 1, 1).requires_grad_()
    rgb = lab_to_rgb(lab)
    assert rgb.flatten().tolist() == [1, -1, -1]
    rgb.sum().backward()
    assert lab.grad.abs().max() == 0


def test_half_precision_is_raised_and_autocast_kept_out():
    images = to_planes(random_rgb(2), torch.float32) * 2 - 1
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = lab_to_rgb(rgb_to_lab(images))
    torch.testing.assert_close(inside, lab_to_rgb(rgb_to_lab(images)), rtol=0, atol=0)
    assert rgb_to_lab(images.bfloat16()).dtype == lab_to_rgb(images.half()).dtype == torch.float32
