"""Crops that are resized by two matrices, against a crop and a resize one after the other."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from translate.views.resampling import resized_crops


@st.composite
def boxes_in(draw, height, width):
    tall, wide = draw(st.integers(1, height)), draw(st.integers(1, width))
    return draw(st.integers(0, height - tall)), draw(st.integers(0, width - wide)), tall, wide


def pictures(count, height, width, seed=0):
    values = np.random.default_rng(seed).uniform(-1, 1, (count, 3, height, width))
    return torch.from_numpy(values)


def step_by_step(image, box, mirrored, side, mode):
    top, left, height, width = box
    part = image[None, :, top : top + height, left : left + width]
    result = F.interpolate(part, (side, side), mode=mode, antialias=True)[0]
    return result.flip(2) if mirrored else result


@settings(max_examples=40)
@given(st.data(), st.integers(1, 24), st.integers(1, 24), st.integers(1, 24), st.booleans())
def test_it_is_a_crop_and_a_resize_with_antialiasing(data, height, width, side, cubic):
    images = pictures(3, height, width)
    boxes = [data.draw(boxes_in(height, width)) for _ in range(3)]
    mirrored = data.draw(st.lists(st.booleans(), min_size=3, max_size=3))
    made = resized_crops(images, torch.tensor(boxes, dtype=torch.float64), torch.tensor(mirrored), side, cubic)
    mode = "bicubic" if cubic else "bilinear"
    expected = [step_by_step(*each, side, mode) for each in zip(images, boxes, mirrored, strict=True)]
    torch.testing.assert_close(made, torch.stack(expected), rtol=0, atol=1e-12)


@pytest.mark.parametrize("side", [16, 40, 97])
@pytest.mark.parametrize(("cubic", "filter"), [(False, Image.Resampling.BILINEAR), (True, Image.Resampling.BICUBIC)])
def test_it_is_what_pillow_makes_of_a_box(side, cubic, filter):
    pixels = np.random.default_rng(1).integers(64, 192, (60, 50, 3), dtype=np.uint8)
    expected = np.asarray(Image.fromarray(pixels[7:48, 3:45]).resize((side, side), filter))
    images = torch.from_numpy(pixels).permute(2, 0, 1)[None].double()
    made = resized_crops(images, torch.tensor([[7.0, 3.0, 41.0, 42.0]]), torch.tensor([False]), side, cubic)
    rounded = made[0].clamp(0, 255).permute(1, 2, 0).numpy()
    assert np.abs(rounded - expected).max() < 1.1  # it rounds, and would cut off, between the axes too


def test_the_whole_picture_at_its_own_size_stays_as_it_is():
    images = pictures(2, 9, 9)
    boxes = torch.tensor([[0.0, 0, 9, 9]]).repeat(2, 1)
    for cubic in (False, True):
        made = resized_crops(images, boxes, torch.tensor([False, True]), 9, cubic)
        torch.testing.assert_close(made, torch.stack([images[0], images[1].flip(2)]), rtol=0, atol=1e-15)


def test_half_precision_around_it_does_not_reach_it():
    images, box = pictures(1, 30, 30).float(), torch.tensor([[3.0, 2, 20, 25]])
    plain = resized_crops(images, box, torch.tensor([True]), 24)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(resized_crops(images, box, torch.tensor([True]), 24), plain, rtol=0, atol=0)
    exact = resized_crops(images.double(), box, torch.tensor([True]), 24)
    torch.testing.assert_close(plain.double(), exact, rtol=0, atol=1e-5)
