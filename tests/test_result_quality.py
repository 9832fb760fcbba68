"""The quality of a test's results: what is compared, and where it is said."""

import json

import numpy as np
import pytest
from PIL import Image

from translate.errors import InputError
from translate.evaluation.metrics import METRICS


def read(folder):
    return json.loads((folder / "scores.json").read_text())


@pytest.fixture
def with_real(tested_data, random_picture):
    """The data of ``tested`` with two pictures of domain B."""
    (tested_data / "testB").mkdir()
    for seed in range(2):
        random_picture(30, 40, seed=seed).save(tested_data / "testB" / f"{seed}.png")
    return tested_data


def test_without_a_word_what_costs_little_is_measured(tested):
    scores = read(folder := tested())
    assert set(scores["metrics"]) == {"changed_rms", "structure_gradients"} and scores["left_out"] == {}
    assert scores["counts"] == {"results": 3, "inputs": 3}
    for name, files in scores["files"].items():
        pixels = [np.asarray(Image.open(folder / files[label]), np.float64) for label in ("real_A", "fake_B")]
        expected = np.sqrt(np.square(pixels[0] - pixels[1]).mean())
        assert scores["pictures"][name][METRICS["changed_rms"].title] == pytest.approx(expected)


def test_the_page_shows_figures_and_sorts_by_scores(tested):
    page = (tested() / "index.html").read_text()
    assert "What was measured" in page and "95 % interval" in page and "Sort" in page


def test_none_measures_nothing(tested):
    scores = read(folder := tested(metrics="none"))
    assert scores["metrics"] == {} and set(scores["pictures"]) == {"square", "tall", "wide"}
    assert "What was measured" not in (folder / "index.html").read_text()


def test_a_known_truth_is_compared(tested, tested_data):
    truths = tested_data / "testA_truth"
    truths.mkdir()
    for path in (tested_data / "testA").iterdir():
        Image.open(path).resize((50, 50)).save(truths / f"{path.stem}.png")
    scores = read(tested())
    assert {"ssim_truth", "psnr_truth"} <= set(scores["metrics"]) and scores["counts"]["truths"] == 3
    assert all("PSNR" in str(list(found)) for found in scores["pictures"].values())


def test_truths_of_some_pictures_are_shown_and_not_measured(tested, tested_data):
    (tested_data / "testA_truth").mkdir()
    Image.open(tested_data / "testA/tall.png").save(tested_data / "testA_truth/tall.png")
    scores = read(tested())
    assert "truths" not in scores["counts"] and "psnr_truth" not in scores["metrics"]
    assert [name for name, files in scores["files"].items() if "truth_B" in files] == ["tall"]


def test_real_pictures_and_training_pictures_are_found(tested, with_real, make_domains):
    make_domains(with_real, 3, 4, phases=("train",))
    scores = read(tested(metrics="diversity_pixels,domain"))
    counts = {"results": 3, "inputs": 3, "real": 2, "teaching_A": 3, "teaching_B": 4}
    assert scores["counts"] == counts
    assert "at least 8 inputs" in scores["left_out"]["domain_share"]


def test_what_is_asked_for_and_left_out_is_said(tested, capsys):
    tested(metrics="truth,changed_rms")
    assert "note: ssim_truth is left out: ssim_truth needs the known true" in capsys.readouterr().out


@pytest.mark.usefixtures("no_weights")
def test_named_metrics_whose_weights_are_nowhere_are_refused_before_anything_is_translated(tested, tmp_path, with_real):
    with pytest.raises(InputError, match=r"could not be downloaded \(no network\): fetch https://"):
        tested(metrics="fid_clean")
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("no_weights")
def test_of_a_group_they_are_left_out(tested, with_real):
    assert "fetch https://" in read(tested(metrics="fid"))["left_out"]["fid_clean"]


def test_an_unknown_metric_is_refused(tested):
    with pytest.raises(InputError, match="did you mean changed_rms"):
        tested(metrics="changed_rm")


@pytest.mark.parametrize("format", ["jpg", "tiff", "webp"])
def test_results_of_any_format_are_measured(tested, format):
    assert read(tested(format=format))["metrics"]["changed_rms"]["value"] > 0
