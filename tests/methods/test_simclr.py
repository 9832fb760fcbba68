"""SimCLR against its formula in numpy, and what it refuses."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from translate.errors import InputError
from translate.settings import resolve
from translate.training.job import build_method
from translate.training.preparing import Preparation
from translate.training.run import train_from_flags
from translate.views.random_views import SIMCLR, draw_view, make_view

TINY = {
    "model": "simclr",
    "dataroot": "none",
    "nef": 4,
    "feature_nc": 6,
    "input_nc": 3,
    "output_nc": 3,
    "no_blur": True,
}
SIDE_PX = 64


def make(**flags):
    return build_method(resolve({**TINY, **flags})).double().train()


def batch_of(method, count=4, epoch=1, side_px=SIDE_PX):
    """Waves of another colour, width and direction each, with the draws of an epoch."""
    y, x = np.mgrid[:side_px, :side_px] / side_px
    pictures = []
    for number in range(count):
        rng = np.random.default_rng(number)
        waves = [np.sin(2 * np.pi * (rng.uniform(-4, 4) * x + rng.uniform(-4, 4) * y)) for _ in range(3)]
        pictures.append((127.5 + 100 * np.stack(waves)).astype(np.uint8))
    raw = {"A": torch.from_numpy(np.stack(pictures)), "epoch": epoch, "index": list(range(count))}
    ready = Preparation(method, 0, torch.device("cpu"))(raw)
    like = next(method.parameters()).dtype
    return {key: value.to(like) if key == "A" else value for key, value in ready.items()}


def slow_loss(features, temperature):
    """Mean loss and accuracy of (2, N, D) vectors of any length, term by term."""
    flat = features.reshape(-1, features.shape[2])
    flat = flat / np.sqrt((flat**2).sum(1, keepdims=True))
    losses, hits = [], []
    for i in range(len(flat)):
        partner = (i + len(flat) // 2) % len(flat)
        others = {k: flat[i] @ flat[k] / temperature for k in range(len(flat)) if k != i}
        losses.append(math.log(sum(map(math.exp, others.values()))) - others[partner])
        hits.append(max(others, key=others.get) == partner)
    return np.mean(losses), np.mean(hits)


@pytest.mark.parametrize("flags", [{}, {"temperature": 0.5}, {"head_layers": 3, "head_nc": 8}, {"normE": "none"}])
def test_its_loss_is_the_formula_of_its_features(flags):
    method = make(**flags)
    batch = batch_of(method)
    state = method(batch)
    total, named = method.losses("E", state)
    encoder, head = method.networks["E"], method.networks["H"]
    with torch.no_grad():
        features = head(encoder(torch.cat(state.views)).mean((2, 3))).view(2, 4, 6).numpy()
    loss, hits = slow_loss(features, flags.get("temperature", 0.1))
    assert total.item() == named["NT_Xent"].item() == pytest.approx(loss, rel=1e-9)
    assert named["accuracy"].item() == pytest.approx(hits)
    total.backward()
    assert all(weight.grad.abs().max() > 0 for name, weight in method.named_parameters() if name.endswith("weight"))


def test_its_views_are_those_of_its_draws():
    method = make(view_px=50, no_blur=False)
    batch = batch_of(method)
    found = method(batch).views
    assert found[0].shape == (4, 3, 50, 50)
    assert (found[0] - found[1]).abs().mean() > 0.05
    for number, view in enumerate(found, start=1):
        drawn = {key[:-2]: value for key, value in batch.items() if key.endswith(f"_{number}")}
        assert drawn.keys() == draw_view(np.random.default_rng(0), SIMCLR, (8, 8)).keys()
        torch.testing.assert_close(view, make_view(batch["A"], drawn, SIMCLR, 50), rtol=0, atol=0)


def test_both_views_are_drawn_as_published():
    assert make(no_blur=False).recipes == (SIMCLR, SIMCLR)


def test_without_batch_norms_in_the_encoder_there_are_none_in_the_head():
    def norms(method):
        return sum(isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d) for layer in method.modules())

    assert norms(make()) == 5 + 2
    assert norms(make(normE="none")) == 0


def test_levels_are_those_of_equal_features():
    levels = make().levels(SIDE_PX, 32)
    assert levels["NT_Xent"].value == pytest.approx(math.log(63)) and levels["accuracy"].value == pytest.approx(1 / 63)


def test_pictures_are_the_first_and_its_views():
    method = make()
    batch = batch_of(method)
    shown = method.pictures(method(batch))
    assert shown.keys() == {"real_A", "view_1", "view_2"}
    assert torch.equal(shown["real_A"], batch["A"][0])
    assert all(picture.abs().max() <= 1 for picture in shown.values())


def test_it_learns_to_tell_pictures_apart():
    method = make(jitter=0.2, crop_min=0.4, temperature=0.2, nef=8, feature_nc=32).float()
    optimizer = torch.optim.Adam(method.parameters(), lr=0.01)
    losses = []
    for step in range(40):
        loss, _ = method.losses("E", method(batch_of(method, 8, epoch=step + 1)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert np.mean(losses[-5:]) < 0.6 * math.log(15)


@pytest.mark.parametrize(("flags", "said"), [
    ({"head_layers": 1, "head_nc": 9}, "--head_nc 9 has no effect, since a head of one layer has none that is hidden"),
    ({"temperature": 0}, "--temperature 0.0 is too small"),
    ({"crop_min": 0}, "--crop_min 0.0 is too small"),
    ({"crop_min": 1.5}, "--crop_min 1.5 is too large"),
])  # fmt: skip
def test_what_cannot_be_is_refused(flags, said):
    with pytest.raises(InputError, match=said):
        make(**flags)


def test_views_that_leave_no_map_name_the_smallest_that_do():
    with pytest.raises(InputError, match=r"--view_px 20 is too small for --netE caffenet: use 35 or more"):
        make(netE="caffenet", view_px=20).check_size(224)
    with pytest.raises(InputError, match=r"--crop_size 20 is too small"):
        make(netE="caffenet").check_size(20)
    make(netE="caffenet", view_px=35).check_size(20)


def test_a_batch_in_parts_is_refused_and_one_among_processes_is_not():
    with pytest.raises(InputError, match=r"--accumulate 2: .* use --accumulate 1 with a smaller --batch_size"):
        make().check_shared(1, 2)
    make().check_shared(4, 1)


def test_a_picture_alone_has_nothing_to_be_told_from():
    with pytest.raises(InputError, match="--batch_size 1 leaves a picture no other"):
        make().check_batch(1, 1)
    make().check_batch(2, 2)


@pytest.mark.parametrize(
    ("wrong", "said"), [({"batch_size": 4, "accumulate": 2}, "--accumulate 2"), ({"batch_size": 1}, "--batch_size 1")]
)
def test_a_run_says_at_once_what_its_batch_cannot_be(wrong, said, tmp_path, make_domains):
    data = make_domains(tmp_path / "data", size=(70, 70))
    flags = {**TINY, "dataroot": str(data), "checkpoints_dir": str(tmp_path / "runs"), "gpu_ids": "-1"}
    with pytest.raises(InputError, match=said):
        train_from_flags({**flags, "load_size": 64, "crop_size": 64, **wrong})
    assert not (tmp_path / "runs").exists()
