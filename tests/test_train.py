"""``train.py`` as a process: its exit codes, signals, kills and a full disk."""

import contextlib
import fcntl
import importlib.util
import os
import pty
import resource
import signal
import subprocess
import sys
import termios
import time
import traceback
from pathlib import Path

import pytest
import torch

from translate.commands import run_command
from translate.errors import InputError

ROOT = Path(__file__).resolve().parent.parent
TINY = {
    "netG": "resnet_4blocks",
    "ngf": 2,
    "ndf": 2,
    "netF_nc": 8,
    "num_patches": 16,
    "load_size": 36,
    "crop_size": 32,
    "n_epochs": 2,
    "n_epochs_decay": 0,
    "num_threads": 0,
    "gpu_ids": "-1",
    "print_freq": 1,
    "no_html": True,
}
PATIENCE_S = 600  # for a stalled machine; nothing here takes long


def load(path):
    """A file of the repository that is no part of the package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


train = load(ROOT / "train.py")


@pytest.fixture(scope="module")
def data(tmp_path_factory, make_domains):
    """Ten pictures in each domain; read it, do not change it."""
    return make_domains(tmp_path_factory.mktemp("pictures"), 10, 10, phases=("train",))


@pytest.fixture
def flags(data, tmp_path):
    """Two epochs of ten steps, without a page."""
    return {**TINY, "dataroot": data, "checkpoints_dir": tmp_path / "checkpoints", "name": "run"}


def words(flags):
    return [word for name, value in flags.items() for word in (f"--{name}", str(value))]


class Forked:
    """train.py in a fork of this process, which has imported what a start would spend its time on. The interface is
    that of subprocess.Popen."""

    def __init__(self, arguments, out, err, file_limit=None):
        self.returncode = None
        self.pid = os.fork()
        if self.pid == 0:
            self._run(arguments, out, err, file_limit)

    def _run(self, arguments, out, err, file_limit):
        """What the child does; it never returns."""
        code = 1
        try:
            os.setsid()
            if file_limit:
                resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))
            sys.argv = ["train.py", *arguments]
            with open(out, "w") as sys.stdout, open(err, "w") as sys.stderr:
                code = self._exit_code()
        finally:
            os._exit(code)

    def _exit_code(self):
        try:
            run_command(train.main)
        except SystemExit as left:
            return left.code
        except BaseException:
            traceback.print_exc()
            return 1

    def kill(self):
        if self.returncode is None:
            os.kill(self.pid, signal.SIGKILL)

    def poll(self):
        return self._reap(os.WNOHANG)

    def wait(self):
        return self._reap(0)

    def _reap(self, how):
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, how)
            self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode


def start_process(arguments, out, err):
    """The command itself, leading a group of its own."""
    command = [sys.executable, str(ROOT / "train.py"), *arguments]
    with open(out, "w") as stdout, open(err, "w") as stderr:
        return subprocess.Popen(command, cwd=out.parent, stdout=stdout, stderr=stderr, start_new_session=True)


def wait_for_steps(process, folder, steps, meanwhile=lambda: None):
    log = folder / "log.jsonl"
    until = time.monotonic() + PATIENCE_S
    while process.poll() is None and time.monotonic() < until:
        if log.exists() and log.read_text().count("\n") >= steps:
            return
        meanwhile()
        time.sleep(0.005)
    raise AssertionError(f"no step {steps}, exit code {process.poll()}")


def state_of(folder):
    return torch.load(folder / "latest_state.pth", weights_only=True)


def same(first, second):
    """Whether two states are equal to the last bit, but for the lengths of the logs."""
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second)
    if isinstance(first, dict):
        assert first.keys() == second.keys()
        return all(same(first[key], second[key]) for key in first if key != "log_sizes")
    if isinstance(first, list):
        return len(first) == len(second) and all(map(same, first, second))
    return first == second


@pytest.fixture(scope="module")
def uninterrupted(data, tmp_path_factory):
    """The state at the end of the same run in one piece, made in this process."""
    place = {"dataroot": data, "checkpoints_dir": tmp_path_factory.mktemp("whole"), "name": "run"}
    train.main(words({**TINY, **place}))
    return state_of(place["checkpoints_dir"] / "run")


@pytest.mark.parametrize(
    ("number", "code", "workers", "to_group", "begin"),
    [
        (signal.SIGTERM, 143, 2, False, start_process),
        (signal.SIGTERM, 143, 2, True, Forked),
        (signal.SIGINT, 130, 0, False, Forked),
        (signal.SIGINT, 130, 2, True, Forked),
        (signal.SIGHUP, 129, 2, True, Forked),
    ],
    ids=["terminate", "terminate the group", "interrupt", "interrupt the group", "hang up the group"],
)
def test_a_signal_in_mid_epoch_costs_no_step(flags, uninterrupted, tmp_path, number, code, workers, to_group, begin):
    process = begin(words({**flags, "num_threads": workers}), tmp_path / "out", tmp_path / "err")
    folder = flags["checkpoints_dir"] / "run"
    wait_for_steps(process, folder, 2)
    (os.killpg if to_group else os.kill)(process.pid, number)
    assert process.wait() == code
    said = (tmp_path / "err").read_text()
    assert "Traceback" not in said
    step = state_of(folder)["progress"]["step"]
    assert 2 <= step < 20
    assert f"stopped at step {step}" in said and f"--name run --checkpoints_dir {folder.parent}" in said
    # The command that was named, but with the workers of a test.
    told = {name: flags[name] for name in ("name", "checkpoints_dir", "num_threads")}
    train.main(["--continue_train", *words(told)])
    assert same(state_of(folder), uninterrupted)


def test_a_terminal_that_is_closed_costs_no_step(flags, uninterrupted):
    terminal, end_of_it = pty.openpty()
    os.set_blocking(terminal, False)
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "train.py"), *words({**flags, "num_threads": 1})],
        stdin=end_of_it, stdout=end_of_it, stderr=end_of_it, start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )  # fmt: skip
    os.close(end_of_it)

    def read():
        with contextlib.suppress(BlockingIOError):
            os.read(terminal, 2**16)

    folder = flags["checkpoints_dir"] / "run"
    wait_for_steps(process, folder, 2, meanwhile=read)
    os.close(terminal)
    assert process.wait() == 129
    assert 2 <= state_of(folder)["progress"]["step"] < 20
    train.main(["--continue_train", *words({name: flags[name] for name in ("name", "checkpoints_dir", "num_threads")})])
    assert same(state_of(folder), uninterrupted)


def test_a_full_disk_ends_in_one_sentence_and_keeps_the_former_state(flags, tmp_path):
    folder = flags["checkpoints_dir"] / "run"
    train.main(words({**flags, "max_steps": 1}))
    before = (folder / "latest_state.pth").read_bytes()
    limit = 2 * (folder / "latest_net_G.pth").stat().st_size
    process = Forked(words({**flags, "continue_train": True}), tmp_path / "out", tmp_path / "err", limit)
    assert process.wait() == 1
    said = (tmp_path / "err").read_text()
    assert "Traceback" not in said
    sentences = [line for line in said.splitlines() if line.startswith("error: ")]
    assert len(sentences) == 1
    assert "latest_state.pth" in sentences[0] and "free some space" in sentences[0]
    assert (folder / "latest_state.pth").read_bytes() == before
    assert state_of(folder)["progress"]["step"] == 1
    assert not list(folder.rglob("*.tmp"))


def test_a_mistake_is_one_sentence_and_exit_code_2(flags, tmp_path):
    process = start_process(words({**flags, "dataroot": "nowhere"}), tmp_path / "out", tmp_path / "err")
    assert process.wait() == 2
    assert (tmp_path / "out").read_text() == ""
    said = (tmp_path / "err").read_text()
    assert said.startswith(
        "error: --dataroot nowhere does not exist; give the folder that holds trainA and trainB, or "
    )
    assert said.count("\n") == 1
    assert not flags["checkpoints_dir"].exists()


@pytest.fixture
def exit_code(monkeypatch, capsys):
    """exit_code(words): that of train.py, run in this process."""

    def run(arguments):
        monkeypatch.setattr(sys, "argv", ["train.py", *arguments])
        with pytest.raises(SystemExit) as left:
            run_command(train.main)
        return left.value.code

    return run


@pytest.mark.parametrize(
    "mistake",
    [
        ["--lr", "-1"],
        ["--batch_size", "11"],
        ["--batchsize", "1"],
        ["--model", "cutt"],
        ["--load_size", "30"],
        ["--init_from", "nowhere.pth"],
        ["--continue_train"],
        ["--lr"],
        ["stray"],
    ],
    ids=" ".join,
)
def test_every_mistake_has_exit_code_2_and_leaves_nothing(flags, exit_code, mistake, capsys):
    assert exit_code([*words(flags), *mistake]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and len(said.splitlines()) == 1
    assert not flags["checkpoints_dir"].exists()


def test_a_finished_run_says_what_is_next(flags, exit_code, capsys):
    assert exit_code(words({**flags, "max_steps": 1})) == 0
    said = capsys.readouterr().out
    folder = flags["checkpoints_dir"] / "run"
    assert f"done: 1 steps, {folder}" in said
    assert "next: python test.py --name run" in said
    assert exit_code(["--continue_train", *words({**flags, "max_steps": 1})]) == 0
    assert "is done with step 1" in capsys.readouterr().out


def test_help_has_exit_code_0(exit_code, capsys):
    assert exit_code(["--help"]) == 0
    assert "--continue_train" in capsys.readouterr().out


@pytest.mark.parametrize("local_rank", [0, 1])
def test_one_of_several_processes_speaks_before_they_are_joined(monkeypatch, capsys, local_rank):
    places = {"RANK": 2 + local_rank, "WORLD_SIZE": 4, "LOCAL_RANK": local_rank, "LOCAL_WORLD_SIZE": 2}
    for name, value in places.items():
        monkeypatch.setenv(name, str(value))

    def choose_device(*_):
        print("note: of the device")
        raise InputError("no such GPU")

    monkeypatch.setattr("translate.training.run.choose_device", choose_device)
    monkeypatch.setattr("translate.training.processes.SPEAKS_WITHIN_S", 0)
    with pytest.raises((InputError, SystemExit)):
        train.main(["--evaluation_freq", "5"])
    out, errors = capsys.readouterr()
    assert ("note: without effect here: --evaluation_freq" in errors) == (local_rank == 0)
    assert ("note: of the device" in out) == (local_rank == 0)


@pytest.fixture(scope="module")
def script():
    return load(ROOT / "scripts" / "kill_and_resume.py")


def test_a_run_survives_being_killed(script, tmp_path, monkeypatch, capsys):
    def launch(arguments, output):
        output.parent.mkdir(parents=True, exist_ok=True)
        return Forked(arguments, output, output.with_suffix(".err"))

    monkeypatch.setattr(script, "launch", launch)
    monkeypatch.setattr(script, "PICTURES", 5)
    lives = script.kill_and_resume(tmp_path, kills=2, seed=1)
    assert [life.killed for life in lives] == [True, True, False]
    assert lives[-1].end == 25
    assert "2 kills in 25 steps" in capsys.readouterr().out


def test_the_comparison_finds_a_run_that_differs(script, flags, tmp_path):
    for name, seed in (("one", 0), ("two", 1)):
        train.main(words({**flags, "name": name, "seed": seed, "max_steps": 1}))
    folders = [flags["checkpoints_dir"] / name for name in ("one", "two")]
    script.compare(folders[0], folders[0])
    with pytest.raises(script.Failure, match="step 1 was logged as"):
        script.compare(*folders)
    (folders[1] / "log.jsonl").write_text((folders[0] / "log.jsonl").read_text())
    with pytest.raises(script.Failure, match=r"latest_net_\w.pth differs"):
        script.compare(*folders)
