"""Runs of CLIP, whose ids must mean the same in every life of a run, and wherever its weights go."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from translate.data.vocabulary import Vocabulary
from translate.errors import InputError
from translate.training.run import train_from_flags


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """Six pictures of one colour each, by whose names they are called."""
    root = tmp_path_factory.mktemp("pictures")
    colours = {
        "red": (220, 20, 20), "dark-red": (120, 10, 10), "blue": (20, 20, 220), "dark_blue": (10, 10, 120),
        "green": (20, 220, 20), "grey_7": (128, 128, 128),
    }  # fmt: skip
    for name, colour in colours.items():
        noise = np.random.default_rng(len(name)).integers(0, 30, (72, 72, 3))
        Image.fromarray((np.array(colour) + noise).astype(np.uint8)).save(root / f"n01234567_{name}.png")
    return {
        "model": "clip", "dataroot": str(root), "checkpoints_dir": str(tmp_path_factory.mktemp("runs")), "nef": 4,
        "feature_nc": 6, "text_width": 8, "text_layers": 1, "text_heads": 2, "vocab_size": 600, "load_size": 66,
        "crop_size": 64, "batch_size": 3, "n_epochs": 3, "n_epochs_decay": 0, "num_threads": 0, "gpu_ids": "-1",
        "print_freq": 1, "no_html": True, "lr": 0.01,
    }  # fmt: skip


def log(folder):
    return [json.loads(line)["losses"] for line in (folder / "log.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def whole(base):
    return train_from_flags({**base, "name": "whole"}).folder


def test_the_vocabulary_lies_beside_the_weights(whole):
    vocabulary = Vocabulary.load(whole)
    captions = ["red", "dark red", "blue", "dark blue", "green", "grey"]
    assert vocabulary.ids == Vocabulary.learn(captions, 600).ids
    assert vocabulary.decode(vocabulary.encode("dark red", 77)) == "dark red"


def test_a_resumed_run_keeps_its_ids_whatever_is_written_now(base, whole, same_state, tmp_path):
    """With captions from elsewhere another vocabulary would be learned."""
    torn = train_from_flags({**base, "name": "torn", "max_steps": 3}).folder
    before = (torn / "vocab.json").read_bytes(), (torn / "merges.txt").read_bytes()
    again = {"continue_train": True, "name": "torn", "checkpoints_dir": base["checkpoints_dir"], "num_threads": 0}
    train_from_flags({**again, "max_steps": None})
    assert log(whole) == log(torn)
    assert same_state(whole, torn)
    rows = [f"n01234567_{name}.png,something else of this kind" for name in ("red", "blue", "green")]
    (tmp_path / "others.csv").write_text("\n".join(["path,caption", *rows]))
    again |= {"model": "clip", "vocabulary": "gone"}
    train_from_flags({**again, "captions": str(tmp_path / "others.csv"), "n_epochs": 5, "max_steps": 7})
    assert ((torn / "vocab.json").read_bytes(), (torn / "merges.txt").read_bytes()) == before


def test_a_run_that_starts_from_its_weights_takes_its_ids(base, whole, tmp_path, capsys):
    (tmp_path / "others.csv").write_text("path,caption\n" + "".join(
        f"n01234567_{name}.png,a colour of another kind {name}\n" for name in ("red", "blue", "green")
    ))  # fmt: skip
    told = {**base, "captions": str(tmp_path / "others.csv"), "max_steps": 1, "lr": 1e-12}
    fresh = train_from_flags({**told, "name": "fresh"}).folder
    tuned = train_from_flags({**told, "name": "tuned", "init_from": str(whole)}).folder
    assert Vocabulary.load(tuned).ids == Vocabulary.load(whole).ids != Vocabulary.load(fresh).ids
    loaded, source = (torch.load(each / "latest_net_T.pth", weights_only=True) for each in (tuned, whole))
    assert all(torch.allclose(loaded[key], source[key], rtol=0, atol=1e-6) for key in source)


def test_a_vocabulary_that_is_given_is_taken(base, whole, tmp_path):
    given = Vocabulary.learn(["red red red", "blue blue"], 520)
    for name, text in given.files().items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    told = {**base, "vocabulary": str(tmp_path), "max_steps": 2}
    run = train_from_flags({**told, "name": "given"}).folder
    assert Vocabulary.load(run).ids == given.ids
    assert log(run) != log(whole)[:2]
    tuned = train_from_flags({**told, "name": "given_tuned", "init_from": str(whole)}).folder
    assert Vocabulary.load(tuned).ids == given.ids  # and not those of the weights
    with pytest.raises(InputError, match=rf"--vocab_size 515 is less than the {len(given)} ids of .* use --vocab_size"):
        train_from_flags({**told, "name": "small", "vocab_size": 515})


def test_a_table_says_which_pictures_are_learned_from(base, tmp_path):
    (tmp_path / "captions.csv").write_text("path,caption\n" + "".join(
        f"n01234567_{name}.png,{caption}\n" for name, caption in
        (("red", "warm"), ("blue", "cold"), ("green", "fresh"), ("red", "bright"))
    ))  # fmt: skip
    told = {**base, "captions": str(tmp_path / "captions.csv"), "name": "table", "n_epochs": 1}
    run = train_from_flags(told).folder
    record = json.loads((run / "run.json").read_text())
    assert record["dataset"]["counts"] == {"A": 3}
    assert len(log(run)) == 1


def test_processes_that_load_pictures_bring_the_same_texts(base, whole):
    run = train_from_flags({**base, "name": "workers", "num_threads": 2, "cache_mb": 0}).folder
    assert log(run) == log(whole)


def test_a_wrong_row_is_said_before_anything_is_written(base, tmp_path):
    (tmp_path / "captions.csv").write_text("path,caption\nnone.png,x\n")
    told = {**base, "captions": str(tmp_path / "captions.csv"), "checkpoints_dir": str(tmp_path / "runs")}
    with pytest.raises(InputError, match=r"captions\.csv, line 2: there is no none\.png"):
        train_from_flags(told)
    assert not (tmp_path / "runs").exists()
