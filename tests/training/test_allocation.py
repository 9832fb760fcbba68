"""Memory that is dropped is there for the next one who asks."""

import ctypes
import subprocess
import sys
from types import SimpleNamespace

import pytest

from translate.training import allocation

FAULTS = """
import resource, sys, torch
from translate.training.allocation import keep_freed_memory
if sys.argv[1] == "kept":
    assert keep_freed_memory()
before = None
for step in range(20):
    if step == 5:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(64 * 2**20, dtype=torch.uint8)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc only")
def test_large_blocks_are_used_again():
    faults = {}
    for kind in ("kept", "returned"):
        found = subprocess.run([sys.executable, "-c", FAULTS, kind], capture_output=True, text=True, check=True)
        faults[kind] = int(found.stdout)
    assert faults["kept"] < faults["returned"] / 2  # a few blocks are asked for anew


def test_other_systems_are_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not allocation.keep_freed_memory()


def test_a_c_library_without_it_is_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", lambda name: SimpleNamespace())
    assert not allocation.keep_freed_memory()
