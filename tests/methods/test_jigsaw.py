"""Jigsaw: the puzzle that the encoder sees, the table of permutations, and what cannot be."""

import math

import numpy as np
import pytest
import torch

from translate.errors import InputError
from translate.networks.encoders import build_encoder
from translate.settings import resolve
from translate.training.job import build_method
from translate.training.preparing import Preparation
from translate.views.permutations import permutation_set

TINY = {"nef": 4, "tile_px": 23, "permutations": 8, "tile_nc": 8, "head_nc": 16, "crop_size": 75, "load_size": 80}


def make(input_nc=3, **flags):
    settings = resolve({"model": "jigsaw", **TINY, **flags}).with_values(input_nc=input_nc, output_nc=input_nc)
    return build_method(settings)


def batch_of(method, pictures, epoch=1):
    """As the loop gives it: pictures (B, C, H, W) uint8 and the draws for each."""
    prepare = Preparation(method, 0, torch.device("cpu"))
    return prepare({"A": pictures, "epoch": epoch, "index": list(range(len(pictures)))})


def noise(count=4, channels=3, side=75):
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (count, channels, side, side), dtype=np.uint8))


def seen(method, batch):
    """What the first layer of the encoder gets, (B, 9, C, S, S), and the state."""
    caught = []
    hook = method.networks["E"].conv1.register_forward_pre_hook(lambda _, given: caught.append(given[0]))
    state = method(batch)
    hook.remove()
    return caught[0].view(-1, 9, *caught[0].shape[1:]), state


def own_tile(batch, picture, number, side=23, cell=25):
    """One tile in numpy: every colour at its own place, or the luminance at the common one; mean 0, deviation 1."""
    corner = np.array(divmod(number, 3)) * cell
    image, offset = batch["A"][picture].double().numpy(), batch["offsets"][picture, number].numpy()
    tile = []
    for colour, plane in enumerate(image):
        place = offset
        if batch["grey"][picture]:
            plane = np.tensordot([0.299, 0.587, 0.114], image, 1)
        else:
            place = np.clip(offset + batch["shifts"][picture, number, colour].numpy(), 0, cell - side)
        y, x = corner + place
        part = plane[y : y + side, x : x + side]
        tile.append((part - part.mean()) / part.std())
    return np.stack(tile)


def test_the_loss_starts_at_guessing():
    method = make()
    loss, logged = method.losses("E", method(batch_of(method, noise())))
    assert loss.item() == pytest.approx(math.log(8), abs=1e-6)
    assert logged["accuracy"].item() == pytest.approx(1 / 8)
    levels = method.levels(75, 4)
    assert levels["jigsaw"].value == pytest.approx(math.log(8)) and levels["accuracy"].value == 1 / 8


def test_the_encoder_sees_the_tiles_of_its_permutation():
    method = make(grey_share=0.5)
    batch = batch_of(method, noise(6))
    assert 0 < batch["grey"].sum() < 6
    found, state = seen(method, batch)
    table = permutation_set(8)
    for picture, place in np.ndindex(6, 9):
        number = table[batch["permutation"][picture, 0]][place]
        expected = own_tile(batch, picture, number)
        assert np.abs(found[picture, place].numpy() - expected).max() < 1e-4
    assert torch.equal(state.permutation, batch["permutation"].squeeze(1))


def test_numbers_are_drawn_from_the_published_ranges():
    method = make(tile_px=64, crop_size=225, load_size=256, permutations=8)
    draws = [method.draw(np.random.default_rng(seed), {"A": (225, 225)}) for seed in range(400)]
    offsets = np.stack([draw["offsets"] for draw in draws]).reshape(-1, 3, 3, 2)
    gaps = 75 - 64 + offsets[:, :, 1:, 1] - offsets[:, :, :-1, 1]
    assert (gaps.min(), gaps.max()) == (0, 22) and gaps.mean() == pytest.approx(11, abs=0.3)
    shifts = np.stack([draw["shifts"] for draw in draws])
    assert shifts.shape == (400, 9, 3, 2) and set(np.unique(shifts)) == {-2, -1, 0, 1, 2}
    assert np.mean([draw["grey"] for draw in draws]) == pytest.approx(0.3, abs=0.07)
    assert {int(draw["permutation"][0]) for draw in draws} == set(range(8))


def test_one_picture_is_another_puzzle_in_another_epoch():
    method = make()
    found = {batch_of(method, noise(1), epoch)["permutation"].item() for epoch in range(1, 30)}
    assert len(found) > 4


def test_grey_pictures_have_a_puzzle_too():
    method = make(input_nc=1)
    found, _ = seen(method, batch_of(method, noise(channels=1)))
    assert found.shape == (4, 9, 1, 23, 23)
    assert found.mean().abs() < 1e-4 and found.std() == pytest.approx(1, abs=1e-2)


def test_the_table_is_a_function_of_its_flags_alone():
    assert torch.equal(make(seed=1).permutations, make(seed=2).permutations)
    assert np.array_equal(make(permutation_rule="min", permutation_seed=3).permutations, permutation_set(8, "min", 3))


def test_the_table_is_saved_and_comes_back():
    other = make(permutation_seed=1)
    method = make()
    method.load_state_dict(other.state_dict())
    assert torch.equal(method.permutations, other.permutations)
    assert not torch.equal(method.permutations, make().permutations)


def test_a_puzzle_that_is_solved_rightly_is_shown_in_order():
    method = make(grey_share=0, shift_px=0)
    state = method(batch_of(method, noise()))
    state.logits = torch.nn.functional.one_hot(state.permutation, 8).float()
    shown = method.pictures(state)
    assert all(picture.abs().max() <= 1 for picture in shown.values())
    table = method.permutations[state.permutation[0]].tolist()
    for place, number in enumerate(table):
        at, target = (tuple(slice(23 * n, 23 * n + 23) for n in divmod(each, 3)) for each in (place, number))
        assert torch.equal(shown["shuffled_A"][:, at[0], at[1]], shown["solved_A"][:, target[0], target[1]])
    state.logits = state.logits.roll(1, 1)
    assert not torch.equal(method.pictures(state)["solved_A"], shown["solved_A"])


@pytest.mark.parametrize("netE", ["alexnet", "caffenet"])
def test_weights_learned_with_a_small_stride_are_used_with_the_usual_one(netE):
    method = make(netE=netE)
    encoder = method.networks["E"]
    assert encoder.conv1[0].stride == (2, 2) and encoder.stride == 8
    usual = build_encoder(netE, 3, 4, "batch")
    usual.load_state_dict(encoder.state_dict())
    assert usual.conv1[0].stride == (4, 4)
    assert make(netE=netE, first_stride=1).networks["E"].conv1[0].stride == (1, 1)


@pytest.mark.parametrize(("netE", "side"), [("resnet18", 1), ("generator", 6)])
def test_other_encoders_learn_with_their_own(netE, side):
    generator = {"netG": "resnet_4blocks", "ngf": 2} if netE == "generator" else {}
    method = make(netE=netE, nef=64, **generator)
    assert method.networks["H"].fc6[1].in_features == method.networks["E"].width * side * side // (4 if side > 2 else 1)


def test_a_tile_that_is_larger_than_its_cell_is_refused():
    method = make()
    assert method.check_size(69) is None
    with pytest.raises(
        InputError, match="--tile_px 23 is larger than a third of a picture of 68 pixels: use --tile_px 22"
    ):
        method.check_size(68)
    with pytest.raises(InputError, match="or --crop_size 69 or more"):
        method.draw(np.random.default_rng(0), {"A": (75, 68)})


def test_a_tile_of_which_the_encoder_leaves_nothing_is_refused():
    with pytest.raises(InputError, match="--tile_px 18 is too small for --netE alexnet: use 19 or more"):
        make(tile_px=18)


def test_a_first_stride_is_refused_where_there_is_none():
    with pytest.raises(InputError, match="--first_stride 2: --netE resnet18 has one of its own; leave the flag out"):
        make(netE="resnet18", nef=64, first_stride=2)


def rings(rng, count=16, side=60):
    """Pictures of rings about their middle, of a random width and phase: every tile shows from which side it is."""
    y, x = np.mgrid[:side, :side] - side / 2 + 0.5
    phase, width = rng.uniform(0, 6, (count, 1, 1)), rng.uniform(5, 8, (count, 1, 1))
    grey = np.cos(np.hypot(y, x) * 6.3 / width + phase) * 100 + 128
    return torch.from_numpy(np.repeat(grey[:, None], 3, 1).astype(np.uint8))


def test_it_learns_to_solve_puzzles():
    method = make(tile_px=19, crop_size=60, permutations=6)
    optimizer = torch.optim.Adam(method.networks.parameters(), 0.005)
    pictures = rings(np.random.default_rng(0))
    losses = []
    for epoch in range(1, 41):
        loss, _ = method.losses("E", method(batch_of(method, pictures, epoch)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] == pytest.approx(math.log(6), abs=1e-5)
    assert np.mean(losses[-5:]) < 0.25 * math.log(6)
