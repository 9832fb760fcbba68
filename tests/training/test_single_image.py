"""Training from one picture of each domain: what is refused, what is drawn whatever the workers, and its test."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from translate.errors import InputError
from translate.testing import run_test
from translate.training.run import train_from_flags
from translate.translator import Translator

TINY = {
    "model": "sincut", "netG": "stylegan2", "ngf": 1, "ndf": 1, "netF_nc": 8, "crop_size": 16, "batch_size": 4,
    "crops_per_epoch": 8, "n_epochs": 1, "n_epochs_decay": 0, "num_threads": 0, "gpu_ids": "-1", "print_freq": 1,
}  # fmt: skip


@pytest.fixture
def pair(tmp_path, random_picture):
    for letter, size in (("A", (61, 47)), ("B", (40, 52))):
        (tmp_path / f"pair/train{letter}").mkdir(parents=True)
        random_picture(*size).save(tmp_path / f"pair/train{letter}/of any name.png")
    return tmp_path / "pair"


@pytest.fixture
def train(tmp_path, pair):
    def start(name="run", **flags):
        told = {**TINY, "dataroot": str(pair), "checkpoints_dir": str(tmp_path / "runs"), "name": name, **flags}
        return train_from_flags(told).folder

    return start


def losses_of(folder):
    return [json.loads(line)["losses"] for line in (folder / "log.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("flags", [{"num_threads": 2}, {"cache_mb": 0}])
def test_workers_and_cache_change_nothing(train, flags):
    assert losses_of(train("without")) == losses_of(train("given", **flags))


def test_several_pictures_are_refused_in_one_sentence(train, pair, random_picture, tmp_path):
    random_picture(40, 40).save(pair / "trainB/second.png")
    with pytest.raises(InputError, match=r"trainB holds 2 pictures, and single-picture translation learns from one"):
        train()
    assert not (tmp_path / "runs").exists()


def test_a_test_translates_the_whole_picture_the_same_each_time(train, tmp_path):
    folder = train(lr=0.05)
    strength = torch.load(folder / "latest_net_G.pth", weights_only=True)["decoder.convs.3.noise.weight"]
    assert strength.abs() > 0.001  # so that there would be noise if a test added some
    told = {"checkpoints_dir": folder.parent, "name": folder.name, "gpu_ids": "-1"}
    pages = [run_test({**told, "results_dir": tmp_path / out}).page for out in ("first", "second")]
    first, second = (Image.open(page.parent / "images/fake_B/of any name.png") for page in pages)
    assert first.size == (61, 47)
    assert first.tobytes() == second.tobytes()


def test_an_odd_size_is_padded_and_cut_back(train, pair):
    folder = train()
    translator = Translator.load(folder, device="cpu", precision="fp32")
    picture = np.asarray(Image.open(pair / "trainA/of any name.png"))
    padded = np.pad(picture, ((0, 1), (0, 1), (0, 0)), mode="reflect")
    assert np.array_equal(translator(picture), translator(padded)[:47, :61])


def test_a_run_folder_of_the_reference_can_be_tested_by_its_weights_alone(train, pair, tmp_path):
    folder = train()
    (tmp_path / "bare").mkdir()
    weights = torch.load(folder / "latest_net_G.pth", weights_only=True)
    torch.save({f"module.{key}": value for key, value in weights.items()}, tmp_path / "bare/latest_net_G.pth")
    bare = Translator.load(tmp_path / "bare", device="cpu")
    assert bare.size.policy == "original"
    assert bare(pair / "trainA/of any name.png") == Translator.load(folder, device="cpu")(
        pair / "trainA/of any name.png"
    )


def test_fine_tuning_at_another_crop_size_keeps_the_network(train):
    source = train(crop_size=32)
    tuned = train("tuned", init_from=str(source), crop_size=32, ngf=1, lr=1e-12, max_steps=1)
    first, second = (torch.load(f / "latest_net_G.pth", weights_only=True) for f in (source, tuned))
    assert all(torch.allclose(first[key], second[key], atol=1e-6) for key in first)


def test_the_preview_is_the_whole_picture(train):
    folder = train()
    previews = sorted((folder / "web/images").glob("preview_*_fake_B.png"))
    assert previews
    assert Image.open(previews[-1]).size == (61, 47)
