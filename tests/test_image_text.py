"""A trained pair of encoders as a tool, and classes told by their names with it."""

import argparse
import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from translate.data.tensors import to_signed
from translate.errors import InputError
from translate.image_text import ImageText, learned_texts
from translate.settings import resolve
from translate.training.job import build_method
from translate.training.run import train_from_flags
from translate.transfer import transfer
from translate.zero_shot import class_names, class_vectors, classify, read_templates, zero_shot_accuracy

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"
COLOURS = {"red": (220, 20, 20), "dark-blue": (20, 20, 160), "green": (20, 220, 20)}


def coloured(folder, name, count, first=0):
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(first, first + count):
        noise = np.random.default_rng(index).integers(0, 35, (68, 72, 3))
        Image.fromarray((np.array(COLOURS[name]) + noise).astype(np.uint8)).save(folder / f"{name}_{index}.png")


@pytest.fixture(scope="module")
def colours(tmp_path_factory):
    """Pictures of one colour each, called by it: to be learned from, and labelled ones of others."""
    root = tmp_path_factory.mktemp("colours")
    for name in COLOURS:
        coloured(root / "named" / "train", name, 4)
        coloured(root / "named" / "test", name, 1, first=20)
        for phase, count in (("train", 5), ("test", 3)):
            coloured(root / "labelled" / phase / name, name, count, first=10)
    return root


@pytest.fixture(scope="module")
def run(colours, tmp_path_factory):
    """A run that has learned what the colours are called."""
    return train_from_flags({
        "model": "clip", "dataroot": str(colours / "named"), "checkpoints_dir": str(tmp_path_factory.mktemp("runs")),
        "name": "colours", "nef": 4, "feature_nc": 8, "text_width": 16,
        "text_layers": 1, "text_heads": 2, "vocab_size": 560, "load_size": 66, "crop_size": 64, "batch_size": 6,
        "n_epochs": 15, "n_epochs_decay": 0, "lr": 0.01, "num_threads": 0, "gpu_ids": "-1", "no_html": True,
        "print_freq": 6,
    }).folder  # fmt: skip


@pytest.fixture(scope="module")
def both(run):
    return ImageText.load(run)


@pytest.fixture(scope="module")
def main():
    """That of ``scripts/retrieval.py``."""
    sys.path.insert(0, str(SCRIPTS))
    yield importlib.import_module("retrieval").main
    sys.path.remove(str(SCRIPTS))


def squares(folder):
    paths = sorted(folder.rglob("*.png"))
    cut = [np.asarray(Image.open(path).resize((70, 66), Image.Resampling.BICUBIC))[1:65, 3:67] for path in paths]
    return torch.from_numpy(np.stack(cut)).permute(0, 3, 1, 2), [path.parent.name for path in paths]


def test_its_vectors_are_those_of_the_networks_that_were_saved(run, both, colours):
    method = build_method(resolve(json.loads((run / "run.json").read_text())["options"])).eval()
    for name, network in method.networks.items():
        network.load_state_dict(torch.load(run / f"latest_net_{name}.pth", weights_only=True))
    pictures, _ = squares(colours / "labelled/test")
    tokens = both.vocabulary.encode("Dark blue", 77)
    with torch.no_grad():
        images = method.embed_images(to_signed(pictures))
        text = method.embed_texts([tokens])
    torch.testing.assert_close(both.embed_pictures(pictures), images, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(both.embed_texts(["dark  blue", "red"])[:1], text, rtol=1e-5, atol=1e-5)
    assert (both.input_nc, both.load_size, both.crop_size) == (3, 66, 64)


def test_a_class_is_the_mean_of_its_sentences(both):
    templates = ["a photo of a {}.", "{}", "{} and {}"]
    found = class_vectors(both, ["red", "green"], templates)
    for row, name in zip(found, ("red", "green"), strict=True):
        mean = both.embed_texts([f"a photo of a {name}.", name, f"{name} and {name}"]).numpy().mean(0)
        np.testing.assert_allclose(row.numpy(), mean / np.sqrt((mean**2).sum()), rtol=1e-4, atol=1e-5)


def test_the_nearest_class_is_told():
    pictures, classes = torch.tensor([[1.0, 0.0], [0.6, 0.8]]), torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    assert classify(pictures, classes).tolist() == [1, 0]


def test_colours_are_told_by_their_names(both, colours):
    pictures, folders = squares(colours / "labelled/test")
    classes = sorted(COLOURS)
    labels = torch.tensor([classes.index(folder) for folder in folders])
    assert zero_shot_accuracy(both, pictures, labels, class_names(classes), ["{}"]) > 0.9
    turned = [*class_names(classes)[1:], class_names(classes)[0]]
    assert zero_shot_accuracy(both, pictures, labels, turned, ["{}"]) < 0.1


def test_folders_are_called_in_words():
    assert class_names(["T-shirt", "long_sleeve", "42"]) == ["t shirt", "long sleeve", "42"]
    assert class_names(["cat_1", "dog_2"]) == ["cat", "dog"]


def test_classes_that_differ_by_a_number_are_not_called_the_same():
    assert class_names(["A320", "A330", "n01440764_tench"]) == ["a320", "a330", "tench"]
    assert class_names(["model_1", "model_2", "42"]) == ["model 1", "model 2", "42"]


class TestTemplates:
    def test_they_are_separated_or_lines_of_a_file(self, tmp_path):
        assert read_templates("a {}.| the {} ") == ["a {}.", "the {}"]
        (tmp_path / "lines.txt").write_text("a {}.\n\nthe {} | or\n")
        assert read_templates(str(tmp_path / "lines.txt")) == ["a {}.", "the {} | or"]

    def test_there_may_be_more_of_them_than_a_name_of_a_file_can_hold(self):
        assert read_templates("|".join(["a rather long sentence about a {}."] * 80)) == (
            ["a rather long sentence about a {}."] * 80
        )

    @pytest.mark.parametrize("given", ["a photo", "a {}.|a photo", "", "|"])
    def test_one_without_a_place_is_refused(self, given):
        with pytest.raises(
            InputError, match=r"--templates .*: it has no \{\} for the class, as in 'a photo of a \{\}\.'"
        ):
            read_templates(given)

    def test_a_file_that_is_no_text_is_refused(self, tmp_path):
        (tmp_path / "lines.txt").write_bytes(b"\xff\xfe{}")
        with pytest.raises(InputError, match=r"--templates: cannot read .*lines\.txt as text in UTF-8"):
            read_templates(str(tmp_path / "lines.txt"))


class TestTransfer:
    """``zero_shot`` among the protocols of ``translate transfer``."""

    def measured(self, runs, colours, **flags):
        told = {"dataroot": str(colours / "labelled"), "random": 1, "gpu_ids": "-1", "protocols": "zero_shot,knn"}
        return transfer([str(each) for each in runs], {**told, **flags})

    def test_it_stands_in_the_table_beside_what_has_learned_no_texts(self, run, colours, capsys):
        untrained, found = self.measured([run], colours, templates="{}")
        assert untrained.found.keys() == {"knn"}
        assert found.found["zero_shot"]["all layers"].accuracy > 0.9
        assert found.found["zero_shot"]["all layers"].chosen == 1
        printed = capsys.readouterr().out
        assert "| random weights |  |" in printed and "|  | zero_shot |" in printed

    def test_templates_change_what_is_asked(self, run, colours):
        texts = ["{}", "blue {}"]
        found = [self.measured([run], colours, templates=each, random=0, protocols="zero_shot") for each in texts]
        assert found[0][0].found != found[1][0].found

    def test_a_template_without_a_place_is_refused_before_anything_is_measured(self, run, colours, capsys):
        with pytest.raises(InputError, match="--templates a coat: it has no"):
            self.measured([run], colours, templates="a coat")
        assert "knn" not in capsys.readouterr().out

    def test_a_run_without_texts_is_refused(self, run, colours):
        with pytest.raises(InputError, match=r"--protocols zero_shot asks what learned from texts, and .*_E\.pth did"):
            self.measured([run / "latest_net_E.pth"], colours)
        results = self.measured([run / "latest_net_E.pth", run], colours, random=0)
        assert [list(result.found) for result in results] == [["knn"], ["zero_shot", "knn"]]


class TestLoading:
    def test_only_a_folder_of_a_run_with_texts_is_one(self, run, tmp_path):
        assert learned_texts(run) and not learned_texts(tmp_path) and not learned_texts(run / "latest_net_E.pth")
        with pytest.raises(InputError, match="has not learned from texts; give the folder of a run of --model clip"):
            ImageText.load(tmp_path)

    def test_weights_that_are_not_there_are_named(self, run):
        with pytest.raises(
            InputError, match=r"77_net_E\.pth does not exist; the run has weights of --epoch 5, 10, 15, latest$"
        ):
            ImageText.load(run, 77)


class TestRetrievalScript:
    def test_names_are_found(self, main, run, colours, tmp_path, capsys):
        main(
            [str(run), "--dataroot", str(colours / "named"), "--gpu_ids", "-1", "--output", str(tmp_path / "out.json")]
        )
        found = json.loads((tmp_path / "out.json").read_text())
        assert found["image_to_text@1"] == {"recall": [1.0], "chance": pytest.approx(1 / 3)}
        printed = capsys.readouterr().out
        assert "| image_to_text@1 | 100.0 | 33.33 |" in printed and "3 pictures, 3 different captions" in printed

    def test_crops_and_captions_of_a_table(self, main, run, colours, tmp_path, capsys):
        pictures = sorted((colours / "named/train").iterdir())
        rows = [f"{path},{path.stem.split('_')[0]}" for path in pictures]
        (tmp_path / "captions.csv").write_text("\n".join(["path,caption", *rows]))
        told = [str(run), "--dataroot", str(colours), "--captions", str(tmp_path / "captions.csv"), "--gpu_ids", "-1"]
        results = []
        for more in (["--crops", "2"], ["--crops", "2", "--mirrored"], ["--crops", "2", "--seed", "1"]):
            main([*told, *more, "--output", str(tmp_path / "out.json")])
            results.append(json.loads((tmp_path / "out.json").read_text()))
            assert len(results[-1]["text_to_image@1"]["recall"]) == 2
        assert results[0]["image_to_text@1"]["recall"] == [1.0, 1.0]
        assert "12 pictures, 3 different captions" in capsys.readouterr().out

    @pytest.mark.usefixtures("main")
    def test_captions_that_are_read_alike_count_as_one(self):
        captions = {Path("a"): ["A  red\ncoat", "caf\u00e9"], Path("b"): ["a red coat"], Path("c"): ["Cafe\u0301"]}
        texts, relevant = importlib.import_module("retrieval").told_apart(captions)
        assert texts == ["a red coat", "caf\u00e9"]
        assert relevant.tolist() == [[True, True], [True, False], [False, True]]

    def test_fewer_crops_than_none_are_refused(self, main, run, colours):
        with pytest.raises(InputError, match="--crops -1 is too small: it must be 0 or more"):
            main([str(run), "--dataroot", str(colours / "named"), "--crops", "-1"])

    @pytest.mark.usefixtures("main")
    def test_what_is_asked_for_is_the_middle_or_crops_by_their_seed(self, both, colours):
        cut = importlib.import_module("retrieval").squares
        paths = dict.fromkeys(sorted((colours / "named/train").iterdir()))

        def asked(number=0, crops=0, mirrored=False, seed=0):
            return cut(paths, both, number, argparse.Namespace(crops=crops, mirrored=mirrored, seed=seed))

        assert torch.equal(asked(), squares(colours / "named/train")[0])
        assert torch.equal(asked(mirrored=True), asked().flip(3))
        assert torch.equal(asked(crops=2, mirrored=True), asked(crops=1).flip(3))
        others = [asked(), asked(crops=2), asked(1, crops=2), asked(crops=2, seed=1)]
        assert all(one.shape == (12, 3, 64, 64) for one in others)
        assert len({one.numpy().tobytes() for one in others}) == 4
