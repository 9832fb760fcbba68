"""Trainings by torchrun: how tests start them, and what they see of them."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
PATIENCE_S = 120
FLAGS = {
    "ngf": 2, "ndf": 2, "netG": "resnet_4blocks", "load_size": 36, "crop_size": 32, "num_patches": 16, "netF_nc": 8,
    "n_epochs": 3, "n_epochs_decay": 0, "print_freq": 1, "batch_size": 2, "num_threads": 0, "no_html": True,
    "precision": "fp32", "gpu_ids": "-1",
}  # fmt: skip


@pytest.fixture(scope="module", name="data")
def pictures(tmp_path_factory, make_domains) -> Path:
    return make_domains(tmp_path_factory.mktemp("pictures"), 8, 8, phases=("train",))


HERE = ("--standalone", "--nproc_per_node=2")


@pytest.fixture(name="start")
def starting(tmp_path, data) -> Iterator[Callable[..., subprocess.Popen]]:
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
