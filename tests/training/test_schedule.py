"""The learning rate over the epochs."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from translate.training.schedule import Plateau, lr_factor

REFERENCE_200_200 = {1: 1.0, 100: 1.0, 200: 1.0, 201: 200 / 201, 300: 101 / 201, 400: 1 / 201}
FASTCUT_150_50 = {1: 1.0, 150: 1.0, 151: 50 / 51, 200: 1 / 51}


@pytest.mark.parametrize(("epoch", "factor"), REFERENCE_200_200.items())
def test_linear_is_the_reference_s(epoch, factor):
    assert lr_factor("linear", epoch, 200, 200) == pytest.approx(factor, rel=1e-12)


@pytest.mark.parametrize(("epoch", "factor"), FASTCUT_150_50.items())
def test_linear_with_the_epochs_of_fastcut(epoch, factor):
    assert lr_factor("linear", epoch, 150, 50) == pytest.approx(factor, rel=1e-12)


def test_the_rounded_values_that_the_reference_logs():
    rates = [round(lr_factor("linear", epoch, 200, 200), 6) for epoch in (200, 201, 400)]
    assert rates == [1.0, 0.995025, 0.004975]


@pytest.mark.parametrize(("epoch", "factor"), {1: 1, 50: 1, 51: 0.1, 100: 0.1, 101: 0.01, 400: 1e-7}.items())
def test_step_is_a_tenth_every_fifty_epochs(epoch, factor):
    assert lr_factor("step", epoch, 200, 200) == pytest.approx(factor, rel=1e-12)


def test_step_with_another_period():
    assert [round(lr_factor("step", epoch, 3, 3, 2), 9) for epoch in range(1, 7)] == [1, 1, 0.1, 0.1, 0.01, 0.01]


def test_cosine_starts_at_one_is_half_in_the_middle_and_ends_near_zero():
    assert lr_factor("cosine", 1, 200, 200) == 1.0
    assert lr_factor("cosine", 201, 200, 200) == pytest.approx(0.5)
    last = lr_factor("cosine", 400, 200, 200)
    assert last == pytest.approx(0.5 * (1 + math.cos(math.pi * 399 / 400)))
    assert 0 < last < 1e-4


@given(st.sampled_from(["linear", "step", "cosine"]), st.integers(0, 300), st.integers(0, 300), st.integers(3, 90))
def test_it_never_rises_never_ends_and_depends_on_nothing_else(policy, n_epochs, n_decay, every):
    epochs = range(1, n_epochs + n_decay + 1)
    factors = [lr_factor(policy, epoch, n_epochs, n_decay, every) for epoch in epochs]
    assert all(0 < factor <= 1 for factor in factors)
    assert factors == sorted(factors, reverse=True)
    assert factors[::-1] == [lr_factor(policy, epoch, n_epochs, n_decay, every) for epoch in reversed(epochs)]


def test_an_unknown_policy_is_refused():
    with pytest.raises(ValueError, match="plato"):
        lr_factor("plato", 1, 2, 2)


def factors_of(plateau, epochs):
    """The factor behind each epoch, which is a list of losses."""
    found = []
    for losses in epochs:
        for loss in losses:
            plateau.observe(torch.tensor(loss))
        plateau.end_epoch()
        found.append(plateau.factor)
    return found


@given(st.lists(st.floats(0.125, 9.0, width=32), min_size=1, max_size=60))
def test_a_plateau_is_found_where_torch_finds_one(losses):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    torch_s = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, "min", factor=0.2, threshold=0.01, patience=5, eps=0
    )
    expected = []
    for loss in losses:
        torch_s.step(loss)
        expected.append(optimizer.param_groups[0]["lr"])
    assert factors_of(Plateau(), [[loss] for loss in losses]) == pytest.approx(expected, rel=1e-9)


def test_a_plateau_counts_the_mean_of_an_epoch_and_starts_anew_after_a_fall():
    falling = [[10.0 - epoch, 20.0 - epoch] for epoch in range(4)]
    assert factors_of(Plateau(), falling) == [1.0] * 4
    flat = [[1.0, 3.0], *[[2.0, 2.0]] * 12]
    assert factors_of(Plateau(), flat) == pytest.approx([1.0] * 6 + [0.2] * 6 + [0.04])


def test_losses_below_zero_may_stand_still_too():
    assert factors_of(Plateau(), [[-5.0]] * 7) == [1.0] * 6 + [0.2]
    assert factors_of(Plateau(), [[-5.0 - epoch] for epoch in range(9)]) == [1.0] * 9


@given(st.integers(0, 25))
def test_a_plateau_goes_on_from_its_state_in_the_middle_of_an_epoch(cut):
    losses = [3.0, 2.0] + [2.5, 1.9] * 12

    def run(plateau, first, last):
        for number in range(first, last):
            plateau.observe(torch.tensor(losses[number], dtype=torch.float32))
            if number % 2:
                plateau.end_epoch()
        return plateau

    whole = run(Plateau(), 0, len(losses))
    resumed = Plateau()
    resumed.load_state_dict(run(Plateau(), 0, cut).state_dict(), torch.device("cpu"))
    assert run(resumed, cut, len(losses)).state_dict() == whole.state_dict()
    assert whole.factor < 1


def test_an_epoch_without_a_step_is_no_plateau():
    plateau = Plateau()
    for _ in range(20):
        plateau.end_epoch()
    assert plateau.factor == 1.0
