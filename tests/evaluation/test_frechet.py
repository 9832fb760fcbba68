"""The Frechet distance against closed forms and a root of a matrix."""

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from translate.evaluation.frechet import covariance_factor, frechet_distance


def features(rows: int, columns: int, seed: int, shift: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((rows, columns)) * rng.uniform(0.5, 2, columns) + shift).astype(np.float32)


def with_root(x: np.ndarray, y: np.ndarray) -> float:
    """As the paper writes it, with scipy's root of a matrix."""
    x, y = x.astype(np.float64), y.astype(np.float64)
    covariances = [np.cov(each, rowvar=False) for each in (x, y)]
    root = scipy.linalg.sqrtm(covariances[0] @ covariances[1])
    return np.sum((x.mean(0) - y.mean(0)) ** 2) + np.trace(covariances[0] + covariances[1] - 2 * root.real)


def standardised(rows: int, columns: int, seed: int) -> np.ndarray:
    """Rows with mean 0 and exactly the identity as their covariance."""
    x = np.random.default_rng(seed).standard_normal((rows, columns))
    x -= x.mean(0)
    return x @ np.linalg.inv(np.linalg.cholesky(np.atleast_2d(np.cov(x, rowvar=False)))).T


@settings(max_examples=25)
@given(st.integers(1, 8), st.integers(1, 60), st.integers(1, 60), st.integers(0, 2**31), st.floats(0, 3))
def test_it_is_the_formula_with_a_root_of_the_covariances(columns, more_x, more_y, seed, shift):
    x = features(2 * columns + more_x, columns, seed)
    y = features(2 * columns + more_y, columns, seed + 1, shift)
    if columns == 1:  # numpy gives a number there
        expected = (x.mean(dtype=float) - y.mean(dtype=float)) ** 2
        expected += (x.astype(float).std(ddof=1) - y.astype(float).std(ddof=1)) ** 2
    else:
        expected = with_root(x, y)
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-6, abs=1e-9)


@settings(max_examples=25)
@given(st.integers(2, 12), st.integers(2, 12), st.integers(1, 40), st.integers(0, 2**31))
def test_few_rows_are_exact_too(n, m, columns, seed):
    """Against the eigenvalues of the product of the covariances within the plane that the rows span."""
    x, y = features(n, columns, seed).astype(float), features(m, columns, seed + 1, 0.5).astype(float)
    plane = np.linalg.svd(np.concatenate([x, y]) - x.mean(0), full_matrices=False)[2]
    flat_x, flat_y = x @ plane.T, y @ plane.T
    values, vectors = np.linalg.eigh(np.atleast_2d(np.cov(flat_x, rowvar=False)))
    kept = values > 1e-12 * values.max()
    root = (vectors[:, kept] * np.sqrt(values[kept])) @ vectors[:, kept].T
    inner = np.linalg.eigvalsh(root @ np.atleast_2d(np.cov(flat_y, rowvar=False)) @ root)
    overlap = np.sqrt(np.sort(inner)[::-1][: min(n - 1, m - 1, columns)].clip(0)).sum()
    traces = flat_x.var(0, ddof=1).sum() + flat_y.var(0, ddof=1).sum()
    expected = np.sum((x.mean(0) - y.mean(0)) ** 2) + traces - 2 * overlap
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-6, abs=1e-6)


@settings(max_examples=25)
@given(st.integers(1, 6), st.integers(0, 2**31), st.data())
def test_gaussians_have_a_closed_form(columns, seed, data):
    """Of diagonal covariances: the squared distance of the means and of the standard deviations."""
    numbers = st.lists(st.floats(0.1, 5), min_size=columns, max_size=columns).map(np.array)
    deviations, means = [data.draw(numbers) for _ in range(2)], [data.draw(numbers) for _ in range(2)]
    x, y = (standardised(20, columns, seed + k) * deviations[k] + means[k] for k in range(2))
    expected = np.sum((means[0] - means[1]) ** 2) + np.sum((deviations[0] - deviations[1]) ** 2)
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@settings(max_examples=20)
@given(st.integers(2, 30), st.integers(2, 30), st.integers(1, 10), st.integers(0, 2**31))
def test_it_is_symmetric_and_zero_for_equal_sets(n, m, columns, seed):
    x, y = features(n, columns, seed), features(m, columns, seed + 1)
    assert frechet_distance(x, y) == pytest.approx(frechet_distance(y, x), rel=1e-9, abs=1e-9)
    assert 0 <= frechet_distance(x, x) < 1e-9
    assert 0 <= frechet_distance(x, x[::-1]) < 1e-9


def test_a_shift_is_its_squared_length():
    x = features(50, 2048, 0)
    assert frechet_distance(x, x + np.float32(0.5)) == pytest.approx(2048 * 0.25, rel=1e-6)


@pytest.mark.parametrize("rows", [3, 30])
def test_the_factor_is_a_root_of_the_covariance(rows):
    x = features(rows, 8, 1)
    factor = covariance_factor(x)
    assert factor.shape == (min(rows, 8), 8)
    np.testing.assert_allclose(factor.T @ factor, np.cov(x.astype(float), rowvar=False), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("n", "m"), [((1, 4), (5, 4)), ((5, 4), (5, 3)), ((5,), (5, 4))])
def test_shapes_that_do_not_fit_are_refused(n, m):
    with pytest.raises(ValueError, match="features are"):
        frechet_distance(np.zeros(n), np.zeros(m))
