"""Probes against scipy's optimiser and a naive vote, and on what can and cannot be told apart."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import log_softmax

from translate.evaluation.probes import (
    DECAYS,
    NEIGHBOURS,
    Split,
    _fit,
    _knn_accuracy,
    _logits,
    _spanned,
    _standardised,
    knn_probe,
    linear_probe,
)


def clouds(count, width, classes=3, apart=3.0, seed=0, dtype=torch.float32):
    """Rows around a centre for each class."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(classes, width)) * apart
    labels = rng.integers(0, classes, count)
    return Split(
        torch.from_numpy(centres[labels] + rng.normal(size=(count, width))).to(dtype), torch.from_numpy(labels)
    )


def splits(width, apart, count=60):
    return [clouds(count, width, apart=apart, seed=seed) for seed in range(3)]


def best_of_scipy(rows, labels, classes, decay):
    """The least value of the objective, by another optimiser on the rows as they are."""
    rows, labels = rows.numpy(), labels.numpy()
    width = rows.shape[1]

    def objective(flat):
        weights = flat.reshape(width + 1, classes)
        logs = log_softmax(rows @ weights[:-1] + weights[-1], axis=1)
        missed = np.exp(logs) - np.eye(classes)[labels]
        slope = np.vstack([rows.T @ missed / len(rows) + decay * weights[:-1], missed.mean(0)])
        value = -logs[np.arange(len(rows)), labels].mean() + 0.5 * decay * (weights[:-1] ** 2).sum()
        return value, slope.ravel()

    found = minimize(
        objective,
        np.zeros((width + 1) * classes),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 9999, "ftol": 1e-15, "gtol": 1e-9},
    )
    return found.fun, found.x.reshape(width + 1, classes)


@pytest.mark.parametrize("width", [5, 90])  # fewer and more features than pictures
@pytest.mark.parametrize("decay", [1e-3, 1e-1, 10.0])
def test_the_weights_are_the_best_there_are(width, decay):
    train, test = (
        clouds(40, width, apart=0.4, dtype=torch.float64),
        clouds(30, width, apart=0.4, seed=1, dtype=torch.float64),
    )
    _, weights = best_of_scipy(train.rows, train.labels, 3, decay)
    spanned, asked = _spanned(train, test)
    assert spanned.rows.shape[1] == min(width, 40)
    found = _logits(asked.rows, _fit(spanned, 3, decay, None)).softmax(1)
    expected = _logits(test.rows, torch.from_numpy(weights)).softmax(1)
    assert torch.allclose(found, expected, atol=6e-3)


@pytest.mark.parametrize("probe", [linear_probe, knn_probe])
class TestBoth:
    @pytest.mark.parametrize("width", [4, 200])
    def test_what_lies_apart_is_told_apart(self, probe, width):
        assert probe(*splits(width, apart=10.0), 3).accuracy == 1

    def test_noise_tells_nothing(self, probe):
        found = probe(*splits(8, apart=0.0, count=600), 3)
        assert abs(found.accuracy - 1 / 3) < 0.08  # four standard deviations

    def test_a_feature_on_another_scale_counts_as_any_other(self, probe):
        sets = splits(6, apart=0.7)
        stretched = [Split(each.rows * torch.tensor([1e4, 1, 1, 1e-3, 1, 1]) + 7, each.labels) for each in sets]
        assert probe(*stretched, 3).accuracy == pytest.approx(probe(*sets, 3).accuracy, abs=0.02)

    def test_a_feature_that_never_changes_is_left_out(self, probe):
        sets = splits(6, apart=0.7)
        dead = [Split(torch.cat([each.rows, torch.full((60, 1), 5.0)], 1), each.labels) for each in sets]
        odd = [*dead[:2], Split(torch.cat([sets[2].rows, torch.full((60, 1), 900.0)], 1), sets[2].labels)]
        assert probe(*odd, 3).accuracy == probe(*sets, 3).accuracy

    def test_validation_chooses_and_the_test_does_not(self, probe):
        train, val, test = splits(20, apart=0.3)
        found = probe(train, val, test, 3)
        other = probe(train, val, Split(test.rows, (test.labels + 1) % 3), 3)
        assert (other.chosen, other.validation) == (found.chosen, found.validation)
        assert other.accuracy != found.accuracy
        assert found.chosen in (*DECAYS, *NEIGHBOURS)


@settings(max_examples=20)
@given(st.integers(1, 12), st.integers(0, 1000))
def test_neighbours_vote_as_a_naive_count_has_it(count, seed):
    train, asked = clouds(15, 4, apart=0.5, seed=seed), clouds(9, 4, apart=0.5, seed=seed + 1)
    right = 0
    for row, label in zip(asked.rows.numpy(), asked.labels.numpy(), strict=True):
        cosines = [row @ key / np.linalg.norm(row) / np.linalg.norm(key) for key in train.rows.numpy()]
        votes = np.zeros(3)
        for place in np.argsort(cosines)[::-1][:count]:
            votes[train.labels[place]] += np.exp(cosines[place] / 0.1)
        right += votes.argmax() == label
    assert _knn_accuracy(train, asked, 3, count, 0.1) == pytest.approx(right / 9)


def test_neighbours_weigh_by_a_tenth():
    train, val, test = splits(20, apart=0.3, count=200)
    found = {t: knn_probe(train, val, test, 3, **told) for t, told in
             (("own", {}), ("published", {"temperature": 0.1}), ("flat", {"temperature": 100.0}))}  # fmt: skip
    assert found["own"] == found["published"] != found["flat"]


def test_features_are_standardised_over_the_training_pictures_alone():
    train, other = _standardised(clouds(50, 3), clouds(50, 3, seed=1))
    assert torch.allclose(train.rows.mean(0), torch.zeros(3), atol=1e-5)
    assert torch.allclose(train.rows.std(0, correction=0), torch.ones(3), atol=1e-5)
    assert not torch.allclose(other.rows.mean(0), torch.zeros(3), atol=1e-3)
