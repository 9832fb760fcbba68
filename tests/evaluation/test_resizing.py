"""Scaling as clean-fid does it."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from translate.evaluation.resizing import bicubic


def slow_weights(count: int, side: int) -> np.ndarray:
    """(side, count): Keys' cubic with a = -0.5 around each place, widened where there are fewer places than values."""

    def cubic(x):
        x = abs(x)
        if x < 1:
            return 1.5 * x**3 - 2.5 * x**2 + 1
        return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0.0

    step = count / side
    wide = max(step, 1.0)
    rows = [[cubic((at + 0.5 - (place + 0.5) * step) / wide) for at in range(count)] for place in range(side)]
    return np.array(rows) / np.sum(rows, axis=1, keepdims=True)


@settings(max_examples=20)
@given(st.integers(1, 20), st.integers(1, 20), st.integers(1, 25), st.integers(0, 2**31))
def test_it_is_a_cubic_filter_of_each_channel_without_rounding(height, width, side, seed):
    picture = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    expected = np.einsum("ph,qw,hwc->pqc", slow_weights(height, side), slow_weights(width, side), picture.astype(float))
    found = bicubic(picture, side)
    assert found.shape == (side, side, 3) and found.dtype == np.float32
    np.testing.assert_allclose(found, expected.clip(0, 255), atol=1e-3)


def test_nothing_is_skipped_in_making_it_smaller():
    """Lines of one pixel come out grey, where interpolation without a wider filter keeps some and loses others."""
    lines = np.zeros((128, 128, 3), np.uint8)
    lines[:, ::2] = 255
    inner = bicubic(lines, 16)[2:-2, 2:-2]
    assert np.ptp(inner) < 5 and abs(inner.mean() - 127.5) < 3


def test_a_picture_of_that_size_stays_as_it_is():
    picture = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    assert np.array_equal(bicubic(picture, 20), picture)
