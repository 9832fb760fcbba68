"""InfoNCE and PatchNCE against a slow formula, closed forms, and in mixed precision."""

import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from translate.losses.contrastive import (
    among_queue,
    among_views,
    clip,
    info_nce,
    moco_v3,
    multilayer_patch_nce,
    nt_xent,
    patch_nce,
    unit,
)

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


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.integers(1, 4), st.integers(1, 3)), min_size=1, max_size=3), st.booleans(),
    st.integers(1, 2), st.integers(1, 2), st.sampled_from(["image", "batch"]), seeds,
)  # fmt: skip
def test_multilayer_patch_nce_is_the_mean_over_the_layers(shapes, alike, domains, batch, negatives, seed):
    shapes = [shapes[0]] * len(shapes) if alike else shapes
    layers = [
        [unit_vectors(domains * batch, *shape, seed + 2 * number + side) for number, shape in enumerate(shapes)]
        for side in (0, 1)
    ]
    losses = multilayer_patch_nce(*layers, 0.3, negatives, domains)
    expected = [
        np.mean(
            [
                slow_patch_nce(*(x[part].numpy() for x in pair), 0.3, negatives).mean()
                for pair in zip(*layers, strict=True)
            ]
        )
        for part in (slice(domain * batch, (domain + 1) * batch) for domain in range(domains))
    ]
    np.testing.assert_allclose(losses.numpy(), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("negatives", "choices"), [("image", 8), ("batch", 24)])
def test_equal_features_of_all_layers_give_the_logarithm_of_the_patches(negatives, choices):
    layers = [torch.ones(6, 8, 4, dtype=torch.float64) / 2 for _ in range(5)]
    assert multilayer_patch_nce(layers, layers, 0.07, negatives, domains=2).tolist() == pytest.approx(
        [math.log(choices)] * 2
    )


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


def features(count: int, channels: int, seed: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(count, channels)))


def cosine(first: np.ndarray, second: np.ndarray) -> float:
    return float(sum(first * second) / math.sqrt(sum(first * first) * sum(second * second)))


def slow_nt_xent(views: np.ndarray, temperature: float) -> float:
    """Views (2, N, D) of any length; each of the 2 N terms as it is printed."""
    flat = views.reshape(-1, views.shape[2])
    terms = []
    for i, view in enumerate(flat):
        others = [k for k in range(len(flat)) if k != i]
        partner = (i + views.shape[1]) % len(flat)
        terms.append(slow_info_nce([cosine(view, flat[k]) for k in others], others.index(partner), temperature))
    return math.fsum(terms) / len(terms)


class TestSimCLR:
    @settings(max_examples=30)
    @given(st.integers(2, 5), st.integers(1, 6), temperatures, seeds)
    def test_it_is_its_equation(self, pictures, channels, temperature, seed):
        views = torch.stack([features(pictures, channels, seed + i) for i in range(2)])
        expected = slow_nt_xent(views.numpy(), temperature)
        np.testing.assert_allclose(nt_xent(*views, temperature).item(), expected, rtol=1e-9, atol=1e-12)

    @pytest.mark.parametrize("pictures", [1, 2, 64])
    def test_equal_features_are_guessing(self, pictures):
        same = torch.ones(pictures, 8, dtype=torch.float64)
        assert nt_xent(same, same, 0.1).item() == pytest.approx(math.log(2 * pictures - 1), abs=1e-12)

    def test_the_length_of_features_and_the_order_of_views_do_not_matter(self):
        first, second = features(5, 4, 1), features(5, 4, 2)
        loss = nt_xent(first, second)
        torch.testing.assert_close(nt_xent(3 * second, first / 7), loss, rtol=1e-12, atol=0)

    @settings(max_examples=20)
    @given(st.integers(1, 3), st.integers(1, 3), seeds)
    def test_parts_among_all_are_the_whole(self, pieces, size, seed):
        views = unit(torch.stack([features(pieces * size, 4, seed + i) for i in range(2)]))
        parts = [among_views(views[:, at : at + size], views, at) for at in range(0, pieces * size, size)]
        losses = torch.cat([info_nce(*part, 0.3) for part in parts])
        torch.testing.assert_close(losses.mean(), nt_xent(*views, 0.3), rtol=1e-12, atol=0)

    def test_a_view_is_not_compared_with_itself(self):
        similarity, positive = among_views(unit(torch.stack([features(3, 4, 1), features(3, 4, 2)])))
        assert similarity.diagonal().isneginf().all() and similarity.isneginf().sum() == 6
        assert positive.tolist() == [3, 4, 5, 0, 1, 2]

    def test_the_gradient_reaches_both_views(self):
        first, second = (features(3, 4, seed).requires_grad_() for seed in (1, 2))
        assert torch.autograd.gradcheck(lambda a, b: nt_xent(a, b, 0.2), (first, second))
        nt_xent(first, second).backward()
        assert min(first.grad.abs().min(), second.grad.abs().min()) > 0


class TestMoCo:
    @settings(max_examples=30)
    @given(st.integers(1, 4), st.integers(1, 6), st.integers(1, 6), temperatures, seeds)
    def test_a_queue_is_its_equation(self, pictures, former, channels, temperature, seed):
        query, key, queue = (unit(features(n, channels, seed + n)) for n in (pictures, pictures + 1, former + 9))
        key = key[:pictures]
        losses = info_nce(*among_queue(query, key, queue), temperature)
        for i in range(pictures):
            similarities = [cosine(query[i].numpy(), k.numpy()) for k in (key[i], *queue)]
            assert losses[i].item() == pytest.approx(slow_info_nce(similarities, 0, temperature), rel=1e-9, abs=1e-12)

    @settings(max_examples=30)
    @given(st.integers(1, 5), st.integers(1, 6), temperatures, seeds)
    def test_a_batch_of_keys_is_its_equation(self, pictures, channels, temperature, seed):
        query, keys = (unit(features(pictures, channels, seed + i)) for i in range(2))
        terms = [
            slow_info_nce([cosine(q, k) for k in keys.numpy()], i, temperature) for i, q in enumerate(query.numpy())
        ]
        expected = 2 * temperature * math.fsum(terms) / pictures
        assert moco_v3(query, keys, temperature).item() == pytest.approx(expected, rel=1e-9, abs=1e-12)

    def test_equal_features_are_guessing(self):
        same = unit(torch.ones(5, 4, dtype=torch.float64))
        guess = info_nce(*among_queue(same, same, same[:3]), 0.07)
        torch.testing.assert_close(guess, torch.full_like(guess, math.log(4)))
        assert moco_v3(same, same, 0.2).item() == pytest.approx(0.4 * math.log(5), abs=1e-12)

    def test_parts_among_all_keys_are_the_whole(self):
        query, keys = unit(features(6, 4, 1)), unit(features(6, 4, 2))
        parts = [moco_v3(query[at : at + 2], keys, 0.3, at) for at in (0, 2, 4)]
        torch.testing.assert_close(torch.stack(parts).mean(), moco_v3(query, keys, 0.3), rtol=1e-12, atol=0)

    def test_keys_get_no_gradient(self):
        query, key, queue = (unit(features(3, 4, seed)).requires_grad_() for seed in range(3))
        (info_nce(*among_queue(query, key, queue.detach())).mean() + moco_v3(query, key)).backward()
        assert key.grad is None and query.grad.abs().min() > 0

    def test_the_temperature_keeps_the_size_of_the_gradient_at_guessing(self):
        def size(temperature):
            query = torch.full((4, 4), 0.5, dtype=torch.float64, requires_grad=True)
            moco_v3(query, torch.eye(4, dtype=torch.float64), temperature).backward()
            return query.grad.norm()

        torch.testing.assert_close(size(0.1), size(1.0))


def slow_clip(images: np.ndarray, texts: np.ndarray, scale: float) -> float:
    """The matrix of all products times the scale; the mean cross entropy of its rows and that of its columns."""
    logits = scale * np.array([[cosine(image, text) for text in texts] for image in images])
    rows = [slow_info_nce(list(logits[i]), i, 1.0) for i in range(len(logits))]
    columns = [slow_info_nce(list(logits[:, i]), i, 1.0) for i in range(len(logits))]
    return (np.mean(rows) + np.mean(columns)) / 2


class TestCLIP:
    @settings(max_examples=30)
    @given(st.integers(1, 5), st.integers(1, 6), st.floats(0.5, 20), seeds)
    def test_it_is_its_equation(self, pairs, channels, scale, seed):
        image, text = (unit(features(pairs, channels, seed + i)) for i in range(2))
        expected = slow_clip(image.numpy(), text.numpy(), scale)
        assert clip(image, text, 1 / scale).item() == pytest.approx(expected, rel=1e-9, abs=1e-12)

    @pytest.mark.parametrize("pairs", [1, 2, 64])
    def test_equal_features_are_guessing(self, pairs):
        same = unit(torch.ones(pairs, 8, dtype=torch.float64))
        assert clip(same, same).item() == pytest.approx(math.log(pairs), abs=1e-12)

    def test_pictures_and_texts_can_change_places(self):
        image, text = unit(features(5, 4, 1)), unit(features(5, 4, 2))
        torch.testing.assert_close(clip(image, text), clip(text, image), rtol=1e-12, atol=0)

    def test_pairs_as_they_should_be_have_no_loss_at_the_largest_scale(self):
        own = torch.eye(6, dtype=torch.float64)
        assert clip(own, own, 0.01).item() == pytest.approx(5 * math.exp(-100), abs=1e-15)

    def test_parts_among_all_are_the_whole(self):
        image, text = unit(features(6, 4, 1)), unit(features(6, 4, 2))
        parts = [clip(image[at : at + 2], text[at : at + 2], 0.3, image, text, at) for at in (0, 2, 4)]
        torch.testing.assert_close(torch.stack(parts).mean(), clip(image, text, 0.3), rtol=1e-12, atol=0)

    def test_gradients_reach_pictures_texts_and_the_scale(self):
        image, text = (features(3, 4, seed).requires_grad_() for seed in (1, 2))
        log_scale = torch.tensor(1.3, dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(lambda a, b, t: clip(unit(a), unit(b), 1 / t.exp()), (image, text, log_scale))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_the_losses_of_views_are_computed_in_float32(dtype):
    first, second = (features(8, 16, seed).to(dtype) for seed in (1, 2))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss, half = nt_xent(first, second), moco_v3(unit(first), unit(second), 0.2)
        queued = info_nce(*among_queue(unit(first), unit(second), unit(second)))
        named = clip(unit(first), unit(second))
    assert {loss.dtype, half.dtype, queued.dtype, named.dtype} == {torch.float32}
    first, second = first.double(), second.double()
    assert loss.item() == pytest.approx(nt_xent(first, second).item(), rel=1e-5)
    assert half.item() == pytest.approx(moco_v3(unit(first), unit(second), 0.2).item(), rel=1e-5)
    assert named.item() == pytest.approx(clip(unit(first), unit(second)).item(), rel=1e-5)
    expected = info_nce(*among_queue(unit(first), unit(second), unit(second)))
    torch.testing.assert_close(queued.double(), expected, rtol=1e-5, atol=1e-5)
