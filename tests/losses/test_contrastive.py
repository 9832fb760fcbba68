"""InfoNCE and PatchNCE against a slow formula, closed forms, and in mixed precision."""

import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from translate.losses.contrastive import info_nce, patch_nce

temperatures = st.floats(0.05, 2.0)
seeds = st.integers(0, 2**32 - 1)


def slow_info_nce(similarities: list[float], positive: int, temperature: float) -> float:
    """The equation as it is printed, in plain Python."""
    terms = [math.exp(s / temperature) for s in similarities]
    return -math.log(terms[positive] / math.fsum(terms))


def slow_patch_nce(query: np.ndarray, key: np.ndarray, temperature: float, negatives: str) -> np.ndarray:
    batch, patches, _ = query.shape
    losses = np.zeros((batch, patches))
    for b in range(batch):
        for i in range(patches):
            images = [b] if negatives == "image" else range(batch)
            places = [(image, j) for image in images for j in range(patches)]
            similarities = [float(sum(query[b, i] * key[place])) for place in places]
            losses[b, i] = slow_info_nce(similarities, places.index((b, i)), temperature)
    return losses


def unit_vectors(batch: int, patches: int, channels: int, seed: int, dtype: torch.dtype = torch.float64) -> Tensor:
    vectors = torch.from_numpy(np.random.default_rng(seed).normal(size=(batch, patches, channels)))
    return (vectors / vectors.norm(dim=-1, keepdim=True)).to(dtype)


@settings(max_examples=30)
@given(st.integers(1, 4), st.integers(1, 6), temperatures, seeds)
def test_info_nce_is_its_equation(queries, keys, temperature, seed):
    rng = np.random.default_rng(seed)
    similarity, positive = rng.uniform(-1, 1, (queries, keys)), rng.integers(0, keys, queries)
    losses = info_nce(torch.from_numpy(similarity), torch.from_numpy(positive), temperature)
    expected = [slow_info_nce(list(row), p, temperature) for row, p in zip(similarity, positive, strict=True)]
    np.testing.assert_allclose(losses.numpy(), expected, rtol=1e-10, atol=1e-12)


@settings(max_examples=30)
@given(
    st.integers(1, 3), st.integers(1, 5), st.integers(1, 4), temperatures, st.sampled_from(["image", "batch"]), seeds
)
def test_patch_nce_is_its_equation(batch, patches, channels, temperature, negatives, seed):
    query, key = (unit_vectors(batch, patches, channels, seed + i) for i in range(2))
    losses = patch_nce(query, key, temperature, negatives)
    assert losses.shape == (batch, patches)
    expected = slow_patch_nce(query.numpy(), key.numpy(), temperature, negatives)
    np.testing.assert_allclose(losses.numpy(), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("keys", [1, 2, 256])
def test_equal_similarities_give_the_logarithm_of_their_number(keys):
    losses = info_nce(torch.full((3, keys), 0.4, dtype=torch.float64), torch.zeros(3, dtype=torch.long))
    assert losses.tolist() == pytest.approx([math.log(keys)] * 3, abs=1e-12)


@pytest.mark.parametrize(("negatives", "choices"), [("image", 8), ("batch", 24)])
def test_equal_features_give_chance(negatives, choices):
    features = unit_vectors(1, 1, 5, 0).expand(3, 8, 5)
    assert patch_nce(features, features, negatives=negatives).tolist() == [[pytest.approx(math.log(choices))] * 8] * 3


def test_orthogonal_features_in_closed_form():
    features = torch.eye(6, dtype=torch.float64).unsqueeze(0)
    expected = math.log(1 + 5 * math.exp(-1 / 0.3))
    assert patch_nce(features, features, 0.3).flatten().tolist() == pytest.approx([expected] * 6, rel=1e-12)


def test_leading_dimensions_are_kept():
    similarity = torch.rand(2, 3, 4, 5)
    losses = info_nce(similarity, torch.tensor([4, 0, 1, 2]))
    assert losses.shape == (2, 3, 4)
    assert losses[1, 2].tolist() == pytest.approx(info_nce(similarity[1, 2], torch.tensor([4, 0, 1, 2])).tolist())


def test_minus_infinity_takes_a_key_out():
    similarity = torch.tensor([[0.3, -math.inf, -0.2]], dtype=torch.float64)
    without = torch.tensor([[0.3, -0.2]], dtype=torch.float64)
    first = torch.zeros(1, dtype=torch.long)
    assert info_nce(similarity, first).item() == pytest.approx(info_nce(without, first).item(), rel=1e-12)


def test_large_logits_do_not_overflow():
    loss = info_nce(torch.tensor([[100.0, -100.0]]), torch.tensor([1]), 0.01)
    assert loss.item() == pytest.approx(20_000)


def test_lower_temperature_sharpens():
    query, key = unit_vectors(1, 4, 8, 1), unit_vectors(1, 4, 8, 2)
    key[0, 0] = query[0, 0]
    losses = [patch_nce(query, key, temperature)[0, 0].item() for temperature in (1.0, 0.3, 0.07)]
    assert losses == sorted(losses, reverse=True)


def test_the_key_gets_no_gradient():
    query, key = (unit_vectors(2, 4, 3, seed).requires_grad_() for seed in (1, 2))
    patch_nce(query, key).sum().backward()
    assert key.grad is None
    assert query.grad.abs().min() > 0


def test_the_gradient_of_the_query_in_closed_form():
    query, key = unit_vectors(2, 5, 3, 1).requires_grad_(), unit_vectors(2, 5, 3, 2)
    patch_nce(query, key, 0.2).sum().backward()
    share = (query.detach() @ key.transpose(1, 2) / 0.2).softmax(2)
    torch.testing.assert_close(query.grad, (share @ key - key) / 0.2)


def test_negatives_of_the_image_are_of_the_image_only():
    query, key = unit_vectors(2, 4, 3, 1), unit_vectors(2, 4, 3, 2)
    other = torch.cat([key[:1], unit_vectors(1, 4, 3, 3)])
    torch.testing.assert_close(patch_nce(query, key)[0], patch_nce(query, other)[0], rtol=0, atol=0)
    with_batch = [patch_nce(query, k, negatives="batch")[0] for k in (key, other)]
    assert (with_batch[0] - with_batch[1]).abs().min() > 1e-6


def test_an_unknown_choice_of_negatives_is_refused():
    with pytest.raises(ValueError, match="'image' or 'batch'"):
        patch_nce(unit_vectors(1, 2, 3, 0), unit_vectors(1, 2, 3, 1), negatives="both")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_features_are_compared_in_float32(dtype):
    query, key = (unit_vectors(2, 16, 8, seed, dtype) for seed in (1, 2))
    losses = patch_nce(query, key)
    assert losses.dtype == torch.float32
    exact = patch_nce(query.double(), key.double())
    torch.testing.assert_close(losses.double(), exact, rtol=1e-5, atol=1e-5)


def test_autocast_does_not_reach_the_similarities():
    query, key = (unit_vectors(2, 16, 8, seed, torch.float32) for seed in (1, 2))
    plain = patch_nce(query, key)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with torch.autocast("cpu", dtype=torch.bfloat16):
            losses = patch_nce(query, key)
            assert (query @ key.transpose(1, 2)).dtype == torch.bfloat16  # autocast goes on outside the loss
    assert losses.dtype == torch.float32
    torch.testing.assert_close(losses, plain, rtol=0, atol=0)


def test_float64_stays():
    assert patch_nce(unit_vectors(1, 2, 3, 0), unit_vectors(1, 2, 3, 1)).dtype == torch.float64
    assert info_nce(torch.zeros(1, 2, dtype=torch.float64), torch.tensor([0])).dtype == torch.float64
