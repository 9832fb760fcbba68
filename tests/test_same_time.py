"""``scripts/same_time.py``: all sides train for the same seconds, and their pictures are compared."""

import importlib
import os
import re
import sys
import threading
from pathlib import Path

import pytest

from translate.commandline import parse_test, parse_train
from translate.errors import InputError, RunError

ROOT = Path(__file__).resolve().parent.parent
# Stand for the reference: its train.py has the flags of this one, and writes down what it found.
TRAIN = """
import runpy, sys
from pathlib import Path
import numpy, torch
from models import create_model
(Path({folder!r}) / sys.argv[sys.argv.index("--name") + 1]).write_text(
    f"{{torch.initial_seed()}} {{numpy.random.get_state()[1][0]}} {{len(create_model(None).netG[0]._forward_hooks)}}")
if {fails}:
    sys.exit("no luck today")
sys.argv += ["--seed", str(torch.initial_seed())]
runpy.run_path({train!r}, run_name="__main__")
"""
MODELS = """
from types import SimpleNamespace
from torch import nn
def create_model(options):
    return SimpleNamespace(netG=nn.Sequential(nn.InstanceNorm2d(2)))
"""


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    yield importlib.import_module("same_time")
    sys.modules.pop("same_time")


@pytest.fixture
def checkout(tmp_path):
    """Makes the stand-in; what its trainings found lies in ``called``, a file for each name."""

    def make(fails=False):
        folder = tmp_path / "checkout"
        (folder / "models").mkdir(parents=True)
        (folder / "called").mkdir()
        (folder / "models" / "__init__.py").write_text(MODELS)
        (folder / "models" / "cut_model.py").write_text("")
        train = TRAIN.format(folder=str(folder / "called"), train=str(ROOT / "train.py"), fails=fails)
        (folder / "train.py").write_text(train)
        return folder

    return make


def test_both_train_and_are_compared(script, checkout, capsys, monkeypatch):
    folder, train, tried = checkout(), script.Trial.train, []

    def only_runs(self, side, name, epochs, seed):
        if not name.startswith("tried"):
            return train(self, side, name, epochs, seed)
        tried.append((side, epochs))
        return 4.0 + epochs

    monkeypatch.setattr(script.Trial, "train", only_runs)
    script.main(["--reference", str(folder), "--minutes", "0.001", "--seeds", "1", "--first_seed", "4",
                 "--sides", "reference", "same flags", "--n_train", "3", "--n_test", "2"])  # fmt: skip
    said = capsys.readouterr().out
    runs = re.findall(r"^(.+), seed 4: 2 epochs in \d+ s, error ([\d.]+)$", said, re.M)
    assert [side for side, _ in runs] == ["reference", "same flags"]
    # The stand-in trains as this one does: the same flags and the same seed give the same translator.
    assert runs[0][1] == runs[1][1] and 0 < float(runs[0][1]) < 128
    assert "| same flags | 2 | 6 |" in said and "| 0 of 1 |" in said
    found = {path.name: path.read_text().split() for path in (folder / "called").iterdir()}
    assert found == {"seed4": ["4", "4", "1"]}
    assert sorted(tried) == [("reference", 1), ("reference", 3), ("same flags", 1), ("same flags", 3)]


def test_the_recipe_is_trained_and_translated_as_it_is(script, tmp_path, monkeypatch):
    called = []
    monkeypatch.setattr(script, "call", lambda words, folder, who: called.append(words))
    monkeypatch.setattr(script, "score", lambda folder, sample: {"result": {"mae": folder.parts[-5:]}})
    trial = script.Trial(tmp_path, tmp_path)
    trial.train("recipe", "seed3", 7, 3)
    assert trial.error("recipe", "seed3") == ("recipe", "seed3", "test_latest", "images", "fake_B")
    train, test = called
    flags = parse_train(train[1:])
    assert flags["lambda_R1"] == 0.02  # which the reference lacks
    assert (flags["name"], flags["n_epochs"], flags["n_epochs_decay"], flags["seed"]) == ("seed3", "4", "3", "3")
    tested, recorded = parse_test(test[1:])
    assert tested["size"] == "original" and recorded["netG"] == "resnet_4blocks"


def test_a_side_that_fails_is_named_with_its_last_words(script, checkout):
    with pytest.raises(RunError, match="reference failed: no luck today"):
        script.main(
            ["--reference", str(checkout(fails=True)), "--sides", "reference", "--n_train", "2", "--n_test", "1"]
        )


@pytest.mark.parametrize("words", [["--minutes", "0"], ["--minutes", "nan"], ["--seeds", "0"], ["--n_train", "-1"]])
def test_nothing_to_compare_is_refused(script, checkout, words):
    with pytest.raises(InputError, match="--minutes, --seeds, --n_train and --n_test are above 0"):
        script.main(["--reference", str(checkout()), *words])


@pytest.mark.parametrize(
    ("seconds", "short", "long", "expected"),
    [(100, 10, 14, 46), (100, 14, 14, 21), (100, 20, 14, 21), (5, 10, 14, 2), (11.9, 10, 14, 2), (14, 10, 14, 3)],
)
def test_epochs_that_fit_end_within_the_time(script, seconds, short, long, expected):
    """One epoch took 10 s with all that is around, three took 14: so each takes 2 s."""
    assert script.epochs_in(seconds, short, long) == expected


def test_a_table_counts_how_often_a_side_came_closer(script):
    errors = {"reference": (30, 20, 25), "same flags": (18, 21, 24), "recipe": (15, 15, 16)}
    runs = [
        script.Run(side, seed, 7, 60 + seed, error) for side, each in errors.items() for seed, error in enumerate(each)
    ]
    rows = script.table(runs, 240).splitlines()[2:]
    assert rows == [
        "| reference | 7 | 1680 | 61 | 25.0 ± 5.0 | 25.0 | 30.0 20.0 25.0 |  |",
        "| same flags | 7 | 1680 | 61 | 21.0 ± 3.0 | 21.0 | 18.0 21.0 24.0 | 2 of 3 |",
        "| recipe | 7 | 1680 | 61 | 15.3 ± 0.6 | 15.0 | 15.0 15.0 16.0 | 3 of 3 |",
    ]
    assert script.table(runs[3:], 240).splitlines()[2].endswith("| 18.0 21.0 24.0 |  |")  # without the reference


def test_lanes_have_the_cores_between_them(script, monkeypatch):
    monkeypatch.setattr(script, "usable_cores", lambda: 5)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {8, 3, 1, 4, 6}, raising=False)
    assert script.cores_of_lanes() == [{1, 3}, {4, 6}]
    monkeypatch.setattr(script, "usable_cores", lambda: 1)  # a container's share of many cores
    assert script.cores_of_lanes() == [set(), set()]
    monkeypatch.delattr(os, "sched_getaffinity")
    assert script.cores_of_lanes() == [set(), set()]


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system pins no thread")
def test_a_lane_alone_keeps_to_its_cores(script):
    mine = os.sched_getaffinity(0)
    one, found = {min(mine)}, []

    def work(cores):
        script.stay_on(cores)
        found.append(os.sched_getaffinity(0))

    for cores in (one, set()):
        thread = threading.Thread(target=work, args=[cores])
        thread.start()
        thread.join()
    assert found == [one, mine] and os.sched_getaffinity(0) == mine
