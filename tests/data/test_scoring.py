"""The score: exact errors, baselines in their order, sentences for what is missing."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays
from PIL import Image

from translate.data.sample import make_sample
from translate.data.scoring import BASELINES, beats_all, best_affine, errors, match_histogram, score
from translate.errors import InputError

SCRIPT = Path(__file__).parents[2] / "scripts" / "score_sample.py"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scored") / "sample"
    make_sample(folder, n_train=60, n_test=36)
    return folder


@pytest.fixture
def results(dataset, tmp_path):
    """A copy of the truth that a test may spoil."""
    return Path(shutil.copytree(dataset / "testA_truth", tmp_path / "fake_B"))


def run_script(*arguments) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, str(SCRIPT), *map(str, arguments)], capture_output=True, text=True)


def test_truth_scores_zero_and_beats_all(dataset):
    scores = score(dataset / "testA_truth", dataset)
    assert scores["result"] == {"mae": 0.0, "rmse": 0.0}
    assert beats_all(scores)


def test_the_source_scores_as_identity_and_beats_nothing(dataset):
    scores = score(dataset / "testA", dataset)
    assert scores["result"] == scores["identity"]
    assert not beats_all(scores)


def test_recolouring_stays_clearly_wrong(dataset):
    scores = score(dataset / "testA", dataset)
    mae = {name: scores[name]["mae"] for name in BASELINES}
    assert min(mae.values()) > 18
    assert max(mae.values()) < 40


def test_one_grey_level_everywhere_is_an_error_of_one(results, dataset):
    for path in results.iterdir():
        pixels = np.asarray(Image.open(path)).astype(int)
        Image.fromarray(np.where(pixels < 128, pixels + 1, pixels - 1).astype(np.uint8)).save(path)
    assert score(results, dataset)["result"] == {"mae": 1.0, "rmse": 1.0}


def test_errors_by_hand():
    truth = [np.zeros((1, 2, 3), dtype=np.uint8), np.zeros((2, 1, 3), dtype=np.uint8)]
    off = [picture.copy() for picture in truth]
    off[0][0, 0] = [3, 0, 3]
    off[1][1, 0] = [0, 6, 0]
    assert errors(off, truth) == {"mae": pytest.approx(12 / 12), "rmse": pytest.approx(np.sqrt(54 / 12))}


def test_errors_do_not_wrap_around():
    black, white = np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 255, np.uint8)
    assert errors([black], [white]) == errors([white], [black]) == {"mae": 255.0, "rmse": 255.0}


def test_affine_map_is_found_exactly():
    random = np.random.default_rng(0)
    source = [random.integers(0, 256, (60, 60, 3), dtype=np.uint8) for _ in range(3)]
    mix = np.array([[0.513, 0.207, 0.011], [0.119, 0.311, 0.402], [0.203, 0.107, 0.299]])
    truth = [np.rint(picture @ mix + [10, 20, 30]).astype(np.uint8) for picture in source]
    assert errors(best_affine(source, truth), truth)["mae"] < 0.02


@settings(max_examples=25, deadline=None)
@given(arrays(np.uint8, (9, 7, 3)), arrays(np.uint8, (9, 7, 3)))
def test_no_worse_affine_map_than_doing_nothing(source, truth):
    # Rounding alone can cost up to half a grey level.
    assert errors(best_affine([source], [truth]), [truth])["rmse"] <= errors([source], [truth])["rmse"] + 0.5


@settings(max_examples=25, deadline=None)
@given(arrays(np.uint8, (9, 7, 3)))
def test_a_histogram_matched_to_itself_stays(picture):
    np.testing.assert_array_equal(match_histogram(picture, [picture], picture.reshape(-1, 3)), picture)


def test_a_brightened_picture_is_matched_back():
    random = np.random.default_rng(1)
    picture = random.integers(0, 200, (30, 30, 3), dtype=np.uint8)
    matched = match_histogram(picture + np.uint8(40), [picture + np.uint8(40)], picture.reshape(-1, 3))
    np.testing.assert_array_equal(matched, picture)


def test_pooled_matching_maps_equal_colours_equally():
    random = np.random.default_rng(2)
    dark, bright = (random.integers(low, low + 60, (20, 20, 3), dtype=np.uint8) for low in (20, 50))
    reference = random.integers(0, 256, (500, 3), dtype=np.uint8)
    seen = {}
    for picture in (dark, bright):
        matched = match_histogram(picture, [dark, bright], reference)
        for before, after in zip(picture[..., 0].ravel(), matched[..., 0].ravel(), strict=True):
            assert seen.setdefault(before, after) == after


@pytest.mark.parametrize("missing", ["testA", "testA_truth", "trainB"])
def test_missing_dataset_folders_are_named(dataset, results, tmp_path, missing):
    shutil.copytree(dataset, tmp_path / "part", ignore=shutil.ignore_patterns(missing))
    with pytest.raises(InputError, match=missing):
        score(results, tmp_path / "part")


def test_a_missing_result_is_named(results, dataset):
    lost = sorted(results.iterdir())[4]
    lost.unlink()
    with pytest.raises(InputError, match=rf"lacks 1 of 36 .*{lost.name}"):
        score(results, dataset)


def test_a_result_of_another_size_is_named(results, dataset):
    changed = sorted(results.iterdir())[2]
    Image.new("RGB", (64, 60)).save(changed)
    with pytest.raises(InputError, match=rf"{changed.name} is 64x60, its truth 72x72.*--size original"):
        score(results, dataset)


def test_a_broken_result_is_named(results, dataset):
    broken = sorted(results.iterdir())[0]
    broken.write_bytes(broken.read_bytes()[:200])
    with pytest.raises(InputError, match=broken.name):
        score(results, dataset)


def test_script_prints_the_table_and_tells_who_won(dataset):
    won = run_script("--results", dataset / "testA_truth", "--dataroot", dataset, "--require_win")
    assert won.returncode == 0
    assert all(name in won.stdout for name in ("result", *BASELINES, "MAE", "RMSE"))
    lost = run_script("--results", dataset / "testA", "--dataroot", dataset)
    assert lost.returncode == 0
    assert "does not beat" in lost.stdout


def test_script_exit_codes(dataset, tmp_path):
    assert run_script("--results", dataset / "testA", "--dataroot", dataset, "--require_win").returncode == 1
    wrong = run_script("--results", tmp_path / "nothing", "--dataroot", dataset)
    assert wrong.returncode == 2
    assert "nothing does not exist" in wrong.stderr
    assert "Traceback" not in wrong.stderr
