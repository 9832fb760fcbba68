"""Split-brain autoencoders as a method: targets, where the losses start, who learns from what, and that it learns."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from skimage.color import rgb2lab
from torch import Tensor, nn

from translate.errors import InputError
from translate.methods.rotation import Rotation, RotationOptions
from translate.methods.split_brain import SplitBrain, SplitBrainOptions, colour_classes, lightness_classes
from translate.networks.gamut import gamut_bins
from translate.options import NetworkOptions
from translate.pretrained import PretrainedEncoder
from translate.settings import resolve

KINDS = ("classes", "regression")


def make_method(fresh: bool = False, **flags: Any) -> SplitBrain:
    """A tiny one in float64; unless it is to be fresh, its last layers are no longer zero."""
    torch.manual_seed(0)
    options = SplitBrainOptions(**{"netE": "split_alexnet", "nef": 4, "head_nc": 4, **flags})
    method = SplitBrain(options, NetworkOptions(init_type="kaiming")).double().train()
    if not fresh:
        for head in method.networks["H"].values():
            nn.init.normal_(head[-1].weight, std=0.3)
    return method


def some_pictures(count: int = 2, side_px: int = 49, seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).random((count, 3, side_px, side_px))) * 2 - 1


def in_lab(pictures: Tensor) -> np.ndarray:
    """(B, H, W, 3) as scikit-image has it."""
    return rgb2lab((pictures.permute(0, 2, 3, 1).numpy() + 1) / 2)


def losses_of(method: SplitBrain, pictures: Tensor) -> dict[str, Tensor]:
    return method.losses("E", method({"A": pictures}))[1]


class TestTargets:
    def test_they_are_the_pixels_in_the_middle_of_what_each_place_sees(self):
        pictures = some_pictures()
        state = make_method()({"A": pictures})
        expected = in_lab(pictures)[:, ::16, ::16].transpose(0, 3, 1, 2)
        assert np.abs(state.target.numpy() - expected).max() < 1e-9
        assert state.predicted_ab.shape == (2, 313, 4, 4) and state.predicted_L.shape == (2, 50, 4, 4)

    @given(st.integers(0, 2**32 - 1))
    def test_colours_are_in_their_nearest_bin(self, seed):
        pictures = some_pictures(1, 5, seed)
        ab = in_lab(pictures)[0, ..., 1:]
        squares = ((ab[:, :, None] - gamut_bins().numpy()) ** 2).sum(-1)
        found = colour_classes(torch.from_numpy(ab).permute(2, 0, 1)[None], gamut_bins())[0].numpy()
        assert np.array_equal(found, squares.argmin(-1))

    @given(st.floats(0, 100))
    def test_lightness_is_in_bins_of_two(self, lightness):
        found = lightness_classes(torch.full((1, 1, 1), lightness, dtype=torch.float64)).item()
        assert 0 <= found <= 49
        assert 2 * found <= lightness <= 2 * found + 2

    def test_white_and_black_are_in_the_last_and_the_first_bin(self):
        assert lightness_classes(torch.tensor([[[0.0, 1.999, 2.0, 100.0, 100.0001, -0.0001]]])).tolist() == [
            [[0, 0, 1, 49, 49, 0]]
        ]


class TestLosses:
    def test_they_start_at_ln_313_and_ln_50(self):
        method = make_method(fresh=True)
        found = losses_of(method, some_pictures())
        assert found["L_to_ab"].item() == pytest.approx(math.log(313))
        assert found["ab_to_L"].item() == pytest.approx(math.log(50))
        assert found["split_brain"].item() == pytest.approx(math.log(313) + math.log(50))
        assert found["accuracy_ab"].item() == pytest.approx(1 / 313)
        assert found["accuracy_L"].item() == pytest.approx(1 / 50)
        levels = method.levels(49, 2)
        assert {name: level.value for name, level in levels.items()} == {
            "L_to_ab": pytest.approx(math.log(313)), "ab_to_L": pytest.approx(math.log(50)),
        }  # fmt: skip

    def test_classes_against_a_loop(self):
        method, pictures = make_method(), some_pictures()
        state = method({"A": pictures})
        lab = in_lab(pictures)[:, ::16, ::16]
        bins = gamut_bins().numpy()
        expected = {"L_to_ab": [], "ab_to_L": []}
        for b, y, x in np.ndindex(2, 4, 4):
            lightness, *ab = lab[b, y, x]
            rights = {"L_to_ab": ((bins - ab) ** 2).sum(1).argmin(), "ab_to_L": min(int(lightness // 2), 49)}
            for name, logits in (("L_to_ab", state.predicted_ab), ("ab_to_L", state.predicted_L)):
                values = logits[b, :, y, x].detach().numpy()
                expected[name].append(math.log(np.exp(values).sum()) - values[rights[name]])
        _, found = method.losses("E", state)
        for name, values in expected.items():
            assert found[name].item() == pytest.approx(np.mean(values), rel=1e-9)

    def test_regression_in_units_of_the_deviation(self):
        method, pictures = make_method(split_loss="regression"), some_pictures()
        state = method({"A": pictures})
        lab = in_lab(pictures)[:, ::16, ::16].transpose(0, 3, 1, 2)
        _, found = method.losses("E", state)
        ab, lightness = lab[:, 1:] / 15, (lab[:, :1] - 50) / 25
        assert found["L_to_ab"].item() == pytest.approx(np.mean((state.predicted_ab.detach().numpy() - ab) ** 2))
        assert found["ab_to_L"].item() == pytest.approx(np.mean((state.predicted_L.detach().numpy() - lightness) ** 2))
        assert found["split_brain"] == found["L_to_ab"] + found["ab_to_L"]
        assert "accuracy_ab" not in found and not method.levels(49, 2)

    def test_half_precision_around_them_gives_losses_in_float32(self):
        method = make_method().float()
        with torch.autocast("cpu", torch.bfloat16):
            found = losses_of(method, some_pictures().float())
        whole = losses_of(method, some_pictures().float())
        for name in ("L_to_ab", "ab_to_L"):
            assert found[name].dtype == torch.float32
            assert found[name].item() == pytest.approx(whole[name].item(), rel=0.05)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("name", "half", "own"), [("L_to_ab", 0, "ab"), ("ab_to_L", 1, "L")])
def test_each_task_teaches_its_own_half_alone(kind, name, half, own):
    method = make_method(split_loss=kind)
    losses_of(method, some_pictures())[name].backward()
    encoder, heads = method.networks["E"], method.networks["H"]
    other = {"ab": "L", "L": "ab"}[own]
    assert all(weight.grad.any() for weight in heads[own][0].parameters() if weight.ndim > 1)
    assert all(weight.grad is None for weight in heads[other].parameters())
    for tap in encoder.taps[1:]:
        gradients = encoder.get_parameter(f"{tap}.0.weight").grad.chunk(2)
        assert gradients[half].any() and not gradients[1 - half].any()
    first = encoder.conv1[0]
    seen, unseen = (first.L, first.ab) if half == 0 else (first.ab, first.L)
    assert seen.weight.grad.any() and not unseen.weight.grad.any()


@pytest.mark.parametrize(("half", "own"), [(0, "ab"), (1, "L")])
def test_what_is_asked_for_is_not_told(half, own):
    """Other colours, or another lightness, change what is asked but not what is answered."""
    method = make_method().eval()
    encoder, head = method.networks["E"], method.networks["H"][own]
    first, second = (torch.from_numpy(in_lab(some_pictures(seed=seed))).permute(0, 3, 1, 2) for seed in (0, 1))
    mixed = torch.cat([first[:, :1], second[:, 1:]], 1) if own == "ab" else torch.cat([second[:, :1], first[:, 1:]], 1)
    with torch.no_grad():
        answers = [head(encoder.halves(list(encoder.run_lab(lab))[-1][1])[half]) for lab in (first, mixed, second)]
    assert torch.equal(answers[0], answers[1])
    assert not torch.equal(answers[0], answers[2])


@pytest.mark.parametrize("kind", KINDS)
def test_its_pictures_are_in_range_and_keep_what_was_seen(kind):
    method = make_method(split_loss=kind)
    pictures = some_pictures()
    shown = method.pictures(method({"A": pictures}))
    assert shown.keys() == {"real_A", "colours_A", "lightness_A"}
    assert all(picture.shape == (3, 49, 49) and picture.abs().max() <= 1 for picture in shown.values())
    assert torch.allclose(shown["real_A"], pictures[0], atol=1e-4)
    grey = make_method(fresh=True, split_loss="regression")
    plain = grey.pictures(grey({"A": pictures}))
    lab = {label: in_lab(picture[None])[0] for label, picture in plain.items()}
    assert np.abs(lab["colours_A"][..., 1:]).max() < 0.1  # nothing was learned: no colour,
    assert np.abs(lab["colours_A"][..., 0] - lab["real_A"][..., 0]).max() < 0.1
    assert abs(np.median(lab["lightness_A"][..., 0]) - 50) < 2  # and middle lightness


def test_a_prediction_that_is_right_is_shown_as_the_picture():
    method, plain = make_method(), torch.full((1, 3, 33, 33), 0.2, dtype=torch.float64)
    plain[:, 0] = 0.4
    state = method({"A": plain})
    classes = colour_classes(state.target[:, 1:], method.bins), lightness_classes(state.target[:, 0])
    for name, right, count in (("predicted_ab", classes[0], 313), ("predicted_L", classes[1], 50)):
        setattr(state, name, 99.0 * nn.functional.one_hot(right, count).movedim(-1, 1))
    shown = method.pictures(state)
    # The middles of the bins are up to 5 units of a and b, and 1 of L, from what they stand for.
    assert all((shown[label] - plain[0]).abs().max() < 0.15 for label in ("colours_A", "lightness_A"))


@pytest.mark.parametrize("level", [0, 7, 49])
def test_a_bin_of_lightness_is_shown_as_its_middle(level):
    method = make_method()
    state = method({"A": torch.zeros(1, 3, 33, 33, dtype=torch.float64)})
    state.predicted_L = torch.zeros_like(state.predicted_L)
    state.predicted_L[:, level] = 99.0
    lightness = in_lab(method.pictures(state)["lightness_A"][None])[0, ..., 0]
    assert np.abs(lightness - (2 * level + 1)).max() < 0.05


@pytest.mark.parametrize("kind", KINDS)
def test_it_learns_what_goes_with_what(kind):
    """Dark is blue and bright is yellow: either tells the other."""
    method = make_method(fresh=True, split_loss=kind, nef=8, head_nc=16).float()
    optimizer = torch.optim.Adam(method.parameters(), lr=1e-2)
    colours = torch.tensor([[-0.8, -0.8, 0.2], [0.9, 0.8, -0.4]])
    seen = []
    for step in range(60):
        which = torch.from_numpy(np.random.default_rng(step).integers(0, 2, (12, 1, 1)))
        pictures = colours[which].permute(0, 3, 1, 2).expand(-1, -1, 32, 32)
        found = losses_of(method, pictures)
        seen.append([found[name].item() for name in method.falling])
        optimizer.zero_grad()
        found["split_brain"].backward()
        optimizer.step()
    last = np.mean(seen[-5:], axis=0)
    if kind == "classes":
        assert (last < math.log(2) / 2).all()  # guessing which of the two it is comes to ln 2
    else:
        assert (last < 0.2 * np.array(seen[0])).all()


def test_its_encoder_is_known_by_its_weights_alone(tmp_path):
    method = make_method().float().eval()
    torch.save(method.networks["E"].state_dict(), tmp_path / "weights.pth")
    loaded = PretrainedEncoder.load(tmp_path / "weights.pth").network
    pictures = some_pictures().float()
    with torch.no_grad():
        assert torch.equal(loaded(pictures), method.networks["E"](pictures))


def test_other_methods_train_it_as_a_whole():
    torch.manual_seed(0)
    rotation = Rotation(RotationOptions(netE="split_alexnet", nef=4), NetworkOptions(init_type="kaiming"))
    nn.init.normal_(rotation.networks["H"].layers[-1].weight)
    rotation.losses("E", rotation({"A": some_pictures().float()}))[0].backward()
    assert all(weight.grad.any() for weight in rotation.networks["E"].parameters())


def test_encoders_without_halves_are_refused():
    with pytest.raises(InputError, match="--netE alexnet has no halves for split_brain: use --netE split_alexnet"):
        make_method(netE="alexnet")


def test_pictures_without_colours_are_refused():
    with pytest.raises(InputError, match="split_brain tells colours by lightness, and pictures of 1 channels have no"):
        SplitBrain(SplitBrainOptions(netE="split_alexnet"), NetworkOptions(), input_nc=1)


def test_the_published_crops_are_the_default():
    settings = resolve({"model": "split_brain", "dataroot": "none"})
    assert (settings.method.netE, settings.data.load_size, settings.data.crop_size) == ("split_alexnet", 256, 180)
