"""Two processes that train together are to one what their batch is to its own."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from translate.data.sampling import Share
from translate.errors import InputError, RunError
from translate.training import processes
from translate.training.processes import Processes, check_alike, joined, processes_of_environment

sys.path.insert(0, str(Path(__file__).parent))

from parallel_steps import CASES, CPU, WHOLE, take_steps

REPOSITORY = Path(__file__).resolve().parents[2]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)}


@pytest.fixture(scope="module")
def together(tmp_path_factory) -> dict[str, dict[str, torch.Tensor]]:
    """What two processes make of every case, a batch of four between them."""
    target = tmp_path_factory.mktemp("together") / "found.pth"
    script = str(Path(__file__).parent / "parallel_steps.py")
    subprocess.run([*TORCHRUN, script, str(target)], check=True, env=environment(), timeout=120)
    return torch.load(target, weights_only=True)


@pytest.mark.parametrize("name", [*CASES, *WHOLE, "CUT in two parts"])
def test_two_processes_take_the_steps_of_one(name, together):
    expected = take_steps(name.removesuffix(" in two parts"), 4, Share())
    assert_alike(together[name], expected)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("parts", [2, 4])
def test_a_batch_in_parts_gives_the_steps_of_the_whole(name, parts):
    assert_alike(take_steps(name, 4, Share(parts=parts)), take_steps(name, 4, Share()))


def assert_alike(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert found.keys() == expected.keys()
    assert sum(key.startswith("gradient") for key in found) >= 20
    for key, value in expected.items():
        torch.testing.assert_close(found[key].double(), value.double(), rtol=1e-9, atol=1e-9 * scale(value), msg=key)


def scale(value: torch.Tensor) -> float:
    return max(value.abs().max().item(), 1.0)


def test_without_torchrun_there_is_one(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    assert processes_of_environment() == Processes()
    monkeypatch.setenv("RANK", "3")  # alone it may be some other program's
    assert processes_of_environment() == Processes()


def test_who_was_meant_to_be_one_of_several_and_is_not_says_so(monkeypatch, capsys):
    told = {"RANK": "1", "WORLD_SIZE": "4", "LOCAL_RANK": "", "LOCAL_WORLD_SIZE": ""}
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    with joined(processes_of_environment(), CPU) as found:
        assert found == Processes()
    said = capsys.readouterr().out
    assert "WORLD_SIZE is 4, but this process trains alone, since LOCAL_RANK, LOCAL_WORLD_SIZE is not set" in said
    for count in ("1", ""):
        monkeypatch.setenv("WORLD_SIZE", count)
        with joined(processes_of_environment(), CPU):
            assert not capsys.readouterr().out


def test_several_that_were_not_told_where_to_meet_are_refused(monkeypatch):
    for name in ("MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError, match=r"where torchrun starts them \(.*MASTER_ADDR"), joined(Processes(1, 2), CPU):
        pass


def test_torchrun_says_who_one_is(monkeypatch):
    told = {"RANK": 5, "WORLD_SIZE": 8, "LOCAL_RANK": 1, "LOCAL_WORLD_SIZE": 4, "TORCHELASTIC_RUN_ID": "abc"}
    for name, value in told.items():
        monkeypatch.setenv(name, str(value))
    assert processes_of_environment() == Processes(5, 8, 1, 4, frozenset(["abc"]))
    assert processes_of_environment().share(3) == Share(5, 8, 3)
    assert not processes_of_environment().is_first
    monkeypatch.delenv("TORCHELASTIC_RUN_ID")  # another launcher
    assert processes_of_environment() == Processes(5, 8, 1, 4)


def test_a_call_of_torchrun_without_a_name_is_told_by_its_process_and_when_that_began(monkeypatch):
    told = {"RANK": 0, "WORLD_SIZE": 2, "LOCAL_RANK": 0, "LOCAL_WORLD_SIZE": 2, "TORCHELASTIC_RUN_ID": "none"}
    for name, value in told.items():
        monkeypatch.setenv(name, str(value))
    here = processes_of_environment().launches
    assert here == processes_of_environment().launches
    assert f"torchrun {socket.gethostname()} {os.getppid()}" in next(iter(here))
    began = []

    def read_text(path, **_):
        assert path == Path(f"/proc/{os.getppid()}/stat")
        began.append(len(began))
        return f"7 (a (b) c) S {' '.join(['0'] * 18)} {began[-1]} 0"

    monkeypatch.setattr(Path, "read_text", read_text)
    assert processes_of_environment().launches != processes_of_environment().launches != here


def test_weights_that_part_are_noticed(monkeypatch):
    module = torch.nn.Linear(2, 2)
    monkeypatch.setattr(processes, "process_count", lambda: 2)
    monkeypatch.setattr(processes, "gather_values", lambda value: [value, value])
    check_alike(module, 7)
    seen = []
    monkeypatch.setattr(processes, "gather_values", lambda value: [*seen, value])
    seen.append(None)
    with pytest.raises(RunError, match="process 1 are no longer those of process 0 at step 7"):
        check_alike(module, 7)


def test_the_checksum_sees_every_weight(monkeypatch):
    module, sums = torch.nn.Linear(2, 2), []
    monkeypatch.setattr(processes, "process_count", lambda: 2)
    monkeypatch.setattr(processes, "gather_values", lambda value: sums.append(value) or [value])
    check_alike(module, 1)
    for weight in module.parameters():
        with torch.no_grad():
            weight.view(-1)[-1] += 1e-6
        check_alike(module, 1)
    assert len(set(sums)) == 3


@pytest.fixture
def answers(monkeypatch):
    """What the other process says each time the two meet, and what was said to it."""
    said, heard = [], []

    def gather(value):
        said.append(value)
        return heard.pop(0)(value)

    monkeypatch.setattr(processes, "gather_values", gather)
    return said, heard


def test_the_first_process_goes_first(answers):
    said, heard = answers
    heard += [lambda value: [value, None]] * 2
    events = []
    for rank in (0, 1):
        with Processes(rank, 2).first_goes_first():
            events.append((rank, len(said)))
    assert events == [(0, 0), (1, 2)]  # the second waits before its turn, the first after its own


def test_all_fail_where_one_does_and_one_says_why(answers):
    said, heard = answers
    heard.append(lambda value: [value, None])
    with pytest.raises(InputError, match="why"), Processes(0, 2).fail_together():
        raise InputError("why")
    assert said == [2]
    heard.append(lambda value: [2, value])
    with pytest.raises(SystemExit) as ended, Processes(1, 2).fail_together():
        raise InputError("why")
    assert ended.value.code == 2
    heard.append(lambda value: [value, 2])
    with pytest.raises(SystemExit), Processes(0, 2).fail_together():
        pass


def test_one_of_several_ends_at_once_with_its_code(monkeypatch):
    codes = []
    monkeypatch.setattr(processes.os, "_exit", codes.append)
    Processes().end(2)
    Processes(1, 2).end(143)
    assert codes == [143]


def test_a_process_that_is_alone_fails_alone():
    with pytest.raises(InputError, match="why"), Processes().fail_together():
        raise InputError("why")
    with Processes().fail_together(), Processes().first_goes_first():
        pass


def test_a_mistake_that_all_make_is_left_to_the_one_that_says_it(monkeypatch):
    waited = []
    monkeypatch.setattr(processes.time, "sleep", waited.append)
    mistake = InputError("wrong")
    assert Processes(0, 2, 0, 2).alone(mistake) is mistake
    assert waited == []
    silent = Processes(1, 2, 1, 2).alone(mistake)
    assert isinstance(silent, SystemExit) and silent.code == 2
    assert waited == [processes.SPEAKS_WITHIN_S]
