"""What is known of wandb before it is started."""

import importlib
import subprocess
import sys
from importlib.machinery import ModuleSpec

import pytest

from translate.reports.displays import wandb_client


@pytest.mark.parametrize("spec", [None, ModuleSpec("wandb", None)], ids=["nothing", "a folder of runs"])
def test_a_folder_of_runs_is_not_the_package(monkeypatch, spec):
    """wandb leaves folders of its own name behind, which Python would import as empty packages."""
    with monkeypatch.context() as patch:
        patch.setattr("importlib.util.find_spec", lambda name: spec)
        with pytest.raises(ModuleNotFoundError, match="No module named 'wandb'"):
            importlib.reload(wandb_client)
    importlib.reload(wandb_client)


# In a process of its own: one of many threads, as that of the tests is by then, may not survive a fork.
FORKS_WHILE_IT_STARTS = """
import os, subprocess, sys, threading
from translate.reports.displays import wandb_client

order, is_starting, may_start = [], threading.Event(), threading.Event()
start = subprocess.Popen

def start_slowly(words, **rest):
    is_starting.set()
    may_start.wait()
    order.append("started")
    return start([sys.executable, "-c", ""], **rest)

def fork():
    child = os.fork()
    if child == 0:
        os._exit(0)
    order.append("forked")
    os.waitpid(child, 0)

subprocess.Popen = start_slowly
starting, forking = threading.Thread(target=wandb_client.WandbProcess), threading.Thread(target=fork)
starting.start()
is_starting.wait()
forking.start()
forking.join(0.2)  # long enough for one that does not wait
may_start.set()
starting.join()
forking.join()
print(*order)
"""


def test_no_process_is_forked_while_wandb_s_is_started():
    """It would keep the pipes of the other one open, and the display would wait for it."""
    command = [sys.executable, "-W", "ignore", "-c", FORKS_WHILE_IT_STARTS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.stdout.split(), done.stderr) == (["started", "forked"], "")
