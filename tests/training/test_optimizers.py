"""Optimisers against their formulas, written out with numpy."""

import numpy as np
import pytest
import torch
from torch import nn

from translate.errors import InputError
from translate.options import OptimizerOptions
from translate.training.optimizers import TRUST, build_optimizer, check_optimizer
from translate.training.schedule import lr_of_flags

STEPS = 4


def moved(flags, shape=(3, 2), zero=False):
    """A weight before and after some steps along known gradients."""
    rng = np.random.default_rng(0)
    start = np.zeros(shape) if zero else rng.normal(size=shape)
    gradients = rng.normal(size=(STEPS, *shape))
    weight = nn.Parameter(torch.from_numpy(start.copy()))
    optimizer = build_optimizer([weight], OptimizerOptions(**flags))
    for gradient in gradients:
        weight.grad = torch.from_numpy(gradient.copy())
        optimizer.step()
    return start, gradients, weight.detach().numpy()


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("shape", [(3, 2), (4,)])
def test_lars(decay, shape):
    start, gradients, end = moved({"optimizer": "lars", "lr": 2.0, "momentum": 0.8, "weight_decay": decay}, shape)
    weight, kept = start, np.zeros(shape)
    for gradient in gradients:
        direction = gradient
        if len(shape) > 1:
            direction = gradient + decay * weight
            direction = direction * TRUST * np.linalg.norm(weight) / np.linalg.norm(direction)
        kept = 0.8 * kept + direction
        weight = weight - 2.0 * kept
    assert np.allclose(end, weight, rtol=1e-12)


def test_lars_moves_weights_that_are_zero():
    _, gradients, end = moved({"optimizer": "lars", "lr": 1.0, "momentum": 0.0}, zero=True)
    assert np.isfinite(end).all() and not np.allclose(end, 0)
    assert np.abs(end).max() < np.abs(gradients).max() * STEPS


@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd(nesterov):
    start, gradients, end = moved(
        {"optimizer": "sgd", "lr": 0.1, "momentum": 0.9, "nesterov": nesterov, "weight_decay": 0.2}
    )
    weight, kept = start, None
    for gradient in gradients:
        direction = gradient + 0.2 * weight
        kept = direction if kept is None else 0.9 * kept + direction
        weight = weight - 0.1 * (direction + 0.9 * kept if nesterov else kept)
    assert np.allclose(end, weight, rtol=1e-12)


@pytest.mark.parametrize("kind", ["adam", "adamw"])
def test_adam_decays_in_the_gradient_and_adamw_in_the_weight(kind):
    flags = {"optimizer": kind, "lr": 0.1, "beta1": 0.8, "beta2": 0.9, "weight_decay": 0.3}
    start, gradients, end = moved(flags)
    weight, mean, square = start, 0.0, 0.0
    for step, gradient in enumerate(gradients, start=1):
        if kind == "adamw":
            weight = weight * (1 - 0.1 * 0.3)
        else:
            gradient = gradient + 0.3 * weight
        mean, square = 0.8 * mean + 0.2 * gradient, 0.9 * square + 0.1 * gradient**2
        weight = weight - 0.1 * (mean / (1 - 0.8**step)) / (np.sqrt(square / (1 - 0.9**step)) + 1e-8)
    assert np.allclose(end, weight, rtol=1e-6)


@pytest.mark.parametrize("flags", [
    {"nesterov": True}, {"nesterov": True, "optimizer": "lars"}, {"nesterov": True, "optimizer": "sgd", "momentum": 0.0}
])  # fmt: skip
def test_nesterov_is_refused_where_it_means_nothing(flags):
    with pytest.raises(InputError, match="--nesterov is a way of the momentum of --optimizer sgd"):
        check_optimizer(OptimizerOptions(**flags))


@pytest.mark.parametrize("kind", ["adam", "adamw"])
def test_momentum_is_refused_where_there_is_none(kind):
    with pytest.raises(
        InputError, match=rf"--momentum 0.5 is of --optimizer sgd and lars; --optimizer {kind} has --beta1"
    ):
        check_optimizer(OptimizerOptions(optimizer=kind, momentum=0.5))


class TestWarmUp:
    def test_it_rises_evenly_to_the_full_rate_and_the_policy_goes_on(self):
        flags = OptimizerOptions(n_epochs=6, n_epochs_decay=2, warmup_epochs=4)
        rates = [round(lr_of_flags(flags, epoch), 4) for epoch in range(1, 9)]
        assert rates == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0, 0.6667, 0.3333]

    def test_the_cosine_covers_what_is_left(self):
        flags = OptimizerOptions(n_epochs=5, n_epochs_decay=0, warmup_epochs=1, lr_policy="cosine")
        assert [round(lr_of_flags(flags, epoch), 3) for epoch in range(1, 6)] == [1.0, 1.0, 0.854, 0.5, 0.146]

    def test_without_one_nothing_changes(self):
        flags = OptimizerOptions(n_epochs=2, n_epochs_decay=2)
        assert [lr_of_flags(flags, epoch) for epoch in range(1, 5)] == [
            1.0,
            1.0,
            pytest.approx(2 / 3),
            pytest.approx(1 / 3),
        ]
