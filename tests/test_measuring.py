"""``translate evaluate``: pictures that anybody translated."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from translate.errors import InputError
from translate.measuring import evaluate_folder


@pytest.fixture
def root(tmp_path, make_domains):
    return make_domains(tmp_path / "data", 5, 6)


@pytest.fixture
def results(root, tmp_path, random_picture):
    """A picture for each of testA, under its name, all others than those."""
    folder = tmp_path / "results"
    folder.mkdir()
    for index, path in enumerate(sorted((root / "testA").iterdir())):
        random_picture(40, 40, seed=50 + index).save(folder / path.name)
    return folder


def read(folder):
    return [np.asarray(Image.open(path), np.float64) for path in sorted(folder.iterdir())]


def test_results_are_measured_against_their_inputs(results, root):
    found = evaluate_folder(results, {"dataroot": str(root), "metrics": "changed_rms"})
    pairs = zip(read(root / "testA"), read(results), strict=True)
    expected = [np.sqrt(np.square(one - other).mean()) for one, other in pairs]
    measured = found.measured["changed_rms"]
    np.testing.assert_allclose(measured.per_picture, expected)
    assert measured.value == pytest.approx(np.mean(expected)) and measured.low < measured.value < measured.high
    assert found.counts == {"results": 5, "inputs": 5, "real": 6, "teaching_A": 5, "teaching_B": 6}


def test_memory_that_is_freed_is_kept_for_the_next_batch(results, root, monkeypatch):
    asked = []
    monkeypatch.setattr("translate.measuring.keep_freed_memory", asked.append)
    evaluate_folder(results, {"dataroot": str(root), "metrics": "changed_rms", "gpu_ids": "-1"})
    assert asked == [torch.device("cpu")]


def test_the_other_direction_has_the_other_inputs(root):
    found = evaluate_folder(root / "testB", {"dataroot": str(root), "metrics": "changed_rms", "direction": "BtoA"})
    assert found.measured["changed_rms"].value == 0 and found.counts["inputs"] == 6


def test_folders_can_be_named_one_by_one(results, root):
    flags = {"inputs": str(root / "testA"), "truths": str(results), "real": str(root / "trainB")}
    found = evaluate_folder(results, {**flags, "metrics": "ssim_truth,changed_rms"})
    assert found.measured["ssim_truth"].value == pytest.approx(1)
    assert found.counts["truths"] == 5


def test_inputs_of_another_size_are_scaled_to_the_results(results, root):
    for path in (root / "testA").iterdir():
        Image.open(path).resize((80, 80), Image.Resampling.NEAREST).save(path)
    evaluate_folder(results, {"dataroot": str(root), "metrics": "changed_rms"})


def test_names_are_compared_without_their_endings_and_with_their_folders(results, root):
    for folder in (results, root / "testA"):
        (folder / "deep").mkdir()
        first = sorted(path for path in folder.iterdir() if path.is_file())[0]
        first.rename(folder / "deep" / first.name)
    for path in list(results.glob("*.png")):
        Image.open(path).save(path.with_suffix(".bmp"))
        path.unlink()
    assert evaluate_folder(results, {"dataroot": str(root), "metrics": "changed_rms"}).counts["inputs"] == 5


def test_a_line_is_added_for_every_evaluation(results, root, tmp_path):
    flags = {"dataroot": str(root), "metrics": "changed_rms", "output": str(tmp_path / "deep/found.jsonl")}
    for _ in range(2):
        evaluate_folder(results, flags)
    one, other = (json.loads(line) for line in (tmp_path / "deep/found.jsonl").read_text().splitlines())
    assert one == other and one["counts"]["results"] == 5 and one["seed"] == 0 and one["left_out"] == {}
    assert set(one["metrics"]["changed_rms"]) == {"value", "low", "high"} and "torch" in one["versions"]


def test_a_table_is_printed(results, root, capsys):
    evaluate_folder(results, {"dataroot": str(root), "metrics": "changed_rms,diversity_pixels"})
    head, first, second = capsys.readouterr().out.splitlines()
    assert head.split() == ["value", "95", "%", "real", "B", "untouched"]
    assert "(changed_rms)" in first and "(diversity_pixels)" in second
    assert head.index("value") + len("value") == first.index(first.split(")")[1].split()[0]) + len(
        first.split(")")[1].split()[0]
    )


def test_a_metric_that_is_named_must_be_taken_and_one_of_a_group_need_not(results, root, capsys):
    flags = {"dataroot": str(root)}
    with pytest.raises(InputError, match="the domain measures need at least 8 inputs"):
        evaluate_folder(results, {**flags, "metrics": "domain_share"})
    with pytest.raises(InputError, match="ssim_truth needs the known true translations"):
        evaluate_folder(results, {**flags, "metrics": "ssim_truth,offline"})
    found = evaluate_folder(results, {**flags, "metrics": "offline"})
    assert {"changed_rms", "diversity_pixels"} <= set(found.measured)
    assert {"domain_share", "ssim_truth"} <= set(found.left_out)
    assert "note: ssim_truth is left out: ssim_truth needs" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metrics": "none"}, "--metrics names no metric"),
        ({"metrics": "chnged_rms"}, "did you mean changed_rms"),
        ({"inputs": "nowhere"}, "nowhere is no folder; name the one with the pictures of --inputs"),
        ({"phase": "train"}, r"has no picture 'a4'|of which there is a result|deeper"),
    ],
)
def test_what_cannot_be_meant_is_refused(change, message, results, root, tmp_path):
    if change.get("phase"):
        (root / "trainA/a4.png").unlink()
    with pytest.raises(InputError, match=message):
        evaluate_folder(results, {"dataroot": str(root), "metrics": "changed_rms", **change})


def test_empty_missing_and_broken_results_are_refused(results, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no pictures; name the folder with the results"):
        evaluate_folder(tmp_path / "empty", {})
    with pytest.raises(InputError, match="is no folder"):
        evaluate_folder(tmp_path / "nothing", {})
    (results / "a1.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"a1\.png.*; remove it, or make it anew"):
        evaluate_folder(results, {})
