"""The comparison of a file with the translator: what it sees, and what it refuses."""

import math

import pytest
import torch

from translate.errors import RunError
from translate.exporting.parity import largest_difference, refuse_difference, textured_gradient
from translate.sizing import TestSize
from translate.translator import Translator


@pytest.fixture
def translator(make_generator):
    return Translator(make_generator(), TestSize("original"), 3, precision="fp32")


def test_no_difference_from_itself_and_that_of_what_is_added(translator):
    assert largest_difference(translator, translator, raw=False) == 0
    off = largest_difference(lambda pictures: translator(pictures) + 2 / 255, translator, raw=False)
    assert off == pytest.approx(2, abs=1e-3)
    raw = largest_difference(lambda signed: translator(signed / 2 + 0.5) * 2 - 1 + 2 / 255, translator, raw=True)
    assert raw == pytest.approx(1, abs=1e-3)


def test_a_single_wrong_pixel_of_the_second_sample_is_seen(translator):
    def wrong(pictures):
        result = translator(pictures)
        if len(result) == 2:
            result[1, 0, 0, 0] += 0.1
        return result

    assert largest_difference(wrong, translator, raw=False) == pytest.approx(25.5, abs=1e-3)


@pytest.mark.parametrize("levels", [0.11, 40, math.inf, math.nan])
def test_more_than_rounding_is_refused(levels):
    with pytest.raises(RunError, match=r"differs from the translator by up to .* so it was not written"):
        refuse_difference(levels)
    refuse_difference(0.1)


def test_results_that_are_no_numbers_or_of_another_size_are_refused(translator):
    assert largest_difference(lambda pictures: translator(pictures) * math.nan, translator, raw=False) == math.inf
    with pytest.raises(RunError, match=r"shape \(2, 3, 100, 150\), not \(2, 3, 101, 150\)"):
        largest_difference(lambda pictures: translator(pictures)[:, :, 1:], translator, raw=False)


def test_pictures_are_the_same_each_time_and_use_the_whole_range():
    pictures = textured_gradient(2, 3, 101, 150)
    assert torch.equal(pictures, textured_gradient(2, 3, 101, 150))
    assert pictures.min() >= 0 and pictures.max() <= 1 and pictures.max() - pictures.min() > 0.8
    planes = pictures.flatten(0, 1).flatten(1)
    assert torch.corrcoef(planes).fill_diagonal_(0).max() < 0.95
