"""Colour operations against torchvision's and Pillow's with the same numbers."""

import colorsys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance, ImageOps
from torchvision.transforms.v2 import functional as TF

from translate.views.color_jitter import (
    OPERATIONS,
    brightness,
    change_some,
    contrast,
    greyscale,
    hue,
    jitter,
    saturation,
    solarise,
)

OF_TORCHVISION = [TF.adjust_brightness, TF.adjust_contrast, TF.adjust_saturation, TF.adjust_hue]
NEAR = (1e-12, 3e-4, 3e-4, 1e-5)  # its weights of red, green and blue do not add up to 1; its hue is float32 in part


def pictures(count, channels=3, side=7, seed=0):
    values = np.random.default_rng(seed).uniform(0, 1, (count, channels, side, side))
    return torch.from_numpy(values)


@settings(max_examples=30)
@given(st.sampled_from(range(4)), st.lists(st.floats(0, 2), min_size=1, max_size=4), st.sampled_from([1, 3]))
def test_each_is_torchvisions_of_every_picture(number, strengths, channels):
    if number == 3:
        strengths = [strength / 2 - 0.5 for strength in strengths]  # the circle once
    images = pictures(len(strengths), channels)
    made = OPERATIONS[number](images, torch.tensor(strengths, dtype=torch.float64))
    expected = [OF_TORCHVISION[number](i, s) for i, s in zip(images, strengths, strict=True)]
    torch.testing.assert_close(made, torch.stack(expected), rtol=0, atol=NEAR[number])


@pytest.mark.parametrize("strength", [0.2, 0.9, 1.0, 1.7])
@pytest.mark.parametrize(("operation", "enhance"), [
    (brightness, ImageEnhance.Brightness), (contrast, ImageEnhance.Contrast), (saturation, ImageEnhance.Color),
])  # fmt: skip
def test_three_are_pillows(operation, enhance, strength):
    pixels = np.random.default_rng(3).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    expected = np.asarray(enhance(Image.fromarray(pixels)).enhance(strength))
    made = operation(of_pixels(pixels), torch.tensor([strength]))
    assert np.abs(to_pixels(made) - expected).max() < 1.6  # it rounds the lightness, and cuts off the rest


def test_hue_is_the_standard_librarys():
    images, turns = pictures(3, seed=5), torch.tensor([-0.4, 0.05, 0.3], dtype=torch.float64)
    made = hue(images, turns)
    for number, turn in enumerate(turns.tolist()):
        for y in range(7):
            h, s, v = colorsys.rgb_to_hsv(*images[number, :, y, y].tolist())
            expected = colorsys.hsv_to_rgb((h + turn) % 1, s, v)
            np.testing.assert_allclose(made[number, :, y, y].numpy(), expected, rtol=0, atol=1e-12)


def test_a_third_of_a_turn_makes_red_green_and_leaves_grey():
    colours = torch.tensor([[1.0, 0, 0], [0.4, 0.4, 0.4], [0, 0, 0]]).T.view(1, 3, 1, 3)
    turned = hue(colours, torch.tensor([1 / 3]))
    expected = torch.tensor([[0, 1.0, 0], [0.4, 0.4, 0.4], [0, 0, 0]]).T.view(1, 3, 1, 3)
    torch.testing.assert_close(turned, expected, rtol=0, atol=1e-6)


def test_grey_and_solarised_are_pillows():
    pixels = np.random.default_rng(4).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    pixels[0, :2] = [[127] * 3, [128] * 3]
    image = Image.fromarray(pixels)
    assert np.abs(to_pixels(greyscale(of_pixels(pixels))) - np.asarray(image.convert("L"))[..., None]).max() < 0.51
    np.testing.assert_allclose(to_pixels(solarise(of_pixels(pixels))), ImageOps.solarize(image), atol=1e-9)


def test_colours_of_grey_pictures_stay():
    images, strengths = pictures(2, channels=1), torch.tensor([0.3, 0.4])
    assert all(torch.equal(operation(images, strengths), images) for operation in (saturation, hue))
    assert torch.equal(greyscale(images), images)


@settings(max_examples=20)
@given(st.lists(st.tuples(st.booleans(), st.permutations(range(4))), min_size=1, max_size=5), st.integers(0, 99))
def test_each_picture_is_jittered_in_its_own_order(drawn, seed):
    images = pictures(len(drawn), seed=seed)
    strengths = torch.from_numpy(np.random.default_rng(seed).uniform(0.2, 1.8, (len(drawn), 4)))
    strengths[:, 3] = (strengths[:, 3] - 1) / 2
    chosen = torch.tensor([jittered for jittered, _ in drawn])
    orders = list(torch.tensor([order for _, order in drawn]).unbind(1))
    made = jitter(images.clone(), chosen, orders, strengths)
    for number, (jittered, order) in enumerate(drawn):
        expected = images[number : number + 1]
        for kind in order if jittered else []:
            expected = OPERATIONS[kind](expected, strengths[number : number + 1, kind])
        torch.testing.assert_close(made[number : number + 1], expected, rtol=0, atol=1e-12)


def test_who_is_not_chosen_is_not_computed():
    seen = []

    def note(images, values):
        seen.append(values.tolist())
        return images + 1

    images, values = torch.zeros(3, 1, 1, 1), torch.tensor([1.0, 2.0, 3.0])
    changed = change_some(images.clone(), torch.tensor([True, False, True]), note, values)
    assert changed.flatten().tolist() == [1, 0, 1]
    assert change_some(images, torch.zeros(3, dtype=torch.bool), note, values) is images
    assert change_some(images, torch.ones(3, dtype=torch.bool), note, values).flatten().tolist() == [1, 1, 1]
    assert seen == [[1, 3], [1, 2, 3]]


def of_pixels(pixels):
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].double() / 255


def to_pixels(images):
    return images[0].permute(1, 2, 0).numpy() * 255
