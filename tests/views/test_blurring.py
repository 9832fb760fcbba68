"""Blur by a width of each picture's own, against torchvision one picture at a time."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms.v2 import functional as TF

from translate.views.blurring import gaussian_blur


def pictures(count, channels, height, width):
    return torch.from_numpy(np.random.default_rng(0).uniform(0, 1, (count, channels, height, width)))


@settings(max_examples=30)
@given(
    st.lists(st.floats(0.1, 3.0), min_size=1, max_size=4),
    st.integers(1, 6),
    st.integers(7, 20),
    st.sampled_from([1, 3]),
)
def test_it_is_torchvisions_of_each_picture(sigmas, radius, side, channels):
    images = pictures(len(sigmas), channels, side, side + 2)
    made = gaussian_blur(images, torch.tensor(sigmas), radius)
    expected = [
        TF.gaussian_blur(i, 2 * radius + 1, float(s)) for i, s in zip(images, torch.tensor(sigmas), strict=True)
    ]
    torch.testing.assert_close(made, torch.stack(expected), rtol=0, atol=1e-6)  # its weights are float32


def test_the_weights_in_closed_form():
    point = torch.zeros(1, 1, 9, 9, dtype=torch.float64)
    point[0, 0, 4, 4] = 1
    made = gaussian_blur(point, torch.tensor([1.5]), 2)[0, 0].numpy()
    line = np.exp(-0.5 * (np.arange(-2, 3) / 1.5) ** 2)
    expected = np.zeros((9, 9))
    expected[2:7, 2:7] = np.outer(line, line) / line.sum() ** 2
    np.testing.assert_allclose(made, expected, rtol=1e-12, atol=1e-15)


def test_a_picture_as_small_as_the_blur_is_refused():
    with pytest.raises(ValueError, match="radius 5 does not suit a picture of 9x5"):
        gaussian_blur(pictures(1, 3, 5, 9), torch.tensor([1.0]), 5)
