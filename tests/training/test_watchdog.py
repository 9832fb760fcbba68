"""A training that hangs says where, and one that does not hang says nothing."""

import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from translate.data.aligned import AlignedPictures, Pair
from translate.data.part import Part
from translate.data.single import SinglePictures
from translate.data.single_image import SingleImageCrops
from translate.data.unpaired import UnpairedPictures
from translate.reports.training import TrainingPage
from translate.training import watchdog
from translate.training.forward import Forward
from translate.training.loop import Trainer
from translate.training.preparing import Preparation
from translate.training.run_folder import RunFolder
from translate.training.watchdog import Patience, Watchdog

REPOSITORY = Path(__file__).resolve().parents[2]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]

# The second of two processes hangs in a forward pass until the first has said that it hangs.
LATE = """
import os, sys, time
from pathlib import Path
from translate.commands import run_command
from translate.commands.train import main
from translate.training.forward import Forward

forward = Forward.of
expected = {"stalled.txt": "exchanging gradients", "stalled_1.txt": "for player D"}

def said(name, words):
    path = Path(sys.argv[1], name)
    return path.exists() and words in path.read_text()

def late(self, player, number):
    while os.environ["RANK"] == "1" and not all(said(*pair) for pair in expected.items()):
        time.sleep(0.01)
    return forward(self, player, number)

Forward.of = late
run_command(main, sys.argv[2:])
"""


def hold(path: Path, stage: str) -> None:
    """Go on when the file is there and names the stage."""
    deadline = time.monotonic() + 60
    while not path.exists() or stage not in path.read_text():
        assert time.monotonic() < deadline, "nothing was said"
        time.sleep(0.01)


@pytest.fixture
def hang(monkeypatch, tmp_path):
    """hang(holder, name, stage): the function waits in its first call until the watchdog has spoken of the stage."""

    def begin(holder, name, stage):
        real = getattr(holder, name)

        def hung(*args, **rest):
            hold(tmp_path / "checkpoints/run/stalled.txt", stage)
            return real(*args, **rest)

        monkeypatch.setattr(holder, name, hung)

    return begin


@pytest.mark.parametrize(
    ("holder", "name", "stage"),
    [
        (UnpairedPictures, "__getitem__", "waiting for data (pictures "),
        (Preparation, "_stack", "preparing a batch"),
        (Preparation, "seed_layers", "the forward pass for player D"),
        (Forward, "of", "the losses and gradients of player D"),
        (Trainer, "rate", "updating the weights"),
        (RunFolder, "save_state", "saving the state in {folder}"),
        (TrainingPage, "write", "writing the training page"),
        (TrainingPage, "add_current", "showing pictures of the training"),
        (watchdog.Observer, "_advance", "what is done before and between the steps"),
    ],
)
def test_a_run_that_hangs_names_the_stage(holder, name, stage, train, hang, capfd, tmp_path):
    folder = tmp_path / "checkpoints/run"
    expected = f"the training is in {stage.format(folder=folder)}"
    hang(holder, name, expected)
    assert train(stall_s=0.2, max_steps=2, no_html=False).step == 2
    notes = [line for line in capfd.readouterr().err.splitlines() if expected in line]
    assert notes[0].startswith("note: no step has ended for ")
    assert notes[0].endswith(f"the place in the code is in {folder / 'stalled.txt'}")
    assert ", in hold\n" in (folder / "stalled.txt").read_text(), "the stack tells the very line"


@pytest.mark.parametrize(("workers", "who"), [(0, ""), (1, r"; loader processes \d+")])
def test_it_names_the_pictures_that_it_waits_for_and_who_loads_them(workers, who, train, monkeypatch, tmp_path, capfd):
    real_item, real_step, taken = UnpairedPictures.__getitem__, Trainer.step, []

    def hung(self, key):
        hold(tmp_path / "checkpoints/run/stalled.txt", "waiting for data")
        return real_item(self, key)

    def step(self, batch):
        taken.append([*batch["A_paths"], *batch["B_paths"]])
        real_step(self, batch)

    monkeypatch.setattr(UnpairedPictures, "__getitem__", hung)
    monkeypatch.setattr(Trainer, "step", step)
    train(stall_s=0.2, max_steps=1, num_threads=workers, seed=5)
    pictures = ", ".join(map(re.escape, taken[0]))
    assert re.search(rf"in waiting for data \(pictures {pictures}{who}\);", capfd.readouterr().err)


def test_of_many_pictures_a_few_are_named(tmp_path):
    dog = Watchdog(1, lambda: 0, tmp_path / "stalled.txt", lambda: [Path(f"{n}.png") for n in range(9)])
    assert dog._data() == "pictures 0.png, 1.png, 2.png, 3.png, and 5 more"


def test_of_two_processes_one_names_the_other(tmp_path, data, base_flags):
    folder = tmp_path / "checkpoints/run"
    (tmp_path / "late.py").write_text(LATE)
    flags = {**base_flags, "checkpoints_dir": folder.parent, "name": "run", "max_steps": 1, "batch_size": 2}
    told = [f"--{name}={value}" for name, value in {**flags, "stall_s": 0.5}.items()]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)}
    command = [*TORCHRUN, str(tmp_path / "late.py"), str(folder), *told]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=True)
    notes = [line for line in ended.stderr.splitlines() if "no step has ended" in line]
    of_first = [line for line in notes if "process 0 of 2" in line]
    of_second = [line for line in notes if "process 1 of 2" in line]
    assert any("exchanging gradients with the other processes, of which one is late" in line for line in of_first), (
        notes
    )
    assert any("the forward pass for player D" in line and "stalled_1.txt" in line for line in of_second), notes


def test_a_run_that_does_not_hang_is_the_same_to_the_bit(train, same_state, read_log, capfd, tree):
    watched, alone = train("watched", stall_s=20.0).folder, train("alone", stall_s=0).folder
    assert "no step has ended" not in capfd.readouterr().err
    assert same_state(watched, alone)
    assert read_log(watched) == read_log(alone)
    assert tree(watched).keys() == tree(alone).keys()


@pytest.mark.parametrize(("stall_s", "expected"), [(20.0, 1), (0, 0)])
def test_it_ends_with_the_run_however_that_ends(stall_s, expected, train, monkeypatch):
    seen = []

    def fail(*_):
        seen.append([thread.name for thread in threading.enumerate()].count("watchdog"))
        raise ZeroDivisionError

    monkeypatch.setattr(Trainer, "step", fail)
    with pytest.raises(ZeroDivisionError):
        train(stall_s=stall_s)
    assert seen == [expected]
    assert "watchdog" not in [thread.name for thread in threading.enumerate()]


def test_a_dry_run_is_not_watched(train, monkeypatch):
    monkeypatch.setattr(Watchdog, "__enter__", lambda self: pytest.fail("a thread was started"))
    assert train(dry_run=True, stall_s=0.1) is None


def test_a_disk_that_refuses_the_stack_costs_the_stack_alone(tmp_path, capfd):
    (tmp_path / "file").write_text("not a folder")
    with Watchdog(0.02, lambda: 3, tmp_path / "file/stalled.txt"):
        deadline = time.monotonic() + 60
        said = ""
        while said.count("since step 3") < 2:  # it goes on after the first time
            assert time.monotonic() < deadline
            time.sleep(0.01)
            said += capfd.readouterr().err


class TestPatience:
    def times(self, patience, looks):
        """When it speaks, of looks (time, step)."""
        return [now for now, step in looks if patience.look(step, now) is not None]

    def test_it_speaks_in_doubling_intervals(self):
        assert self.times(Patience(8, 0, 0), [(now, 0) for now in range(1, 70)]) == [8, 16, 32, 64]

    def test_a_step_ends_the_matter(self):
        looks = [(now, 0 if now < 9 else 1) for now in range(1, 30)]
        assert self.times(Patience(8, 0, 0), looks) == [8, 27]  # the step took 9 seconds: twice that is let pass

    def test_slow_steps_are_no_alarm(self):
        assert self.times(Patience(8, 0, 0), [(now, now // 7) for now in range(1, 200)]) == []
        slow = self.times(Patience(8, 0, 0), [(now, now // 15) for now in range(1, 200)])
        assert slow == [8]  # then it knows

    def test_the_longest_step_counts_not_the_last(self):
        looks = [(now, 0) for now in range(1, 8)] + [(now, now - 7) for now in range(8, 20)]
        looks += [(now, 12) for now in range(20, 60)]
        assert self.times(Patience(4, 0, 0), looks)[1:] == [35, 51]  # 19 + 2 * 8, and twice that

    def test_time_in_which_the_process_was_stopped_does_not_count(self):
        patience = Patience(8, 0, 0)
        assert patience.look(0, 1) is None
        assert patience.look(0, 1001) is None  # Ctrl-Z, or a laptop asleep
        assert self.times(patience, [(now, 0) for now in range(1002, 1012)]) == [1007]

    def test_it_looks_often_enough_and_not_too_often(self):
        assert Patience(0.2, 0, 0).pause_s == pytest.approx(0.025)
        assert Patience(300, 0, 0).pause_s == 5


@pytest.mark.parametrize(("module", "said"), [("pdb", False), ("bdb", False), ("pydevd.core", False), ("pdbs", True)])
def test_it_is_silent_in_a_debugger(module, said):
    names = {"__name__": module, "sys": sys}
    exec("def prompt(): return sys._getframe()", names)
    assert watchdog._is_debugged(names["prompt"]()) != said


def test_what_a_sample_is_read_from(data):
    a, b = ([data / f"train{letter}/{letter.lower()}{n}.png" for n in range(3)] for letter in "AB")
    step = None  # nothing is transformed
    unpaired = UnpairedPictures(a, b, 3, 3, step, seed=3, serial=True)
    assert unpaired.files((1, 2)) == (a[2], b[2])
    assert SinglePictures(a, 3, step, seed=3).files((4, 1)) == (a[1],)
    pairs = [Pair(Part(a[0]), Part(b[0])), Pair(Part(a[1], "left"), Part(a[1], "right"))]
    aligned = AlignedPictures(pairs, 3, 3, step, seed=3)
    assert aligned.files((1, 0)) == (a[0], b[0])
    assert aligned.files((1, 1)) == (a[1],)
    crops = SingleImageCrops(Part(a[0]), Part(b[1]), 3, 3, step, seed=3, batch_size=2, length=4)
    assert crops.files((1, 3)) == (a[0], b[1])
