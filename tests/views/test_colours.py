"""The two remedies against colour fringes, against the formulas in numpy."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from translate.views.colours import one_channel_left, without_green_magenta

# The matrix in numbers, as it is known to three digits.
PROJECTION = np.array([[0.833, 0.333, -0.167], [0.333, 0.333, 0.333], [-0.167, 0.333, 0.833]])


def some_pictures(count=3, height=7, width=5, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).uniform(-1, 1, (count, 3, height, width)))


def matrix() -> np.ndarray:
    """What it does to the three unit colours, as columns."""
    return without_green_magenta(torch.eye(3, dtype=torch.float64)[:, :, None, None])[..., 0, 0].numpy().T


class TestProjection:
    def test_it_is_the_published_matrix(self):
        assert np.abs(matrix() - PROJECTION).max() < 5e-4

    def test_it_is_a_projection_of_rank_2_across_green_and_magenta(self):
        assert np.linalg.matrix_rank(matrix()) == 2
        assert np.allclose(matrix() @ matrix(), matrix(), atol=1e-12)
        assert np.allclose(matrix() @ [-1, 2, -1], 0, atol=1e-12)

    @given(st.integers(0, 2**32 - 1))
    def test_each_pixel_is_multiplied(self, seed):
        pictures = some_pictures(seed=seed)
        axis = np.array([[-1.0, 2.0, -1.0]])
        expected = np.einsum("ij,njhw->nihw", np.eye(3) - axis.T @ axis / 6, pictures.numpy())
        assert np.allclose(without_green_magenta(pictures), expected, atol=1e-12)

    def test_greys_stay(self):
        grey = some_pictures()[:, :1].expand(-1, 3, -1, -1)
        assert torch.allclose(without_green_magenta(grey), grey, atol=1e-12)

    def test_it_is_the_same_from_0_to_1(self):
        pictures = some_pictures()
        assert torch.allclose(without_green_magenta((pictures + 1) / 2) * 2 - 1, without_green_magenta(pictures))

    def test_the_range_is_the_told_one(self):
        corners = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * 3)[:, :, None, None]
        assert without_green_magenta(corners).abs().max() == pytest.approx(4 / 3)

    def test_the_layout_stays(self):
        pictures = some_pictures().contiguous(memory_format=torch.channels_last)
        assert without_green_magenta(pictures).is_contiguous(memory_format=torch.channels_last)


class TestDropping:
    @given(st.integers(1, 5), st.integers(0, 2**32 - 1))
    def test_each_keeps_its_channel_and_noise(self, count, seed):
        rng = np.random.default_rng(seed)
        pictures, noise = some_pictures(count, seed=seed), rng.standard_normal((count, 3, 7, 5))
        kept = rng.integers(0, 3, count)
        found = one_channel_left(pictures, torch.from_numpy(kept), torch.from_numpy(noise)).numpy()
        for sample, channel in enumerate(kept):
            for each in range(3):
                expected = pictures[sample, each].numpy()
                if each != channel:
                    expected = noise[sample, each] * pictures[sample, channel].numpy().std() / 100
                assert np.allclose(found[sample, each], expected, atol=1e-12)

    def test_nothing_of_the_dropped_channels_is_left(self):
        pictures = some_pictures(9, 64, 64)
        pictures[:, 1:] = 0.7 * pictures[:, :1] + 0.3 * pictures[:, 1:]  # colours of pictures go together
        noise = torch.from_numpy(np.random.default_rng(1).standard_normal((9, 3, 64, 64)))
        kept = torch.arange(9) % 3
        found = one_channel_left(pictures, kept, noise)
        for before, after, channel in zip(pictures.numpy(), found.numpy(), kept.tolist(), strict=True):
            correlations = np.corrcoef(np.concatenate([before, after]).reshape(6, -1))
            dropped = [3 + each for each in range(3) if each != channel]
            assert np.abs(correlations[dropped, :3]).max() < 0.08  # five deviations of chance among 64 x 64
            assert correlations[3 + channel, channel] == pytest.approx(1)
            assert after[[each - 3 for each in dropped]].std() == pytest.approx(before[channel].std() / 100, rel=0.05)

    def test_a_plain_picture_has_no_noise(self):
        plain = torch.full((1, 3, 4, 4), 0.5)
        found = one_channel_left(plain, torch.tensor([1]), torch.ones(3, 4, 4))
        assert found[0, 1].unique().tolist() == [0.5]
        assert not found[0, [0, 2]].any()
