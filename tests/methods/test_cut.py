"""CUT and FastCUT against a second implementation that takes one sample, one tap and one patch at a time."""

import math
from dataclasses import asdict, fields
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from translate.errors import InputError
from translate.methods import CUT
from translate.methods.cut import CutOptions, CutState
from translate.options import NetworkOptions
from translate.settings import resolve

TINY = {"netG": "resnet_4blocks", "ngf": 2, "ndf": 2, "netF_nc": 6, "num_patches": 7, "init_gain": 1.0}
NETWORK_FLAGS = {field.name for field in fields(NetworkOptions)}
Sizes = dict[str, tuple[int, int]]
SQUARE: Sizes = {"A": (16, 16), "B": (16, 16)}
DIFFERENT: Sizes = {"A": (16, 20), "B": (24, 16)}


def make_method(channels: tuple[int, int] = (3, 3), **flags: Any) -> CUT:
    values = {**TINY, **flags}
    settings = resolve({**values, "netD": values.get("netD", "pixel")})
    torch.manual_seed(0)
    method = CUT(settings.method, settings.networks, *channels).double().train()
    for name, parameter in method.networks.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.1)  # else there are feature vectors of length 0
    return method


def make_batch(
    method: CUT, count: int = 1, sizes: Sizes = SQUARE, mirrored: list[bool] | None = None
) -> dict[str, Any]:
    torch.manual_seed(1)
    batch: dict[str, Any] = {
        domain: torch.rand(count, 3, *size, dtype=torch.float64) * 2 - 1 for domain, size in sizes.items()
    }
    draws = [method.draw(np.random.default_rng(seed), sizes) for seed in range(count)]
    for name in draws[0]:
        values = [draw[name] for draw in draws]
        if isinstance(values[0], list):
            batch[name] = [torch.from_numpy(np.stack(column)) for column in zip(*values, strict=True)]
        else:
            batch[name] = torch.from_numpy(np.stack(values))
    if mirrored is not None:
        batch["mirrored"] = torch.tensor(mirrored)
    return batch


class SlowCut:
    """Losses of a step by the book: a separate pass for everything, explicit loops, the formulas as printed."""

    def __init__(self, method: CUT, batch: dict[str, Any]):
        self.options = method.options
        self.G, self.F, self.D = (method.networks[name] for name in "GFD")
        self.taps = method.taps
        self.batch = batch
        self.count = len(batch["A"])
        self.mirrored = batch["mirrored"].tolist() if self.options.flip_equivariance else [False] * self.count
        self.fakes = [self.translate("A", b) for b in range(self.count)]

    def translate(self, domain: str, b: int) -> Tensor:
        image = self.batch[domain][b : b + 1]
        return self.G(image.flip(3) if self.mirrored[b] else image)

    def discriminator(self) -> Tensor:
        fake = [self.logits(image.detach()) for image in self.fakes]
        real = [self.logits(self.batch["B"][b : b + 1]) for b in range(self.count)]
        total = 0.5 * (self.adversarial(fake, -1) + self.adversarial(real, 1))
        if self.options.gan_mode == "wgangp":
            total = total + self.options.lambda_gp * self.gradient_penalty()
        return total + self.options.lambda_R1 * self.r1()

    def logits(self, image: Tensor) -> Tensor:
        return self.D(image).flatten()

    def adversarial(self, logits: list[Tensor], sign: int, generator: bool = False) -> Tensor:
        mode = "generator" if generator and self.options.gan_mode == "hinge" else self.options.gan_mode
        formula = {
            "lsgan": lambda x: (x - (sign + 1) / 2) ** 2,
            "vanilla": lambda x: -torch.log(torch.sigmoid(sign * x)),
            "nonsaturating": lambda x: torch.log(1 + torch.exp(-sign * x)),
            "hinge": lambda x: torch.clamp(1 - sign * x, min=0),
            "wgangp": lambda x: -sign * x,
            "generator": lambda x: -x,
        }[mode]
        return torch.cat([formula(x) for x in logits]).mean()

    def gradient_at(self, image: Tensor) -> Tensor:
        image = image.detach().requires_grad_()
        return torch.autograd.grad(self.D(image).sum(), image, create_graph=True)[0]

    def gradient_penalty(self) -> Tensor:
        penalties = []
        for b, mix in enumerate(self.batch["mix"].tolist()):
            between = mix * self.batch["B"][b : b + 1] + (1 - mix) * self.fakes[b]
            penalties.append((self.gradient_at(between).square().sum().sqrt() - 1) ** 2)
        return torch.stack(penalties).mean()

    def r1(self) -> Tensor:
        return torch.stack(
            [0.5 * self.gradient_at(self.batch["B"][b : b + 1]).square().sum() for b in range(self.count)]
        ).mean()

    def generator(self) -> Tensor:
        total = torch.zeros((), dtype=torch.float64)
        if self.options.lambda_GAN > 0:
            logits = [self.logits(image) for image in self.fakes]
            total = total + self.options.lambda_GAN * self.adversarial(logits, 1, generator=True)
        if self.options.lambda_NCE > 0:
            total = total + self.contrast()
        return total

    def contrast(self) -> Tensor:
        nce = self.nce("A")
        return (nce + self.nce("B")) / 2 if self.options.nce_idt else nce

    def nce(self, domain: str) -> Tensor:
        """Mean over the taps of the mean over all patches."""
        outputs = self.fakes if domain == "A" else [self.translate("B", b) for b in range(self.count)]
        values = []
        for tap in range(len(self.taps)):
            queries = [self.vectors(outputs[b], self.mirrored[b], domain, tap, b) for b in range(self.count)]
            with torch.no_grad():
                sources = [self.batch[domain][b : b + 1] for b in range(self.count)]
                keys = [self.vectors(sources[b], False, domain, tap, b) for b in range(self.count)]
            values.append(self.patch_nce(queries, keys))
        return self.options.lambda_NCE * torch.stack(values).mean()

    def vectors(self, image: Tensor, flip: bool, domain: str, tap: int, b: int) -> list[Tensor]:
        """Unit vectors of one sample's patches at one tap."""
        x = image
        for index, layer in enumerate(self.G.model):
            x = layer(x)
            if index == self.taps[tap]:
                break
        if self.is_rectified(self.taps[tap]):
            x = x.relu()
        feature = (x.flip(3) if flip else x)[0].flatten(1)
        found = []
        for place in self.batch[f"positions_{domain}"][tap][b].tolist():
            vector = feature[:, place]
            if self.options.netF == "mlp_sample":
                vector = getattr(self.F, f"mlp_{tap}")(vector)
            found.append(vector / (vector.square().sum().sqrt() + 1e-7))
        return found

    def is_rectified(self, index: int) -> bool:
        """Without a norm in between, the ReLU behind a convolution works in place on what was tapped, if it is run."""
        following = [type(layer) for layer in self.G.model[index + 1 : self.taps[-1] + 1]]
        return following[:2] == [torch.nn.Identity, torch.nn.ReLU]

    def patch_nce(self, queries: list[list[Tensor]], keys: list[list[Tensor]]) -> Tensor:
        losses = []
        for b in range(self.count):
            everywhere = self.options.nce_includes_all_negatives_from_minibatch
            pool = [key for image in (keys if everywhere else [keys[b]]) for key in image]
            for query, key in zip(queries[b], keys[b], strict=True):
                exponents = torch.stack([query @ other for other in pool]) / self.options.nce_T
                losses.append(torch.logsumexp(exponents, 0) - query @ key / self.options.nce_T)
        return torch.stack(losses).mean()


def gradients(method: CUT, total: Tensor) -> dict[str, Tensor]:
    """The gradient of every parameter, by name; zero where there is none."""
    named = dict(method.named_parameters())
    found = torch.autograd.grad(total, list(named.values()), allow_unused=True)
    return {
        name: torch.zeros_like(parameter) if gradient is None else gradient
        for (name, parameter), gradient in zip(named.items(), found, strict=True)
    }


CASES: dict[str, dict[str, Any]] = {
    "CUT": {},
    "CUT, batch 2": {"count": 2},
    "FastCUT upright": {"CUT_mode": "FastCUT", "mirrored": [False]},
    "FastCUT mirrored": {"CUT_mode": "FastCUT", "mirrored": [True]},
    "some samples mirrored": {"CUT_mode": "FastCUT", "count": 3, "mirrored": [True, False, True]},
    "some mirrored, with identity": {"flip_equivariance": True, "count": 2, "mirrored": [False, True]},
    "sizes differ": {"sizes": DIFFERENT, "count": 2},
    "sizes differ, mirrored": {"sizes": DIFFERENT, "count": 2, "flip_equivariance": True, "mirrored": [True, False]},
    "negatives of the minibatch": {"count": 2, "nce_includes_all_negatives_from_minibatch": True},
    "weights": {"lambda_GAN": 0.3, "lambda_NCE": 2.0, "nce_T": 0.5},
    "adversarial only": {"lambda_NCE": 0},
    "contrast only": {"lambda_GAN": 0},
    "without a head": {"netF": "sample", "count": 2},
    "other taps": {"nce_layers": "res2,pixels,6"},
    "an overwritten last tap": {"nce_layers": "0,2"},
    "without norm": {"normG": "none", "count": 2},
    "patch discriminator": {"netD": "n_layers", "n_layers_D": 1},
    "R1": {"lambda_R1": 0.7, "count": 2},
    **{mode: {"gan_mode": mode, "count": 2} for mode in ("vanilla", "nonsaturating", "hinge", "wgangp")},
}


def split_case(case: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Flags, and what describes the batch."""
    about_batch = {name: value for name, value in case.items() if name in ("count", "sizes", "mirrored")}
    return {name: value for name, value in case.items() if name not in about_batch}, about_batch


@pytest.mark.parametrize("name", CASES)
def test_losses_and_gradients_are_those_of_the_slow_implementation(name):
    flags, about_batch = split_case(CASES[name])
    method = make_method(**flags)
    batch = make_batch(method, **about_batch)
    state = method(batch)
    slow = SlowCut(method, batch)
    for player in method.players:
        total, named = method.losses(player, state)
        expected = slow.discriminator() if player == "D" else slow.generator()
        assert total.item() == pytest.approx(expected.item(), rel=1e-10)
        assert set(named) <= {"D_fake", "D_real", "D_gp", "D_R1", "G", "G_GAN", "NCE", "NCE_Y"}
        mine, other = gradients(method, total), gradients(method, expected)
        scale = math.sqrt(sum(value.square().sum().item() for value in other.values()))
        for parameter, gradient in mine.items():
            assert (gradient - other[parameter]).norm().item() <= 1e-9 * scale, parameter


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


def total_losses(**flags: Any) -> dict[str, float]:
    method = make_method(**flags)
    state = method(make_batch(method, 2, mirrored=[True, True]))
    return {player: method.losses(player, state)[0].item() for player in method.players}


@pytest.mark.parametrize("option", [field.name for field in fields(CutOptions)])
def test_every_option_changes_a_loss(option):
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


def test_players_own_their_networks():
    assert make_method().players == {"D": ("D",), "G": ("G", "F")}
    assert list(make_method().players) == ["D", "G"]
    assert make_method(lambda_GAN=0).players == {"G": ("G", "F")}
    assert make_method(lambda_NCE=0).players == {"D": ("D",), "G": ("G",)}


def test_nothing_to_learn_is_refused():
    with pytest.raises(InputError, match="--lambda_GAN and --lambda_NCE are both 0"):
        make_method(lambda_GAN=0, lambda_NCE=0)


def test_unequal_channels_are_refused_with_contrast_only():
    with pytest.raises(InputError, match="--input_nc 1 and --output_nc 3 must be equal"):
        make_method(channels=(1, 3))
    method = make_method(channels=(1, 3), lambda_NCE=0)
    assert method.translate(torch.zeros(1, 1, 16, 16, dtype=torch.float64)).shape == (1, 3, 16, 16)


@pytest.mark.parametrize(
    ("layers", "said"), [("0,99", "no layer 99"), ("res5", "no layer 'res5'"), ("", "is empty"), (" , ", "is empty")]
)
def test_taps_that_are_not_there_are_refused(layers, said):
    with pytest.raises(InputError, match=rf"--nce_layers.*{said}"):
        make_method(nce_layers=layers)


def test_the_players_do_not_touch_each_other():
    method = make_method()
    state = method(make_batch(method))
    method.losses("D", state)[0].backward()
    assert all(p.grad is None for name in "GF" for p in method.networks[name].parameters())
    method.zero_grad()
    owned = [p for name in method.players["G"] for p in method.networks[name].parameters()]
    method.losses("G", state)[0].backward(inputs=owned)
    assert all(p.grad is None for p in method.networks["D"].parameters())
    assert all(p.grad is not None for p in owned)


def test_the_generator_meets_the_discriminator_as_updated():
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
def test_the_encoder_runs_no_more_often_than_needed(flags, mirrored, passes):
    method = make_method(**flags)
    runs: list[int] = []
    method.networks["G"].model[0].register_forward_hook(lambda *_: runs.append(1))
    state = method(make_batch(method, mirrored=mirrored))
    for player in method.players:
        method.losses(player, state)
    assert len(runs) == passes


def test_keys_are_targets():
    """No gradient reaches the source pictures by way of their features."""
    method = make_method(lambda_GAN=0, nce_idt=False)
    batch = make_batch(method)
    state = method(batch)
    fixed = CutState(batch, state.fake_B.detach(), None, None, None, None)
    source = batch["A"].requires_grad_()
    total, _ = method.losses("G", fixed)
    assert torch.autograd.grad(total, source, allow_unused=True) == (None,)


def test_draws_are_a_function_of_their_generator():
    method = make_method(CUT_mode="FastCUT", nce_idt=True, gan_mode="wgangp")
    first, again, other = (method.draw(np.random.default_rng(seed), SQUARE) for seed in (3, 3, 4))
    assert set(first) == {"positions_A", "positions_B", "mirrored", "mix"}
    for name in ("positions_A", "positions_B"):
        assert all(np.array_equal(a, b) for a, b in zip(first[name], again[name], strict=True))
        assert not all(np.array_equal(a, b) for a, b in zip(first[name], other[name], strict=True))
    assert (first["mirrored"], first["mix"]) == (again["mirrored"], again["mix"])
    assert not np.array_equal(first["positions_A"][1], first["positions_B"][1])


@pytest.mark.parametrize("num_patches", [1, 30, 100_000])
def test_positions_are_different_places_inside_their_maps(num_patches):
    method = make_method(num_patches=num_patches)
    drawn = method.draw(np.random.default_rng(0), DIFFERENT)
    for domain, size in DIFFERENT.items():
        sizes = method.networks["G"].tap_sizes(*size, method.taps)
        for positions, (height, width) in zip(drawn[f"positions_{domain}"], sizes, strict=True):
            assert len(positions) == min(num_patches, height * width)
            assert len(set(positions.tolist())) == len(positions)
            assert positions.min() >= 0
            assert positions.max() < height * width


def test_every_place_is_drawn_equally_often():
    method = make_method(num_patches=8, nce_layers="res1")
    counts = np.zeros(16)
    for seed in range(400):
        counts[method.draw(np.random.default_rng(seed), SQUARE)["positions_A"][0]] += 1
    assert counts.sum() == 3200
    assert np.abs(counts - 200).max() < 60  # six standard deviations of 10


def test_half_of_the_samples_are_mirrored_where_it_is_asked_for():
    method = make_method(CUT_mode="FastCUT")
    share = np.mean([method.draw(np.random.default_rng(seed), SQUARE)["mirrored"] for seed in range(400)])
    assert 0.4 < share < 0.6
    assert "mirrored" not in make_method().draw(np.random.default_rng(0), SQUARE)


@pytest.mark.parametrize(
    ("flags", "names"),
    [
        ({}, {"positions_A", "positions_B"}),
        ({"nce_idt": False}, {"positions_A"}),
        ({"lambda_NCE": 0}, set()),
        ({"lambda_NCE": 0, "gan_mode": "wgangp"}, {"mix"}),
    ],
)
def test_only_what_is_needed_is_drawn(flags, names):
    assert set(make_method(**flags).draw(np.random.default_rng(0), SQUARE)) == names


def test_the_coin_may_stay_on_the_host():
    """It decides what is run, so the loop leaves it there, wherever the pictures are."""
    method = make_method(CUT_mode="FastCUT").to("meta")
    pictures = {domain: torch.zeros(2, 3, 16, 16, dtype=torch.float64, device="meta") for domain in "AB"}
    state = method({**pictures, "mirrored": torch.tensor([True, False])})
    assert state.fake_B.device == state.mirrored.device == torch.device("meta")


def test_people_see_pictures_the_right_way_round():
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


def test_the_identity_picture_is_there_only_with_its_loss():
    for flags, there in (({}, True), ({"nce_idt": False}, False), ({"lambda_NCE": 0}, False)):
        method = make_method(**flags)
        assert ("idt_B" in method.pictures(method(make_batch(method)))) == there


def test_translate_is_the_generator():
    method = make_method()
    image = make_batch(method)["A"]
    assert torch.equal(method.translate(image), method.networks["G"](image))


def test_the_state_dict_holds_every_network():
    method = make_method()
    names = {key.split(".")[1] for key in method.state_dict()}
    assert names == {"G", "F", "D"}
    other = make_method(init_gain=0.5)
    other.load_state_dict(method.state_dict())
    assert total_of(other) == total_of(method)


def total_of(method: CUT) -> float:
    return method.losses("G", method(make_batch(method)))[0].item()
