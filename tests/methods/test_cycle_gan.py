"""CycleGAN: losses against a slow version, what is run how often, what is saved."""

import io
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from translate.errors import InputError
from translate.methods.cycle_gan import CycleGAN, CycleGANOptions, CycleGANState
from translate.settings import resolve
from translate.training.preparing import Preparation

TINY = {"model": "cycle_gan", "netG": "resnet_4blocks", "ngf": 2, "netD": "pixel", "ndf": 2, "init_gain": 0.5}
SQUARE = {"A": (16, 16), "B": (16, 16)}
DIFFERENT = {"A": (16, 20), "B": (24, 16)}
LOGGED = {"G_A", "cycle_A", "idt_A", "G_B", "cycle_B", "idt_B", "D_A", "D_B"}


def make_method(channels: tuple[int, int] = (3, 3), **flags: Any) -> CycleGAN:
    settings = resolve({**TINY, **flags})
    torch.manual_seed(0)
    return CycleGAN(settings.method, settings.networks, *channels).double().train()


def make_batch(
    method: CycleGAN, count: int = 1, sizes: dict[str, tuple[int, int]] = SQUARE, step: int = 1, channels=(3, 3)
) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(step)
    batch: dict[str, Any] = {
        domain: torch.rand(count, c, *sizes[domain], dtype=torch.float64, generator=generator) * 2 - 1
        for domain, c in zip("AB", channels, strict=True)
    }
    draws = [method.draw(np.random.default_rng([step, sample]), sizes) for sample in range(count)]
    return {**batch, **{name: torch.from_numpy(np.stack([draw[name] for draw in draws])) for name in draws[0]}}


def run_step(method: CycleGAN, optimizers: dict[str, torch.optim.Optimizer], batch: dict[str, Any]) -> dict[str, float]:
    state, logged = method(batch), {}
    for player, optimizer in optimizers.items():
        total, named = method.losses(player, state)
        optimizer.zero_grad()
        total.backward(inputs=[p for name in method.players[player] for p in method.networks[name].parameters()])
        optimizer.step()
        logged |= {name: loss.item() for name, loss in named.items()}
    method.after_step()
    return logged


def make_optimizers(method: CycleGAN) -> dict[str, torch.optim.Optimizer]:
    return {
        player: torch.optim.Adam([p for name in names for p in method.networks[name].parameters()], lr=1e-3)
        for player, names in method.players.items()
    }


class SlowCycle:
    """Losses of a step by the book: one sample and one network at a time, the formulas as printed."""

    def __init__(self, method: CycleGAN, batch: dict[str, Tensor], shown: dict[str, list[Tensor]]):
        self.method, self.options, self.shown = method, method.options, shown
        self.A, self.B = ([image[None] for image in batch[domain]] for domain in "AB")

    def net(self, name: str, images: list[Tensor]) -> list[Tensor]:
        return [self.method.networks[name](image) for image in images]

    def distance(self, one: list[Tensor], other: list[Tensor]) -> Tensor:
        return torch.cat([(a - b).abs().flatten() for a, b in zip(one, other, strict=True)]).mean()

    def adversarial(self, logits: list[Tensor], target: float) -> Tensor:
        return torch.cat([((x - target) ** 2).flatten() for x in logits]).mean()

    def losses(self) -> dict[str, Tensor]:
        o = self.options
        fake_B, fake_A = self.net("G_A", self.A), self.net("G_B", self.B)
        return {
            "G_A": self.adversarial(self.net("D_A", fake_B), 1),
            "G_B": self.adversarial(self.net("D_B", fake_A), 1),
            "cycle_A": o.lambda_A * self.distance(self.net("G_B", fake_B), self.A),
            "cycle_B": o.lambda_B * self.distance(self.net("G_A", fake_A), self.B),
            "idt_A": o.lambda_identity * o.lambda_B * self.distance(self.net("G_A", self.B), self.B),
            "idt_B": o.lambda_identity * o.lambda_A * self.distance(self.net("G_B", self.A), self.A),
            "D_A": self.judged("D_A", self.B, self.shown["B"]),
            "D_B": self.judged("D_B", self.A, self.shown["A"]),
        }

    def judged(self, name: str, real: list[Tensor], shown: list[Tensor]) -> Tensor:
        fakes = self.net(name, [image[None] for image in shown])
        return (self.adversarial(self.net(name, real), 1) + self.adversarial(fakes, 0)) / 2


@pytest.mark.parametrize("sizes", [SQUARE, DIFFERENT])
@pytest.mark.parametrize("norm", ["instance", "none"])
def test_losses_are_those_of_the_book(sizes, norm):
    method = make_method(lambda_A=3, lambda_B=7, lambda_identity=0.2, normG=norm, normD=norm, pool_size=1)
    method(make_batch(method, 2, sizes, step=1))
    batch = make_batch(method, 2, sizes, step=2)
    state = method(batch)
    expected = SlowCycle(method, batch, {"A": state.shown_A, "B": state.shown_B}).losses()
    for player, names in (("G", LOGGED - {"D_A", "D_B"}), ("D", {"D_A", "D_B"})):
        total, named = method.losses(player, state)
        assert set(named) == names
        assert total.item() == pytest.approx(sum(expected[name].item() for name in names), rel=1e-12)
        for name in names:
            assert named[name].item() == pytest.approx(expected[name].item(), rel=1e-12)


def test_gradients_are_those_of_the_book():
    method = make_method()
    batch = make_batch(method, 2)
    state = method(batch)
    expected = SlowCycle(method, batch, {"A": state.shown_A, "B": state.shown_B}).losses()
    for player, owned in method.players.items():
        parameters = [p for name in owned for p in method.networks[name].parameters()]
        total, named = method.losses(player, state)
        by_the_book = torch.autograd.grad(sum(expected[name] for name in named), parameters)
        for mine, other in zip(torch.autograd.grad(total, parameters), by_the_book, strict=True):
            torch.testing.assert_close(mine, other, rtol=1e-9, atol=1e-12)


def test_equal_logits_and_perfect_generators_have_analytic_values():
    method = make_method()
    for name in ("D_A", "D_B"):
        for parameter in method.networks[name].parameters():
            nn.init.zeros_(parameter)
    batch = make_batch(method)
    state = method(batch)
    perfect = CycleGANState(
        batch, batch["B"], batch["A"], batch["A"], batch["B"], batch["B"], batch["A"], state.shown_B, state.shown_A
    )
    total_G, named_G = method.losses("G", perfect)
    total_D, named_D = method.losses("D", perfect)
    assert {name: loss.item() for name, loss in {**named_G, **named_D}.items()} == {
        **dict.fromkeys(LOGGED, 0.0), "G_A": 1.0, "G_B": 1.0, "D_A": 0.5, "D_B": 0.5
    }  # fmt: skip
    assert (total_G.item(), total_D.item()) == (2.0, 1.0)


OTHER_VALUES: dict[str, Any] = {
    "gan_mode": "hinge", "lambda_A": 5.0, "lambda_B": 5.0, "lambda_identity": 0.1, "pool_size": 0
}  # fmt: skip


@pytest.mark.parametrize("option", [field.name for field in fields(CycleGANOptions)])
def test_every_option_changes_a_loss(option):
    def losses_of(**flags: Any) -> list[float]:
        method = make_method(**{"pool_size": 1, **flags})
        states = [method(make_batch(method, step=step)) for step in range(1, 5)]
        return [method.losses(player, state)[0].item() for state in states for player in method.players]

    before, after = losses_of(), losses_of(**{option: OTHER_VALUES[option]})
    assert before != pytest.approx(after, rel=1e-6)


def test_the_published_settings_are_the_defaults():
    settings = resolve({"model": "cycle_gan"})
    networks, optimizer, options = settings.networks, settings.optimizer, settings.method
    assert (networks.netG, networks.netD) == ("resnet_9blocks", "basic")
    assert (networks.normG, networks.normD) == ("instance", "instance")
    assert (networks.no_antialias, networks.no_antialias_up, networks.no_dropout) == (True, True, True)
    assert (networks.init_type, networks.init_gain) == ("normal", 0.02)
    assert (optimizer.n_epochs, optimizer.n_epochs_decay, optimizer.lr) == (100, 100, 2e-4)
    assert (options.lambda_A, options.lambda_B, options.lambda_identity, options.pool_size) == (10, 10, 0.5, 50)
    assert (options.gan_mode, settings.data.decay_load_size) == ("lsgan", "load_size")
    assert resolve({"model": "cycle_gan", "no_antialias": False, "init_type": "xavier"}).networks.no_antialias is False


def test_generators_move_first_and_discriminators_judge_the_other_domain():
    method = make_method(channels=(1, 3), lambda_identity=0)
    assert method.players == {"G": ("G_A", "G_B"), "D": ("D_A", "D_B")}
    assert list(method.players) == ["G", "D"]
    channels = {name: next(network.parameters()).shape[1] for name, network in method.networks.items()}
    assert channels == {"G_A": 1, "G_B": 3, "D_A": 3, "D_B": 1}
    batch = make_batch(method, channels=(1, 3))
    state = method(batch)
    assert (state.fake_B.shape[1], state.rec_A.shape[1], state.fake_A.shape[1]) == (3, 1, 1)
    assert set(method.losses("G", state)[1]) == {"G_A", "G_B", "cycle_A", "cycle_B"}
    assert set(method.pictures(state)) == {"real_A", "fake_B", "rec_A", "real_B", "fake_A", "rec_B"}


def test_unequal_channels_are_refused_with_the_identity_loss():
    with pytest.raises(InputError, match=r"--input_nc 1 and --output_nc 3 must be equal: .* --lambda_identity 0"):
        make_method(channels=(1, 3))


@pytest.mark.parametrize(
    ("flags", "sizes", "passes"),
    [
        # Translation, cycle with identity; fake, fake with real.
        ({}, SQUARE, {"G_A": 2, "G_B": 2, "D_A": 2, "D_B": 2}),
        ({}, DIFFERENT, {"G_A": 2, "G_B": 2, "D_A": 3, "D_B": 3}),
        ({"lambda_identity": 0}, SQUARE, {"G_A": 2, "G_B": 2, "D_A": 2, "D_B": 2}),
        ({"normG": "batch", "normD": "batch"}, SQUARE, {"G_A": 3, "G_B": 3, "D_A": 3, "D_B": 3}),
        ({"no_dropout": False}, SQUARE, {"G_A": 3, "G_B": 3, "D_A": 2, "D_B": 2}),
    ],
)
def test_networks_run_no_more_often_than_needed(flags, sizes, passes):
    method = make_method(**flags)
    runs = dict.fromkeys(method.networks, 0)

    def count(name: str) -> Any:
        def hook(*_: Any) -> None:
            runs[name] += 1

        return hook

    for name, network in method.networks.items():
        network.register_forward_hook(count(name))
    state = method(make_batch(method, sizes=sizes))
    for player in method.players:
        method.losses(player, state)
    assert runs == passes


def test_the_players_do_not_touch_each_other():
    method = make_method()
    state = method(make_batch(method))
    owned = {
        player: [p for name in names for p in method.networks[name].parameters()]
        for player, names in method.players.items()
    }
    method.losses("G", state)[0].backward(inputs=owned["G"])
    assert all(p.grad is not None for p in owned["G"])
    assert all(p.grad is None for p in owned["D"])
    method.zero_grad()
    method.losses("D", state)[0].backward()
    assert all(p.grad is not None for p in owned["D"])
    assert all(p.grad is None for p in owned["G"])


def test_discriminators_see_former_fakes():
    method = make_method(pool_size=1)
    first = method(make_batch(method, step=1))
    batch = {**make_batch(method, step=2), "pool_A": torch.tensor([0]), "pool_B": torch.tensor([-1])}
    second = method(batch)
    assert torch.equal(second.shown_A[0], first.fake_A[0])
    assert torch.equal(second.shown_B[0], second.fake_B[0])
    assert torch.equal(method.pools["A"].images[0], second.fake_A[0])
    assert torch.equal(method.pools["B"].images[0], first.fake_B[0])


def test_what_the_pools_do_is_decided_on_the_host():
    """A device is not waited for: the loop leaves the decisions where they were drawn, and the pools read them there.

    From a tensor on the device "meta" nothing can be read.
    """
    method, device = make_method(pool_size=1).float().to("meta"), torch.device("meta")
    prepare = Preparation(method, 7, device)
    pictures = torch.zeros(2, 3, 16, 16, dtype=torch.uint8)
    for step in range(2):
        batch = prepare({"A": pictures, "B": pictures, "epoch": 1, "index": [2 * step, 2 * step + 1]})
        assert {batch[name].device.type for name in ("A", "B")} == {"meta"}
        for domain in "AB":
            assert batch[f"pool_{domain}"].device.type == "cpu"
        state = method(batch)
        assert {image.device.type for image in (*state.shown_A, *state.shown_B)} == {"meta"}


def test_fakes_of_several_sizes_can_be_judged():
    """The pool of a run on pictures of different sizes, in one batch."""
    method = make_method(pool_size=1)
    method(make_batch(method, sizes=DIFFERENT))
    batch = {**make_batch(method, 2, step=2), "pool_A": torch.tensor([0, -1]), "pool_B": torch.tensor([0, -1])}
    state = method(batch)
    assert [tuple(image.shape[1:]) for image in state.shown_B] == [(16, 20), (16, 16)]
    D = method.networks["D_A"]
    fake = torch.stack([D(image[None]).square().mean() for image in state.shown_B]).mean()
    expected = (fake + (D(batch["B"]) - 1).square().mean()) / 2
    assert method.losses("D", state)[1]["D_A"].item() == pytest.approx(expected.item(), rel=1e-12)


def test_draws_are_a_function_of_their_generator():
    method = make_method(pool_size=50)
    draws = [method.draw(np.random.default_rng(seed), SQUARE) for seed in range(40)]
    again = [method.draw(np.random.default_rng(seed), SQUARE) for seed in range(40)]
    assert draws == again
    assert all(set(draw) == {"pool_A", "pool_B"} for draw in draws)
    assert any(draw["pool_A"] != draw["pool_B"] for draw in draws)
    assert make_method(pool_size=0).draw(np.random.default_rng(0), SQUARE) == {}


def test_a_restored_method_goes_on_bit_by_bit():
    def batch(step: int) -> dict[str, Any]:
        return make_batch(method, 2, step=step)

    method = make_method(pool_size=3)
    optimizers = make_optimizers(method)
    for step in range(1, 4):
        run_step(method, optimizers, batch(step))
    file = io.BytesIO()
    torch.save([method.state_dict(), {player: o.state_dict() for player, o in optimizers.items()}], file)
    expected = [run_step(method, optimizers, batch(step)) for step in range(4, 8)]
    file.seek(0)
    weights, moments = torch.load(file, weights_only=True)
    method = make_method(pool_size=3, seed=9)
    method.load_state_dict(weights)
    optimizers = make_optimizers(method)
    for player, optimizer in optimizers.items():
        optimizer.load_state_dict(moments[player])
    assert [run_step(method, optimizers, batch(step)) for step in range(4, 8)] == expected


def test_both_directions_translate():
    method = make_method()
    image = make_batch(method)["A"]
    assert torch.equal(method.translate(image), method.networks["G_A"](image))
    assert torch.equal(method.trained_translator("BtoA")(image), method.networks["G_B"](image))


def test_people_see_each_picture_with_what_became_of_it():
    method = make_method()
    batch = make_batch(method, 2)
    pictures = method.pictures(method(batch))
    G_A, G_B = method.networks["G_A"], method.networks["G_B"]
    a, b = batch["A"][:1], batch["B"][:1]
    expected = {
        "real_A": a, "fake_B": G_A(a), "rec_A": G_B(G_A(a)), "idt_B": G_B(a),
        "real_B": b, "fake_A": G_B(b), "rec_B": G_A(G_B(b)), "idt_A": G_A(b),
    }  # fmt: skip
    assert list(pictures) == list(expected)
    for label, image in pictures.items():
        assert not image.requires_grad
        torch.testing.assert_close(image, expected[label][0])


def test_sizes_that_do_not_suit_are_refused():
    with pytest.raises(InputError, match="--crop_size 8 leaves the discriminator nothing to judge"):
        make_method(netD="basic").check_size(8)
    make_method(netD="basic").check_size(64)
    method = make_method(netG="unet_128")
    with pytest.raises(InputError, match="a picture of 16x16 does not suit the generator"):
        method(make_batch(method))


def test_it_learns_to_undo_itself():
    method = make_method(lambda_identity=0, ngf=4, init_gain=0.02)
    optimizers, batch = make_optimizers(method), make_batch(method)
    losses = [run_step(method, optimizers, batch) for _ in range(60)]
    for name in ("cycle_A", "cycle_B"):
        assert losses[-1][name] < 0.8 * losses[0][name]
