"""Kill a training at random moments, resume it each time, and compare it with one that nothing interrupted.

    python scripts/kill_and_resume.py --kills 20

The runs are tiny and of random pixels; they take seconds on one core. A fifth of the kills strike while the process
starts, the others a few steps later, in the middle of whatever goes on.
Exit code 0 says that weights, optimiser moments and logged losses are equal to the last bit; 1 that they are not.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
PICTURES = 12  # of each domain, which are the steps of an epoch
STEPS_A_LIFE = 6  # at most, before a kill
PATIENCE_S = 600.0  # for a process that shows no sign of life
TINY = {
    "netG": "resnet_4blocks",
    "ngf": 2,
    "ndf": 2,
    "netF_nc": 8,
    "num_patches": 16,
    "load_size": 36,
    "crop_size": 32,
    "gpu_ids": -1,
    "num_threads": 1,
    "n_epochs_decay": 0,
    "print_freq": 1,
    "display_freq": 4,
    "update_html_freq": 4,
    "save_latest_freq": 3,
    "save_epoch_freq": 1,
}


@dataclass(frozen=True)
class Life:
    """One process: the step that it came from, the last one that it logged, and how it ended."""

    start: int
    end: int
    killed: bool


class Failure(Exception):
    """A resumed run that is not the uninterrupted one."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20, help="how often the run is killed (20)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (0)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        try:
            kill_and_resume(Path(folder), arguments.kills, arguments.seed)
        except Failure as failure:
            print(f"error: {failure}", file=sys.stderr)
            raise SystemExit(1) from None


def kill_and_resume(home: Path, kills: int, seed: int) -> list[Life]:
    """Run the comparison in an empty folder and print a table of the lives.

    Raises:
        Failure: the runs differ; says in what.
    """
    make_pictures(home / "data")
    # Enough steps that even the longest lives do not finish the run before the last kill.
    epochs = kills * (STEPS_A_LIFE + 2) // PICTURES + 2
    whole, torn = home / "checkpoints" / "whole", home / "checkpoints" / "torn"
    flags = {"dataroot": home / "data", "checkpoints_dir": whole.parent, "n_epochs": epochs, **TINY}
    started = time.monotonic()
    process = launch(words({**flags, "name": "whole"}), home / "whole.txt")
    wait(process, lambda: last_step(whole) > 0, PATIENCE_S)
    span_s = 1.2 * (time.monotonic() - started)
    finish(process, home / "whole.txt")
    lives = list(live({**flags, "name": "torn"}, torn, kills, random.Random(seed), span_s))
    print_table(lives)
    compare(whole, torn)
    steps, killed = epochs * PICTURES, sum(life.killed for life in lives)
    print(f"{killed} kills in {steps} steps: weights, moments and losses equal those of the uninterrupted run")
    return lives


def make_pictures(root: Path) -> None:
    for letter in "AB":
        folder = root / f"train{letter}"
        folder.mkdir(parents=True)
        for index in range(PICTURES):
            pixels = np.random.default_rng((ord(letter), index)).integers(0, 256, (40, 40, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{index}.png")


def words(flags: dict[str, Any]) -> list[str]:
    return [word for name, value in flags.items() for word in (f"--{name}", str(value))]


def live(flags: dict[str, Any], folder: Path, kills: int, moments: random.Random, span_s: float) -> Iterator[Life]:
    """Start, kill, resume, kill, ... and at last let the run end."""
    for number in range(kills):
        start = last_step(folder)
        process = launch(command_of_life(flags, folder), folder.with_name(f"life{number}.txt"))
        wait_for_moment(process, folder, moments, span_s)
        process.kill()
        killed = process.wait() != 0
        yield Life(start, last_step(folder), killed)
    start = last_step(folder)
    output = folder.with_name("last.txt")
    finish(launch(command_of_life(flags, folder), output), output)
    yield Life(start, last_step(folder), False)


def command_of_life(flags: dict[str, Any], folder: Path) -> list[str]:
    """A run is resumed by its name alone. One that was killed before its record was there is begun anew."""
    if not (folder / "run.json").exists():
        return words(flags)
    told = {name: flags[name] for name in ("name", "checkpoints_dir", "gpu_ids", "num_threads")}
    return ["--continue_train", *words(told)]


def launch(command: list[str], output: Path) -> subprocess.Popen:
    output.parent.mkdir(parents=True, exist_ok=True)
    with open(output, "w") as file:
        return subprocess.Popen([sys.executable, str(ROOT / "train.py"), *command], stdout=file, stderr=file)


def finish(process: subprocess.Popen, output: Path) -> None:
    code = process.wait()
    if code:
        raise Failure(f"train.py ended with exit code {code}: {output.read_text()[-2000:]}")


def wait_for_moment(process: subprocess.Popen, folder: Path, moments: random.Random, span_s: float) -> None:
    """Until the moment to strike, or the end of the process."""
    anywhere, steps, rest_s = moments.random() < 0.2, moments.randint(1, STEPS_A_LIFE), moments.uniform(0, 0.1)
    if anywhere:
        # Imports, loading the state, and what is written at the start.
        wait(process, lambda: False, moments.uniform(0, span_s))
        return
    begun = read_marks(folder)
    goal = None

    def reached() -> bool:
        nonlocal goal
        if goal is None and read_marks(folder) != begun:
            goal = last_step(folder) + steps  # the logs are cut back by now
        return goal is not None and last_step(folder) >= goal

    wait(process, reached, PATIENCE_S)
    time.sleep(rest_s)


def wait(process: subprocess.Popen, reached: Any, limit_s: float) -> None:
    until = time.monotonic() + limit_s
    while process.poll() is None and time.monotonic() < until and not reached():
        time.sleep(0.005)


def read_marks(folder: Path) -> int:
    """How often the run was begun or resumed, by the headings in its log."""
    log = folder / "loss_log.txt"
    return log.read_text().count("= Training Loss (") if log.exists() else 0


def read_log(folder: Path) -> list[dict[str, Any]]:
    """The whole lines of log.jsonl; a kill may leave half of one."""
    log = folder / "log.jsonl"
    lines = log.read_text().split("\n")[:-1] if log.exists() else []
    return [json.loads(line) for line in lines]


def last_step(folder: Path) -> int:
    entries = read_log(folder)
    return entries[-1]["step"] if entries else 0


def print_table(lives: list[Life]) -> None:
    print(f"{'life':>4}  {'log before':>10}  {'log after':>9}  end")
    for number, life in enumerate(lives, 1):
        print(f"{number:>4}  {life.start:>10}  {life.end:>9}  {'killed' if life.killed else 'finished'}")


def compare(whole: Path, torn: Path) -> None:
    entries = read_log(whole), read_log(torn)
    steps = [[entry["step"] for entry in log] for log in entries]
    if steps[1] != list(range(1, len(steps[0]) + 1)):
        raise Failure(f"log.jsonl does not count its {len(steps[0])} steps one by one: {steps[1]}")
    for expected, found in zip(*entries, strict=True):
        if any(expected[key] != found[key] for key in ("epoch", "lr", "losses")):
            raise Failure(f"step {expected['step']} was logged as {found}, not {expected}")
    lines = [line for line in (torn / "loss_log.txt").read_text().splitlines() if line.startswith("(epoch: ")]
    if len(lines) != len(steps[0]):
        raise Failure(f"loss_log.txt has {len(lines)} lines for {len(steps[0])} steps")
    names = [sorted(path.name for path in folder.glob("*.pth")) for folder in (whole, torn)]
    if names[0] != names[1]:
        raise Failure(f"the folders hold different weights: {names}")
    for name in names[0]:
        parts = [flatten(torch.load(folder / name, weights_only=True)) for folder in (whole, torn)]
        different = [key for key in parts[0] if not equal(parts[0][key], parts[1].get(key))]
        if different or parts[0].keys() != parts[1].keys():
            raise Failure(f"{name} differs in {', '.join(different) or 'its entries'}")


def flatten(value: Any, path: str = "") -> dict[str, Any]:
    """Nested dicts and lists -> path -> value. How long the logs were is left out: they hold times."""
    if isinstance(value, dict):
        parts = value.items()
    elif isinstance(value, list | tuple):
        parts = enumerate(value)
    else:
        return {path: value}
    flat = {}
    for key, part in parts:
        if key != "log_sizes":
            flat |= flatten(part, f"{path}/{key}")
    return flat


def equal(first: Any, second: Any) -> bool:
    if isinstance(first, torch.Tensor):
        return isinstance(second, torch.Tensor) and torch.equal(first, second)
    return first == second


if __name__ == "__main__":
    main()
