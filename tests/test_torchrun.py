"""``torchrun train.py``: several processes make one run, whose files are those of a single process."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest
import torch

from translate.training.run import train_from_flags

sys.path.insert(0, str(Path(__file__).parent))

from launched import FLAGS, PATIENCE_S, losses, pictures, starting, wait_for, worker  # noqa: F401


def test_two_processes_make_one_run(start, tmp_path, data):
    process = start(name="shared", max_steps=4)
    out, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, errors
    assert "2 processes, each on cpu" in out
    assert out.count("done: 4 steps") == out.count("network G:") == 1
    told = {**FLAGS, "dataroot": str(data), "checkpoints_dir": str(tmp_path / "checkpoints")}
    alone = train_from_flags({**told, "name": "alone", "max_steps": 4}).folder
    for found, expected in zip(losses(tmp_path / "checkpoints" / "shared"), losses(alone), strict=True):
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-6)  # rounding, which Adam makes the most of


def test_the_number_of_processes_may_change_when_a_run_is_continued(start, tmp_path, data):
    told = {**FLAGS, "dataroot": str(data), "checkpoints_dir": str(tmp_path / "checkpoints")}
    folder = train_from_flags({**told, "name": "run", "max_steps": 3}).folder
    state = (folder / "latest_state.pth").read_bytes()
    expected = losses(train_from_flags({**told, "name": "run", "continue_train": True, "max_steps": 4}).folder)[3]
    (folder / "latest_state.pth").write_bytes(state)
    process = start(name="run", continue_train=True, max_steps=4)
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, errors
    assert losses(folder)[3] == pytest.approx(expected, rel=1e-5, abs=1e-9)


def test_a_killed_process_ends_the_others_with_a_sentence_and_the_run_goes_on(start, tmp_path):
    folder = tmp_path / "checkpoints" / "run"
    process = start(name="run", n_epochs=10000, save_latest_freq=8)
    wait_for(lambda: len(losses(folder)) >= 6)
    os.kill(worker(process, 1), signal.SIGKILL)
    killed_at = time.monotonic()
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert time.monotonic() - killed_at < 60
    assert process.returncode != 0
    assert "another process of this training is gone" in errors
    step = torch.load(folder / "latest_state.pth", weights_only=True)["progress"]["step"]
    assert step >= 4
    result = train_from_flags({
        "name": "run", "checkpoints_dir": str(tmp_path / "checkpoints"), "continue_train": True, "num_threads": 0,
        "max_steps": step + 2,
    })  # fmt: skip
    assert result.step == step + 2
    assert len(losses(folder)) == step + 2  # none lost, none twice


def test_a_signal_to_torchrun_saves_and_stops(start, tmp_path):
    folder = tmp_path / "checkpoints" / "run"
    process = start(name="run", n_epochs=10000)
    wait_for(lambda: len(losses(folder)) >= 3)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode != 0
    step = torch.load(folder / "latest_state.pth", weights_only=True)["progress"]["step"]
    assert step == len(losses(folder)) >= 3
    assert errors.count(f"stopped at step {step}") == 1
    assert "torchrun --nproc_per_node=2 train.py --continue_train --name run" in errors


def test_a_signal_to_one_process_stops_all_of_them(start, tmp_path):
    folder = tmp_path / "checkpoints" / "run"
    process = start(name="run", n_epochs=10000)
    wait_for(lambda: len(losses(folder)) >= 3)
    os.kill(worker(process, 1), signal.SIGTERM)
    out, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode != 0
    assert "done:" not in out
    assert errors.count("stopped at step") == 1
    step = torch.load(folder / "latest_state.pth", weights_only=True)["progress"]["step"]
    assert step == len(losses(folder))


def test_a_picture_that_vanishes_is_named_and_no_step_is_lost(start, tmp_path, make_domains):
    data = make_domains(tmp_path / "own", 8, 8, phases=("train",))
    folder = tmp_path / "checkpoints" / "run"
    process = start(name="run", n_epochs=10000, dataroot=data, cache_mb=0)
    wait_for(lambda: len(losses(folder)) >= 3)
    next((data / "trainA").iterdir()).unlink()
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode != 0
    assert str(data / "trainA") in errors
    step = torch.load(folder / "latest_state.pth", weights_only=True)["progress"]["step"]
    assert step == len(losses(folder)) >= 3


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ({"batch_size": 3}, "use --batch_size 4"),
        ({"nonsense": 1}, "unknown flag --nonsense"),
        ({"gpu_ids": "x"}, "--gpu_ids x is not a list"),
    ],
)
def test_a_mistake_is_told_once(flags, sentence, start):
    process = start(name="run", **flags)
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode != 0
    assert errors.count(sentence) == 1
