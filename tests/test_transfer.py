"""The table of what can be read from encoders."""

import json
import re
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image

from translate.errors import InputError
from translate.evaluation.probes import Probed
from translate.networks import build_generator
from translate.networks.initialization import initialize
from translate.options import TransferOptions
from translate.pretrained import PretrainedEncoder
from translate.transfer import _untrained, transfer
from translate.transfer_table import Transferred


@pytest.fixture(scope="module")
def stripes(tmp_path_factory):
    """Two classes that any encoder tells apart, in random colours: stripes that lie, stripes that stand."""
    root = tmp_path_factory.mktemp("stripes")
    for phase, count in (("train", 12), ("test", 8)):
        for name in ("lying", "standing"):
            (root / phase / name).mkdir(parents=True)
            for index in range(count):
                rng = np.random.default_rng((count, index, name == "lying"))
                picture = np.full((64, 64, 3), rng.integers(0, 100, 3), dtype=np.uint8)
                picture[rng.integers(0, 8) :: 8] = rng.integers(150, 256, 3)
                picture = picture if name == "lying" else picture.transpose(1, 0, 2)
                Image.fromarray(picture).save(root / phase / name / f"{index}.png")
    return root


@pytest.fixture(scope="module")
def generator_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "latest_net_G.pth"
    torch.manual_seed(0)
    torch.save(initialize(build_generator("resnet_4blocks", ngf=4), "kaiming").state_dict(), path)
    return path


@pytest.fixture
def measured(stripes, generator_file, monkeypatch):
    """measured(**flags): what transfer finds of a generator's half, at the size of the pictures."""
    monkeypatch.setattr("translate.pretrained.LOAD_SIZE", 64)
    monkeypatch.setattr("translate.pretrained.CROP_SIZE", 64)

    def run(runs=None, **flags):
        told = {"dataroot": str(stripes), "random": 2, "gpu_ids": "-1", **flags}
        return transfer(runs or [str(generator_file)], told)

    return run


class TestTable:
    def test_every_protocol_and_layer_of_every_encoder(self, measured, capsys):
        results = measured()
        assert [result.name for result in results] == ["random weights"] * 2 + ["latest_net_G"]
        taps = ["down1", "down2", "res1", "res2", "res3", "res4"]
        assert all(list(found) == taps for result in results for found in result.found.values())
        assert all(result.found["knn"]["res4"].accuracy > 0.9 for result in results)
        printed = capsys.readouterr().out
        row = next(line for line in printed.splitlines() if line.startswith("| random weights"))
        shares = [result.found["linear"]["down1"].accuracy for result in results[:2]]
        assert row.split("|")[2].strip() == f"{100 * np.mean(shares):.1f} ± {100 * np.std(shares, ddof=1):.1f}"
        assert "2 classes, 18 train, 6 val, 16 test" in printed

    def test_it_is_written(self, measured, tmp_path, stripes):
        transfer_flags = {field.name for field in fields(TransferOptions)}
        results = measured(output=str(tmp_path / "out"), protocols="knn")
        written = json.loads((tmp_path / "out/transfer.json").read_text())
        assert written["classes"] == ["lying", "standing"]
        assert written["flags"]["protocols"] == "knn" and written["flags"].keys() == transfer_flags
        first = written["results"][-1]["protocols"]["knn"]["res1"]
        assert first["accuracy"] == results[-1].found["knn"]["res1"].accuracy
        assert (tmp_path / "out/transfer.md").read_text().startswith("| knn | down1 |")
        page = (tmp_path / "out/index.html").read_text()
        best = 100 * results[-1].best("knn")[1].accuracy
        assert f"latest_net_G {best:.1f}" in page and "stroke-dasharray" in page  # the line of untrained weights

    def test_runs_of_one_name_and_other_seeds_share_a_row(self, measured, generator_file, tmp_path, capsys):
        runs = []
        for seed in range(2):
            (tmp_path / f"cut_seed{seed}").mkdir()
            runs.append(tmp_path / f"cut_seed{seed}" / "latest_net_G.pth")
            runs[-1].write_bytes(generator_file.read_bytes())
        measured([str(run.parent) for run in runs], random=0)
        rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| cut")]
        assert len(rows) == 2 and all(re.match(r"\| cut \| [\d.]+ ± 0\.0 \|", row) for row in rows)

    def test_untrained_networks_of_several_kinds_have_rows_of_their_own(self, measured, generator_file, tmp_path):
        torch.manual_seed(0)
        (tmp_path / "narrow_seed0").mkdir()
        narrow = initialize(build_generator("resnet_4blocks", ngf=2), "kaiming").state_dict()
        torch.save(narrow, tmp_path / "narrow_seed0/latest_net_G.pth")
        results = measured([str(generator_file), str(tmp_path / "narrow_seed0")], random=1, protocols="knn")
        untrained = ["random weights (latest_net_G)", "random weights (narrow)"]
        assert [result.name for result in results] == [*untrained, "latest_net_G", "narrow_seed0"]

    def test_memory_that_is_freed_is_kept_for_the_next_batch(self, measured, monkeypatch):
        asked = []
        monkeypatch.setattr("translate.transfer.keep_freed_memory", asked.append)
        measured(protocols="knn")
        assert asked == [torch.device("cpu")]

    def test_few_pictures_of_each_class(self, measured, capsys):
        measured(shots=3, random=0)
        assert "2 classes, 6 train" in capsys.readouterr().out

    def test_a_layer_is_pooled_to_fewer_values(self, measured):
        fine, coarse = (measured(random=0, protocols="linear", most_values=most)[0] for most in (9216, 1))
        assert fine.found != coarse.found

    def test_seeds_of_untrained_networks_differ_and_are_reproducible(self, generator_file):
        encoder = PretrainedEncoder.load(generator_file)
        first, again, other = (encoder.untrained(seed).network.state_dict() for seed in (0, 0, 1))
        key = "model.1.weight"
        assert torch.equal(first[key], again[key]) and not torch.equal(first[key], other[key])
        assert torch.equal(encoder.network.state_dict()[key], torch.load(generator_file, weights_only=True)[key])


@pytest.mark.parametrize(("flags", "said"), [
    ({"protocols": "linear,svm"}, "--protocols linear,svm: choose from linear, knn, fc, finetune"),
    ({"dataroot": None}, "--dataroot is missing"),
    ({"rescale": True, "protocols": "fc", "random": 0}, "--rescale is for alexnet, caffenet and split_alexnet"),
    ({"dataroot": "nowhere"}, "nowhere.train does not exist"),
    ({"epoch": "7", "runs": ["RUN"]}, "no 7_net_E.pth or 7_net_G.pth in"),
    ({"epoch": "7"}, "--epoch chooses among the weights of a run folder; leave it out for .*latest_net_G.pth"),
    ({"rescale": True}, "--rescale True has no effect on --protocols linear,knn: it is of fc, finetune, .*leave it"),
    ({"epochs": 3, "protocols": "knn"}, "--epochs 3 has no effect on --protocols knn"),
    ({"lr": 0.1}, "--lr 0.1 has no effect"),
    ({"templates": "a {}"}, "--templates a {} has no effect on --protocols linear,knn: it is of zero_shot"),
    ({"most_values": 9, "protocols": "fc"}, "--most_values 9 has no effect on --protocols fc"),
])  # fmt: skip
def test_what_is_wrong_is_said(flags, said, measured, generator_file):
    runs = [str(generator_file.parent)] if flags.pop("runs", None) else None
    with pytest.raises(InputError, match=said):
        measured(runs, **flags)


def test_the_best_layer_is_chosen_by_validation_and_not_by_the_test():
    layers = {"conv1": Probed(0.9, 0.3, 1), "conv2": Probed(0.4, 0.8, 1)}
    assert Transferred("run", {"knn": layers}).best("knn") == ("conv2", layers["conv2"])


def test_a_folder_that_cannot_be_made_is_told_before_anything_is_measured(measured, tmp_path, capsys):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"--output .*file: cannot make this folder \(.*\); name another"):
        measured(output=str(tmp_path / "file"), random=0, protocols="knn")
    assert "latest_net_G: knn" not in capsys.readouterr().out


def test_weights_that_are_not_finite_are_not_measured(measured, generator_file, tmp_path):
    weights = torch.load(generator_file, weights_only=True)
    weights["model.1.weight"][0] = torch.nan
    torch.save(weights, tmp_path / "lost.pth")
    with pytest.raises(InputError, match="lost: its down1 is not finite for every picture of train"):
        measured([str(tmp_path / "lost.pth")], random=0, protocols="knn")


def test_files_of_one_name_have_rows_of_their_own_and_a_run_counts_once(measured, generator_file, tmp_path):
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "latest_net_G.pth").write_bytes(generator_file.read_bytes())
    runs = [str(tmp_path / name / "latest_net_G.pth") for name in ("one", "other", "one")]
    results = measured([*runs, str(tmp_path / "one")], random=0, protocols="knn,knn")
    assert [result.name for result in results] == ["one/latest_net_G", "other/latest_net_G", "one"]


def test_untrained_networks_see_pictures_of_the_sizes_of_the_runs(generator_file):
    encoder = PretrainedEncoder.load(generator_file)
    others = [encoder, replace(encoder, name="small", crop_size=64), replace(encoder, name="again")]
    fresh = _untrained(others, 1)
    assert [(each.name, each.crop_size) for each in fresh] == [
        ("random weights (latest_net_G)", 224), ("random weights (small)", 64),
    ]  # fmt: skip


class TestLoading:
    def test_torchvisions_files_of_weights(self, tmp_path):
        theirs = torchvision.models.resnet18(weights=None).eval()
        torch.save(theirs.state_dict(), tmp_path / "resnet18.pth")
        encoder = PretrainedEncoder.load(tmp_path / "resnet18.pth")
        assert (encoder.name, encoder.load_size, encoder.crop_size) == ("resnet18", 256, 224)
        picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (224, 256, 3), dtype=np.uint8))
        features = encoder.features(picture)["layer4"]
        logits = theirs.fc(features.mean((2, 3)))
        square = picture.resize((293, 256), Image.Resampling.BICUBIC).crop((34, 16, 258, 240))
        pixels = torch.from_numpy(np.array(square)).permute(2, 0, 1)[None] / 255
        mean, deviation = (torch.tensor(v).view(1, 3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
        with torch.no_grad():
            assert torch.allclose(theirs((pixels - mean) / deviation), logits, atol=1e-4)

    def test_a_generator_without_residual_blocks_has_no_half(self, tmp_path):
        torch.save(build_generator("unet_128", ngf=2).state_dict(), tmp_path / "latest_net_G.pth")
        with pytest.raises(InputError, match="--netG unet_128 has no encoder half"):
            PretrainedEncoder.load(tmp_path / "latest_net_G.pth")

    def test_what_is_no_network_is_refused(self, tmp_path):
        torch.save({"a": torch.zeros(2)}, tmp_path / "odd.pth")
        with pytest.raises(InputError, match=r"odd\.pth does not hold a generator that is known here"):
            PretrainedEncoder.load(tmp_path / "odd.pth")

    def test_a_list_of_pictures_in_the_channels_of_the_encoder(self, generator_file):
        encoder = PretrainedEncoder.load(generator_file)
        grey = Image.new("L", (300, 240), 90)
        found = encoder.features([grey, grey.convert("RGB")], ["down1"])["down1"]
        assert found.shape == (2, 8, 224, 224) and torch.equal(found[0], found[1])
