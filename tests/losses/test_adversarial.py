"""Adversarial losses against slow formulas; gradient penalties where they are known in closed form."""

import copy
import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from translate.losses.adversarial import (
    GAN_MODES,
    discriminator_loss,
    generator_loss,
    gradient_penalty,
    r1_penalty,
    undecided,
)
from translate.networks import build_discriminator

SLOW = {
    "lsgan": lambda x, s: (x - (1 if s > 0 else 0)) ** 2,
    "vanilla": lambda x, s: -math.log(1 / (1 + math.exp(-s * x))),
    "nonsaturating": lambda x, s: math.log(1 + math.exp(-s * x)),
    "hinge": lambda x, s: max(0.0, 1 - s * x),
    "wgangp": lambda x, s: -s * x,
}
AT_ZERO = {
    "lsgan": (1, 0),
    "vanilla": (math.log(2), math.log(2)),
    "nonsaturating": (math.log(2), math.log(2)),
    "hinge": (1, 1),
    "wgangp": (0, 0),
}
logit_lists = st.lists(st.floats(-20, 20), min_size=1, max_size=8)


def pictures(batch: int, seed: int) -> Tensor:
    return torch.randn(batch, 3, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_every_mode_has_its_formula():
    assert set(GAN_MODES) == set(SLOW)


@pytest.mark.parametrize("mode", GAN_MODES)
@settings(max_examples=25)
@given(values=logit_lists)
def test_discriminator_loss_is_its_formula(mode, values):
    logits = torch.tensor(values, dtype=torch.float64).view(1, 1, -1)
    for real, sign in ((True, 1), (False, -1)):
        expected = math.fsum(SLOW[mode](x, sign) for x in values) / len(values)
        assert discriminator_loss(mode, logits, real).item() == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("mode", GAN_MODES)
@settings(max_examples=25)
@given(values=logit_lists)
def test_generator_loss_asks_to_pass_for_real(mode, values):
    logits = torch.tensor(values, dtype=torch.float64).view(1, 1, -1)
    if mode == "hinge":
        expected = -math.fsum(values) / len(values)
    else:
        expected = math.fsum(SLOW[mode](x, 1) for x in values) / len(values)
    assert generator_loss(mode, logits).item() == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("mode", GAN_MODES)
def test_values_at_zero(mode):
    zero = torch.zeros(2, 1, 3, 3)
    found = [discriminator_loss(mode, zero, real).item() for real in (True, False)]
    assert found == pytest.approx(AT_ZERO[mode])


@pytest.mark.parametrize("mode", GAN_MODES)
def test_a_discriminator_that_cannot_tell_does_best_where_it_is_undecided(mode):
    """Of all logits that are the same for real and for fake, found by trying."""
    each, generator = undecided(mode)
    logits = [step / 1000 for step in range(-2000, 2001)]
    costs = {x: (SLOW[mode](x, 1) + SLOW[mode](x, -1)) / 2 for x in logits}
    assert each == pytest.approx(min(costs.values()), rel=1e-6)
    best = [x for x, cost in costs.items() if cost == pytest.approx(each)]
    assert any(generator == pytest.approx(-x if mode == "hinge" else SLOW[mode](x, 1)) for x in best)


def test_a_draw_of_the_least_squares_game_is_a_quarter_each():
    assert undecided("lsgan") == (0.25, 0.25)
    assert undecided("vanilla") == pytest.approx((math.log(2), math.log(2)))
    assert undecided("hinge") == (1, 0)


@pytest.mark.parametrize("mode", GAN_MODES)
def test_the_discriminator_lifts_real_logits_and_lowers_fake_ones(mode):
    for real, direction in ((True, -1), (False, 1)):
        logits = torch.full((2, 1, 2, 2), 0.25, requires_grad=True)
        discriminator_loss(mode, logits, real).backward()
        assert (logits.grad.sign() == direction).all()


@pytest.mark.parametrize("mode", GAN_MODES)
@pytest.mark.parametrize("logit", [-3.0, 0.25, 0.75])
def test_the_generator_lifts_its_logits(mode, logit):
    logits = torch.full((2, 1, 2, 2), logit, requires_grad=True)
    generator_loss(mode, logits).backward()
    assert (logits.grad < 0).all()


@pytest.mark.parametrize("mode", GAN_MODES)
def test_losses_are_scalars_in_float32_or_better(mode):
    for dtype, expected in ((torch.bfloat16, torch.float32), (torch.float16, torch.float32), (torch.float64,) * 2):
        logits = torch.linspace(-3, 3, 8, dtype=dtype).view(2, 1, 2, 2)
        for loss in (discriminator_loss(mode, logits, True), generator_loss(mode, logits)):
            assert loss.dtype == expected
            assert loss.shape == ()


@pytest.mark.parametrize("mode", GAN_MODES)
def test_half_precision_logits_lose_nothing_more(mode):
    logits = torch.linspace(-8, 8, 32).to(torch.bfloat16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = discriminator_loss(mode, logits, real=False)
    assert loss.item() == pytest.approx(discriminator_loss(mode, logits.double(), real=False).item(), rel=1e-5)


@pytest.mark.parametrize("mode", GAN_MODES)
def test_extreme_logits_stay_finite(mode):
    logits = torch.tensor([-1e4, 1e4], requires_grad=True)
    (discriminator_loss(mode, logits, True) + discriminator_loss(mode, logits, False)).backward()
    assert logits.grad.isfinite().all()


def test_unknown_modes_are_refused():
    with pytest.raises(ValueError, match="lsgan"):
        discriminator_loss("lsgam", torch.zeros(1), True)


class Linear(nn.Module):
    """D(x) = <w, x>: its gradient is w everywhere."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.linspace(-1, 1, 60, dtype=torch.float64).view(3, 5, 4))

    def forward(self, x: Tensor) -> Tensor:
        return (self.w * x).sum((1, 2, 3))


class Quadratic(nn.Module):
    """D(x) = a |x|^2 / 2: its gradient is a x."""

    def __init__(self):
        super().__init__()
        self.a = nn.Parameter(torch.tensor(1.5, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return 0.5 * self.a * x.square().sum((1, 2, 3))


@pytest.mark.parametrize("target", [0.0, 1.0, 2.5])
def test_gradient_penalty_of_a_linear_discriminator(target):
    network = Linear()
    norm = network.w.norm().item()
    penalty = gradient_penalty(network, pictures(3, 0), pictures(3, 1), torch.tensor([0.1, 0.5, 1.0]), target)
    assert penalty.item() == pytest.approx((norm - target) ** 2, rel=1e-12)
    penalty.backward()
    expected = 2 * (norm - target) * network.w.detach() / norm
    torch.testing.assert_close(network.w.grad, expected)


def test_gradient_penalty_is_taken_between_real_and_fake():
    real, fake, mix = pictures(2, 0), pictures(2, 1), torch.tensor([0.25, 1.0], dtype=torch.float64)
    network = Quadratic()
    between = torch.stack([0.25 * real[0] + 0.75 * fake[0], real[1]])
    norms = 1.5 * between.flatten(1).norm(dim=1)
    penalty = gradient_penalty(network, real, fake, mix)
    assert penalty.item() == pytest.approx((norms - 1).square().mean().item(), rel=1e-12)


def test_r1_of_a_quadratic_discriminator():
    network, real = Quadratic(), pictures(4, 0)
    squares = real.flatten(1).square().sum(1).mean().item()
    penalty = r1_penalty(network, real)
    assert penalty.item() == pytest.approx(0.5 * 1.5**2 * squares, rel=1e-12)
    penalty.backward()
    assert network.a.grad.item() == pytest.approx(1.5 * squares, rel=1e-12)


def test_r1_of_a_linear_discriminator():
    network = Linear()
    assert r1_penalty(network, pictures(2, 0)).item() == pytest.approx(0.5 * network.w.square().sum().item(), rel=1e-12)


def test_penalties_leave_the_pictures_alone():
    real, fake = pictures(2, 0).requires_grad_(), pictures(2, 1).requires_grad_()
    network = Quadratic()
    (r1_penalty(network, real) + gradient_penalty(network, real, fake, torch.tensor([0.3, 0.6]))).backward()
    assert real.grad is None
    assert fake.grad is None


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("norm", ["instance", "none"])
def test_second_derivatives_of_the_patch_discriminator(batch, norm):
    """The gradient of the penalties with respect to a weight is the slope of the penalties along it."""
    torch.manual_seed(0)
    network = build_discriminator("n_layers", ndf=2, n_layers_D=1, normD=norm).double()
    real, fake = (torch.randn(batch, 3, 12, 12, dtype=torch.float64) for _ in range(2))
    mix = torch.rand(batch, dtype=torch.float64)

    def penalties() -> Tensor:
        return r1_penalty(network, real) + gradient_penalty(network, real, fake, mix)

    penalties().backward()
    for name, weight in network.named_parameters():
        if weight.ndim > 1:
            direction = torch.randn_like(weight)
            slope = slope_along(penalties, weight, direction)
            assert (weight.grad * direction).sum().item() == pytest.approx(slope, rel=1e-4, abs=1e-7), name


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_penalties_are_computed_in_full_precision_whatever_is_around_them(kind):
    torch.manual_seed(0)
    network = build_discriminator("n_layers", ndf=2, n_layers_D=1)
    real, fake = (torch.randn(2, 3, 12, 12) for _ in range(2))
    found = []
    for halved in (False, True):
        network.zero_grad()
        with torch.autocast("cpu", dtype=kind, enabled=halved):
            network(real)  # whose weights in half precision are kept in the meantime
            penalty = r1_penalty(network, real) + gradient_penalty(network, real, fake, torch.tensor([0.3, 0.6]))
        penalty.backward()
        found.append([penalty.detach(), *(weight.grad for weight in network.parameters() if weight.grad is not None)])
    assert all(torch.equal(plain, among_halves) for plain, among_halves in zip(*found, strict=True))


def test_penalties_of_a_compiled_discriminator_are_those_of_the_plain_one():
    torch.manual_seed(0)
    plain = build_discriminator("pixel", ndf=2)
    compiled = copy.deepcopy(plain)
    compiled.compile(backend="aot_eager")  # needs no compiler, and differentiates as all of them do
    real, fake = (torch.randn(2, 3, 4, 4) for _ in range(2))
    for network in (plain, compiled):
        penalty = r1_penalty(network, real) + gradient_penalty(network, real, fake, torch.tensor([0.3, 0.6]))
        (penalty + network(fake).mean()).backward()  # which goes on through what was compiled
    for expected, found in zip(plain.parameters(), compiled.parameters(), strict=True):
        torch.testing.assert_close(found.grad, expected.grad)


def slope_along(function: Callable[[], Tensor], weight: nn.Parameter, direction: Tensor, step: float = 1e-6) -> float:
    weight.data.add_(direction, alpha=step)
    above = function().item()
    weight.data.sub_(direction, alpha=2 * step)
    below = function().item()
    weight.data.add_(direction, alpha=step)
    return (above - below) / (2 * step)
