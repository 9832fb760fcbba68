"""Whole trainings that Weights & Biases shows: it is told all, changes nothing, and holds up no end of them."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

REPOSITORY = Path(__file__).resolve().parents[3]
PATIENCE_S = 120  # for a stalled machine


def curves(pieces, prefix="losses/"):
    """loss -> (step, value), over all files of a W&B run."""
    found = {}
    for row in (row for piece in pieces for row in piece["history"]):
        for column in (column for column in row if column.startswith(prefix)):
            found.setdefault(column.removeprefix(prefix), []).append((row["step"], row[column]))
    return found


def curves_of(log):
    return {name: [(entry["step"], entry["losses"][name]) for entry in log] for name in log[0]["losses"]}


@pytest.mark.usefixtures("patient")
def test_it_is_told_all_of_a_run_that_goes_on_and_changes_nothing(
    train, resume, plain, log_of, read_wandb, tmp_path, monkeypatch, capsys
):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    folder = train("told", display="wandb", max_steps=3, num_threads=2).folder
    earlier = (folder / "latest_state.pth").read_bytes()
    options = json.loads((folder / "run.json").read_text())["options"]
    resume("told", max_steps=4)
    (folder / "latest_state.pth").write_bytes(earlier)  # killed here, a step behind its state
    resume("told")
    pieces = read_wandb(folder)
    assert len(pieces) == 3 and len({piece["id"] for piece in pieces}) == 1
    assert curves(pieces) == curves_of(log_of(folder))
    config = pieces[0]["config"]
    assert {name: config[name] for name in options} == options
    assert config["facts"].keys() == {"augmentation", "dataset", "device", "method", "pictures"}
    previews = curves(pieces, "previews/")["0_fake_B.caption"]
    assert previews == [(step, f"0_fake_B, epoch 1, step {step}") for step in (0, 3, 4, 5)]
    states = [torch.load(run / "latest_state.pth", weights_only=True)["method"] for run in (folder, plain)]
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(value, states[1][key]) for key, value in states[0].items())
    assert not list((tmp_path / "here").iterdir())
    assert capsys.readouterr().err == ""


@pytest.fixture
def endless(tmp_path, run_flags):
    """A training in a process group of its own, as a shell has it; it goes on for hours if it may."""
    flags = {**run_flags, "checkpoints_dir": tmp_path / "checkpoints", "name": "run", "display": "wandb"}
    flags |= {"n_epochs": 1_000_000, "num_threads": 2, "no_html": True}
    words = [word for name, value in flags.items() for word in (f"--{name}", str(value))]
    command = [sys.executable, str(REPOSITORY / "train.py"), *words]
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    started = subprocess.Popen(command, cwd=tmp_path, start_new_session=True, **quiet)
    yield started
    started.kill()
    started.wait()


def wait_for(true):
    until = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < until, "it did not come to that"
        time.sleep(0.05)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_signals_end_a_training_as_ever_and_then_the_w_and_b_run(endless, log_of, read_wandb, tmp_path, number, code):
    folder = tmp_path / "checkpoints" / "run"
    wait_for((folder / "wandb.json").exists)
    wait_for(lambda: json.loads((folder / "wandb.json").read_text())["steps"].get("losses", 0) >= 3)
    if number == signal.SIGINT:
        os.killpg(endless.pid, number)  # Ctrl-C reaches all that belongs to the terminal
    else:
        endless.send_signal(number)
    assert endless.wait(PATIENCE_S) == code
    if number != signal.SIGKILL:
        state = torch.load(folder / "latest_state.pth", weights_only=True)
        assert state["progress"]["step"] == log_of(folder)[-1]["step"] >= 3
    wait_for(lambda: read_wandb(folder)[0]["exit_code"] is not None)
    (piece,) = read_wandb(folder)
    assert piece["exit_code"] == (1 if number == signal.SIGKILL else 0)
    told = curves([piece])["G"]
    assert told == curves_of(log_of(folder))["G"][: len(told)] and len(told) >= 3
