"""Masks: boolean arrays (H, W), True inside the hole that is to be filled (Pathak et al. 2016, arXiv:1604.07379)."""

import math

import numpy as np
from PIL import Image

MASKS = ("centre", "blocks", "region")
FEATURE_SHARE = 1 / 0.06 / 128  # of the shorter side: the published noise at a ratio of 0.06, in a picture of 128
LARGEST_SHARE_OF_BLOCKS = 0.25
SHARES_OF_REGION = (0.2, 0.3)


def draw_mask(kind: str, rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """A mask by its name, one of ``MASKS``; ``centre`` draws nothing from the generator."""
    if kind == "centre":
        return centre_mask(height, width)
    if kind == "blocks":
        return block_mask(rng, height, width)
    if kind == "region":
        return region_mask(rng, height, width)
    raise ValueError(f"a mask is one of {MASKS}, not {kind!r}")


def centre_mask(height: int, width: int, hole_px: int | None = None) -> np.ndarray:
    """The middle: a square of ``hole_px`` pixels, or half of each side (64 of 128, a quarter of the area).

    Raises:
        ValueError: the hole is empty or does not fit.
    """
    hole_height = hole_px if hole_px is not None else max(1, height // 2)
    hole_width = hole_px if hole_px is not None else max(1, width // 2)
    if not (1 <= hole_height <= height and 1 <= hole_width <= width):
        raise ValueError(f"a hole of {hole_width}x{hole_height} does not fit into {width}x{height}")
    top, left = (height - hole_height) // 2, (width - hole_width) // 2
    mask = np.zeros((height, width), dtype=bool)
    mask[top : top + hole_height, left : left + hole_width] = True
    return mask


def block_mask(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Up to eight squares, an eighth to a quarter of the shorter side each, which may overlap.

    Together they cover at most a quarter of the area (in a picture of less than four pixels: one pixel).
    """
    side = min(height, width)
    limit = max(1, int(LARGEST_SHARE_OF_BLOCKS * height * width))
    mask = np.zeros((height, width), dtype=bool)
    for _ in range(int(rng.integers(4, 9))):
        block = int(rng.integers(max(1, side // 8), max(1, side // 4) + 1))
        top, left = int(rng.integers(height - block + 1)), int(rng.integers(width - block + 1))
        square = mask[top : top + block, left : left + block]
        if np.count_nonzero(mask) + square.size - np.count_nonzero(square) <= limit:
            square[...] = True
    return mask


def region_mask(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Blobs of a random shape: the lowest values of smoothed noise, 20-30 % of the area.

    Uniform noise on a coarse grid is enlarged by bicubic interpolation, so that features are about 0.13 of the shorter
    side (17 pixels of 128). The threshold is a quantile of the enlarged field itself: interpolation narrows the
    distribution, so that the published threshold of 0.25 on the values leaves 16-18 % of the area.
    """
    cell = FEATURE_SHARE * min(height, width)
    rows, columns = height / cell, width / cell
    margin = 2  # cells that the filter reaches on either side
    grid = rng.random((math.ceil(rows) + 2 * margin + 1, math.ceil(columns) + 2 * margin + 1), dtype=np.float32)
    left, top = margin + rng.random(2)  # where between the nodes of the grid the picture begins
    box = (left, top, left + columns, top + rows)
    field = np.asarray(Image.fromarray(grid).resize((width, height), Image.Resampling.BICUBIC, box=box))
    least = math.ceil(SHARES_OF_REGION[0] * field.size)
    most = max(least, math.floor(SHARES_OF_REGION[1] * field.size))
    count = int(rng.integers(least, most + 1))
    mask = np.zeros(field.size, dtype=bool)
    mask[np.argpartition(field.ravel(), count - 1)[:count]] = True
    return mask.reshape(height, width)


def pieces(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The connected pieces of a mask; pixels are connected by their sides.

    Returns:
        numbers (H, W), 0 outside of the mask and 1 ... N in its pieces; boxes (N, 4) of the pieces 1 ... N: top,
        bottom, left, right, where bottom and right are one past the last pixel.
    """
    numbers = np.where(mask, np.arange(1, mask.size + 1).reshape(mask.shape), 0)
    while True:  # every round carries the smallest number along whole rows and columns, so a few rounds suffice
        after = _smallest_of_each_run(_smallest_of_each_run(numbers).T).T
        if np.array_equal(after, numbers):
            break
        numbers = after
    found, numbers[mask] = np.unique(numbers[mask], return_inverse=True)
    numbers[mask] += 1
    boxes = np.zeros((len(found), 4), dtype=np.int64)
    for axis, places in enumerate(np.nonzero(mask)):
        boxes[:, 2 * axis] = mask.shape[axis]
        np.minimum.at(boxes[:, 2 * axis], numbers[mask] - 1, places)
        np.maximum.at(boxes[:, 2 * axis + 1], numbers[mask] - 1, places + 1)
    return numbers, boxes


def _smallest_of_each_run(numbers: np.ndarray) -> np.ndarray:
    """Runs of positive numbers along the rows of (H, W), each value replaced by the smallest of its run."""
    padded = np.pad(numbers, ((0, 0), (0, 1))).ravel()  # a zero ends each row
    inside = padded > 0
    edges = np.flatnonzero(np.diff(inside, prepend=False))  # starts and ends of runs in turn
    if edges.size:
        smallest = np.minimum.reduceat(padded, edges)[::2]
        padded[inside] = np.repeat(smallest, edges[1::2] - edges[::2])
    return padded.reshape(len(numbers), -1)[:, :-1]
