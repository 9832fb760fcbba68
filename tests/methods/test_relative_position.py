"""Relative position as a method: what the encoder is shown, what is learned from it, and what is refused."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from translate.errors import InputError
from translate.methods.relative_position import RelativePosition, RelativePositionOptions
from translate.options import NetworkOptions
from translate.settings import resolve
from translate.views.neighbours import grid_px

SMALL = {"netE": "alexnet", "nef": 4, "normE": "batch_plain", "patch_px": 31, "gap_px": 5, "jitter_px": 2, "pair_nc": 8}
SIDE_PX = grid_px(31, 5, 2) + 3


def make_method(input_nc: int = 3, **flags: Any) -> RelativePosition:
    torch.manual_seed(0)
    networks = NetworkOptions(init_type="kaiming", ngf=2, netG="resnet_4blocks")
    return RelativePosition(RelativePositionOptions(**{**SMALL, **flags}), networks, input_nc).train()


def make_batch(method: RelativePosition, count: int = 2, seed: int = 0, channels: int = 3) -> dict[str, Tensor]:
    rng = np.random.default_rng(seed)
    pictures = rng.uniform(-1, 1, (count, channels, SIDE_PX, SIDE_PX)).astype(np.float32)
    drawn = [method.draw(rng, {"A": (SIDE_PX, SIDE_PX)}) for _ in range(count)]
    batch = {name: torch.from_numpy(np.stack([each[name] for each in drawn])) for name in drawn[0]}
    return {"A": torch.from_numpy(pictures), **batch}


def sides_px(batch: dict[str, Tensor]) -> np.ndarray:
    return batch["sides_px"].numpy()


def test_the_loss_starts_at_ln_8_and_guessing_is_a_little_less():
    method = make_method()
    named = method.losses("E", method(make_batch(method)))[1]
    assert named["relative_position"].item() == pytest.approx(math.log(8), abs=1e-6)
    assert named["accuracy"].item() == pytest.approx(1 / 8)
    levels = method.levels(SIDE_PX, 2)
    # 4 sides with 6 pairs and 4 corners with 4.
    assert levels["relative_position"].value == pytest.approx(-0.6 * math.log(0.15) - 0.4 * math.log(0.1))
    assert levels["accuracy"].value == pytest.approx(0.15)


def test_each_patch_goes_through_the_encoder_once():
    method = make_method()
    seen = []
    method.networks["E"].register_forward_hook(lambda _, given, __: seen.append(given[0].shape))
    state = method(make_batch(method))
    assert seen == [(18, 3, 31, 31)]
    assert state.logits.shape == (2, 40, 8)


def test_patches_are_as_they_are_in_the_picture_without_the_tricks():
    method = make_method(aberration="none", pixelate=0.0)
    batch = make_batch(method)
    patches = method(batch).patches
    for sample, corners in enumerate(batch["corners"].tolist()):
        for patch, (y, x) in enumerate(corners):
            assert torch.equal(patches[sample, patch], batch["A"][sample, :, y : y + 31, x : x + 31])


def test_pairs_that_the_logits_know_are_all_right():
    """The labels belong to the pairs: with the true sides as logits, nothing is lost."""
    method = make_method()
    state = method(make_batch(method))
    corners = state.corners[:, method.second] - state.corners[:, method.first]  # (B, 40, 2)
    signs = (corners.float() / (SMALL["patch_px"] + SMALL["gap_px"])).round()
    number = 3 * (signs[..., 0] + 1) + signs[..., 1] + 1  # 0 ... 8 in reading order, 4 the patch itself
    classes = torch.where(number > 4, number - 1, number).long()
    state.logits = 50.0 * torch.nn.functional.one_hot(classes, 8)
    loss, named = method.losses("E", state)
    assert loss.item() < 1e-6
    assert named["accuracy"].item() == 1


def test_a_third_of_the_patches_gets_coarse_down_to_100_pixels():
    method = make_method()
    rng = np.random.default_rng(0)
    sides = np.concatenate([method.draw(rng, {"A": (SIDE_PX, SIDE_PX)})["sides_px"] for _ in range(2000)])
    assert sides.min() == 10 and sides.max() == 31
    # Of the coarse ones, one in 22 keeps its side.
    assert np.mean(sides < 31) == pytest.approx(21 / 22 / 3, abs=0.02)
    every = make_method(pixelate=1.0)
    assert np.mean(every.draw(rng, {"A": (SIDE_PX, SIDE_PX)})["sides_px"] < 31) > 0.5


def test_dropping_keeps_a_channel_of_its_own_for_each_patch():
    method = make_method(aberration="dropping", pixelate=0.0)
    batch = make_batch(method, count=3)
    patches, kept = method(batch).patches, batch["kept_channels"]
    assert kept.shape == (3, 9) and kept.unique().tolist() == [0, 1, 2]
    deviations = patches.std((3, 4))  # (B, 9, C)
    assert torch.equal(deviations.argmax(2), kept)
    assert (deviations.sort(2).values[..., 1] < 0.02 * deviations.max(2).values).all()


def test_dropped_channels_hold_the_noise_of_their_own_picture():
    method = make_method(aberration="dropping", pixelate=0.0)
    batch = make_batch(method, count=3)
    patches, kept = method(batch).patches, batch["kept_channels"]
    for sample in range(3):
        for patch in range(9):
            dropped = (int(kept[sample, patch]) + 1) % 3
            found, noise = patches[sample, patch, dropped].flatten(), batch["noise"][sample, dropped].flatten()
            assert torch.corrcoef(torch.stack([found, noise]))[0, 1] > 0.999


def test_projection_leaves_no_green_against_magenta():
    method = make_method(pixelate=1.0)
    patches = method(make_batch(method)).patches
    red, green, blue = patches.unbind(2)
    assert (2 * green - red - blue).abs().max() < 1e-5
    assert patches.std() > 0.05


def test_a_resumed_run_draws_the_same():
    method = make_method(aberration="dropping")
    one, other = (method.draw(np.random.default_rng(3), {"A": (SIDE_PX, SIDE_PX)}) for _ in range(2))
    assert one.keys() == other.keys()
    assert all(np.array_equal(one[name], other[name]) for name in one)


def test_grey_pictures_are_learned_from_without_a_remedy_for_colours():
    method = make_method(input_nc=1, aberration="none")
    assert method(make_batch(method, channels=1)).patches.shape == (2, 9, 1, 31, 31)
    with pytest.raises(InputError, match=r"--aberration projection is for pictures in colour, .*: use none"):
        make_method(input_nc=1)


def test_its_pictures_are_in_range_and_show_the_patches_in_their_places():
    method = make_method(aberration="none", pixelate=0.0)
    batch = make_batch(method)
    shown = method.pictures(method(batch))
    assert torch.equal(shown["real_A"], batch["A"][0])
    inside = shown["patches_A"] != 0
    assert torch.equal(shown["patches_A"][inside], batch["A"][0][inside])
    assert inside[0].sum() == 9 * 31 * 31
    coloured = make_method()
    vivid = {**make_batch(coloured), "A": make_batch(coloured)["A"].sign()}
    assert coloured.pictures(coloured(vivid))["patches_A"].abs().max() <= 1


def test_it_tells_above_from_below_where_pictures_show_it():
    """Dark above and bright below: rows can be told apart, columns cannot."""
    method = make_method(aberration="none", pixelate=0.0, pair_nc=32)
    optimizer = torch.optim.Adam(method.parameters(), lr=2e-3)
    slope = torch.linspace(-1, 1, SIDE_PX).view(1, 1, -1, 1).expand(4, 3, -1, SIDE_PX)
    for step in range(60):
        batch = {**make_batch(method, count=4, seed=step), "A": slope}
        loss, _ = method.losses("E", method(batch))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    # Of those above, and below, two in seven are left, three straight and two right; of those beside, one of two.
    of_a_row = -(4 / 7 * math.log(2 / 7) + 3 / 7 * math.log(3 / 7))
    known_rows = 0.7 * of_a_row + 0.3 * math.log(2)
    assert known_rows - 1e-3 < loss.item() < known_rows + 0.1


@pytest.mark.parametrize(("flags", "said"), [
    ({"patch_px": 30}, "--patch_px 30 is too small for --netE alexnet: use 31 or more"),
    ({"gap_px": 4}, "--jitter_px 2 lets patches touch that are --gap_px 4 apart: use --jitter_px 1 or less"),
])  # fmt: skip
def test_what_leaves_nothing_to_learn_is_refused(flags, said):
    with pytest.raises(InputError, match=said):
        make_method(**flags)


def test_crops_that_do_not_hold_the_grid_name_the_smallest_that_do():
    method = make_method()
    method.check_size(107)
    with pytest.raises(InputError, match=r"--crop_size 106 does not hold 3 patches of --patch_px 31 .*: use 107 or"):
        method.check_size(106)
    with pytest.raises(InputError, match="use 107 or more"):
        method.draw(np.random.default_rng(0), {"A": (200, 106)})


def test_the_published_numbers_are_the_defaults():
    settings = resolve({"model": "relative_position", "dataroot": "none"})
    options = settings.method
    assert (options.netE, options.normE, options.patch_px, options.gap_px, options.jitter_px) == (
        "caffenet", "batch_plain", 96, 48, 7,
    )  # fmt: skip
    assert settings.data.crop_size >= grid_px(96, 48, 7) == 398
