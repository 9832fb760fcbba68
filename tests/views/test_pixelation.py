"""Scaling down and up again, against sums over pixels."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from translate.views.pixelation import pixelated


def slow(picture: np.ndarray, side: int) -> np.ndarray:
    """(S, S): each pixel becomes a block of side x side, of which a cell has S x S; then bilinear by hand."""
    full = len(picture)
    fine = picture.repeat(side, 0).repeat(side, 1)
    cells = fine.reshape(side, full, side, full).mean((1, 3))
    enlarged = np.zeros_like(picture)
    for y in range(full):
        for x in range(full):
            at = [min(max((place + 0.5) * side / full - 0.5, 0), side - 1) for place in (y, x)]
            low = [int(place) for place in at]
            high = [min(place + 1, side - 1) for place in low]
            part = [place - first for place, first in zip(at, low, strict=True)]
            top = cells[low[0], low[1]] * (1 - part[1]) + cells[low[0], high[1]] * part[1]
            bottom = cells[high[0], low[1]] * (1 - part[1]) + cells[high[0], high[1]] * part[1]
            enlarged[y, x] = top * (1 - part[0]) + bottom * part[0]
    return enlarged


@given(st.integers(1, 4), st.integers(1, 9), st.integers(0, 2**32 - 1), st.booleans())
def test_each_picture_is_reduced_and_enlarged_by_its_own_factor(count, full, seed, channels_last):
    rng = np.random.default_rng(seed)
    pictures, sides = rng.uniform(-1, 1, (count, 2, full, full)), rng.integers(1, full + 1, count)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    given_pictures = torch.from_numpy(pictures).contiguous(memory_format=layout)
    found = pixelated(given_pictures, torch.from_numpy(sides))
    assert found.is_contiguous(memory_format=layout)
    for picture, side, result in zip(pictures, sides, found.numpy(), strict=True):
        for channel, values in zip(picture, result, strict=True):
            assert np.allclose(values, slow(channel, side), atol=1e-12)


def test_pictures_of_full_size_stay_to_the_bit():
    pictures = torch.rand(2, 3, 13, 13)
    found = pixelated(pictures, torch.tensor([13, 5]))
    assert torch.equal(found[0], pictures[0])
    assert (found[1] - pictures[1]).abs().max() > 0.1


@pytest.mark.parametrize("side", [1, 10, 37])
def test_a_plain_picture_stays_and_a_single_cell_is_the_mean(side):
    pictures = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(pixelated(torch.full_like(pictures, 0.3), torch.tensor([side])), torch.tensor(0.3))
    if side == 1:
        assert torch.allclose(pixelated(pictures, torch.tensor([1])), pictures.mean((2, 3), keepdim=True))


def test_half_precision_around_it_changes_nothing():
    pictures, sides = torch.rand(2, 3, 24, 24), torch.tensor([10, 17])
    with torch.autocast("cpu", torch.bfloat16):
        found = pixelated(pictures, sides)
    assert torch.equal(found, pixelated(pictures, sides))
