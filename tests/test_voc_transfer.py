"""The table of what encoders are worth on a folder in VOC's format."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from translate.commands.transfer import main
from translate.data.objects import Objects
from translate.data.voc import Annotated
from translate.errors import InputError, RunError
from translate.evaluation.average_precision import average_precision, eleven_point_average_precision
from translate.evaluation.svm import learn_machines
from translate.networks.encoders import build_encoder
from translate.networks.initialization import initialize
from translate.transfer import transfer
from translate.voc_transfer import score_machines

TAPS = ["conv1", "conv2", "conv3", "conv4", "conv5"]


@pytest.fixture(scope="module")
def voc(tmp_path_factory, write_voc):
    return write_voc(tmp_path_factory.mktemp("devkit") / "VOC2007")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two seeds of one encoder."""
    folder, files = tmp_path_factory.mktemp("runs"), []
    for seed in range(2):
        torch.manual_seed(seed)
        (folder / f"turned_seed{seed}").mkdir()
        files.append(folder / f"turned_seed{seed}")
        weights = initialize(build_encoder("alexnet", 3, 8), "kaiming").state_dict()
        torch.save(weights, files[-1] / "latest_net_E.pth")
    return [str(file) for file in files]


@pytest.fixture
def measured(voc, runs, monkeypatch):
    """measured(**flags): what transfer finds of the first run alone, at the size of the pictures."""
    monkeypatch.setattr("translate.pretrained.LOAD_SIZE", 64)
    monkeypatch.setattr("translate.pretrained.CROP_SIZE", 64)

    def run(asked=runs[:1], **flags):
        short = {} if flags.get("protocols", "svm") == "svm" else {"epochs": 1}
        return transfer(asked, {"dataroot": str(voc), "random": 0, "gpu_ids": "-1", **short, **flags})

    return run


class TestTable:
    def test_the_command_measures_every_protocol(self, measured, voc, runs, tmp_path, capsys):
        flags = ["--dataroot", str(voc), "--random", "1", "--gpu_ids", "-1", "--epochs", "1"]
        main([*runs, *flags, "--protocols", "svm,segmentation,detection", "--output", str(tmp_path / "out")])
        text = (tmp_path / "out/transfer.md").read_text()
        assert text in capsys.readouterr().out
        head, dense = text.split("\n\n")[:2]
        assert head.splitlines()[0] == f"| svm | {' | '.join(TAPS)} | best layer |"
        assert [row.split("|")[1].strip() for row in head.splitlines()[2:]] == ["random weights", "turned"]
        assert dense.splitlines()[0] == "|  | segmentation | detection |"
        assert re.fullmatch(r"\| turned \| [\d.]+ ± [\d.]+ \| [\d.]+ ± [\d.]+ \|", dense.splitlines()[3])
        assert "objects: 2 classes, 12 train, 6 test; pixels: 3 classes, 12 train, 6 test" in text
        written = json.loads((tmp_path / "out/transfer.json").read_text())
        assert written["classes"] == {"objects": ["box", "disc"], "pixels": ["background", "1", "2"]}
        assert written["counts"]["pixels"] == {"train": 12, "test": 6}
        assert [each["name"] for each in written["results"]] == ["random weights", "turned_seed0", "turned_seed1"]
        found = written["results"][0]["protocols"]
        assert found["segmentation"]["all layers"]["accuracy"] == pytest.approx(
            np.mean([value for value in found["segmentation"]["all layers"]["by_class"].values() if value is not None])
        )
        assert set(found["svm"]["conv1"]["by_class"]) == set(found["detection"]["all layers"]["by_class"])

    def test_support_vector_machines_are_what_is_measured_if_nothing_else_is_told(self, measured, capsys):
        (result,) = measured()
        assert list(result.found) == ["svm"] and list(result.found["svm"]) == TAPS
        assert result.found["svm"]["conv1"].accuracy > 0.9  # of red and blue
        assert "svm: mean average precision" in capsys.readouterr().out

    def test_a_class_that_is_not_asked_is_null(self, measured, voc, write_voc, tmp_path):
        other = write_voc(tmp_path / "VOC", {"trainval": 6, "test": 1})  # whose test picture has no disc
        measured(dataroot=str(other), protocols="svm,detection", output=str(tmp_path / "out"))
        found = json.loads((tmp_path / "out/transfer.json").read_text())["results"][0]["protocols"]
        for layer in (found["svm"]["conv5"], found["detection"]["all layers"]):
            assert layer["by_class"]["disc"] is None and layer["accuracy"] == layer["by_class"]["box"]

    def test_few_pictures_of_each_class(self, measured, capsys):
        measured(shots=1, protocols="svm,segmentation")
        printed = capsys.readouterr().out
        assert re.search(r"objects: 2 classes, [12] train, 6 test; pixels: 3 classes, [12] train, 6 test", printed)

    @pytest.mark.parametrize("flags", [{"epochs": 3}, {"lr": 0.01}, {"seed": 1}, {"rescale": True}])
    def test_flags_of_fine_tuning_change_what_comes_out(self, flags, measured):
        usual = {"protocols": "segmentation", "lr": 0.004, "epochs": 2}
        plain, other = (measured(**{**usual, **given})[0].found["segmentation"] for given in ({}, flags))
        assert plain["all layers"].by_class != other["all layers"].by_class


@pytest.mark.parametrize(("flags", "said"), [
    ({"protocols": "svm,knn"}, "--protocols svm,knn: choose from svm, segmentation, detection; knn is for folders"),
    ({"protocols": "words"}, "--protocols words: choose from svm, segmentation, detection$"),
])  # fmt: skip
def test_what_is_wrong_is_said(flags, said, measured):
    with pytest.raises(InputError, match=said):
        measured(**flags)


def test_an_encoder_that_cannot_be_rescaled_is_refused_before_anything_is_measured(measured, tmp_path, capsys):
    torch.save(build_encoder("resnet18").state_dict(), tmp_path / "deep.pth")
    with pytest.raises(InputError, match=r"^--rescale is for alexnet.*, and deep is of another kind"):
        measured([str(tmp_path / "deep.pth")], rescale=True, protocols="svm,segmentation")
    assert capsys.readouterr().out == ""


class TestWhatIsNotANumber:
    def test_features(self, measured, runs, tmp_path):
        weights = torch.load(Path(runs[0]) / "latest_net_E.pth")
        weights["conv3.0.weight"][0] = float("nan")
        torch.save(weights, tmp_path / "lost.pth")
        with pytest.raises(InputError, match=r"^lost: its conv3 is not finite for every picture of train"):
            measured([str(tmp_path / "lost.pth")])

    @pytest.mark.parametrize("protocol", ["segmentation", "detection"])
    def test_the_loss_of_fine_tuning(self, protocol, measured):
        with pytest.raises(RunError, match=r"the loss is not finite in epoch \d; use an --lr below 1e\+30") as caught:
            measured(protocols=protocol, lr=1e30, epochs=4)
        assert caught.value.exit_code == 1


def test_a_folder_of_classes_says_what_svm_needs(measured, tmp_path):
    (tmp_path / "train").mkdir()
    with pytest.raises(InputError, match=r"choose from linear.*; svm is for a folder in VOC's format"):
        measured(dataroot=str(tmp_path), protocols="svm")


def test_difficult_pictures_are_learned_as_others_and_not_asked():
    """Against the rule written out: of 30 pictures, each class is only difficult in some."""
    rng = np.random.default_rng(0)
    rows = torch.from_numpy(rng.normal(size=(60, 5)))
    truth = np.where(rows[:, :2].numpy() + rng.normal(size=(60, 2)) > 0.3, 1, -1)
    truth[rng.random((60, 2)) < 0.3] = 0

    def annotated(part):
        objects = []
        for row in part:
            labels = np.flatnonzero(row >= 0)
            objects.append(Objects(np.zeros((len(labels), 4)), labels, row[labels] == 0))
        return Annotated((Path("x.jpg"),) * len(part), tuple(objects), ("a", "b"))

    train, test = annotated(truth[:30]), annotated(truth[30:])
    found = score_machines(rows[:30], rows[30:], train, test)
    scores = learn_machines(rows[:30], torch.from_numpy(truth[:30] == 1)).scores(rows[30:]).numpy()
    values = {}
    for form in (average_precision, eleven_point_average_precision):
        asked = [truth[30:, column] != 0 for column in range(2)]
        values[form] = [form(scores[kept, k], truth[30:][kept, k] == 1) for k, kept in enumerate(asked)]
    assert list(found.by_class.values()) == values[average_precision]
    assert found.accuracy == pytest.approx(np.mean(values[average_precision]))
    assert found.eleven_point == pytest.approx(np.mean(values[eleven_point_average_precision]))
    assert set(found.chosen) == {"a", "b"} and 0 < found.validation <= 1
