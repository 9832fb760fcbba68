"""--smooth_stats: what counts as a cut, and that a translation flickers less with it."""

from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from translate.errors import InputError
from translate.film.steady import CutDetector, Steadier
from translate.networks import build_generator
from translate.sizing import TestSize
from translate.translator import Translator


@pytest.fixture
def translator(make_generator):
    return Translator(make_generator(), TestSize("original"), 3, "cpu", precision="fp32")


def blinking(count=12, size=64):
    """A still scene whose right quarter goes bright and dark."""
    rng = np.random.default_rng(0)
    scene = np.asarray(Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).resize((size, size)))
    for number in range(count):
        frame = scene.copy()
        frame[:, -size // 4 :] = 40 if number % 2 else 90
        yield Image.fromarray(frame)


def flicker(translator, decay):
    """Mean absolute change from frame to frame of what does not change in the film, in levels."""
    steadier = Steadier(translator, decay)
    results = []
    for frame in blinking():
        steadier.see(frame)
        results.append(np.asarray(translator(frame)).astype(float)[:, :16])
    return np.mean([np.abs(one - other).mean() for one, other in pairwise(results)])


def test_what_is_still_flickers_less(make_generator):
    levels = []
    for decay in (0, 0.9):
        levels.append(flicker(Translator(make_generator(), TestSize("original"), 3, "cpu", precision="fp32"), decay))
    assert levels[0] > 1
    assert levels[1] < levels[0] / 3


def test_frames_by_themselves_are_what_the_translator_returns(translator):
    steadier = Steadier(translator, 0)
    for frame in blinking(3):
        expected = np.asarray(translator(frame))
        steadier.see(frame)
        assert np.array_equal(translator(frame), expected)


def test_a_cut_and_another_film_begin_anew(translator):
    first, second = list(blinking(2))
    other = second.point(lambda value: 255 - value)
    expected = [np.asarray(translator(frame)).astype(int) for frame in (first, second, other)]
    steadier = Steadier(translator, 0.9)

    def distance(frame, at):
        steadier.see(frame)
        return np.abs(np.asarray(translator(frame)) - expected[at]).mean()

    assert distance(first, 0) < 0.1
    assert distance(second, 1) > 1
    assert distance(other, 2) < 0.1, "a cut"
    steadier.begin()
    assert distance(other, 2) < 0.1, "the first of another film"


def test_cuts_are_seen_and_movement_is_none():
    rng = np.random.default_rng(1)
    scenes = [Image.fromarray(rng.integers(0, 256, (9, 12, 3), np.uint8)).resize((360, 270)) for _ in range(2)]
    begins = CutDetector()
    pan = [scenes[0].crop((left, 0, left + 240, 270)) for left in range(0, 120, 8)]
    assert [begins(frame) for frame in pan] == [True] + [False] * 14
    assert begins(scenes[1].crop((0, 0, 240, 270)))
    assert not begins(scenes[1].crop((4, 0, 244, 270)))
    grey = CutDetector()
    assert [grey(Image.new("L", (50, 40), value)) for value in (0, 20, 90)] == [True, False, True]


def test_a_generator_without_instance_norms_is_refused():
    generator = build_generator("resnet_4blocks", ngf=2, normG="batch")
    translator = Translator(generator, TestSize("original"), 3, "cpu")
    Steadier(translator, 0)
    with pytest.raises(InputError, match=r"--smooth_stats 0\.9 smooths the statistics of instance norms, and this run"):
        Steadier(translator, 0.9)
