"""Which numbers a tested picture gets, their means over a test, and how they are said."""

import numpy as np
import pytest
from PIL import Image

from translate.evaluation.color import ab_error, colourfulness
from translate.evaluation.inpainting import hole_quality
from translate.evaluation.scores import UNITS, in_words, mean_scores, score, score_depth


def picture(seed: int, width: int = 18, height: int = 14) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def grey_picture() -> Image.Image:
    return picture(0).convert("L").convert("RGB")


def hole() -> np.ndarray:
    mask = np.zeros((14, 18), dtype=bool)
    mask[3:9, 4:12] = True
    return mask


def test_a_hole_is_scored_inside_and_nowhere_else():
    truth, fill = np.asarray(picture(0)), np.asarray(picture(1))
    filled = np.where(hole()[..., None], fill, truth)
    scores = score({"fake_B": Image.fromarray(filled), "truth_B": picture(0)}, hole())
    error = np.mean((truth[hole()].astype(float) - fill[hole()]) ** 2)
    assert scores["hole PSNR"] == pytest.approx(10 * np.log10(255**2 / error))
    assert scores["hole SSIM"] == hole_quality(truth, filled, hole()).ssim
    assert set(scores) == {"hole PSNR", "hole SSIM"}


def test_a_filled_picture_is_scored_by_its_hole_also_where_it_was_grey():
    pictures = {"fake_B": picture(1), "truth_B": picture(0), "grey_A": grey_picture()}
    assert set(score(pictures, hole())) == {"hole PSNR", "hole SSIM"}


def test_colours_are_scored_beside_those_of_grey_and_of_the_truth():
    truth, result = np.asarray(picture(0)), np.asarray(picture(1))
    scores = score({"grey_A": grey_picture(), "fake_B": picture(1), "truth_B": picture(0)})
    assert scores == {
        "ab error": ab_error(truth, result).rms,
        "ab error of grey": ab_error(truth, np.asarray(grey_picture())).rms,
        "colourfulness": colourfulness(result),
        "colourfulness of the truth": colourfulness(truth),
    }
    assert scores["colourfulness"] != scores["colourfulness of the truth"]


def test_the_truth_itself_has_no_error():
    scores = score({"grey_A": grey_picture(), "fake_B": picture(0), "truth_B": picture(0)})
    assert scores["ab error"] == 0 < scores["ab error of grey"]


def test_a_truth_without_colours_says_nothing_about_them():
    assert score({"grey_A": grey_picture(), "fake_B": picture(1), "truth_B": grey_picture()}) == {}


def test_a_translation_has_no_scores():
    assert score({"real_A": picture(0), "fake_B": picture(1), "truth_B": picture(2)}) == {}


def test_means_are_over_the_pictures_that_have_the_score():
    rows = [{"ab error": 2.0, "colourfulness": 10.0}, {}, {"ab error": 5.0}, {"hole PSNR": 7.0}]
    assert mean_scores(rows) == {"ab error": 3.5, "colourfulness": 10.0, "hole PSNR": 7.0}
    assert list(mean_scores(rows)) == ["ab error", "colourfulness", "hole PSNR"]


@pytest.mark.parametrize("rows", [[], [{}, {}]])
def test_without_scores_there_are_no_means(rows):
    assert mean_scores(rows) == {}


@pytest.mark.parametrize(("name", "value", "words"), [
    ("hole PSNR", 21.456, "21.46 dB"),
    ("hole PSNR", float("inf"), "inf dB"),
    ("hole SSIM", 0.71234, "0.712"),
    ("ab error", 12.345, "12.3 (RMS, ab units)"),
    ("ab error of grey", 0.0, "0 (RMS, ab units)"),
    ("colourfulness", 33.333, "33.3"),
    ("colourfulness of the truth", 101.26, "101"),
])  # fmt: skip
def test_scores_are_said_with_their_unit(name, value, words):
    assert in_words(name, value) == words


def test_every_score_has_a_unit():
    pictures = {"grey_A": grey_picture(), "fake_B": picture(1), "truth_B": picture(0)}
    depth = np.random.default_rng(0).uniform(1, 9, (14, 18))
    people = np.arange(18) < 9 + np.zeros((14, 1))
    assert {*score(pictures), *score(pictures, hole()), *score_depth(depth, 1 / depth, people)} == set(UNITS)
