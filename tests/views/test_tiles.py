"""Tiles against the same cut pixel by pixel, and that nothing tells where they were but what they show."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from translate.views.tiles import cut_tiles, in_one_picture, normalize_tiles, shuffle_tiles


def places(count, channels, height, width):
    """Pictures whose values say which picture, colour, row and column they are from."""
    numbers = torch.arange(count * channels * height * width, dtype=torch.float64)
    return numbers.view(count, channels, height, width)


def drawn(rng, count, channels, slack, most):
    """Offsets and shifts of a batch."""
    offsets = np.stack([rng.integers(0, each + 1, (count, 9)) for each in slack], -1)
    shifts = rng.integers(-most, most + 1, (count, 9, channels, 2))
    return torch.from_numpy(offsets), torch.from_numpy(shifts)


def plain(count, channels=3, offset=0):
    return torch.full((count, 9, 2), offset), torch.zeros(count, 9, channels, 2, dtype=torch.int64)


@settings(max_examples=40)
@given(
    st.integers(0, 1000), st.integers(1, 2), st.sampled_from([1, 3]), st.integers(2, 6), st.integers(0, 4),
    st.integers(0, 4), st.integers(0, 3),
)  # fmt: skip
def test_every_colour_lies_in_its_cell_where_the_numbers_say(seed, count, channels, side, slack_y, slack_x, most):
    rng = np.random.default_rng(seed)
    cell_y, cell_x = side + slack_y, side + slack_x
    images = places(count, channels, 3 * cell_y + 2, 3 * cell_x + 1)  # and pixels that are in no cell
    offsets, shifts = drawn(rng, count, channels, (slack_y, slack_x), most)
    tiles = cut_tiles(images, offsets, shifts, torch.zeros(count, dtype=torch.bool), side)
    assert tiles.shape == (count, 9, channels, side, side)
    for b, tile, colour in np.ndindex(count, 9, channels):
        row, column = divmod(tile, 3)
        y, x = (offsets[b, tile] + shifts[b, tile, colour]).tolist()
        top = row * cell_y + min(max(y, 0), slack_y)
        left = column * cell_x + min(max(x, 0), slack_x)
        expected = images[b, colour, top : top + side, left : left + side]
        assert torch.equal(tiles[b, tile, colour], expected)
        own = images[b, colour, row * cell_y : (row + 1) * cell_y, column * cell_x : (column + 1) * cell_x]
        assert np.isin(tiles[b, tile, colour].numpy(), own.numpy()).all()


@settings(max_examples=20)
@given(st.integers(0, 1000), st.integers(2, 6), st.integers(0, 5))
def test_the_gap_between_neighbours_is_at_most_twice_the_slack(seed, side, slack):
    cell = side + slack
    images = places(1, 1, 3 * cell, 3 * cell)
    offsets, shifts = drawn(np.random.default_rng(seed), 1, 1, (slack, slack), 3)
    tiles = cut_tiles(images, offsets, shifts, torch.tensor([False]), side)[0, :, 0].long()
    rows, columns = tiles // (3 * cell), tiles % (3 * cell)
    for tile in range(9):
        if tile % 3 < 2:
            assert 0 <= columns[tile + 1].min() - columns[tile].max() - 1 <= 2 * slack
        if tile < 6:
            assert 0 <= rows[tile + 3].min() - rows[tile].max() - 1 <= 2 * slack


def test_no_tile_shows_a_pixel_that_another_shows():
    offsets, shifts = drawn(np.random.default_rng(0), 1, 3, (3, 3), 2)
    tiles = cut_tiles(places(1, 3, 30, 30), offsets, shifts, torch.tensor([False]), 7)
    assert len(tiles.unique()) == tiles.numel()


def test_pictures_shown_in_grey_are_grey_and_the_others_are_as_they_were():
    images = torch.rand(2, 3, 24, 24, dtype=torch.float64) * 2 - 1
    offsets, shifts = drawn(np.random.default_rng(1), 2, 3, (2, 2), 2)
    tiles = cut_tiles(images, offsets, shifts, torch.tensor([True, False]), 6)
    assert torch.equal(tiles[0, :, 0], tiles[0, :, 1]) and torch.equal(tiles[0, :, 0], tiles[0, :, 2])
    red, green, blue = images[0]
    y, x = offsets[0, 4].tolist()
    luminance = (0.299 * red + 0.587 * green + 0.114 * blue)[8 + y : 14 + y, 8 + x : 14 + x]
    assert torch.allclose(tiles[0, 4, 0], luminance)
    assert torch.equal(tiles[1], cut_tiles(images[1:], offsets[1:], shifts[1:], torch.tensor([False]), 6)[0])


def test_what_is_grey_already_stays_as_it_is():
    images = places(2, 1, 24, 24)
    offsets, shifts = plain(2, 1, 1)
    tiles = cut_tiles(images, offsets, shifts, torch.tensor([True, False]), 6)
    assert torch.equal(tiles[0] + images[0].numel(), tiles[1])


def test_the_layout_of_the_pictures_changes_nothing():
    images = torch.rand(2, 3, 24, 24)
    offsets, shifts = drawn(np.random.default_rng(2), 2, 3, (2, 2), 2)
    grey = torch.tensor([True, False])
    lying = images.contiguous(memory_format=torch.channels_last)
    assert torch.equal(cut_tiles(images, offsets, shifts, grey, 6), cut_tiles(lying, offsets, shifts, grey, 6))


def test_a_tile_that_is_larger_than_its_cell_is_refused():
    with pytest.raises(ValueError, match="9 pixels is larger than a cell of 10x8"):
        cut_tiles(places(1, 3, 24, 30), *plain(1), torch.tensor([False]), 9)


def test_every_colour_of_every_tile_has_mean_0_and_deviation_1():
    scale, shift = torch.rand(2, 9, 3, 1, 1) + 0.05, torch.randn(2, 9, 3, 1, 1)
    tiles = normalize_tiles(torch.randn(2, 9, 3, 8, 8) * scale + shift).double().numpy()
    assert np.abs(tiles.mean((3, 4))).max() < 1e-4
    assert np.abs(tiles.std((3, 4)) - 1).max() < 1e-4


def test_flat_tiles_are_nothing_and_noise_of_rounding_stays_small():
    tiles = torch.full((1, 9, 3, 8, 8), 0.3)
    assert normalize_tiles(tiles).abs().max() < 1e-4
    tiles[..., 0, 0] += 2 / 255  # one pixel by one level
    assert normalize_tiles(tiles).std((3, 4)).max() < 0.3


def test_places_show_the_tiles_of_their_order():
    tiles = places(9, 9, 2, 2).view(9, 9, 1, 2, 2)
    orders = torch.stack([torch.randperm(9) for _ in range(9)])
    shuffled = shuffle_tiles(tiles, orders)
    for puzzle, place in np.ndindex(9, 9):
        assert torch.equal(shuffled[puzzle, place], tiles[puzzle, orders[puzzle, place]])


def test_tiles_without_gaps_side_by_side_are_the_picture():
    images = places(1, 3, 12, 12)
    tiles = cut_tiles(images, *plain(1), torch.tensor([False]), 4)
    assert torch.equal(in_one_picture(tiles[0]), images[0])
