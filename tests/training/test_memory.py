"""Memory that is dropped is there for the next one who asks."""

import ctypes
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from translate.errors import RunError
from translate.methods.cut import CUT
from translate.training import memory

FAULTS = """
import resource, sys, torch
from translate.training.memory import keep_freed_memory
if sys.argv[1] == "kept":
    assert keep_freed_memory(torch.device("cpu"))
before = None
for step in range(20):
    if step == 5:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(64 * 2**20, dtype=torch.uint8)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""

RESIDENT = """
import resource, torch
from pathlib import Path
from translate.training import memory

def resident_mib():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() // 2**20

cpu = torch.device("cpu")
memory.keep_freed_memory(cpu)
start = resident_mib()
blocks = [torch.ones(size * 2**20, dtype=torch.uint8) for size in range(1, 31)]
last = torch.ones(2**20, dtype=torch.uint8)  # behind them, so that they are no end that could be cut off
del blocks
kept = resident_mib()
memory.release_freed_memory(cpu)
print(start, kept, resident_mib())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc only")
def test_large_blocks_are_used_again():
    faults = {}
    for kind in ("kept", "returned"):
        found = subprocess.run([sys.executable, "-c", FAULTS, kind], capture_output=True, text=True, check=True)
        faults[kind] = int(found.stdout)
    assert faults["kept"] < faults["returned"] / 2  # a few blocks are asked for anew


def test_a_training_on_a_cpu_keeps_what_it_frees(train, monkeypatch):
    asked = []
    monkeypatch.setattr("translate.training.job.keep_freed_memory", asked.append)
    train(dry_run=True)
    assert asked == [torch.device("cpu")]


@pytest.mark.skipif(sys.platform != "linux", reason="glibc only")
def test_what_was_kept_is_returned_when_it_is_told():
    found = subprocess.run([sys.executable, "-c", RESIDENT], capture_output=True, text=True, check=True)
    start, kept, released = (int(word) for word in found.stdout.split())
    assert kept - start > 200
    assert released - start < 20


@pytest.mark.parametrize(("device", "platform"), [("cpu", "darwin"), ("meta", "linux"), ("cuda", "linux")])
def test_other_systems_and_devices_are_left_alone(monkeypatch, device, platform):
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: pytest.fail("asked the C library"))
    assert not memory.keep_freed_memory(torch.device(device))
    memory.release_freed_memory(torch.device(device))


def test_a_c_library_without_it_is_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", lambda name: SimpleNamespace())
    assert not memory.keep_freed_memory(torch.device("cpu"))
    memory.release_freed_memory(torch.device("cpu"))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes"), True),
        (RuntimeError("std::bad_alloc"), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("cannot allocate"), False),
    ],
)
def test_what_says_that_memory_ran_out(error, expected):
    assert memory.is_out_of_memory(error) == expected


def test_peak_memory_grows_with_what_is_held():
    before = memory.peak_mib(torch.device("cpu"))
    held = torch.ones(int(before + 100), 2**20, dtype=torch.uint8)
    assert before + 100 <= memory.peak_mib(torch.device("cpu")) < before + 2 * before + 400
    del held


def test_where_the_system_does_not_tell_it_nobody_knows(monkeypatch):
    monkeypatch.setattr(memory, "resource", None)
    assert memory.peak_mib(torch.device("cpu")) is None


@pytest.mark.parametrize(("precision", "also"), [("fp32", True), ("bf16", False)])
def test_a_step_that_needs_too_much_ends_with_the_flags_to_change(precision, also, train, monkeypatch, capsys):
    folder = train(max_steps=2, precision=precision).folder
    assert "peak memory: " in capsys.readouterr().out
    state = (folder / "latest_state.pth").read_bytes()
    monkeypatch.setattr(CUT, "losses", lambda *_: torch.empty(2**60, dtype=torch.uint8))
    with pytest.raises(RunError, match=r"step 3 needs more memory than cpu has.* or a smaller --crop_size") as raised:
        train(continue_train=True)
    assert "--continue_train and --grad_checkpointing" in str(raised.value)
    assert "--accumulate" not in str(raised.value)  # a picture cannot be parted
    assert ("--precision bf16" in str(raised.value)) == also
    assert (folder / "latest_state.pth").read_bytes() == state


@pytest.mark.parametrize("obstacle", [None, "CUDA graphs are of GPUs"])
def test_without_records_a_step_needs_less(obstacle, train, monkeypatch):
    monkeypatch.setattr(CUT, "losses", lambda *_: torch.empty(2**60, dtype=torch.uint8))
    monkeypatch.setattr("translate.training.words.why_not_recorded", lambda *_: obstacle)
    with pytest.raises(RunError, match="needs more memory") as raised:
        train(cuda_graphs=True)
    assert ("--continue_train and --cuda_graphs false or " in str(raised.value)) == (obstacle is None)


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        ("resize_and_crop", "a smaller --crop_size"),
        ("resize", "a smaller --load_size"),
        ("none", "--preprocess trim with a smaller --crop_size"),
        ("scale_shortside", "--preprocess scale_shortside_and_trim with a smaller --crop_size"),
    ],
)
def test_what_makes_pictures_smaller_depends_on_how_they_are_made(words, remedy, train, monkeypatch):
    monkeypatch.setattr(CUT, "losses", lambda *_: torch.empty(2**60, dtype=torch.uint8))
    with pytest.raises(RunError) as raised:
        train(preprocess=words, decay_load_size="load_size", grad_checkpointing=True, precision="bf16")
    assert str(raised.value).endswith(f"continue from it with --continue_train and {remedy}")


def refuse(*_, **__):
    raise torch.OutOfMemoryError("CUDA out of memory")


@pytest.mark.parametrize("place", ["translate.methods.cut.CUT.to", "translate.training.run.build_optimizers"])
def test_networks_that_do_not_fit_are_told_before_anything_is_trained(place, train, monkeypatch):
    monkeypatch.setattr(place, refuse)
    with pytest.raises(RunError, match=r"do not fit into the memory that cpu has left: free some of it, or make the"):
        train()


def test_on_a_gpu_others_may_have_the_memory():
    words = r"that cuda:1 has left: .*nvidia-smi.*another GPU by --gpu_ids, or make"
    with pytest.raises(RunError, match=words), memory.networks_fit(torch.device("cuda:1")):
        refuse()
    with pytest.raises(ValueError, match="else"), memory.networks_fit(torch.device("cpu")):
        raise ValueError("something else")


def test_a_batch_that_needs_too_much_can_be_parted_further(train, monkeypatch):
    monkeypatch.setattr(CUT, "losses", lambda *_: torch.empty(2**60, dtype=torch.uint8))
    with pytest.raises(RunError, match="--continue_train and --accumulate 3 or "):
        train(batch_size=3, grad_checkpointing=True)


def test_a_batch_in_parts_of_a_picture_is_not_parted_further(train, monkeypatch):
    monkeypatch.setattr(CUT, "losses", lambda *_: torch.empty(2**60, dtype=torch.uint8))
    with pytest.raises(RunError) as raised:
        train(batch_size=3, accumulate=3)
    assert "--accumulate" not in str(raised.value)


def test_other_errors_of_a_step_stay_what_they_are(train, monkeypatch):
    monkeypatch.setattr(CUT, "losses", lambda *_: torch.zeros(2) @ torch.zeros(3))
    with pytest.raises(RuntimeError, match=r"inconsistent tensor size|size"):
        train(max_steps=1)
