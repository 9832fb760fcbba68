"""The reference's own code and this one, given the same minutes: which translates better?

    python scripts/same_time.py --reference ../contrastive-unpaired-translation --minutes 4 --seeds 2

Both train CUT on the sample dataset with the same flags, one after the other on the whole machine, start-up included:
how many epochs fit is measured first, half of them at the full learning rate and half while it falls. The reference's
checkpoint is then tested here, as this one's is. Printed is the mean error to the truth, in grey levels.

The reference's instance norm is kept from a gradient that torch gets wrong on CPUs; else its code is as it is.
"""

import argparse
import contextlib
import os
import runpy
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "golden"))

from reference_parity import reference

from translate.commands import run_command
from translate.data.sample import make_sample
from translate.data.scoring import score
from translate.errors import RunError
from translate.testing import run_test

ROOT = Path(__file__).resolve().parent.parent
# options/sample.yaml, as far as the reference has its flags; its smallest generator has six blocks.
RECIPE = {
    "model": "cut", "CUT_mode": "CUT", "load_size": 72, "crop_size": 64, "netG": "resnet_6blocks", "ngf": 16, "ndf": 16,
    "nce_layers": "0,4,8,12,16", "num_patches": 128, "netF_nc": 64, "lambda_NCE": 10, "lr": 0.0005, "print_freq": 240,
    "save_latest_freq": 100000, "gpu_ids": -1, "num_threads": 0,
}  # fmt: skip
SIDES = {"reference": ("--display_id", "-1", "--no_html"), "this one": ("--no_html",)}


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reference", type=Path, required=True, help=f"checkout of {reference.REPOSITORY}")
    parser.add_argument("--minutes", type=float, default=4.0, help="of a training (%(default)s)")
    parser.add_argument("--seeds", type=int, default=2, help="runs of each (%(default)s)")
    parser.add_argument("--n_train", type=int, default=240, help="training pictures of a domain (%(default)s)")
    flags = parser.parse_args(arguments)
    reference.import_reference(flags.reference)
    with tempfile.TemporaryDirectory() as folder:
        trial = Trial(flags.reference.resolve(), Path(folder))
        make_sample(trial.sample, n_train=flags.n_train)
        epochs = {side: trial.epochs_in(side, 60 * flags.minutes) for side in SIDES}
        for seed in range(flags.seeds):
            for side, count in epochs.items():
                seconds = trial.train(side, f"run{seed}", count, seed)
                print(f"{side}, seed {seed}: {count * flags.n_train} steps in {seconds:.0f} s, "
                      f"error {trial.error(side, f'run{seed}'):.2f}", flush=True)  # fmt: skip


class Trial:
    """Trainings of both sides in a folder of their own."""

    def __init__(self, checkout: Path, home: Path):
        self.checkout = checkout
        self.home = home
        self.sample = home / "sample"

    def epochs_in(self, side: str, seconds: float) -> int:
        """How many fit, by what one and two of them take with all that is around."""
        one, two = (self.train(side, f"timed{count}", count, 0) for count in (1, 2))
        return max(2, int(1 + (seconds - one) / (two - one)))

    def train(self, side: str, name: str, epochs: int, seed: int) -> float:
        """Seconds that the command took.

        Raises:
            RunError: it failed; what it said last.
        """
        decay = epochs // 2
        told = {**RECIPE, "dataroot": self.sample, "checkpoints_dir": self.home / side, "name": name,
                "n_epochs": epochs - decay, "n_epochs_decay": decay, "save_epoch_freq": epochs}  # fmt: skip
        words = [word for flag, value in told.items() for word in (f"--{flag}", str(value))] + list(SIDES[side])
        ours = side == "this one"
        command = [str(ROOT / "train.py"), "--seed", str(seed)] if ours else [__file__, str(self.checkout), str(seed)]
        start = time.perf_counter()
        done = subprocess.run([sys.executable, *command, *words], capture_output=True, text=True,
                              cwd=ROOT if ours else self.checkout)  # fmt: skip
        if done.returncode:
            raise RunError(f"{side} failed: {(done.stderr or done.stdout)[-1500:]}")
        return time.perf_counter() - start

    def error(self, side: str, name: str) -> float:
        """Of the translated test pictures to the truth."""
        told = {key: RECIPE[key] for key in ("netG", "ngf")}
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
            page = run_test({**told, "checkpoints_dir": self.home / side, "name": name, "dataroot": str(self.sample),
                             "results_dir": self.home / "results" / side, "size": "original"}).page  # fmt: skip
        return score(page.parent / "images" / "fake_B", self.sample)["result"]["mae"]


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
