"""Reconstruction losses against loops over single values, and where their gradients must be zero."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from translate.losses.reconstruction import l1, l2, masked_l1, masked_l2, overlap_weights

WEIGHTS = (0.0, 0.5, 1.0, 10.0)


def pictures(seed: int, batch: int = 2, channels: int = 3) -> Tensor:
    return torch.randn(batch, channels, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def slow(prediction: Tensor, target: Tensor, weight: Tensor, power: int) -> float:
    total, counted = 0.0, 0
    for b in range(prediction.shape[0]):
        for c in range(prediction.shape[1]):
            for y in range(prediction.shape[2]):
                for x in range(prediction.shape[3]):
                    w = weight[b, 0, y, x].item()
                    total += w * abs(prediction[b, c, y, x].item() - target[b, c, y, x].item()) ** power
                    counted += w > 0
    return total / counted if counted else 0.0


def test_without_weights_every_value_counts_alike():
    prediction, target = pictures(0), pictures(1)
    everywhere = torch.ones(2, 1, 4, 5, dtype=torch.float64)
    for loss, power in ((l1, 1), (l2, 2)):
        assert loss(prediction, target).item() == pytest.approx(slow(prediction, target, everywhere, power), rel=1e-12)
        assert loss(prediction.bfloat16(), target.bfloat16()).dtype == torch.float32


@settings(max_examples=25)
@given(st.lists(st.sampled_from(WEIGHTS), min_size=40, max_size=40), st.integers(0, 99))
def test_masked_losses_are_their_formula(weights, seed):
    prediction, target = pictures(seed), pictures(seed + 100)
    weight = torch.tensor(weights, dtype=torch.float64).view(2, 1, 4, 5)
    for loss, power in ((masked_l2, 2), (masked_l1, 1)):
        assert loss(prediction, target, weight).item() == pytest.approx(
            slow(prediction, target, weight, power), rel=1e-12, abs=1e-12
        )


def test_equal_weights_give_the_plain_losses():
    prediction, target = pictures(0), pictures(1)
    ones = torch.ones(1, 1, 1, 1)
    assert masked_l2(prediction, target, ones).item() == pytest.approx(
        torch.nn.functional.mse_loss(prediction, target).item(), rel=1e-12
    )
    assert masked_l1(prediction, target, ones).item() == pytest.approx(l1(prediction, target).item(), rel=1e-12)
    assert l1(prediction, target).item() == pytest.approx(
        torch.nn.functional.l1_loss(prediction, target).item(), rel=1e-12
    )


def test_known_values():
    zero, half = torch.zeros(1, 3, 2, 2), torch.full((1, 3, 2, 2), 0.5)
    weight = torch.tensor([[1.0, 10.0], [0.0, 0.0]]).view(1, 1, 2, 2)
    assert l1(half, zero).item() == 0.5
    assert masked_l2(half, zero, weight).item() == pytest.approx((1 + 10) * 0.25 / 2)
    assert masked_l1(half, zero, weight).item() == pytest.approx((1 + 10) * 0.5 / 2)
    assert masked_l2(half, zero, 0 * weight).item() == 0


@pytest.mark.parametrize("loss", [masked_l2, masked_l1])
def test_no_gradient_where_nothing_counts(loss):
    prediction, weight = pictures(0).requires_grad_(), torch.ones(2, 1, 4, 5)
    weight[:, :, 1:3, 2:] = 0
    loss(prediction, pictures(1), weight).backward()
    assert ((prediction.grad != 0) == (weight > 0)).all()


def test_the_gradient_is_that_of_the_published_code():
    """There the gradient of the mean square over all predicted values is multiplied by the weights."""
    prediction, target = pictures(0).requires_grad_(), pictures(1)
    weight = torch.ones(2, 1, 4, 5, dtype=torch.float64)
    weight[:, :, 0] = 10
    masked_l2(prediction, target, weight).backward()
    expected = weight * 2 * (prediction.detach() - target) / prediction.numel()
    torch.testing.assert_close(prediction.grad, expected)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_losses_are_scalars_in_float32_or_better(dtype):
    prediction, target, weight = pictures(0).to(dtype), pictures(1).to(dtype), torch.ones(2, 1, 4, 5)
    exact = masked_l2(prediction.double(), target.double(), weight)
    for loss in (masked_l2(prediction, target, weight), masked_l1(prediction, target, weight), l1(prediction, target)):
        assert loss.shape == ()
        assert loss.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert masked_l2(prediction, target, weight).item() == pytest.approx(exact.item(), rel=1e-5)


def test_differences_of_half_precision_predictions_do_not_overflow():
    prediction = torch.full((1, 1, 8, 8), 300.0, dtype=torch.float16)
    assert masked_l2(prediction, torch.zeros(1, 1, 8, 8), torch.ones(1)).item() == 90_000


def slow_weights(hole: Tensor, band_px: int, factor: float) -> Tensor:
    height, width = hole.shape
    weights = torch.zeros(height, width)
    for y in range(height):
        for x in range(width):
            near = hole[max(0, y - band_px) : y + band_px + 1, max(0, x - band_px) : x + band_px + 1]
            weights[y, x] = 1.0 if hole[y, x] else factor * float(near.any())
    return weights


@settings(max_examples=40)
@given(st.lists(st.booleans(), min_size=42, max_size=42), st.integers(0, 4), st.sampled_from([10.0, 2.5]))
def test_overlap_weights_are_their_definition(inside, band_px, factor):
    hole = torch.tensor(inside).view(6, 7)
    assert torch.equal(overlap_weights(hole, band_px, factor), slow_weights(hole, band_px, factor))


def test_the_published_overlap_is_one_and_ten_in_what_is_predicted():
    hole = torch.zeros(2, 1, 128, 128, dtype=torch.bool)
    hole[..., 36:92, 36:92] = True
    weights = overlap_weights(hole, band_px=4)
    patch = weights[..., 32:96, 32:96]
    assert sorted(patch.unique().tolist()) == [1, 10]
    assert (patch == 1).sum() == 2 * 56 * 56
    assert weights.sum() == patch.sum()


def test_weights_have_the_shape_of_the_hole():
    for shape in ((5, 6), (2, 5, 6), (2, 3, 5, 6)):
        weights = overlap_weights(torch.ones(shape, dtype=torch.bool), 2)
        assert weights.shape == shape
        assert (weights == 1).all()
