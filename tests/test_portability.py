"""What only Unix has is not needed: files without locks, memory that is not shared, processes that are not forked."""

import os
import subprocess
import sys
from pathlib import Path

import torch

import translate

ROOT = Path(__file__).resolve().parent.parent
TINY = {"netG": "resnet_4blocks", "ngf": 2, "ndf": 2, "netF_nc": 8, "num_patches": 16, "load_size": 36, "crop_size": 32}

# What Windows lacks is taken away, and processes are spawned, as they are there and on macOS: a spawned process reads
# train.py once more, which must not start a second training.
ELSEWHERE = """
import multiprocessing, multiprocessing.reduction, os, runpy, sys

import torch

multiprocessing.set_start_method("spawn")
for name in ("resource", "fcntl"):
    sys.modules[name] = None
for name in ("pread", "pwrite", "memfd_create", "sched_getaffinity"):
    vars(os).pop(name, None)
kept = vars(multiprocessing.reduction).pop("DupFd")
import translate.testing, translate.training.run
multiprocessing.reduction.DupFd = kept  # torch takes it to send batches, and something else on Windows
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def state_of(folder):
    return torch.load(folder / "latest_state.pth", weights_only=True)["method"]


def test_it_trains_where_there_is_no_unix_with_the_same_result(tmp_path, make_domains):
    flags = {"dataroot": make_domains(tmp_path / "data", 2, 2), "max_steps": 2, "gpu_ids": -1, "no_html": True, **TINY}
    words = [str(word) for name, value in flags.items() for word in (f"--{name}", value)]
    trained = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, str(ROOT / "train.py"), *words, "--name", "there", "--num_threads", "1"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    assert (trained.returncode, trained.stderr) == (0, "")
    assert trained.stdout.count("done: 2 steps") == 1
    assert "note: no memory to keep more decoded pictures in (Windows has none" in trained.stdout
    assert "peak memory" not in trained.stdout
    here = translate.train(**flags, name="here", checkpoints_dir=tmp_path / "checkpoints", num_threads=0)
    mine, other = state_of(here.folder), state_of(tmp_path / "checkpoints/there")
    assert mine.keys() == other.keys()
    assert all(torch.equal(value, other[key]) for key, value in mine.items())
