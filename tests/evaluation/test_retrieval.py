"""Recall against a slow ranking, and chance against all orders."""

from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from translate.evaluation.retrieval import chance, recall, retrieve


def slow_recall(similarity, relevant, count):
    """Sort the keys of each query, own ones behind others that are equally similar."""
    hits = []
    for scores, own in zip(similarity, relevant, strict=True):
        order = sorted(range(len(scores)), key=lambda key: (-scores[key], own[key]))
        hits.append(any(own[key] for key in order[:count]))
    return np.mean(hits)


@st.composite
def asked(draw):
    """Similarities with ties, and some own keys for each query."""
    rows, keys = draw(st.integers(1, 6)), draw(st.integers(1, 7))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    relevant = rng.random((rows, keys)) < 0.3
    relevant[np.arange(rows), rng.integers(0, keys, rows)] = True
    return rng.integers(0, 4, (rows, keys)) / 4, relevant


@settings(max_examples=60)
@given(asked(), st.integers(1, 5))
def test_it_is_the_ranking(case, count):
    similarity, relevant = case
    found = recall(torch.from_numpy(similarity), torch.from_numpy(relevant), (count,))
    assert found == {count: pytest.approx(slow_recall(similarity, relevant, count))}


def test_both_directions_have_their_own_queries():
    images = torch.eye(3)
    texts = torch.stack([images[0], images[0], images[1], images[0]])
    relevant = torch.tensor([[1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], dtype=torch.bool)
    found = retrieve(images, texts, relevant, (1, 3))
    assert found.image_to_text == {1: pytest.approx(1 / 3), 3: pytest.approx(2 / 3)}  # a third text before its own
    assert found.text_to_image == {1: pytest.approx(3 / 4), 3: 1}


def test_equal_features_find_nothing():
    same = torch.ones(8, 4)
    found = retrieve(same, same, torch.eye(8, dtype=torch.bool))
    assert found.image_to_text == found.text_to_image == {1: 0, 5: 0}


def test_features_that_are_no_numbers_find_nothing():
    broken = torch.full((8, 4), torch.nan)
    found = retrieve(broken, broken, torch.eye(8, dtype=torch.bool))
    assert found.image_to_text == found.text_to_image == {1: 0, 5: 0}


@pytest.mark.parametrize("count", [1, 2, 4, 9])
def test_chance_is_the_mean_over_all_orders(count):
    relevant = torch.tensor([[1, 1, 0, 0], [0, 0, 0, 1]], dtype=torch.bool)
    hits = [any(own[key] for key in order[:count]) for own in relevant for order in permutations(range(4))]
    assert chance(relevant, (count,)) == {count: pytest.approx(np.mean(hits))}
