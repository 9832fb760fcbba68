"""Pictures with captions in one picture."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from translate.reports.displays.grid import MARGIN, captioned_grid

SIZES = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), min_size=1, max_size=9)


def coloured(sizes):
    """Pictures of these sizes in colours that neither white nor black are."""
    return {f"{i}_real_A": Image.new("RGB", size, (200, 20 * i + 5, 100)) for i, size in enumerate(sizes)}


@given(SIZES, st.integers(1, 5))
def test_each_picture_is_whole_and_in_its_cell(sizes, columns):
    grid = np.asarray(captioned_grid(coloured(sizes), columns, 256))
    across = min(columns, len(sizes))
    down = -(-len(sizes) // across)
    assert grid.shape[0] % down == grid.shape[1] % across == 0
    cell_height, cell_width = grid.shape[0] // down, grid.shape[1] // across
    for index, (width, height) in enumerate(sizes):
        found = np.argwhere((grid == (200, 20 * index + 5, 100)).all(axis=2))
        top, left = found.min(axis=0)
        assert len(found) == width * height
        assert (top, left) == (index // across * cell_height + MARGIN, index % across * cell_width + MARGIN)
        assert (found.max(axis=0) - found.min(axis=0) + 1 == (height, width)).all()


def test_the_label_stands_below_the_picture():
    grid = np.asarray(captioned_grid({"real_A": Image.new("RGB", (8, 8), "red")}, 4, 256).convert("L"))
    assert (grid[8 + 2 * MARGIN :] < 100).any()
    other = np.asarray(captioned_grid({"fake_B": Image.new("RGB", (8, 8), "red")}, 4, 256).convert("L"))
    assert grid.shape != other.shape or (grid != other).any()


def test_pictures_that_are_too_wide_are_reduced_with_their_shape():
    grid = np.asarray(captioned_grid({"a": Image.new("L", (400, 200), 128)}, 1, 100))
    found = np.argwhere((grid == 128).all(axis=2))
    assert (found.max(axis=0) - found.min(axis=0) + 1).tolist() == [50, 100]
