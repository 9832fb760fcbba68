"""``torchrun train.py``: several processes make one run, whose files are those of a single process."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from translate.training.run import train_from_flags

REPOSITORY = Path(__file__).resolve().parent.parent
PATIENCE_S = 120
FLAGS = {
    "ngf": 2, "ndf": 2, "netG": "resnet_4blocks", "load_size": 36, "crop_size": 32, "num_patches": 16, "netF_nc": 8,
    "n_epochs": 3, "n_epochs_decay": 0, "print_freq": 1, "batch_size": 2, "num_threads": 0, "no_html": True,
    "precision": "fp32", "gpu_ids": "-1",
}  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory, make_domains) -> Path:
    return make_domains(tmp_path_factory.mktemp("pictures"), 8, 8, phases=("train",))


HERE = ("--standalone", "--nproc_per_node=2")


@pytest.fixture
def start(tmp_path, data) -> Iterator[Callable[..., subprocess.Popen]]:
    """start(*words of torchrun, **flags): processes that train, two of one machine where nothing else is said."""
    running: list[subprocess.Popen] = []

    def begin(*words: str, where: tuple[str, ...] = HERE, **flags: object) -> subprocess.Popen:
        told = {**FLAGS, "dataroot": data, "checkpoints_dir": tmp_path / "checkpoints", **flags}
        command = [sys.executable, "-m", "torch.distributed.run", *where, *words]
        command += [str(REPOSITORY / "train.py"), *(f"--{name}={value}" for name, value in told.items())]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        pipe = subprocess.PIPE
        running.append(subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment))
        return running[-1]

    yield begin
    for process in running:
        process.kill()


def losses(folder: Path) -> list[dict[str, float]]:
    log = folder / "log.jsonl"
    return [json.loads(line)["losses"] for line in log.read_text().splitlines()] if log.exists() else []


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return free.getsockname()[1]


def listens(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("localhost", port)) == 0


def worker(torchrun: subprocess.Popen, rank: int) -> int:
    """The process number of a rank."""
    children = Path(f"/proc/{torchrun.pid}/task/{torchrun.pid}/children").read_text().split()
    own = f"RANK={rank}".encode()
    return next(int(child) for child in children if own in Path(f"/proc/{child}/environ").read_bytes().split(b"\0"))


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


@pytest.mark.parametrize("standalone", [True, False])
def test_processes_that_are_started_again_go_on_from_the_last_state(start, tmp_path, standalone):
    folder = tmp_path / "checkpoints" / "run"
    # The usual way has one store for all lives, in which the addresses of the dead are found.
    where = HERE if standalone else ("--nproc_per_node=2", f"--master_port={free_port()}")
    process = start("--max_restarts=1", where=where, name="run", n_epochs=10000, max_steps=60, save_latest_freq=2)
    wait_for(lambda: len(losses(folder)) >= 4)
    os.kill(worker(process, 1), signal.SIGKILL)
    out, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, out + errors
    assert "continuing behind step" in out
    assert "kept as" not in out  # the run was not begun anew
    assert len(losses(folder)) == 60


def test_several_calls_of_torchrun_go_on_together(start, tmp_path):
    meeting = f"--rdzv_endpoint=localhost:{free_port()}"
    where = ("--nnodes=2", "--nproc_per_node=1", "--rdzv_backend=c10d", meeting, "--max_restarts=1")
    folder = tmp_path / "checkpoints" / "run"
    calls = [start(where=where, name="run", n_epochs=10000, max_steps=40, save_latest_freq=2) for _ in range(2)]
    wait_for(lambda: len(losses(folder)) >= 4)
    children = Path(f"/proc/{calls[0].pid}/task/{calls[0].pid}/children").read_text().split()
    os.kill(int(children[0]), signal.SIGKILL)
    told = "".join("".join(call.communicate(timeout=PATIENCE_S)) for call in calls)
    assert [call.returncode for call in calls] == [0, 0], told
    assert "continuing behind step" in told
    assert "kept as" not in told
    assert len(losses(folder)) == 40


def test_calls_that_do_not_agree_do_not_start(start, tmp_path):
    where = ("--nnodes=2", "--nproc_per_node=1", "--rdzv_backend=c10d", f"--rdzv_endpoint=localhost:{free_port()}")
    calls = [start(where=where, name="run", batch_size=size) for size in (2, 4)]
    told = "".join("".join(call.communicate(timeout=PATIENCE_S)) for call in calls)
    assert all(call.returncode for call in calls)
    assert told.count("give the same --batch_size to all of them") == 1
    assert not (tmp_path / "checkpoints").exists()


def test_an_elastic_job_goes_on_with_the_machines_that_are_left(start, tmp_path):
    port = free_port()
    meeting = f"--rdzv_endpoint=localhost:{port}"
    where = ("--nnodes=1:2", "--nproc_per_node=1", "--rdzv_backend=c10d", meeting, "--rdzv_id=job")
    words = ("--rdzv_conf=last_call_timeout=3", "--max_restarts=1")
    folder = tmp_path / "checkpoints" / "run"
    host = start(*words, where=where, name="run", n_epochs=10000, max_steps=120, save_latest_freq=2)
    wait_for(lambda: listens(port))  # where they meet must not be lost
    guest = start(*words, where=where, name="run", n_epochs=10000, max_steps=120, save_latest_freq=2)
    wait_for(lambda: len(losses(folder)) >= 4)
    for child in Path(f"/proc/{guest.pid}/task/{guest.pid}/children").read_text().split():
        os.kill(int(child), signal.SIGKILL)
    guest.kill()
    out, errors = host.communicate(timeout=PATIENCE_S)
    assert host.returncode == 0, out + errors
    told = out + guest.communicate()[0]  # the first process may have been either's
    assert "on 2 processes" in told
    assert "continuing behind step" in out
    assert "kept as" not in out
    assert len(losses(folder)) == 120


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
