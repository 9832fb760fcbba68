"""CUT and FastCUT as methods: what their options, draws, players and pictures are."""

from dataclasses import asdict, fields
from typing import Any

import numpy as np
import pytest
import torch

from translate.errors import InputError
from translate.methods.cut import CutOptions, CutState
from translate.settings import resolve

SQUARE = {"A": (16, 16), "B": (16, 16)}
DIFFERENT = {"A": (16, 20), "B": (24, 16)}

OTHER_VALUES: dict[str, tuple[Any, dict[str, Any]]] = {
    "CUT_mode": ("FastCUT", {}),
    "gan_mode": ("hinge", {}),
    "lambda_GAN": (0.5, {}),
    "lambda_NCE": (0.5, {}),
    "nce_idt": (False, {}),
    "flip_equivariance": (True, {}),
    "nce_layers": ("0,4", {}),
    "nce_T": (0.1, {}),
    "num_patches": (5, {}),
    "nce_includes_all_negatives_from_minibatch": (True, {}),
    "netF": ("sample", {}),
    "netF_nc": (5, {}),
    "lambda_gp": (1.0, {"gan_mode": "wgangp"}),
    "lambda_R1": (1.0, {}),
}


@pytest.mark.parametrize("option", [field.name for field in fields(CutOptions)])
def test_every_option_changes_a_loss(make_method, make_batch, option):
    def total_losses(**flags: Any) -> dict[str, float]:
        method = make_method(**flags)
        state = method(make_batch(method, 2, mirrored=[True, True]))
        return {player: method.losses(player, state)[0].item() for player in method.players}

    value, others = OTHER_VALUES[option]
    before, after = total_losses(**others), total_losses(**others, **{option: value})
    assert any(before[player] != pytest.approx(after[player], rel=1e-6) for player in before)


def test_published_modes():
    cut, fast = (resolve({"CUT_mode": mode}) for mode in ("CUT", "fastcut"))
    assert asdict(cut.method) == asdict(CutOptions())
    assert (cut.method.nce_idt, cut.method.lambda_NCE, cut.method.flip_equivariance) == (True, 1.0, False)
    assert (cut.optimizer.n_epochs, cut.optimizer.n_epochs_decay) == (200, 200)
    assert (fast.method.nce_idt, fast.method.lambda_NCE, fast.method.flip_equivariance) == (False, 10.0, True)
    assert (fast.optimizer.n_epochs, fast.optimizer.n_epochs_decay) == (150, 50)
    assert resolve({"CUT_mode": "FastCUT", "lambda_NCE": 3}).method.lambda_NCE == 3


def test_players_own_their_networks(make_method):
    assert make_method().players == {"D": ("D",), "G": ("G", "F")}
    assert list(make_method().players) == ["D", "G"]
    assert make_method(lambda_GAN=0).players == {"G": ("G", "F")}
    assert make_method(lambda_NCE=0).players == {"D": ("D",), "G": ("G",)}


def test_nothing_to_learn_is_refused(make_method):
    with pytest.raises(InputError, match="--lambda_GAN and --lambda_NCE are both 0"):
        make_method(lambda_GAN=0, lambda_NCE=0)


def test_unequal_channels_are_refused_with_contrast_only(make_method):
    with pytest.raises(InputError, match="--input_nc 1 and --output_nc 3 must be equal"):
        make_method(channels=(1, 3))
    method = make_method(channels=(1, 3), lambda_NCE=0)
    assert method.translate(torch.zeros(1, 1, 16, 16, dtype=torch.float64)).shape == (1, 3, 16, 16)


@pytest.mark.parametrize(
    ("layers", "said"), [("0,99", "no layer 99"), ("res5", "no layer 'res5'"), ("", "is empty"), (" , ", "is empty")]
)
def test_taps_that_are_not_there_are_refused(make_method, layers, said):
    with pytest.raises(InputError, match=rf"--nce_layers.*{said}"):
        make_method(nce_layers=layers)


def test_the_players_do_not_touch_each_other(make_method, make_batch):
    method = make_method()
    state = method(make_batch(method))
    method.losses("D", state)[0].backward()
    assert all(p.grad is None for name in "GF" for p in method.networks[name].parameters())
    method.zero_grad()
    owned = [p for name in method.players["G"] for p in method.networks[name].parameters()]
    method.losses("G", state)[0].backward(inputs=owned)
    assert all(p.grad is None for p in method.networks["D"].parameters())
    assert all(p.grad is not None for p in owned)


def test_the_generator_meets_the_discriminator_as_updated(make_method, make_batch):
    method = make_method()
    state = method(make_batch(method))
    before = method.losses("G", state)[1]["G_GAN"].item()
    with torch.no_grad():
        list(method.networks["D"].parameters())[-1].add_(0.5)
    assert method.losses("G", state)[1]["G_GAN"].item() != pytest.approx(before)


@pytest.mark.parametrize(
    ("flags", "mirrored", "passes"),
    [
        ({}, None, 2),  # both pictures to their outputs, both outputs to their features
        ({"CUT_mode": "FastCUT"}, [False], 2),
        ({"CUT_mode": "FastCUT"}, [True], 3),  # features of the mirrored picture are not the mirror of its features
        ({"normG": "batch"}, None, 5),
        ({"no_dropout": False}, None, 5),
        ({"lambda_NCE": 0}, None, 1),
    ],
)
def test_the_encoder_runs_no_more_often_than_needed(make_method, make_batch, flags, mirrored, passes):
    method = make_method(**flags)
    runs: list[int] = []
    method.networks["G"].model[0].register_forward_hook(lambda *_: runs.append(1))
    state = method(make_batch(method, mirrored=mirrored))
    for player in method.players:
        method.losses(player, state)
    assert len(runs) == passes


def test_keys_are_targets(make_method, make_batch):
    """No gradient reaches the source pictures by way of their features."""
    method = make_method(lambda_GAN=0, nce_idt=False)
    batch = make_batch(method)
    state = method(batch)
    places = [contrast._replace(keys=None) for contrast in state.contrasts]
    fixed = CutState(batch, state.fake_B.detach(), None, None, places)
    source = batch["A"].requires_grad_()
    total, _ = method.losses("G", fixed)
    assert torch.autograd.grad(total, source, allow_unused=True) == (None,)


def test_pictures_that_cannot_be_mixed_are_refused_in_words(make_method, make_batch):
    method = make_method(gan_mode="wgangp")
    with pytest.raises(InputError, match=r"wgangp .* different sizes \(20x16 and 16x24\): use --preprocess resize_and"):
        method.losses("D", method(make_batch(method, sizes=DIFFERENT)))
    without = make_method(gan_mode="wgangp", lambda_gp=0)
    without.losses("D", without(make_batch(without, sizes=DIFFERENT)))


def test_draws_are_a_function_of_their_generator(make_method):
    method = make_method(CUT_mode="FastCUT", nce_idt=True, gan_mode="wgangp")
    first, again, other = (method.draw(np.random.default_rng(seed), SQUARE) for seed in (3, 3, 4))
    assert set(first) == {"positions_A", "positions_B", "mirrors", "mirrored", "mix"}
    for name in ("positions_A", "positions_B"):
        assert all(np.array_equal(a, b) for a, b in zip(first[name], again[name], strict=True))
        assert not all(np.array_equal(a, b) for a, b in zip(first[name], other[name], strict=True))
    assert (first["mirrored"], first["mix"]) == (again["mirrored"], again["mix"])
    assert not np.array_equal(first["positions_A"][1], first["positions_B"][1])


@pytest.mark.parametrize("num_patches", [1, 30, 100_000])
def test_positions_are_different_places_inside_their_maps(make_method, num_patches):
    method = make_method(num_patches=num_patches)
    drawn = method.draw(np.random.default_rng(0), DIFFERENT)
    for domain, size in DIFFERENT.items():
        sizes = method.networks["G"].tap_sizes(*size, method.taps)
        for positions, (height, width) in zip(drawn[f"positions_{domain}"], sizes, strict=True):
            assert len(positions) == min(num_patches, height * width)
            assert len(set(positions.tolist())) == len(positions)
            assert positions.min() >= 0
            assert positions.max() < height * width


def test_every_place_is_drawn_equally_often(make_method):
    method = make_method(num_patches=8, nce_layers="res1")
    counts = np.zeros(16)
    for seed in range(400):
        counts[method.draw(np.random.default_rng(seed), SQUARE)["positions_A"][0]] += 1
    assert counts.sum() == 3200
    assert np.abs(counts - 200).max() < 60  # six standard deviations of 10


def test_half_of_the_samples_are_mirrored_where_it_is_asked_for(make_method):
    method = make_method(CUT_mode="FastCUT")
    drawn = [method.draw(np.random.default_rng(seed), SQUARE) for seed in range(400)]
    assert 0.4 < np.mean([each["mirrors"] for each in drawn]) < 0.6
    assert all(each["mirrored"].tolist() == [each["mirrors"]] for each in drawn)


@pytest.mark.parametrize(
    ("flags", "names"),
    [
        ({}, {"positions_A", "positions_B"}),
        ({"nce_idt": False}, {"positions_A"}),
        ({"lambda_NCE": 0}, set()),
        ({"lambda_NCE": 0, "gan_mode": "wgangp"}, {"mix"}),
    ],
)
def test_only_what_is_needed_is_drawn(make_method, flags, names):
    assert set(make_method(**flags).draw(np.random.default_rng(0), SQUARE)) == names


def test_the_coin_may_stay_on_the_host(make_method):
    """It decides what is run, so the loop leaves it there, wherever the pictures are."""
    method = make_method(CUT_mode="FastCUT").to("meta")
    pictures = {domain: torch.zeros(2, 3, 16, 16, dtype=torch.float64, device="meta") for domain in "AB"}
    there = torch.zeros(2, 1, dtype=torch.bool, device="meta")
    places = [torch.zeros(2, 7, dtype=torch.long, device="meta") for _ in method.taps]
    state = method({**pictures, "mirrors": torch.tensor([True, False]), "mirrored": there, "positions_A": places})
    assert state.fake_B.device == state.mirrored.device == torch.device("meta")


def test_people_see_pictures_the_right_way_round(make_method, make_batch):
    method = make_method(flip_equivariance=True)
    upright, mirrored = (make_batch(method, 2, mirrored=[flag, False]) for flag in (False, True))
    state = method(mirrored)
    pictures = method.pictures(state)
    assert set(pictures) == {"real_A", "fake_B", "real_B", "idt_B"}
    assert all(image.shape == (3, 16, 16) and not image.requires_grad for image in pictures.values())
    assert torch.equal(pictures["real_A"], upright["A"][0])
    expected = method.translate(upright["A"][:1].flip(3))[0].flip(2)
    torch.testing.assert_close(pictures["fake_B"], expected)
    torch.testing.assert_close(state.fake_B[0], expected.flip(2))
    assert set(make_method(nce_idt=False).pictures(state)) >= {"real_A", "fake_B", "real_B"}


def test_the_identity_picture_is_there_only_with_its_loss(make_method, make_batch):
    for flags, there in (({}, True), ({"nce_idt": False}, False), ({"lambda_NCE": 0}, False)):
        method = make_method(**flags)
        assert ("idt_B" in method.pictures(method(make_batch(method)))) == there


def test_translate_is_the_generator(make_method, make_batch):
    method = make_method()
    image = make_batch(method)["A"]
    assert torch.equal(method.translate(image), method.networks["G"](image))


def test_the_state_dict_holds_every_network(make_method, make_batch):
    method, other = make_method(), make_method(init_gain=0.5)
    assert {key.split(".")[1] for key in method.state_dict()} == {"G", "F", "D"}
    other.load_state_dict(method.state_dict())
    batch = make_batch(method)
    losses = [m.losses("G", m(batch))[0].item() for m in (method, other)]
    assert losses[0] == losses[1]
