"""Support vector machines against scipy's optimum, and the choice of C."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from translate.evaluation.average_precision import average_precision
from translate.evaluation.squared_hinge import fit_squared_hinge
from translate.evaluation.svm import COSTS, learn_machines


def loss_of(weights, features, signs, costs):
    """The sum and its gradient, written out row by row."""
    value, gradient = 0.5 * weights @ weights, weights.copy()
    for row, sign, cost in zip(features, signs, costs, strict=True):
        slack = max(0.0, 1 - sign * (row @ weights))
        value += cost * slack**2
        gradient -= 2 * cost * slack * sign * row
    return value, gradient


def optimum(features, signs, costs):
    told = {"gtol": 1e-10, "ftol": 1e-16, "maxiter": 5000, "maxfun": 10000}
    found = minimize(
        loss_of, np.zeros(features.shape[1]), (features, signs, costs), jac=True, method="L-BFGS-B", options=told
    )
    return found.x


def some_rows(seed=0, count=30, width=6):
    """Rows of length 1 of two classes that overlap, either or both."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(count, width))
    positive = np.stack([rows[:, 0] + rng.normal(size=count) > 0.5, rows[:, 1] + rng.normal(size=count) > 0.8], 1)
    return rows, positive


class TestOptimum:
    @pytest.mark.parametrize("cost", [0.01, 1.0, 100.0])
    def test_it_is_scipys(self, cost):
        rows, positive = some_rows()
        signs = np.where(positive, 1.0, -1.0)
        costs = cost * np.random.default_rng(1).integers(0, 3, signs.shape)
        found = rows.T @ fit_squared_hinge(*map(torch.tensor, (rows @ rows.T, signs, costs))).numpy()
        expected = np.stack([optimum(rows, signs[:, k], costs[:, k]) for k in range(2)], 1)
        assert np.allclose(found, expected, atol=1e-5)

    def test_the_gradient_is_zero_where_it_ends_whatever_it_starts_from(self):
        rows, positive = some_rows(count=60)
        signs = np.where(positive, 1.0, -1.0)
        start = torch.randn(60, 2, generator=torch.Generator().manual_seed(0)).double() * 10
        costs = np.full(signs.shape, 1000.0)
        found = rows.T @ fit_squared_hinge(*map(torch.tensor, (rows @ rows.T, signs, costs)), start).numpy()
        for column in range(2):
            gradient = loss_of(found[:, column], rows, signs[:, column], costs[:, column])[1]
            assert np.abs(gradient).max() < 1e-3  # of which the parts are about 1e5

    def test_columns_that_end_sooner_leave_the_others_alone(self):
        rows, positive = some_rows(count=40, width=50)
        costs = torch.logspace(-3, 3, 7).double().repeat_interleave(2).expand(40, 14)
        kernel, signs = torch.tensor(rows @ rows.T), torch.tensor(np.where(positive, 1.0, -1.0)).repeat(1, 7)
        together = kernel @ fit_squared_hinge(kernel, signs, costs)
        for column in range(14):
            alone = fit_squared_hinge(kernel, signs[:, column : column + 1], costs[:, column : column + 1])
            assert torch.allclose(together[:, column], (kernel @ alone)[:, 0], atol=1e-7)

    def test_it_ends_where_whole_steps_would_go_in_circles(self):
        for seed in range(20):
            rng = torch.Generator().manual_seed(seed)
            rows = 100 * torch.randn(6, 2, generator=rng).double()
            signs = torch.where(torch.rand(6, 1, generator=rng) > 0.5, 1.0, -1.0).double()
            costs = (3 * torch.randn(6, 1, generator=rng)).exp().double()
            found = rows.T @ fit_squared_hinge(rows @ rows.T, signs, costs, torch.randn(6, 1, generator=rng).double())
            gradient = loss_of(*(part.numpy() for part in (found[:, 0], rows, signs[:, 0], costs[:, 0])))[1]
            at_zero = loss_of(np.zeros(2), *(part.numpy() for part in (rows, signs[:, 0], costs[:, 0])))[1]
            assert np.linalg.norm(gradient) < 1e-8 * np.linalg.norm(at_zero)

    def test_a_column_without_anything_to_learn_stays_zero(self):
        rows, positive = some_rows()
        signs, costs = torch.tensor(np.where(positive, 1.0, -1.0)), torch.ones(30, 2, dtype=torch.float64)
        costs[:, 1] = 0
        found = fit_squared_hinge(torch.tensor(rows @ rows.T), signs, costs)
        assert found[:, 0].abs().sum() > 0.1 and found[:, 1].abs().sum() == 0


class TestMachines:
    @pytest.mark.parametrize("width", [6, 50])  # fewer and more features than rows
    def test_a_machine_is_the_optimum_on_all_rows_with_double_weight_of_positives(self, width):
        rows, positive = some_rows(width=width)
        machines = learn_machines(torch.tensor(rows), torch.tensor(positive), costs=(3.0,))
        unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        features = np.concatenate([unit, np.ones((30, 1))], 1)
        for column in range(2):
            signs = np.where(positive[:, column], 1.0, -1.0)
            expected = optimum(features, signs, 3.0 * np.where(positive[:, column], 2.0, 1.0))
            assert np.allclose(machines.weights[:, column].numpy(), expected, atol=1e-5)
            scores = machines.scores(torch.tensor(rows) * 7)  # of which the length does not matter
            assert np.allclose(scores[:, column].numpy(), features @ expected, atol=1e-5)
        assert machines.costs == (3.0, 3.0)

    def test_c_is_what_three_folds_prefer(self):
        rows, positive = some_rows(seed=3, count=45)
        costs = (0.01, 1.0, 100.0)
        machines = learn_machines(torch.tensor(rows), torch.tensor(positive), costs)
        unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        features = np.concatenate([unit, np.ones((45, 1))], 1)
        for column in range(2):
            truth = positive[:, column]
            fold = np.empty(45, dtype=int)
            for kind in (truth, ~truth):
                fold[kind] = np.arange(kind.sum()) % 3
            means = []
            for cost in costs:
                values = []
                for held in range(3):
                    seen = fold != held
                    weight = cost * np.where(truth[seen], 2.0, 1.0)
                    learned = optimum(features[seen], np.where(truth[seen], 1.0, -1.0), weight)
                    values.append(average_precision(features[~seen] @ learned, truth[~seen]))
                means.append(np.mean(values))
            assert machines.validation[column] == pytest.approx(max(means), abs=1e-6)
            assert machines.costs[column] == costs[int(np.argmax(means))]

    def test_a_class_of_one_picture_or_none_is_learned_as_far_as_it_can_be(self):
        rows, positive = some_rows()
        positive = np.zeros_like(positive)
        positive[4, 0] = True
        machines = learn_machines(torch.tensor(rows), torch.tensor(positive))
        assert machines.weights.isfinite().all() and np.isnan(machines.validation[1])
        assert machines.scores(torch.tensor(rows))[:, 0].argmax() == 4


def test_costs_are_the_published_ones():
    assert COSTS == (0.01, 0.1, 1, 2, 5, 10, 15, 20, 50, 100, 1000)
