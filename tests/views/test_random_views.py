"""Random views against torchvision's operations, one picture at a time with the same numbers."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as TF

from translate.views.random_views import MOCO, SIMCLR, ViewRecipe, blur_radius_px, draw_box, draw_view, make_view

RECIPES = {"simclr": SIMCLR, "v1": MOCO["v1"][0], "v2": MOCO["v2"][0], "v3 1": MOCO["v3"][0], "v3 2": MOCO["v3"][1]}
RECIPES["all grey first"] = dataclasses.replace(MOCO["v1"][0], grey_p=1.0, blur_p=0.5)
ADJUST = [TF.adjust_brightness, TF.adjust_contrast, TF.adjust_saturation, TF.adjust_hue]


def pictures(count, height, width, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).uniform(-1, 1, (count, 3, height, width)))


def draws(recipe, count, size, seed=0):
    rng = np.random.default_rng(seed)
    return [draw_view(rng, recipe, size) for _ in range(count)]


def stacked(drawn):
    """As a batch holds them."""
    found = {}
    for name in drawn[0]:
        values = [np.asarray(each[name]) for each in drawn]
        found[name] = torch.from_numpy(np.stack(values))
    found["order"] = list(found["order"].unbind(1))
    return found


def slow_view(image, drawn, recipe, side):
    """(C, H, W) in [-1, 1], by torchvision and step by step."""
    mode = InterpolationMode.BICUBIC if recipe.cubic else InterpolationMode.BILINEAR
    box = [int(value) for value in drawn["box"]]
    view = TF.resized_crop((image + 1) / 2, *box, [side, side], mode, antialias=True).clamp(0, 1)
    if drawn["mirrored"]:
        view = TF.horizontal_flip(view)

    def grey(view):
        return TF.rgb_to_grayscale(view, 3) if drawn["grey"] else view

    view = grey(view) if recipe.grey_first else view
    for number in drawn["order"] if drawn["jittered"] else []:
        view = ADJUST[number](view, float(drawn["strengths"][number]))
    view = view if recipe.grey_first else grey(view)
    if drawn["blurred"]:
        view = TF.gaussian_blur(view, 2 * blur_radius_px(side) + 1, float(drawn["sigma"]))
    if drawn["solarised"]:
        view = TF.solarize(view, 0.5)
    return 2 * view - 1


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1), st.integers(4, 45))
def test_a_view_is_torchvisions_operations_one_after_the_other(recipe, seed, side):
    images, drawn = pictures(4, 30, 34, seed), draws(recipe, 4, (30, 34), seed)
    made = make_view(images, stacked(drawn), recipe, side)
    expected = torch.stack([slow_view(i, d, recipe, side) for i, d in zip(images, drawn, strict=True)])
    # The two weigh red, green and blue differently in the fourth digit; near the middle solarisation tells them apart.
    assert (made - expected).abs().median() < 3e-4
    assert ((made - expected).abs() < 3e-3).double().mean() > 0.995


def test_a_view_does_not_depend_on_the_others_of_its_batch():
    images, drawn = pictures(5, 24, 24), draws(SIMCLR, 5, (24, 24))
    together = make_view(images, stacked(drawn), SIMCLR, 20)
    for number in range(5):
        alone = make_view(images[number : number + 1], stacked(drawn[number : number + 1]), SIMCLR, 20)
        torch.testing.assert_close(together[number : number + 1], alone, rtol=0, atol=1e-12)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_pictures_stay_as_they_are_and_views_lie_as_they_do(layout):
    images = pictures(3, 24, 24).float().contiguous(memory_format=layout)
    before = images.clone()
    made = make_view(images, stacked(draws(SIMCLR, 3, (24, 24))), SIMCLR, 24)
    assert torch.equal(images, before)
    assert made.is_contiguous(memory_format=layout)
    assert made.min() >= -1 and made.max() <= 1


def test_autocast_does_not_reach_the_pixels():
    images, drawn = pictures(4, 24, 24).float(), stacked(draws(SIMCLR, 4, (24, 24)))
    plain = make_view(images, drawn, SIMCLR, 24)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(make_view(images, drawn, SIMCLR, 24), plain, rtol=0, atol=0)


def test_views_of_grey_pictures_are_grey():
    images, drawn = pictures(4, 24, 24)[:, :1], stacked(draws(SIMCLR, 4, (24, 24)))
    assert make_view(images, drawn, SIMCLR, 20).shape == (4, 1, 20, 20)


@given(st.integers(0, 2**32 - 1), st.integers(12, 300), st.integers(12, 300), st.floats(0.05, 1), st.floats(0.3, 1))
def test_boxes_lie_inside_and_have_the_area_and_ratio_of_the_recipe(seed, height, width, least, ratio):
    rng = np.random.default_rng(seed)
    top, left, tall, wide = draw_box(rng, (height, width), (least, 1), (ratio, 1 / ratio))
    assert 0 <= top <= height - tall and 0 <= left <= width - wide
    assert (wide + 0.5) / max(tall - 0.5, 0.1) >= ratio and (wide - 0.5) / (tall + 0.5) <= 1 / ratio
    if ratio <= width / height <= 1 / ratio:  # else the picture may hold no box of this ratio and area
        assert (tall + 0.5) * (wide + 0.5) >= least * height * width


def test_a_picture_too_long_for_the_ratio_gives_its_middle():
    boxes = {draw_box(np.random.default_rng(seed), (10, 200), (0.9, 1), (3 / 4, 4 / 3)) for seed in range(5)}
    assert boxes == {(0, 93, 10, 13)}
    boxes = {draw_box(np.random.default_rng(seed), (200, 10), (0.9, 1), (3 / 4, 4 / 3)) for seed in range(5)}
    assert boxes == {(93, 0, 13, 10)}


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_draws_have_the_frequencies_and_ranges_of_the_recipe(recipe):
    drawn = stacked(draws(recipe, 2000, (100, 100)))
    told = {"mirrored": "flip_p", "jittered": "jitter_p", "grey": "grey_p", "blurred": "blur_p"}
    for name, chance in (told | {"solarised": "solarise_p"}).items():
        assert drawn[name].double().mean().item() == pytest.approx(getattr(recipe, chance), abs=0.04)
    brightness, contrast, saturation, hue = recipe.jitter
    low = torch.tensor([1 - brightness, 1 - contrast, 1 - saturation, -hue])
    high = torch.tensor([1 + brightness, 1 + contrast, 1 + saturation, hue])
    assert torch.equal(drawn["strengths"].clamp(low, high), drawn["strengths"])
    torch.testing.assert_close(drawn["strengths"].mean(0), (low + high) / 2, rtol=0, atol=0.04)
    assert drawn["strengths"].amax(0).sub(high).abs().max() < 0.01
    assert drawn["sigma"].mean().item() == pytest.approx(1.05, abs=0.05)
    assert len(torch.stack(drawn["order"], 1).unique(dim=0)) == 24
    shares = (drawn["box"][:, 2] * drawn["box"][:, 3]) / 100**2
    assert shares.min().item() == pytest.approx(recipe.area[0], abs=0.02)
    # Large boxes are drawn again now and then, since not every ratio fits.
    assert 0.4 < shares.mean() < sum(recipe.area) / 2


def test_a_recipe_changes_where_it_is_told():
    assert SIMCLR.changed(0.08) == SIMCLR
    milder = SIMCLR.changed(0.2, 0.5, blurs=False)
    assert (milder.area, milder.jitter, milder.blur_p) == ((0.2, 1.0), (0.4, 0.4, 0.4, 0.1), 0)
    assert SIMCLR.changed(0.08, 0).jitter_p == 0
    assert SIMCLR.changed(0.08, 5).jitter == (4, 4, 4, 0.5)
    assert draw_view(np.random.default_rng(0), SIMCLR.changed(0.08, 5), (9, 9))["strengths"].min() >= -0.5


def test_what_is_switched_off_does_nothing():
    off = {field.name: 0.0 for field in dataclasses.fields(ViewRecipe) if field.name.endswith("_p")}
    recipe = ViewRecipe(area=(1, 1), ratio=(1, 1), **off)
    images = pictures(3, 16, 16)
    torch.testing.assert_close(make_view(images, stacked(draws(recipe, 3, (16, 16))), recipe, 16), images)


def test_the_blur_is_a_tenth_of_the_side():
    assert [blur_radius_px(side) for side in (224, 96, 30, 8)] == [11, 4, 1, 1]


def test_recipes_are_the_published_ones():
    """Written out, so that none of them changes unseen: SimCLR, appendix A; the views of MoCo v1, v2 and v3."""
    shared = {"ratio": (3 / 4, 4 / 3), "flip_p": 0.5, "grey_p": 0.2, "blur_sigma": (0.1, 2.0)}
    own = {
        "simclr": ((0.08, 1), True, (0.8, 0.8, 0.8, 0.2), 0.8, False, 0.5, 0.0),
        "v1": ((0.2, 1), False, (0.4, 0.4, 0.4, 0.4), 1.0, True, 0.0, 0.0),
        "v2": ((0.2, 1), False, (0.4, 0.4, 0.4, 0.1), 0.8, False, 0.5, 0.0),
        "v3 1": ((0.2, 1), False, (0.4, 0.4, 0.2, 0.1), 0.8, False, 1.0, 0.0),
        "v3 2": ((0.2, 1), False, (0.4, 0.4, 0.2, 0.1), 0.8, False, 0.1, 0.2),
    }
    names = ("area", "cubic", "jitter", "jitter_p", "grey_first", "blur_p", "solarise_p")
    for recipe, values in own.items():
        assert dataclasses.asdict(RECIPES[recipe]) == {**shared, **dict(zip(names, values, strict=True))}
    assert MOCO["v1"][0] == MOCO["v1"][1] and MOCO["v2"][0] == MOCO["v2"][1]
