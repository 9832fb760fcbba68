"""The grid of patches and its pairs, against a slow look at the rectangles."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from translate.views.neighbours import SIDES, draw_grid, grid_px, neighbour_pairs

WORDS = ("top left", "top", "top right", "left", "right", "bottom left", "bottom", "bottom right")


@st.composite
def grids(draw):
    """Sizes of a grid, of a picture that holds it, and a seed."""
    patch, jitter = draw(st.integers(1, 20)), draw(st.integers(0, 6))
    gap = draw(st.integers(2 * jitter + 1, 2 * jitter + 12))
    least = grid_px(patch, gap, jitter)
    height, width = (least + draw(st.integers(0, 30)) for _ in range(2))
    return height, width, patch, gap, jitter, draw(st.integers(0, 2**32 - 1))


def gap_between(one: int, other: int, patch: int) -> int:
    """Pixels between two intervals of a length; below 0 where they overlap."""
    return abs(one - other) - patch


def word_of(first: np.ndarray, second: np.ndarray, patch: int) -> str:
    """Where the second patch lies, seen from the first, by their rectangles alone."""
    down = "" if abs(second[0] - first[0]) < patch else "bottom" if second[0] > first[0] else "top"
    right = "" if abs(second[1] - first[1]) < patch else "right" if second[1] > first[1] else "left"
    return f"{down} {right}".strip()


@given(grids())
def test_each_pair_lies_as_its_side_says(grid):
    height, width, patch, gap, jitter, seed = grid
    patch += 2 * jitter  # wider than its moves, so that one in the same row is told from one in the next
    corners = draw_grid(np.random.default_rng(seed), height + 6 * jitter, width + 6 * jitter, patch, gap, jitter)
    for first, second, side in zip(*(each.tolist() for each in neighbour_pairs()), strict=True):
        assert word_of(corners[first], corners[second], patch) == WORDS[side]


def test_every_pair_of_neighbours_is_there_once():
    cells = list(itertools.product(range(3), range(3)))
    expected = {
        (i, j) for i, a in enumerate(cells) for j, b in enumerate(cells) if max(abs(a[0] - b[0]), abs(a[1] - b[1])) == 1
    }
    first, second, sides = neighbour_pairs()
    found = list(zip(first.tolist(), second.tolist(), strict=True))
    assert len(found) == len(set(found)) == 40
    assert set(found) == expected
    # The middle has all eight, in reading order.
    middle = [side for i, side in zip(first.tolist(), sides.tolist(), strict=True) if i == 4]
    assert middle == list(range(8))
    assert SIDES[0] == (-1, -1) and SIDES[7] == (1, 1)


def test_the_way_back_is_the_opposite_side():
    side_of = {(i, j): side for i, j, side in zip(*(each.tolist() for each in neighbour_pairs()), strict=True)}
    assert all(side_of[j, i] == 7 - side for (i, j), side in side_of.items())


@given(grids())
def test_patches_are_inside_and_never_touch(grid):
    height, width, patch, gap, jitter, seed = grid
    corners = draw_grid(np.random.default_rng(seed), height, width, patch, gap, jitter)
    assert corners.shape == (9, 2) and corners.dtype == np.int64
    assert corners.min() >= 0
    assert corners[:, 0].max() + patch <= height and corners[:, 1].max() + patch <= width
    for one, other in itertools.combinations(corners, 2):
        assert max(gap_between(a, b, patch) for a, b in zip(one, other, strict=True)) >= gap - 2 * jitter > 0


@given(grids())
def test_patches_are_moved_by_no_more_than_the_jitter(grid):
    height, width, patch, gap, jitter, seed = grid
    corners = draw_grid(np.random.default_rng(seed), height, width, patch, gap, jitter).reshape(3, 3, 2)
    for axis in range(2):
        steps = np.diff(corners[..., axis], axis=axis)
        assert np.abs(steps - (patch + gap)).max() <= 2 * jitter
        across = corners[..., axis].max(1 - axis) - corners[..., axis].min(1 - axis)
        assert across.max() <= 2 * jitter


def test_every_place_and_every_jitter_is_drawn():
    rng = np.random.default_rng(0)
    patch, gap, jitter, spare = 4, 7, 2, 3
    side = grid_px(patch, gap, jitter) + spare
    drawn = np.stack([draw_grid(rng, side, side, patch, gap, jitter) for _ in range(4000)])
    home = np.array(list(itertools.product(range(3), range(3)))) * (patch + gap)
    moved = drawn - home
    assert np.unique(moved[:, 0, 0]).tolist() == list(range(spare + 2 * jitter + 1))
    by_itself = moved[:, 0] - moved[:, 8]
    for axis in range(2):
        assert np.unique(by_itself[:, axis]).tolist() == list(range(-2 * jitter, 2 * jitter + 1))
    assert abs(np.corrcoef(by_itself.T)[0, 1]) < 0.1


@pytest.mark.parametrize("size", [(33, 40), (40, 33)])
def test_a_picture_that_is_too_small_is_refused(size):
    assert grid_px(8, 3, 2) == 34
    with pytest.raises(ValueError, match="patches of 8 pixels does not fit"):
        draw_grid(np.random.default_rng(0), *size, 8, 3, 2)
