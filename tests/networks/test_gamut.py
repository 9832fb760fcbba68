"""The 313 bins and what is done with them, against slow formulas and known limits."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from translate.networks import gamut
from translate.networks.gamut import (
    ab_histogram,
    annealed_mean,
    class_weights,
    gamut_bins,
    has_colour,
    soft_encode,
    soft_prior,
)
from translate.networks.lab import rgb_to_lab

# The published points: the lowest and the highest b of each a, 10 apart.
PUBLISHED = {
    -90: (50, 90), -80: (20, 90), -70: (0, 90), -60: (-20, 90), -50: (-30, 100), -40: (-40, 100), -30: (-50, 100),
    -20: (-50, 100), -10: (-60, 100), 0: (-70, 100), 10: (-80, 90), 20: (-80, 90), 30: (-90, 90), 40: (-100, 90),
    50: (-100, 80), 60: (-110, 80), 70: (-110, 80), 80: (-110, 70), 90: (-110, 70), 100: (-90, 0),
}  # fmt: skip
seeds = st.integers(0, 2**32 - 1)


def displayable(count: int, seed: int) -> Tensor:
    """ab (1, 2, 1, count) of random sRGB colours."""
    rgb = np.random.default_rng(seed).random((1, 3, 1, count)) * 2 - 1
    return rgb_to_lab(torch.from_numpy(rgb))[:, 1:]


def slow_code(colour: np.ndarray, bins: np.ndarray, neighbours: int, sigma: float) -> np.ndarray:
    """The dense code of one colour."""
    squares = ((bins - colour) ** 2).sum(1)
    code = np.zeros(len(bins))
    for q in np.argsort(squares, kind="stable")[:neighbours]:
        code[q] = math.exp(-squares[q] / (2 * sigma**2))
    return code / code.sum()


def dense(indices: Tensor, shares: Tensor) -> Tensor:
    shape = (len(indices), 313, *indices.shape[2:])
    return shares.new_zeros(shape).scatter_(1, indices, shares)


def test_the_bins_are_the_published_ones():
    expected = [[a, b] for a, (low, high) in PUBLISHED.items() for b in range(low, high + 1, 10)]
    assert len(expected) == 313
    assert gamut_bins().tolist() == expected


def test_the_bins_are_ones_own():
    gamut_bins().zero_()
    assert gamut_bins()[0].tolist() == [-90, 50]


def test_the_bins_cover_the_gamut():
    """No displayable colour is further from a bin than half the diagonal of its square."""
    colours = displayable(4000, 0)[0, :, 0].T
    assert torch.cdist(colours, gamut_bins()).amin(1).max() <= 5 * math.sqrt(2)


@settings(max_examples=20)
@given(st.sampled_from([1, 5, 10]), st.floats(1, 20), seeds)
def test_soft_codes_are_their_formula(neighbours, sigma, seed):
    ab, bins = displayable(6, seed), gamut_bins()
    indices, shares = soft_encode(ab, bins, neighbours, sigma)
    assert indices.shape == shares.shape == (1, neighbours, 1, 6)
    for i in range(6):
        expected = slow_code(ab[0, :, 0, i].numpy(), bins.numpy(), neighbours, sigma)
        np.testing.assert_allclose(dense(indices, shares)[0, :, 0, i].numpy(), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("neighbours", [5, 10])
def test_soft_codes_stand_for_their_colours(neighbours):
    ab, bins = displayable(2000, 1), gamut_bins()
    indices, shares = soft_encode(ab, bins, neighbours)
    torch.testing.assert_close(shares.sum(1), torch.ones(1, 1, 2000).double())
    assert (shares.diff(dim=1) <= 1e-15).all(), "the nearest comes first"
    mean = (bins[indices] * shares.unsqueeze(-1)).sum(1).permute(0, 3, 1, 2)
    assert (mean - ab).norm(dim=1).mean() < 0.5
    nearest = bins[soft_encode(ab, bins, 1)[0][:, 0]].permute(0, 3, 1, 2)
    assert 3 < (nearest - ab).norm(dim=1).mean() < 4


def test_far_away_colours_have_codes_too():
    _, shares = soft_encode(torch.tensor([400.0, -500.0]).view(1, 2, 1, 1), gamut_bins())
    assert shares.isfinite().all()
    assert shares.sum().item() == pytest.approx(1)


def test_maps_keep_their_places_whatever_the_chunks(monkeypatch):
    ab, bins = displayable(2 * 3 * 5, 2).view(2, 15, 2, 1).transpose(1, 2).reshape(2, 2, 3, 5), gamut_bins()
    whole = soft_encode(ab, bins)
    monkeypatch.setattr(gamut, "CHUNK_PIXELS", 7)
    for one, other in zip(whole, soft_encode(ab, bins), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
    alone = soft_encode(ab[1:, :, 2:, 3:4], bins)
    torch.testing.assert_close(whole[1][1:, :, 2:, 3:4], alone[1])
    assert (whole[0][1:, :, 2:, 3:4] == alone[0]).all()


def test_codes_are_at_least_in_single_precision():
    ab = displayable(8, 3)
    for dtype, expected in ((torch.bfloat16, torch.float32), (torch.float32, torch.float32), (torch.float64,) * 2):
        assert soft_encode(ab.to(dtype), gamut_bins())[1].dtype == expected


def test_grey_pictures_are_told_from_coloured_ones():
    ab = torch.zeros(4, 2, 3, 3)
    ab[1] = 4.9
    ab[2, 1, 2, 2] = -5.1
    ab[3, 0] = 60
    assert has_colour(ab).tolist() == [False, False, True, True]


def test_a_histogram_counts_every_pixel_once():
    ab = torch.tensor([[[[0.4, -0.4, 97.6]], [[0.0, 0.2, -107.9]]]])
    histogram = ab_histogram(ab)
    assert histogram.sum() == 3
    assert histogram[128, 128] == 2
    assert histogram[128 + 98, 128 - 108] == 1


def test_the_prior_of_a_histogram_is_that_of_its_pixels():
    ab, bins = displayable(3000, 4), gamut_bins()
    prior = soft_prior(ab_histogram(ab), bins)
    exact = dense(*soft_encode(ab, bins)).mean((0, 2, 3))
    assert prior.sum().item() == pytest.approx(1, abs=1e-12)
    assert (prior - exact).abs().sum() < 0.03  # a colour moved by half a unit at most
    whole = ab.round()
    torch.testing.assert_close(
        soft_prior(ab_histogram(whole), bins, 10, 3.0), dense(*soft_encode(whole, bins, 10, 3.0)).mean((0, 2, 3))
    )


def test_an_empty_histogram_has_no_prior():
    with pytest.raises(ValueError, match="empty"):
        soft_prior(torch.zeros(4, 4, dtype=torch.long), gamut_bins())


@settings(max_examples=30)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=20).filter(lambda values: sum(values) > 0.1), st.floats(0.01, 1))
def test_weights_are_their_formula(shares, mix):
    prior = torch.tensor(shares, dtype=torch.float64)
    prior = prior / prior.sum()
    weights = class_weights(prior, mix)
    inverse = [1 / ((1 - mix) * p + mix / len(prior)) for p in prior.tolist()]
    scale = math.fsum(p * v for p, v in zip(prior.tolist(), inverse, strict=True))
    assert weights.tolist() == pytest.approx([v / scale for v in inverse], rel=1e-9)
    assert (prior * weights).sum().item() == pytest.approx(1)


def test_limits_of_the_weights():
    prior = torch.tensor([0.7, 0.3, 0.0], dtype=torch.float64)
    assert class_weights(prior, 1.0).tolist() == pytest.approx([1, 1, 1])
    rare_first = class_weights(prior, 0.5)
    assert rare_first[2] > rare_first[1] > rare_first[0]
    assert class_weights(torch.full((313,), 1 / 313, dtype=torch.float64)).tolist() == pytest.approx([1] * 313)


def test_limits_of_the_annealed_mean():
    torch.manual_seed(0)
    logits, bins = 3 * torch.randn(2, 313, 3, 4, dtype=torch.float64), gamut_bins()
    mean = torch.einsum("bqhw,qc->bchw", logits.exp() / logits.exp().sum(1, keepdim=True), bins)
    mode = bins[logits.argmax(1)].permute(0, 3, 1, 2)
    torch.testing.assert_close(annealed_mean(logits, bins, 1.0), mean)
    torch.testing.assert_close(annealed_mean(logits, bins, 0.0), mode)
    torch.testing.assert_close(annealed_mean(logits, bins, 1e-4), mode)


def test_the_annealed_mean_is_its_formula():
    torch.manual_seed(1)
    logits, bins = torch.randn(1, 313, 1, 1, dtype=torch.float64), gamut_bins()
    shares = logits.flatten().softmax(0).numpy()
    sharpened = np.exp(np.log(shares) / 0.38)
    expected = (sharpened / sharpened.sum()) @ bins.numpy()
    assert annealed_mean(logits, bins).flatten().tolist() == pytest.approx(expected.tolist(), rel=1e-9)


def test_the_annealed_mean_of_equal_logits_is_the_middle_of_the_bins():
    found = annealed_mean(torch.zeros(1, 313, 1, 1), gamut_bins()).flatten()
    torch.testing.assert_close(found, gamut_bins().mean(0).float())


def test_low_temperatures_do_not_overflow_and_precision_is_kept():
    logits = torch.linspace(-60, 60, 313).view(1, 313, 1, 1).to(torch.float16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = annealed_mean(logits, gamut_bins(), 0.01)
    assert found.dtype == torch.float32
    assert found.flatten().tolist() == pytest.approx([100, 0], abs=1e-3)
