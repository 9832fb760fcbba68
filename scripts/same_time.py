"""The reference's own code and this one, given the same minutes: which translates better?

    python scripts/same_time.py --reference ../contrastive-unpaired-translation --minutes 4 --seeds 6

CUT learns the sample dataset on three sides: `reference`, its own train.py; `same flags`, this train.py with exactly
those flags; `recipe`, this train.py with options/sample.yaml. How many epochs fit into the minutes, start-up included,
is measured first; half of them have the full learning rate, and in the other half it falls. Two runs take place at
once, each on its half of the cores. Every checkpoint is tested here. Printed is the mean error to the truth, in grey
levels, of each run, and a table.

The reference's instance norm is kept from a gradient that torch gets wrong on CPUs; else its code is as it is.
"""

import argparse
import os
import runpy
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "golden"))

from reference_parity import reference

from translate.commandline import read_recipe
from translate.commands import run_command
from translate.data.machine import usable_cores
from translate.data.sample import make_sample
from translate.data.scoring import score
from translate.errors import InputError, RunError
from translate.reports.dot_plot import in_numbers

ROOT = Path(__file__).resolve().parent.parent
# options/sample.yaml, as far as the reference has its flags; its smallest generator has six blocks.
FLAGS = {
    "model": "cut", "CUT_mode": "CUT", "load_size": 72, "crop_size": 64, "netG": "resnet_6blocks", "ngf": 16, "ndf": 16,
    "nce_layers": "0,4,8,12,16", "num_patches": 128, "netF_nc": 64, "lambda_NCE": 10, "lr": 0.0005, "print_freq": 240,
    "save_latest_freq": 100000, "gpu_ids": -1, "num_threads": 0,
}  # fmt: skip
REFERENCE, SAME_FLAGS, RECIPE = SIDES = ("reference", "same flags", "recipe")
LANES = 2
TRIED = (1, 3)  # epochs of the two runs that tell how long one takes


@dataclass(frozen=True)
class Run:
    """One training, and how its test pictures came out."""

    side: str
    seed: int
    epochs: int
    seconds: float
    error: float


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reference", type=Path, required=True, help=f"checkout of {reference.REPOSITORY}")
    parser.add_argument("--minutes", type=float, default=4.0, help="of a training (%(default)s)")
    parser.add_argument("--seeds", type=int, default=6, help="runs of each side (%(default)s)")
    parser.add_argument("--first_seed", type=int, default=0, help="(%(default)s)")
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=list(SIDES), metavar="SIDE", help=", ".join(SIDES))
    parser.add_argument("--n_train", type=int, default=240, help="training pictures of a domain (%(default)s)")
    parser.add_argument("--n_test", type=int, default=48, help="test pictures (%(default)s)")
    flags = parser.parse_args(arguments)
    if not (flags.minutes > 0 and min(flags.seeds, flags.n_train, flags.n_test) > 0):
        raise InputError("--minutes, --seeds, --n_train and --n_test are above 0")
    reference.import_reference(flags.reference)
    with tempfile.TemporaryDirectory() as folder:
        trial = Trial(flags.reference.resolve(), Path(folder))
        make_sample(trial.sample, n_train=flags.n_train, n_test=flags.n_test)
        runs = compare(trial, flags.sides, 60 * flags.minutes, range(flags.first_seed, flags.first_seed + flags.seeds))
    print(f"\n{table(runs, flags.n_train)}")


def compare(trial: "Trial", sides: Sequence[str], seconds: float, seeds: Sequence[int]) -> list[Run]:
    """Train every side with every seed for so many seconds, and say how each came out as soon as it is known."""
    runs = []
    cores = iter(cores_of_lanes())
    with ThreadPoolExecutor(LANES, initializer=lambda: stay_on(next(cores))) as lanes:
        tries = {
            side: [lanes.submit(trial.train, side, f"tried{tried}", tried, 0) for tried in TRIED] for side in sides
        }
        epochs = {side: epochs_in(seconds, *(future.result() for future in tries[side])) for side in sides}

        def run(side: str, seed: int) -> Run:
            taken = trial.train(side, f"seed{seed}", epochs[side], seed)
            return Run(side, seed, epochs[side], taken, trial.error(side, f"seed{seed}"))

        for future in [lanes.submit(run, side, seed) for seed in seeds for side in sides]:
            done = future.result()
            said = f"{done.epochs} epochs in {done.seconds:.0f} s, error {done.error:.2f}"
            print(f"{done.side}, seed {done.seed}: {said}", flush=True)
            runs.append(done)
    return runs


def cores_of_lanes() -> list[set[int]]:
    """Of each lane the cores that are its own; empty where this machine cannot give any."""
    if not hasattr(os, "sched_getaffinity") or usable_cores() < LANES:
        return [set()] * LANES
    cores = sorted(os.sched_getaffinity(0))
    share = len(cores) // LANES
    return [set(cores[lane * share : (lane + 1) * share]) for lane in range(LANES)]


def stay_on(cores: set[int]) -> None:
    """Keep this thread, and the commands that it starts, on these cores."""
    if cores:
        os.sched_setaffinity(0, cores)


def epochs_in(seconds: float, short: float, long: float) -> int:
    """How many fit, by the seconds that runs of TRIED epochs took with all that is around; 2 at least.

    On a busy machine the longer run can have been the quicker one. An epoch is then taken for all that there is.

    >>> epochs_in(60, 8, 12), epochs_in(60, 12, 9), epochs_in(1, 8, 12)
    (27, 20, 2)
    """
    epoch = (long - short) / (TRIED[1] - TRIED[0])
    if epoch <= 0:
        return max(2, int(seconds / (long / TRIED[1])))
    return max(2, int(TRIED[0] + (seconds - short) / epoch))


def table(runs: Sequence[Run], n_train: int) -> str:
    """A row for each side, and how often it came closer than the reference with the same seed."""
    lines = ["| | epochs | steps | s | error, mean | median | of each seed | closer than the reference |",
             "|---|---|---|---|---|---|---|---|"]  # fmt: skip
    theirs = {run.seed: run.error for run in runs if run.side == REFERENCE}
    for side in dict.fromkeys(run.side for run in runs):
        own = [run for run in runs if run.side == side]
        errors = [run.error for run in own]
        won = sum(run.error < theirs[run.seed] for run in own if run.seed in theirs)
        seconds = statistics.fmean(run.seconds for run in own)
        each = " ".join(f"{error:.1f}" for error in errors)
        cells = (side, own[0].epochs, own[0].epochs * n_train, f"{seconds:.0f}", in_numbers(errors),
                 f"{statistics.median(errors):.1f}", each,
                 f"{won} of {len(theirs)}" if theirs and side != REFERENCE else "")  # fmt: skip
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


@dataclass(frozen=True)
class Trial:
    """Trainings of all sides in a folder of their own."""

    checkout: Path
    home: Path

    @property
    def sample(self) -> Path:
        return self.home / "sample"

    def train(self, side: str, name: str, epochs: int, seed: int) -> float:
        """Seconds that the command took.

        Raises:
            RunError: it failed; what it said last.
        """
        decay = epochs // 2
        home = {"dataroot": self.sample, "checkpoints_dir": self.runs(side), "name": name, "n_epochs": epochs - decay,
                "n_epochs_decay": decay, "save_epoch_freq": epochs}  # fmt: skip
        match side:
            case "reference":
                words = [__file__, str(self.checkout), str(seed), *in_words({**FLAGS, **home, "display_id": -1})]
            case "same flags":
                words = ["train.py", *in_words({**FLAGS, **home, "seed": seed})]
            case _:
                words = ["train.py", "--config", "sample", *in_words({**home, "seed": seed})]
        start = time.perf_counter()
        call([*words, "--no_html"], self.checkout if side == REFERENCE else ROOT, side)
        return time.perf_counter() - start

    def error(self, side: str, name: str) -> float:
        """Of the translated test pictures to the truth."""
        asked = read_recipe("sample") if side == RECIPE else FLAGS
        told = {key: asked[key] for key in ("netG", "ngf")} | {
            "dataroot": self.sample, "checkpoints_dir": self.runs(side), "name": name, "size": "original",
            "results_dir": self.home / "results" / self.runs(side).name,
        }  # fmt: skip
        call(["test.py", *in_words(told)], ROOT, f"the test of {side}")
        pictures = Path(told["results_dir"]) / name / "test_latest" / "images" / "fake_B"
        return score(pictures, self.sample)["result"]["mae"]

    def runs(self, side: str) -> Path:
        return self.home / side.replace(" ", "_")


def in_words(flags: Mapping[str, Any]) -> Iterator[str]:
    for flag, value in flags.items():
        yield from (f"--{flag}", str(value))


def call(words: Sequence[str], folder: Path, who: str) -> None:
    """Run one of the commands.

    Raises:
        RunError: it failed; what it said last.
    """
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, cwd=folder)
    if done.returncode:
        raise RunError(f"{who} failed: {(done.stderr or done.stdout)[-1500:]}")


def train_reference(checkout: str, seed: str, words: Sequence[str]) -> None:
    """Run the reference's train.py in this process, with its models mended."""
    reference.import_reference(Path(checkout))
    models = import_module("models")
    create = models.create_model
    models.create_model = lambda options: reference.mend(create(options))
    np.random.seed(int(seed))
    torch.manual_seed(int(seed))
    sys.argv = ["train.py", *words]
    runpy.run_path(str(Path(checkout) / "train.py"), run_name="__main__")


if __name__ == "__main__":
    if len(sys.argv) > 2 and not sys.argv[1].startswith("-"):
        train_reference(sys.argv[1], sys.argv[2], sys.argv[3:])
    else:
        run_command(main, sys.argv[1:])
