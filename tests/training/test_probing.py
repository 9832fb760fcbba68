"""Features read from an encoder while it is trained."""

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from translate.data.labelled import find_labelled, split_labelled
from translate.errors import InputError
from translate.evaluation.probes import Probed, Split, knn_probe
from translate.evaluation.readout import load_squares, read_out
from translate.networks.encoders import build_encoder
from translate.options import DataOptions, QualityOptions
from translate.pretrained import PretrainedEncoder
from translate.training.probing import MOST_VALUES, Prober, find_probed
from translate.training.run import train_from_flags


@pytest.fixture(scope="module")
def shades(tmp_path_factory):
    """Noise on dark grounds and on light ones, enough of them to ask for."""
    root = tmp_path_factory.mktemp("shades")
    for phase, count in (("train", 10), ("val", 6)):
        for name, low in (("dark", 0), ("light", 150)):
            (root / phase / name).mkdir(parents=True)
            for index in range(count):
                pixels = np.random.default_rng((count, index, low)).integers(
                    low, low + 100, (72, 72, 3), dtype=np.uint8
                )
                Image.fromarray(pixels).save(root / phase / name / f"{index}.png")
    return root


@pytest.fixture(scope="module")
def probe_run(shades, tmp_path_factory):
    """probe_run(name, **flags): a tiny run that is measured every second step."""
    runs = tmp_path_factory.mktemp("runs")

    def run(name, **flags):
        base = {
            "model": "rotation", "dataroot": str(shades), "probe_data": str(shades), "eval_every": 8, "nef": 4,
            "load_size": 72, "crop_size": 64, "batch_size": 4, "n_epochs": 1, "n_epochs_decay": 0, "num_threads": 0,
            "gpu_ids": "-1", "print_freq": 1, "precision": "fp32", "checkpoints_dir": str(runs), "name": name,
        }  # fmt: skip
        return train_from_flags({**base, **flags}).folder

    return run


@pytest.fixture(scope="module")
def folder(probe_run):
    return probe_run("whole")


def measured(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_it_is_measured_at_the_start_on_the_way_and_at_the_end(folder):
    entries = measured(folder)
    assert [entry["step"] for entry in entries] == [0, 2, 4, 5]
    assert all(entry["counts"] == {"train": 16, "val": 4, "test": 12} for entry in entries)
    assert entries[0]["metrics"].keys() == {"linear_accuracy", "knn_accuracy"}
    assert entries[0]["metrics"]["knn_accuracy"]["guessing"] == 0.5


def test_the_page_draws_it_beside_guessing(folder):
    page = (folder / "web/index.html").read_text()
    assert "Linear accuracy" in page and "Neighbours' accuracy" in page.replace("&#x27;", "'").replace("&#39;", "'")
    assert "guessing 0.5" in page


def test_the_last_is_what_can_be_read_from_the_saved_encoder(folder, shades):
    encoder = PretrainedEncoder.load(folder)
    train, val, asked = (*split_labelled(find_labelled(shades, "train")), find_labelled(shades, "val"))
    accuracies = {}
    rows = [
        read_out(encoder.network, load_squares(each.paths, 3, 72, 64), encoder.network.taps, MOST_VALUES,
                 torch.device("cpu"))
        for each in (train, val, asked)
    ]  # fmt: skip
    for tap in encoder.network.taps:
        splits = [Split(row[tap], torch.from_numpy(s.labels)) for row, s in zip(rows, (train, val, asked), strict=True)]
        accuracies[tap] = knn_probe(*splits, 2)
    tap, best = max(accuracies.items(), key=lambda entry: entry[1].validation)
    last = measured(folder)[-1]["metrics"]["knn_accuracy"]
    assert (last["value"], last["note"]) == (best.accuracy, f"layer {tap}")


def test_the_layer_is_chosen_by_validation_and_not_by_what_is_asked(monkeypatch, shades):
    told = QualityOptions(probe_data=str(shades), eval_every=1)
    prober = Prober(told, DataOptions(load_size=72, crop_size=64), 3, find_probed(told, skip_bad=False))
    found = iter([Probed(0.9, 0.3, 1), Probed(0.4, 0.8, 1), *[Probed(0.5, 0.5, 1)] * 3])
    monkeypatch.setattr("translate.training.probing.PROBES", {"knn": lambda *splits: next(found)})
    assert prober.probe(build_encoder("alexnet", nef=4), torch.device("cpu"))["knn"] == ("conv2", Probed(0.4, 0.8, 1))


def test_to_measure_changes_no_weight(folder, probe_run):
    plain = probe_run("plain", eval_every=0, probe_data=None)
    weights = [torch.load(each / "latest_net_E.pth", weights_only=True) for each in (folder, plain)]
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])


def test_the_average_is_measured_too(probe_run):
    entries = measured(probe_run("averaged", ema=0.5, max_steps=2))
    assert [(entry["step"], entry["weights"]) for entry in entries] == [(0, "raw"), (0, "ema"), (2, "raw"), (2, "ema")]


@pytest.mark.parametrize(("flags", "said"), [
    ({"eval_phase": "exam"}, "exam does not exist; give a --probe_data with exam/CLASS/"),
    ({"eval_phase": "train"}, "--eval_phase train: probes learn from these pictures; name others"),
])  # fmt: skip
def test_pictures_to_ask_for_must_be_there_before_anything_is_written(flags, said, probe_run, folder, tree):
    before = tree(folder.parent)
    for more in ({}, {"dry_run": True}):
        with pytest.raises(InputError, match=said):
            probe_run("whole", **flags, **more)
    assert tree(folder.parent) == before  # the former run of this name is where it was


def test_bad_pictures_can_be_left_out(probe_run, shades, tmp_path):
    shutil.copytree(shades, tmp_path / "data")
    (tmp_path / "data/val/dark/broken.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match="leave them out with --skip_bad_images"):
        probe_run("broken", probe_data=str(tmp_path / "data"), max_steps=1)
    run = probe_run("broken", probe_data=str(tmp_path / "data"), max_steps=1, skip_bad_images=True)
    assert measured(run)[0]["counts"]["test"] == 12
