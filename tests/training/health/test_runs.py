"""Real trainings, tiny ones: broken on purpose they are told what is wrong, a good one is left in peace.

They take few steps, so the patience is cut down to them; scripts/health_report.py has runs that are long enough for all
of it.
"""

import json

import numpy as np
import pytest
from PIL import Image

from translate.methods import CUT
from translate.methods.health import COLLAPSE, DIVERGENCE
from translate.training.health.watch import PATIENCE, Patience
from translate.training.run import train_from_flags


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    """Smooth grey scenes in A, coloured ones in B."""
    root = tmp_path_factory.mktemp("scenes")
    for letter in "AB":
        (root / f"train{letter}").mkdir()
        for index in range(4):
            coarse = np.random.default_rng((ord(letter), index)).integers(0, 256, (4, 4, 3), dtype=np.uint8)
            if letter == "A":
                coarse[..., 1:] = coarse[..., :1]
            Image.fromarray(coarse).resize((36, 36), Image.Resampling.BICUBIC).save(root / f"train{letter}/{index}.png")
    return root


@pytest.fixture
def train(scenes, tmp_path, tiniest, monkeypatch):
    """train(name="run", **flags): the folder of 32 steps of CUT with a page; each is logged, every fourth shown."""
    for kind in PATIENCE:
        monkeypatch.setitem(PATIENCE, kind, Patience(looks=4, steps=12))

    def start(name="run", **flags):
        told = {
            **tiniest, "dataroot": str(scenes), "checkpoints_dir": str(tmp_path), "name": name, "n_epochs": 8,
            "print_freq": 1, "display_freq": 4, "lr": 0.003, "ngf": 4, "lambda_NCE": 10,
        }  # fmt: skip
        return train_from_flags({**told, **flags}).folder

    return start


def told(folder):
    entries = [json.loads(line) for line in (folder / "health.jsonl").read_text().splitlines()]
    return [entry for entry in entries if entry["kind"] != "look"]


def test_a_good_run_is_left_in_peace(train, capsys):
    folder = train()
    assert told(folder) == []
    assert "warning" not in capsys.readouterr().out
    page = (folder / "web" / "index.html").read_text()
    assert "No warnings so far." in page
    assert "guessing 27.726" in page  # ten times ln 16, the weight and the patches of this run
    assert "draw 0.250" in page


def test_a_run_of_far_too_high_a_learning_rate_is_told_so(train, capsys):
    folder = train(lr=0.5)
    assert [entry["kind"] for entry in told(folder)] == [DIVERGENCE]
    printed = capsys.readouterr().out
    assert printed.count("warning: since step") == 1
    assert "a lower --lr (it is 0.5)" in printed
    assert "The losses run away" in (folder / "web" / "index.html").read_text()


def test_a_generator_that_makes_nothing_is_told_so_once_and_after_a_resumption_the_same(train, monkeypatch, tmp_path):
    monkeypatch.setattr(CUT, "lr_scales", {"G": 1e-9})  # it stays as grey as it began
    whole = train("whole")
    assert [entry["kind"] for entry in told(whole)].count(COLLAPSE) == 1
    torn = train("torn", max_steps=10)
    assert told(torn) == []
    train_from_flags({"continue_train": True, "name": "torn", "checkpoints_dir": str(tmp_path), "num_threads": 0})
    assert (torn / "health.jsonl").read_text() == (whole / "health.jsonl").read_text()


def test_without_a_page_only_the_losses_are_looked_at(train, monkeypatch):
    monkeypatch.setattr(CUT, "lr_scales", {"G": 1e-9})
    folder = train(no_html=True)
    written = folder / "health.jsonl"
    kinds = [json.loads(line)["kind"] for line in written.read_text().splitlines()] if written.exists() else []
    assert not {"look", COLLAPSE} & set(kinds)
