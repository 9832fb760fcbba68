"""What do jigsaw puzzles need: many permutations, or far ones? Table 4 of Noroozi and Favaro (ECCV 2016).

    python scripts/jigsaw_permutations.py
    python scripts/jigsaw_permutations.py --dataroot clothing10 --minutes 10 -- --tile_px 32 --crop_size 112 --nef 16

A row for each number of permutations and each rule by which they are chosen: the mean and the least Hamming distance
of two of them. With --dataroot, a folder of train/CLASS/ and test/CLASS/, an encoder is trained for so many minutes
on each set of puzzles; then the row has the share of puzzles of the test pictures that it solves, and the test accuracy
of a linear classifier on its best layer, beside that of untrained weights. What stands behind -- are flags of train.py.
Writes OUT/permutations.md and, below OUT/runs, the runs.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from translate.commandline import parse_train
from translate.commands import run_command
from translate.data.labelled import find_labelled
from translate.errors import InputError
from translate.evaluation.readout import load_squares
from translate.files import write_text
from translate.methods.jigsaw import MOST_PERMUTATIONS
from translate.settings import resolve
from translate.training.device import choose_device
from translate.training.job import build_method
from translate.training.preparing import Preparation
from translate.training.run import train_from_flags
from translate.training.run_folder import RunFolder
from translate.transfer import transfer
from translate.views.permutations import RULES, hamming_distances, permutation_set

NUMBERS = (1000, 100, 10, 6)
PUZZLES = 5  # of each test picture
FOREVER = {"n_epochs": 1_000_000, "n_epochs_decay": 0, "no_html": True}


def main(arguments: Sequence[str]) -> None:
    options, train_words = parse(list(arguments))
    sets = [(number, rule) for number in options.numbers for rule in options.rules]
    rows = [["permutations", "rule", "mean distance", "least distance"]]
    rows += [[str(number), rule, *distances(number, rule)] for number, rule in sets]
    note = ""
    if options.dataroot:
        flags = {**FOREVER, **parse_train(["--model", "jigsaw", *train_words]), "dataroot": options.dataroot}
        flags |= {"max_minutes": options.minutes, "checkpoints_dir": options.out / "runs"}
        columns, untrained = learned(sets, flags)
        rows = [row + more for row, more in zip(rows, columns, strict=True)]
        note = f"\nLinear on untrained weights: {untrained} %. {options.minutes:g} minutes of training each.\n"
    rows.insert(1, ["---"] * len(rows[0]))
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows) + f"\n{note}"
    write_text(options.out / "permutations.md", table)
    print(f"\n{table}")


def parse(arguments: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """The script's own options, and the words for train.py."""
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--numbers", type=int, nargs="+", default=NUMBERS, metavar="N", help="(%(default)s)")
    parser.add_argument("--rules", nargs="+", default=list(RULES), choices=RULES, metavar="RULE", help="(%(default)s)")
    parser.add_argument("--dataroot", help="labelled pictures; without it nothing is trained")
    parser.add_argument("--minutes", type=float, default=10.0, help="of training, each set (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("results/permutations"), help="(%(default)s)")
    options = parser.parse_args(arguments[:cut])
    if min(options.numbers) < 2:
        raise InputError(f"--numbers {min(options.numbers)}: a distance is between two permutations; give at least 2")
    if max(options.numbers) > MOST_PERMUTATIONS:
        raise InputError(
            f"--numbers {max(options.numbers)} is more than jigsaw can learn: use {MOST_PERMUTATIONS} or less"
        )
    return options, arguments[cut + 1 :]


def distances(number: int, rule: str) -> tuple[str, str]:
    mean, least = hamming_distances(permutation_set(number, rule))
    return f"{mean:.2f}", str(least)


def learned(sets: Sequence[tuple[int, str]], flags: dict[str, Any]) -> tuple[list[list[str]], str]:
    """Train on each set of puzzles. Columns with their heads, in percent, and what untrained weights come to."""
    dataroot, gpu_ids = flags["dataroot"], str(flags.get("gpu_ids", "0"))
    runs = [train(number, rule, flags) for number, rule in sets]
    solved = [solved_share(run, dataroot, gpu_ids) for run in runs]
    untrained, *linear = linear_accuracies(runs, dataroot, gpu_ids)
    columns = [["puzzles solved (%)", "guessing (%)", "linear on the best layer (%)"]]
    for (number, _), share, accuracy in zip(sets, solved, linear, strict=True):
        columns.append([f"{100 * value:.1f}" for value in (share, 1 / number, accuracy)])
    return columns, f"{100 * untrained:.1f}"


def train(number: int, rule: str, flags: dict[str, Any]) -> Path:
    """A run on one set of puzzles; its folder."""
    told = {"permutations": number, "permutation_rule": rule, "name": f"{rule}_{number}"}
    return train_from_flags({**flags, **told}).folder


@torch.no_grad()
def solved_share(run: Path, dataroot: str, gpu_ids: str) -> float:
    """The share of puzzles that a run solves, of several of each test picture."""
    folder, device = RunFolder(run), choose_device(gpu_ids)
    settings = resolve(folder.read_record()["options"])
    method = build_method(settings)
    method.load_state_dict(folder.load_state()["method"])
    method = method.eval().to(device)
    data = settings.data
    paths = find_labelled(Path(dataroot), "test").paths
    squares = load_squares(paths, data.input_nc, data.load_size, data.crop_size, "test")
    prepare, right = Preparation(method, settings.run.seed, device), 0.0
    for number in range(PUZZLES):
        for indices in torch.arange(len(squares)).split(data.batch_size):
            state = method(prepare({"A": squares[indices], "epoch": number, "index": indices.tolist()}))
            right += len(indices) * method.losses("E", state)[1]["accuracy"].item()
    return right / (PUZZLES * len(squares))


def linear_accuracies(runs: Sequence[Path], dataroot: str, gpu_ids: str) -> list[float]:
    """Of untrained weights, then of the runs."""
    told = {"dataroot": dataroot, "protocols": "linear", "random": 1, "gpu_ids": gpu_ids}
    return [result.best("linear")[1].accuracy for result in transfer([str(run) for run in runs], told)]


if __name__ == "__main__":
    run_command(main)
