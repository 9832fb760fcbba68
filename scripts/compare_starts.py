"""Does a translator that starts as an encoder learn faster? CUT on the sample dataset.

    python scripts/compare_starts.py --methods rotation simclr --minutes 2 --seeds 3

For every seed an encoder of each method, half of the generator of the recipe options/sample.yaml, sees the training
pictures of both domains for so many minutes; CUT then starts from it with --init_from, and beside it from fresh
weights, and takes the same steps. Printed is the mean error of the translated test pictures to the truth, in grey
levels, behind each epoch asked for, over the seeds.
"""

import argparse
import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from translate.commandline import read_recipe
from translate.data.sample import make_sample
from translate.data.scoring import score
from translate.reports.dot_plot import in_numbers
from translate.testing import run_test
from translate.training.run import train_from_flags

GENERATOR = {"netG": "resnet_4blocks", "ngf": 16}  # of options/sample.yaml
METHODS: dict[str, dict[str, Any]] = {
    "rotation": {},
    "simclr": {"temperature": 0.5, "batch_size": 64},
    "moco": {"queue_size": 512, "key_momentum": 0.99},
}
FRESH = "fresh weights"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=["rotation", "simclr"], help="of encoders")
    parser.add_argument("--minutes", type=float, default=2.0, help="that an encoder learns (%(default)s)")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each (%(default)s)")
    parser.add_argument("--epochs", type=int, nargs="+", default=[2, 4], help="to measure at; the last ends the run")
    parser.add_argument("--n_train", type=int, default=240, help="training pictures of a domain (%(default)s)")
    options = parser.parse_args(arguments)
    if min(options.minutes, options.seeds, *options.epochs) <= 0:
        parser.error("--minutes, --seeds and --epochs are above 0")
    epochs = sorted(set(options.epochs))
    found: dict[str, list[list[float]]] = {start: [] for start in (FRESH, *options.methods)}
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        make_sample(home / "sample", n_train=options.n_train)
        for domain in ("trainA", "trainB"):  # not the test pictures, and not their truth
            shutil.copytree(home / "sample" / domain, home / "pictures" / f"of_{domain}")
        for seed in range(options.seeds):
            for start in found:
                half = None if start == FRESH else learn_half(home, start, seed, options.minutes)
                errors = translate_from(home, half, f"{start.split()[0]}{seed}", seed, epochs)
                found[start].append(errors)
                print(f"seed {seed}, {start}: {', '.join(f'{error:.2f}' for error in errors)}", flush=True)
    print(f"\n{table(found, epochs)}")
    return 0


def learn_half(home: Path, method: str, seed: int, minutes: float) -> Path:
    """The folder of an encoder that has seen the pictures of both domains."""
    name = f"half_{method}{seed}"
    train({
        "model": method, "dataroot": str(home / "pictures"), "checkpoints_dir": str(home / "runs"), "name": name,
        "netE": "generator", "load_size": 72, "crop_size": 64, "seed": seed, "n_epochs": 100000, "n_epochs_decay": 0,
        "max_minutes": minutes, **GENERATOR, **METHODS[method],
    })  # fmt: skip
    return home / "runs" / name


def translate_from(home: Path, half: Path | None, name: str, seed: int, epochs: Sequence[int]) -> list[float]:
    """Train CUT from there; the error of its test pictures behind each of the epochs."""
    steady = epochs[-1] // 2
    train({
        **read_recipe("sample"), "dataroot": str(home / "sample"), "checkpoints_dir": str(home / "runs"), "name": name,
        "seed": seed, "n_epochs": steady, "n_epochs_decay": epochs[-1] - steady, "save_epoch_freq": 1,
        **({"init_from": str(half)} if half else {}),
    })  # fmt: skip
    return [measure(home, name, epoch) for epoch in epochs]


def measure(home: Path, name: str, epoch: int) -> float:
    with quiet():
        page = run_test({
            "checkpoints_dir": home / "runs", "name": name, "results_dir": home / "out", "size": "original",
            "epoch": str(epoch),
        }).page  # fmt: skip
    return score(page.parent / "images" / "fake_B", home / "sample")["result"]["mae"]


def train(flags: dict[str, Any]) -> None:
    with quiet():
        train_from_flags({**flags, "no_html": True})


@contextlib.contextmanager
def quiet():
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        yield


def table(found: dict[str, list[list[float]]], epochs: Sequence[int]) -> str:
    lines = [
        f"| CUT starts from | {' | '.join(f'epoch {epoch}' for epoch in epochs)} |",
        "|---" * (len(epochs) + 1) + "|",
    ]
    for start, runs in found.items():
        cells = [in_numbers([run[place] for run in runs]) for place in range(len(epochs))]
        lines.append(f"| {start} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
