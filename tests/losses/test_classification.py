"""The multinomial loss against a slow version, analytic values, and what must not reach it."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from translate.losses.classification import multinomial_loss

seeds = st.integers(0, 2**32 - 1)


def slow_loss(
    logits: np.ndarray, target: np.ndarray, weights: np.ndarray | None = None, counted: np.ndarray | None = None
) -> float:
    """Eq. 2 pixel by pixel, with a dense target (B, Q, H, W)."""
    terms = []
    for b, i, j in np.ndindex(logits.shape[0], *logits.shape[2:]):
        if counted is not None and not counted[b]:
            continue
        exponentials = np.exp(logits[b, :, i, j])
        predicted = exponentials / exponentials.sum()
        weight = 1.0 if weights is None else weights[np.argmax(target[b, :, i, j])]
        terms.append(-weight * math.fsum(z * math.log(p) for z, p in zip(target[b, :, i, j], predicted, strict=True)))
    return math.fsum(terms) / len(terms) if terms else 0.0


def a_case(seed: int, classes: int = 6, sharing: int = 3) -> tuple[Tensor, Tensor, Tensor, np.ndarray]:
    """Logits, indices and shares of 3 pictures of 2x3 pixels, and the dense target."""
    rng = np.random.default_rng(seed)
    shape = (3, 2, 3)
    indices = np.argsort(rng.random((*shape, classes)), axis=-1)[..., :sharing].transpose(0, 3, 1, 2).copy()
    shares = rng.random((3, sharing, 2, 3)) + 0.01
    shares /= shares.sum(1, keepdims=True)
    target = np.zeros((3, classes, 2, 3))
    np.put_along_axis(target, indices, shares, axis=1)
    logits = rng.normal(size=(3, classes, 2, 3)) * 3
    return torch.from_numpy(logits), torch.from_numpy(indices), torch.from_numpy(shares), target


@settings(max_examples=30)
@given(seeds, st.integers(1, 6), st.booleans(), st.booleans())
def test_the_loss_is_its_equation(seed, sharing, weighted, masked):
    logits, indices, shares, target = a_case(seed, sharing=sharing)
    rng = np.random.default_rng(seed + 1)
    weights = rng.random(6) * 3 if weighted else None
    counted = rng.random(3) < 0.5 if masked else None
    found = multinomial_loss(
        logits,
        indices,
        shares,
        None if weights is None else torch.from_numpy(weights),
        None if counted is None else torch.from_numpy(counted),
    )
    assert found.item() == pytest.approx(slow_loss(logits.numpy(), target, weights, counted), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("classes", [2, 313])
def test_equal_logits_give_the_logarithm_of_their_number(classes):
    _, indices, shares, _ = a_case(0, sharing=2)
    loss = multinomial_loss(torch.full((3, classes, 2, 3), 0.7, dtype=torch.float64), indices % classes, shares)
    assert loss.item() == pytest.approx(math.log(classes), rel=1e-12)


def test_the_best_prediction_costs_the_entropy_of_the_target():
    _, indices, shares, target = a_case(1, classes=3, sharing=3)
    loss = multinomial_loss(torch.from_numpy(np.log(target)), indices, shares)
    entropy = -(target * np.log(target)).sum(1).mean()
    assert loss.item() == pytest.approx(entropy, rel=1e-12)


def test_the_gradient_in_closed_form():
    """v (softmax - Z) / N."""
    logits, indices, shares, target = a_case(2)
    weights = torch.linspace(0.5, 3, 6, dtype=torch.float64)
    logits.requires_grad_()
    multinomial_loss(logits, indices, shares, weights).backward()
    v = weights[torch.from_numpy(target).argmax(1)].unsqueeze(1)
    expected = v * (logits.detach().softmax(1) - torch.from_numpy(target)) / (3 * 2 * 3)
    torch.testing.assert_close(logits.grad, expected)


def test_pictures_that_do_not_count_have_no_part():
    logits, indices, shares, _ = a_case(3)
    logits.requires_grad_()
    loss = multinomial_loss(logits, indices, shares, counted=torch.tensor([True, False, True]))
    loss.backward()
    assert logits.grad[1].abs().max() == 0
    assert logits.grad[0].abs().min() > 0
    kept = torch.tensor([0, 2])
    assert loss.item() == pytest.approx(multinomial_loss(logits[kept], indices[kept], shares[kept]).item(), rel=1e-12)


def test_nothing_that_counts_is_no_loss():
    logits, indices, shares, _ = a_case(4)
    logits.requires_grad_()
    loss = multinomial_loss(logits, indices, shares, counted=torch.zeros(3, dtype=torch.bool))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad.abs().max() == 0


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_logits_are_compared_in_float32(dtype):
    logits, indices, shares, _ = a_case(5)
    half = logits.to(dtype)
    weights = torch.linspace(0.5, 2, 6)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = multinomial_loss(half, indices, shares.float(), weights)
    assert loss.dtype == torch.float32
    exact = multinomial_loss(half.double(), indices, shares, weights)
    assert loss.item() == pytest.approx(exact.item(), rel=1e-6)


def test_extreme_logits_stay_finite():
    logits, indices, shares, _ = a_case(6)
    logits = (logits * 1e4).float().requires_grad_()
    multinomial_loss(logits, indices, shares).backward()
    assert logits.grad.isfinite().all()
