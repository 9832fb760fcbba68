"""Nine patches on a grid, and on which side of each other they lie (Doersch, Gupta, Efros, ICCV 2015)."""

import numpy as np
import torch
from torch import Tensor

GRID = 3  # patches in a row and in a column
# (rows down, columns to the right) of a neighbour, in reading order: top left, top, top right, left, ...
SIDES = tuple((down, right) for down in (-1, 0, 1) for right in (-1, 0, 1) if down or right)


def neighbour_pairs() -> tuple[Tensor, Tensor, Tensor]:
    """Every ordered pair of cells of the grid that touch by a side or a corner.

    Returns:
        three int64 tensors (40,): the first cell, counted in reading order, the second one, and on which of the eight
        ``SIDES`` of the first the second lies.
    """
    pairs = [
        (GRID * row + column, GRID * (row + down) + column + right, side)
        for row in range(GRID)
        for column in range(GRID)
        for side, (down, right) in enumerate(SIDES)
        if 0 <= row + down < GRID and 0 <= column + right < GRID
    ]
    first, second, sides = torch.tensor(pairs).unbind(1)
    return first, second, sides


def grid_px(patch_px: int, gap_px: int, jitter_px: int) -> int:
    """The side of the smallest picture that holds the grid wherever its patches are moved to."""
    return GRID * patch_px + (GRID - 1) * gap_px + 2 * jitter_px


def draw_grid(
    rng: np.random.Generator, height: int, width: int, patch_px: int, gap_px: int, jitter_px: int
) -> np.ndarray:
    """A grid anywhere in a picture, each of its patches moved a little by itself (section 3.1).

    The gap and the jitter keep the patches from being put together by the lines and textures that run on in the next:
    at least ``gap_px - 2 * jitter_px`` pixels lie between two of them.

    Args:
        height, width: of the picture, at least ``grid_px``.
        patch_px: side of a patch.
        gap_px: between neighbouring cells of the grid.
        jitter_px: how far a patch is moved along either axis, at most.

    Returns:
        (9, 2) int64: the upper left pixels (y, x) of the patches in reading order.

    Raises:
        ValueError: the picture is smaller than the grid.
    """
    spare = np.array([height, width]) - grid_px(patch_px, gap_px, jitter_px)
    if (spare < 0).any():
        raise ValueError(f"a grid of patches of {patch_px} pixels does not fit into {width}x{height}")
    origin = jitter_px + rng.integers(0, spare + 1)
    cells = np.stack(np.meshgrid(np.arange(GRID), np.arange(GRID), indexing="ij"), axis=-1).reshape(-1, 2)
    jitter = rng.integers(-jitter_px, jitter_px + 1, cells.shape)
    return origin + cells * (patch_px + gap_px) + jitter
