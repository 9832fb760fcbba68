"""``torchrun train.py`` with --max_restarts, and on several machines: what is lost is started again, and goes on."""

import os
import signal
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from launched import HERE, PATIENCE_S, free_port, listens, losses, pictures, starting, wait_for, worker  # noqa: F401


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
    words = ("--rdzv_conf=last_call_timeout=3,keep_alive_interval=2", "--max_restarts=1")
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
