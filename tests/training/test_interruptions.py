"""What ends a run before its time, and that nothing good is lost by it."""

import multiprocessing
import shlex
import shutil
import signal

import pytest
import torch

from translate.errors import InputError, RunError, Stopped
from translate.methods import CUT


def poison(monkeypatch, step, name="NCE"):
    """Make one loss of CUT infinite from a step on."""
    losses, calls = CUT.losses, []

    def poisoned(self, player, state):
        total, named = losses(self, player, state)
        if player == "G":
            calls.append(player)
            if len(calls) >= step:
                return total * float("inf"), {**named, name: named[name] * float("inf")}
        return total, named

    monkeypatch.setattr(CUT, "losses", poisoned)


def test_a_loss_that_is_not_finite_leaves_the_last_good_state(train, resume, whole, same_state, monkeypatch, tmp_path):
    with monkeypatch.context() as patch:
        poison(patch, step=4)
        with pytest.raises(RunError, match=r"loss NCE is inf at step 4 \(\S+/trainA/a\d.png, \S+/trainB/b\d.png\)"):
            train(save_latest_freq=2)
    folder = tmp_path / "checkpoints" / "run"
    assert torch.load(folder / "latest_state.pth", weights_only=True)["progress"]["step"] == 2
    assert not (folder / "2_net_G.pth").exists()
    resume()
    assert same_state(whole, folder)


def test_a_picture_that_vanishes_costs_no_step(train, resume, whole, read_log, same_state, data, tmp_path, monkeypatch):
    copied = shutil.copytree(data, tmp_path / "copied")
    picture = copied / "trainA" / "a1.png"
    hidden = copied / "a1.png"

    def hide(self):
        if picture.exists():
            picture.rename(hidden)

    with monkeypatch.context() as patch:
        patch.setattr(CUT, "after_step", hide)
        with pytest.raises(InputError, match=r"a1.png does not exist"):
            train(dataroot=str(copied))
    hidden.rename(picture)
    folder = tmp_path / "checkpoints" / "run"
    done = torch.load(folder / "latest_state.pth", weights_only=True)["progress"]["step"]
    assert done == len(read_log(folder)) >= 1
    resume()
    assert same_state(whole, folder)


def test_a_lost_reader_costs_no_step(train, resume, whole, read_log, same_state, monkeypatch, tmp_path):
    def lose(self):
        for reader in multiprocessing.active_children():
            reader.kill()

    with monkeypatch.context() as patch:
        patch.setattr(CUT, "after_step", lose)
        with pytest.raises(RunError, match="a process that reads pictures was lost"):
            train(num_threads=1)
    folder = tmp_path / "checkpoints" / "run"
    done = torch.load(folder / "latest_state.pth", weights_only=True)["progress"]["step"]
    assert done == len(read_log(folder)) >= 1
    resume()
    assert same_state(whole, folder)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_stops_after_the_step_it_meets(train, resume, whole, same_state, monkeypatch, tmp_path, number, code):
    former = signal.getsignal(number)
    with monkeypatch.context() as patch:
        patch.setattr(CUT, "after_step", lambda self: signal.raise_signal(number))
        with pytest.raises(
            Stopped, match=r"step 1 \(epoch 1\).*--continue_train --name run --checkpoints_dir"
        ) as stopped:
            train()
    assert stopped.value.exit_code == code
    assert signal.getsignal(number) is former
    resume()
    assert same_state(whole, tmp_path / "checkpoints" / "run")


def test_the_command_that_goes_on_can_be_typed_as_it_is_told(train, monkeypatch, tmp_path):
    monkeypatch.setattr(CUT, "after_step", lambda self: signal.raise_signal(signal.SIGTERM))
    with pytest.raises(Stopped) as stopped:
        train("my run")
    words = shlex.split(str(stopped.value).partition("go on with: ")[2])
    assert words[-4:] == ["--name", "my run", "--checkpoints_dir", str(tmp_path / "checkpoints")]


def test_a_second_ctrl_c_does_not_wait(train, monkeypatch):
    def twice(self):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(CUT, "after_step", twice)
    with pytest.raises(KeyboardInterrupt):
        train()


def test_a_run_lasts_as_many_minutes_as_it_may(train):
    assert train(max_minutes=1e-6).step == 1
