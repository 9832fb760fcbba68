"""Masks: their areas, their features, and that a seed fixes them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from translate.masks import MASKS, block_mask, centre_mask, draw_mask, pieces, region_mask

sides = st.integers(1, 90)
seeds = st.integers(0, 2**32 - 1)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_the_published_centre():
    mask = centre_mask(128, 128)
    assert mask[32:96, 32:96].all()
    assert mask.sum() == 64 * 64
    small = centre_mask(128, 128, 56)
    assert small[36:92, 36:92].all()
    assert small.sum() == 56 * 56


def test_half_of_each_side_by_default():
    mask = centre_mask(40, 100)
    assert mask[10:30, 25:75].all()
    assert mask.sum() == 20 * 50


@pytest.mark.parametrize("hole_px", [0, -1, 21])
def test_a_centre_that_does_not_fit_is_refused(hole_px):
    with pytest.raises(ValueError, match="does not fit into 30x20"):
        centre_mask(20, 30, hole_px)


@settings(max_examples=60)
@given(seeds, sides, sides)
def test_blocks_cover_up_to_a_quarter_and_never_nothing(seed, height, width):
    mask = block_mask(rng(seed), height, width)
    assert mask.dtype == bool
    assert mask.shape == (height, width)
    assert 1 <= mask.sum() <= max(1, height * width // 4)


def test_blocks_are_made_of_squares_of_an_eighth_to_a_quarter_of_the_side():
    """Every pixel of a hole lies in a square of at least the smallest side that is all hole."""
    for seed in range(20):
        mask = block_mask(rng(seed), 64, 80)
        padded = np.lib.stride_tricks.sliding_window_view(mask, (8, 8)).all((2, 3))  # squares of 8 that fit
        covered = np.zeros_like(mask)
        for top, left in np.argwhere(padded):
            covered[top : top + 8, left : left + 8] = True
        assert np.array_equal(covered, mask)


def test_blocks_are_several_and_overlap_at_times():
    counts = []
    for seed in range(200):
        mask = block_mask(rng(seed), 128, 128)
        counts.append(mask.sum())
    assert min(counts) > 2 * 16 * 16  # more than a single smallest square
    assert np.mean(counts) > 0.15 * 128 * 128


@settings(max_examples=60)
@given(seeds, st.integers(8, 90), st.integers(8, 90))
def test_regions_cover_a_fifth_to_three_tenths(seed, height, width):
    mask = region_mask(rng(seed), height, width)
    assert mask.shape == (height, width)
    assert 0.2 <= mask.mean() <= 0.3


@settings(max_examples=20)
@given(seeds, sides, sides)
def test_regions_of_any_size_have_a_hole(seed, height, width):
    assert region_mask(rng(seed), height, width).any()


def test_areas_of_regions_spread_over_their_interval():
    areas = [region_mask(rng(seed), 64, 64).mean() for seed in range(300)]
    assert min(areas) < 0.21
    assert max(areas) > 0.29
    assert abs(np.mean(areas) - 0.25) < 0.01


def crossings(mask: np.ndarray) -> float:
    """How many boundaries are met a pixel on the way from left to right."""
    return np.mean(mask[:, 1:] != mask[:, :-1])


@pytest.mark.parametrize("side", [128, 320])
def test_features_are_those_of_the_published_pattern_and_scale_with_the_shorter_side(side):
    """The pattern: noise enlarged from 6 % of the size, of which a picture of 128 shows a window."""
    noise = Image.fromarray(rng().random((180, 180), dtype=np.float32))
    field = np.asarray(noise.resize((3000, 3000), Image.Resampling.BICUBIC))
    expected = crossings(field < np.quantile(field, 0.25)) * 128
    found = np.mean([crossings(region_mask(rng(seed), side, 2 * side)) * side for seed in range(40)])
    assert found == pytest.approx(expected, rel=0.05)


def test_regions_are_somewhere_else_each_time():
    """The grid of the noise must not show: every pixel is in the hole equally often."""
    mean = np.mean([region_mask(rng(seed), 48, 48) for seed in range(1500)], axis=0)
    assert abs(mean - 0.25).max() < 0.25 * 6 * np.sqrt(0.75 / 0.25 / 1500)


@pytest.mark.parametrize("kind", MASKS)
def test_a_seed_fixes_a_mask(kind):
    first, again, other = (draw_mask(kind, rng(seed), 64, 48) for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert np.array_equal(first, other) == (kind == "centre")


def test_draw_mask_knows_its_kinds():
    assert np.array_equal(draw_mask("centre", rng(), 30, 20), centre_mask(30, 20))
    assert np.array_equal(draw_mask("blocks", rng(), 30, 20), block_mask(rng(), 30, 20))
    assert np.array_equal(draw_mask("region", rng(), 30, 20), region_mask(rng(), 30, 20))
    with pytest.raises(ValueError, match="centre"):
        draw_mask("center", rng(), 30, 20)


def flood(mask: np.ndarray) -> list[set[tuple[int, int]]]:
    """The connected pieces of a mask, one pixel after another."""
    left = {tuple(place) for place in np.argwhere(mask).tolist()}
    found = []
    while left:
        piece, border = set(), [min(left)]
        while border:
            y, x = border.pop()
            if (y, x) in left:
                left.remove((y, x))
                piece.add((y, x))
                border += [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]
        found.append(piece)
    return found


@settings(max_examples=80)
@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from([0.0, 0.3, 0.6, 0.8, 1.0]), seeds)
def test_pieces_are_those_of_a_flood_fill(height, width, density, seed):
    mask = rng(seed).random((height, width)) < density
    numbers, boxes = pieces(mask)
    expected = flood(mask)
    found = [{tuple(place) for place in np.argwhere(numbers == n).tolist()} for n in range(1, len(boxes) + 1)]
    assert sorted(map(sorted, found)) == sorted(map(sorted, expected))
    assert ((numbers > 0) == mask).all()
    for box, piece in zip(boxes.tolist(), found, strict=True):
        rows, columns = zip(*piece, strict=True)
        assert box == [min(rows), max(rows) + 1, min(columns), max(columns) + 1]


def test_a_spiral_is_one_piece():
    spiral = np.zeros((21, 21), dtype=bool)
    y = x = 0
    spiral[0, 0] = True
    for turn, length in enumerate([20, 20, 20, 18, 18, 16, 16, 14, 14, 12, 12]):
        dy, dx = ((0, 1), (1, 0), (0, -1), (-1, 0))[turn % 4]
        for _ in range(length):
            y, x = y + dy, x + dx
            spiral[y, x] = True
    numbers, boxes = pieces(spiral)
    assert numbers.max() == len(boxes) == len(flood(spiral)) == 1
    assert np.array_equal(numbers > 0, spiral)
