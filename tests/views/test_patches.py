"""Patches against slices."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from translate.views.patches import cut_patches


@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 5), st.integers(0, 2**32 - 1), st.booleans())
def test_each_is_the_slice_at_its_corner(count, patches, side, seed, channels_last):
    rng = np.random.default_rng(seed)
    pictures = torch.from_numpy(rng.random((count, 3, 9, 7), dtype=np.float32))
    layout = torch.channels_last if channels_last else torch.contiguous_format
    corners = np.stack(
        [rng.integers(0, 9 - side + 1, (count, patches)), rng.integers(0, 7 - side + 1, (count, patches))], 2
    )
    cut = cut_patches(pictures.contiguous(memory_format=layout), torch.from_numpy(corners), side)
    assert cut.shape == (count, patches, 3, side, side)
    for sample in range(count):
        for patch, (y, x) in enumerate(corners[sample]):
            assert torch.equal(cut[sample, patch], pictures[sample, :, y : y + side, x : x + side])
