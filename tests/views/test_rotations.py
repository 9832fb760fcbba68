"""Rotations against numpy's."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from translate.views.rotations import ANGLES, rotations


@given(st.integers(1, 3), st.integers(1, 9), st.booleans())
def test_all_four_of_each_picture_as_numpy_turns_them(count, side, channels_last):
    pictures = torch.arange(count * 3 * side * side, dtype=torch.float32).view(count, 3, side, side)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    turned = rotations(pictures.contiguous(memory_format=layout)).view(4, count, 3, side, side)
    for quarter in range(len(ANGLES)):
        assert np.array_equal(turned[quarter].numpy(), np.rot90(pictures.numpy(), quarter, (2, 3)))


def test_the_layout_stays():
    pictures = torch.rand(2, 3, 8, 8).contiguous(memory_format=torch.channels_last)
    assert rotations(pictures).is_contiguous(memory_format=torch.channels_last)


def test_pictures_that_are_not_square_are_refused():
    with pytest.raises(ValueError, match="square, not 6x5"):
        rotations(torch.zeros(1, 3, 5, 6))
