"""``scripts/repeat.py``: real tiny trainings over seeds, and what it decides between them."""

import importlib
import json
import os
import signal
import sys
import threading
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from translate.errors import InputError, RunError, Stopped

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"
TINY = {
    "model": "context_encoder", "netG": "context_encoder_64", "ngf": 2, "ndf": 2, "bottleneck": 8, "load_size": 72,
    "crop_size": 64, "batch_size": 2, "n_epochs": 9, "num_threads": 0, "gpu_ids": "-1", "print_freq": 2,
    "no_html": True,
}  # fmt: skip


@pytest.fixture(scope="module")
def script():
    """script("repeat"): the module, which finds its neighbours as it does when it is run."""
    sys.path.insert(0, str(SCRIPTS))
    yield importlib.import_module
    sys.path.remove(str(SCRIPTS))


@pytest.fixture
def repeat(script):
    return script("repeat")


@pytest.fixture
def home(tmp_path, make_domains, monkeypatch):
    make_domains(tmp_path / "data", 4, 4, size=(80, 80))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _words(**more):
    flags = {**TINY, "dataroot": "data", "name": "holes", "max_steps": 2, **more}
    return [str(word) for name, value in flags.items() for word in (f"--{name}", value)]


def _measured(folder):
    return json.loads((folder / "scores.json").read_text())["mean"]


def test_real_runs_are_trained_tested_and_summarized_and_go_on(repeat, home, capfd):
    (home / "checkpoints").mkdir()
    (home / "checkpoints/holes_seed7").write_text("where a folder should be")
    with pytest.raises(RunError, match=r"1 of 3 seeds failed \(seed 7: training ended with exit code \d\)"):
        repeat.main(["--seeds", "0", "7", "1", "--metrics", "changed_rms", "--", *_words(), "--", "--num_test", "3"])
    said = capfd.readouterr().out
    assert said.count("3 in, 3 written") == 2 and "seed 1 (3 of 3): holes_seed1" in said
    means = [_measured(home / f"results/holes_seed{seed}/test_latest") for seed in (0, 1)]
    assert means[0] != means[1]
    folder = home / "results/holes_seeds"
    found = json.loads((folder / "seeds.json").read_text())
    for name in ("hole PSNR", "hole SSIM"):
        values = [mean[name] for mean in means]
        assert found["measures"][name]["mean"] == pytest.approx(np.mean(values))
        assert found["measures"][name]["standard_deviation"] == pytest.approx(np.std(values, ddof=1))
        assert found["measures"][name]["values"] == {"0": values[0], "1": values[1]}
    assert found["measures"]["changed_rms"]["values"].keys() == {"0", "1"}
    assert found["measures"]["steps"]["mean"] == 2 and found["measures"]["training time"]["mean"] > 0
    assert found["failed"].keys() == {"7"} and found["seeds"].keys() == {"0", "1"}
    table = (folder / "seeds.md").read_text()
    assert "| hole PSNR |" in table and "Seed 7 failed" in table and table in said
    page = (folder / "index.html").read_text()
    assert page.count("<article") == 3 and "standard deviation" in page and "holes_seed1" in page
    assert "../holes_seed0/test_latest/images/hole_A" in page

    state = home / "checkpoints/holes_seed0/latest_state.pth"
    before = state.stat().st_mtime_ns
    repeat.main(["--seeds", "0", "--", *_words(), "--", "--num_test", "3"])
    said = capfd.readouterr().out
    assert "holes_seed0 is trained already" in said and "train.py" not in said
    assert state.stat().st_mtime_ns == before
    assert json.loads((folder / "seeds.json").read_text())["failed"] == {}

    repeat.main(["--seeds", "1", "--", *_words(max_steps=3)])
    assert "--continue_train" in capfd.readouterr().out
    found = json.loads((folder / "seeds.json").read_text())
    assert found["measures"]["steps"] == {"mean": 3, "standard_deviation": None, "values": {"1": 3}}
    assert len((home / "checkpoints/holes_seed1/log.jsonl").read_text().splitlines()) == 3


@pytest.fixture
def commands(repeat, home, monkeypatch):
    """The commands that would have been run; ``commands.codes`` says how they end, and what they leave is there."""

    class Commands(list):
        codes: tuple[int, ...] = ()
        shares = (0.2, 0.6, 0.4)

    called = Commands()

    def run(words):
        called.append(words)
        code = called.codes[len(called) - 1] if len(called) <= len(called.codes) else 0
        name = _pairs(words)["--name"]
        if Path(words[0]).name == "train.py":
            folder = home / "checkpoints" / name
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "latest_state.pth").touch()
        elif code == 0:
            folder = home / "results" / name / "test_latest"
            (folder / "images/fake_B").mkdir(parents=True, exist_ok=True)
            (folder / "images/fake_B/a.png").touch()
            share = called.shares[int(name[-1])]
            metrics = {"share": {"value": share, "low": share - 0.1, "high": share + 0.1}}
            (folder / "scores.json").write_text(
                json.dumps({"metrics": metrics, "mean": {"share": 9, "error": share / 2}})
            )
        return code

    monkeypatch.setattr(repeat, "run", run)
    return called


def _pairs(words):
    return dict(pairwise(words))  # the last of a flag counts, as it does to the commands


def test_each_seed_has_a_run_of_its_own_and_metrics_go_to_the_test(repeat, commands, home):
    repeat.main(["--seeds", "0", "1", "--metrics", "domain,kid", "--", *_words(), "--", "--num_test", "3"])
    assert [Path(words[0]).name for words in commands] == ["train.py", "test.py"] * 2
    for at, (train, test) in enumerate((commands[:2], commands[2:])):
        told = _pairs(train)
        assert (told["--name"], told["--seed"], told["--crop_size"]) == (f"holes_seed{at}", str(at), "64")
        assert "--continue_train" not in train
        told = _pairs(test)
        assert (told["--name"], told["--metrics"], told["--num_test"]) == (f"holes_seed{at}", "domain,kid", "3")


def test_mean_and_spread_are_of_metrics_and_of_scores_that_are_none(repeat, commands, home, capsys):
    repeat.main(["--", *_words()])
    found = json.loads((home / "results/holes_seeds/seeds.json").read_text())["measures"]
    assert found["share"]["mean"] == pytest.approx(0.4) and found["share"]["standard_deviation"] == pytest.approx(0.2)
    assert found["error"]["values"] == {"0": 0.1, "1": 0.3, "2": 0.2}
    assert "| share | 0.400 | 0.200 | 0.200 | 0.600 | 0.400 |" in capsys.readouterr().out


def test_a_seed_that_fails_does_not_stop_the_others(repeat, commands, home):
    commands.codes = (1, 0, 2, 0, 0)  # training of 0; training and testing of 1; of 2
    with pytest.raises(RunError, match=r"2 of 3 .*seed 0: training ended with exit code 1; seed 1: testing .* code 2"):
        repeat.main(["--", *_words()])
    assert list(json.loads((home / "results/holes_seeds/seeds.json").read_text())["seeds"]) == ["2"]


def test_where_all_fail_there_is_no_table(repeat, commands, home):
    commands.codes = (1, 1, 1)
    with pytest.raises(RunError, match="3 of 3 seeds failed"):
        repeat.main(["--", *_words()])
    assert [path.name for path in (home / "results/holes_seeds").iterdir()] == ["seeds.json"]


@pytest.mark.parametrize(("code", "exit_code"), [(130, 130), (143, 143), (-15, 143)])
def test_a_stop_stops_all_and_the_same_command_goes_on(repeat, commands, code, exit_code):
    commands.codes = (0, 0, code)
    with pytest.raises(Stopped, match="the same command goes on") as stopped:
        repeat.main(["--", *_words()])
    assert stopped.value.exit_code == exit_code and len(commands) == 3
    commands.clear()
    commands.codes = ()
    repeat.main(["--", *_words()])
    trained = [words for words in commands if words[0].endswith("train.py")]
    assert [(_pairs(words)["--name"], "--continue_train" in words) for words in trained] == [
        ("holes_seed1", True), ("holes_seed2", False),
    ]  # fmt: skip


def test_minutes_are_those_of_the_whole_run(repeat, commands, home):
    words = [*_words(), "--max_minutes", "10"]
    for seed, trained_s in enumerate((0, 240, 700)):
        folder = home / f"checkpoints/holes_seed{seed}"
        folder.mkdir(parents=True)
        (folder / "latest_state.pth").touch()
        line = {"step": 10, "epoch": 1, "losses": {}, "step_s": trained_s / 10}
        (folder / "log.jsonl").write_text(json.dumps(line))
    repeat.main(["--", *words])
    trained = [words for words in commands if words[0].endswith("train.py")]
    minutes = {_pairs(words)["--name"]: float(words[len(words) - 1]) for words in trained}
    assert minutes == {"holes_seed0": 10.0, "holes_seed1": 6.0}
    assert all(words[-3] == "--continue_train" for words in trained)


def test_a_run_that_was_told_something_else_is_not_taken_for_this_one(repeat, commands, home):
    folder = home / "checkpoints/holes_seed2"
    folder.mkdir(parents=True)
    recorded = {"lr": 0.0002, "n_epochs": 5, "precision": "fp32", "seed": 2, "name": "holes_seed2", "print_freq": 7}
    record = {"options": recorded, "dataset": {"root": str(home / "data")}}
    (folder / "run.json").write_text(json.dumps(record))
    repeat.main(["--", *_words(), "--lr", "0.0002", "--precision", "auto"])
    commands.clear()
    with pytest.raises(
        InputError, match=r"holes_seed2 was trained with --lr 0.0002, and 0.001 is asked for: give another"
    ):
        repeat.main(["--", *_words(), "--lr", "0.001"])
    (home / "other").mkdir()
    with pytest.raises(InputError, match=r"was trained with --dataroot .*data, and .*other is asked for"):
        repeat.main(["--", *_words(dataroot="other")])
    assert commands == []


@pytest.mark.parametrize(("words", "told"), [
    (["--seeds", "0", "--", "--seed", "3"], "--seed is given by this script"),
    (["--", "--continue_train"], "--continue_train is given by this script"),
    (["--", "--lambda_NEC", "3"], "lambda_NCE"),
    (["--", "--", "--name", "x"], "--name of a test is given by this script"),
    (["--", "--", "--num_tset", "3"], "num_test"),
])  # fmt: skip
def test_flags_are_checked_before_anything_is_trained(repeat, commands, words, told):
    with pytest.raises(InputError, match=told):
        repeat.main(words)
    assert commands == []


def test_recipes_and_suffixes_name_the_runs(repeat, home):
    assert repeat.read_recipe(["--config", "sample"], [], None).run(3) == "sample_seed3"
    recipe = repeat.read_recipe(["--name", "a", "--suffix", "{crop_size}"], ["--direction", "BtoA"], None)
    assert recipe.run(0) == "a_256_seed0" and recipe.results == "test_latest_BtoA"
    turned = repeat.read_recipe(["--direction", "BtoA"], ["--direction", "BtoA", "--epoch", "best"], None)
    assert turned.results == "test_best"


def test_words_are_divided_twice(repeat):
    assert repeat.split(["a", "--", "b", "c", "--", "d", "--", "e"]) == (["a"], ["b", "c"], ["d", "--", "e"])
    assert repeat.split(["a"]) == (["a"], [], [])


CHILD = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
open(sys.argv[1], "w").close()
time.sleep(60)
"""


def test_a_signal_to_end_goes_to_the_command_which_saves_first(repeat, tmp_path):
    (tmp_path / "child.py").write_text(CHILD)
    former = signal.getsignal(signal.SIGTERM)

    def end():
        while not (tmp_path / "ready").exists():
            ended.wait(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    ended = threading.Event()
    thread = threading.Thread(target=end)
    thread.start()
    assert repeat.run([str(tmp_path / "child.py"), str(tmp_path / "ready")]) == 143
    thread.join()
    assert signal.getsignal(signal.SIGTERM) is former


@given(st.dictionaries(st.integers(0, 9), st.floats(-1e6, 1e6), min_size=1))
def test_mean_and_spread_are_those_of_numpy(script, values):
    line = script("seed_table").Line("x", "X", values)
    assert line.mean == pytest.approx(np.mean(list(values.values())), abs=1e-6)
    if len(values) == 1:
        assert line.spread is None and line.words(line.spread) == "–"
    else:
        assert line.spread == pytest.approx(np.std(list(values.values()), ddof=1), abs=1e-6)


def test_values_are_said_as_on_pages(script):
    table = script("seed_table")
    said = {name: table.Line(name, name, {}).words(1234.5) for name in ("training time", "steps", "hole PSNR", "x")}
    assert said == {"training time": "20 min 34 s", "steps": "1,234", "hole PSNR": "1234.50 dB", "x": "1234"}
