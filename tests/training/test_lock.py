"""One process a run."""

import subprocess
import sys
from contextlib import contextmanager

import pytest

from translate.errors import InputError
from translate.training.lock import only_process
from translate.training.run_folder import RunFolder

HOLD = """
import sys, time
from pathlib import Path
from translate.training.lock import only_process
with only_process(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the run tmp_path/runs/mine."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "runs" / "mine")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_second_process_is_refused_until_the_first_is_gone(holder, tmp_path):
    run = tmp_path / "runs" / "mine"
    refused = pytest.raises(InputError, match=r"mine is being trained by another process; wait .* another --name")
    with refused, only_process(run):
        pytest.fail("two processes hold one run")
    with only_process(tmp_path / "runs" / "another"):
        pass
    holder.kill()
    holder.wait()
    with only_process(run):
        pass


def test_a_run_that_is_being_trained_is_not_touched(holder, train, tmp_path):
    folder = tmp_path / "checkpoints" / "run"
    folder.mkdir(parents=True)
    weights = folder / "latest_net_G.pth"
    weights.write_bytes(b"weights")
    held = subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True)
    assert held.stdout.readline() == "held\n"
    try:
        with pytest.raises(InputError, match="being trained by another process"):
            train()
        assert [path.name for path in folder.iterdir()] == ["latest_net_G.pth"]
    finally:
        held.kill()
        held.wait()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    refused = pytest.raises(InputError, match=r"cannot write to .*file.*--checkpoints_dir")
    with refused, only_process(tmp_path / "file" / "run"):
        pytest.fail("there is no folder")


def test_a_state_that_is_saved_while_the_run_is_made_ready_is_not_written_over(train, resume, tree, monkeypatch):
    folder = RunFolder(train(max_steps=1).folder)
    before = tree(folder.path)

    @contextmanager
    def late(path):
        """Until now the run was another process's, which saves before it lets go."""
        folder.save_state(folder.load_state())
        with only_process(path):
            yield

    monkeypatch.setattr("translate.training.run.only_process", late)
    with pytest.raises(InputError, match=r"run was saved by another process .*; start it again"):
        resume(max_steps=2)
    assert tree(folder.path) == before
    monkeypatch.undo()
    assert resume(max_steps=2).step == 2
