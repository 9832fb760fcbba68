"""Does each method learn? A short training on the sample dataset, compared with what needs no learning.

    python scripts/learns.py --model pix2pix --seeds 3

Every run is given the same minutes of training and other weights, order and crops by its seed. Exit code 0 if each of
them beats its baseline, 1 if one does not. Needs the sample: scripts/make_sample.py.
"""

import argparse
import contextlib
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from translate.data.listing import list_pictures
from translate.data.sample import make_sample, true_translation
from translate.evaluation.color import ab_error
from translate.evaluation.inpainting import hole_quality
from translate.testing import run_test
from translate.training.run import train_from_flags

Pictures = dict[str, list[np.ndarray]]  # by label: what a test wrote


@dataclass(frozen=True)
class Task:
    """How a method is trained here, and what its result is compared with.

    Attributes:
        flags: of train.py.
        what: the measure, less is better where ``sign`` is 1 and more where it is -1.
        measure: its value for the pictures of a test.
        baseline: its value without learning, by name.
    """

    flags: dict[str, Any]
    what: str
    measure: Callable[[Pictures], float]
    baseline: dict[str, Callable[[Pictures], float]]
    sign: int = 1

    def is_won(self, value: float, baselines: dict[str, float]) -> bool:
        return all(self.sign * value < self.sign * other for other in baselines.values())


def rms(label: str) -> Callable[[Pictures], float]:
    """Distance from the truth, in grey levels."""

    def measure(pictures: Pictures) -> float:
        pairs = zip(pictures[label], pictures["truth_B"], strict=True)
        return float(np.sqrt(np.mean([np.mean((a.astype(float) - b) ** 2) for a, b in pairs])))

    return measure


def hole_psnr(fill: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Callable[[Pictures], float]:
    """Mean PSNR in the hole of what ``fill`` makes of (truth, result)."""

    def measure(pictures: Pictures) -> float:
        values = []
        for truth, result, seen in zip(pictures["truth_B"], pictures["fake_B"], pictures["hole_A"], strict=True):
            hole = centre_hole(seen)
            values.append(hole_quality(truth, fill(truth, result, hole), hole).psnr)
        return float(np.mean(values))

    return measure


def centre_hole(picture: np.ndarray) -> np.ndarray:
    """What test.py hides of a picture: the middle, 28 of 64 pixels of the shorter side."""
    height, width = picture.shape[:2]
    side = int(28 / 64 * min(height, width) + 1e-6)
    hole = np.zeros((height, width), dtype=bool)
    top, left = (height - side) // 2, (width - side) // 2
    hole[top : top + side, left : left + side] = True
    return hole


def own_mean(truth: np.ndarray, _: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """The hole filled with the mean colour of the known pixels of the same picture."""
    filled = truth.copy()
    filled[hole] = truth[~hole].mean(0).round()
    return filled


def ab_distance(pictures: Pictures) -> float:
    pairs = zip(pictures["truth_B"], pictures["fake_B"], strict=True)
    return float(np.sqrt(np.mean([ab_error(truth, result).rms ** 2 for truth, result in pairs])))


def grey_distance(pictures: Pictures) -> float:
    return float(np.sqrt(np.mean([ab_error(truth).rms ** 2 for truth in pictures["truth_B"]])))


TASKS = {
    "cycle_gan": Task(
        {
            "netG": "resnet_4blocks",
            "ngf": 16,
            "ndf": 16,
            "no_antialias": False,
            "no_antialias_up": False,
            "lambda_A": 2,
            "lambda_B": 2,
            "lr": 0.001,
        },
        "error to the truth (RMS, grey levels)",
        rms("fake_B"),
        {"leaving the pictures alone": rms("real_A")},
    ),
    "pix2pix": Task(
        {"netG": "resnet_4blocks", "normG": "instance", "normD": "instance", "ngf": 16, "ndf": 16, "lr": 0.001},
        "error to the truth (RMS, grey levels)",
        rms("fake_B"),
        {"leaving the pictures alone": rms("real_A")},
    ),
    "context_encoder": Task(
        {"netG": "context_encoder_64", "ngf": 32, "bottleneck": 256, "lambda_adv": 0, "lr": 0.001, "batch_size": 16},
        "PSNR in the hole (dB)",
        hole_psnr(lambda truth, result, hole: result),
        {"mean colour of the rest of the picture": hole_psnr(own_mean)},
        sign=-1,
    ),
    "colorization": Task(
        {"netG": "colorizer_small", "ngf": 16, "lr": 0.001, "batch_size": 8, "direction": "BtoA"},
        "colour error (RMS, ab units)",
        ab_distance,
        {"grey": grey_distance},
    ),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=TASKS, help="one method (default: all of them)")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each (3)")
    parser.add_argument("--minutes", type=float, default=1.0, help="of training, each run (1)")
    options = parser.parse_args()
    won = True
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        make_sample(home / "sample")
        make_pairs(home / "sample", home / "pairs")
        for model in [options.model] if options.model else TASKS:
            for seed in range(options.seeds):
                won &= learn(model, seed, options.minutes, home)
    return 0 if won else 1


def learn(model: str, seed: int, minutes: float, home: Path) -> bool:
    """Train, test, compare; prints a line."""
    task = TASKS[model]
    told = {
        "model": model, "dataroot": str(home / ("pairs" if model == "pix2pix" else "sample")), "seed": seed,
        "checkpoints_dir": str(home / "runs"), "name": f"{model}{seed}", "load_size": 72, "crop_size": 64,
        "n_epochs": 10000, "n_epochs_decay": 0, "max_minutes": minutes, "no_html": True, **task.flags,
    }  # fmt: skip
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        steps = train_from_flags(told).step
        page = run_test({
            "checkpoints_dir": home / "runs", "name": told["name"], "results_dir": home / "out", "size": "original",
        }).page  # fmt: skip
    images = page.parent / "images"
    pictures = {
        label.name: [np.asarray(Image.open(path)) for path in list_pictures(label)] for label in images.iterdir()
    }
    value = task.measure(pictures)
    baselines = {name: measure(pictures) for name, measure in task.baseline.items()}
    others = ", ".join(f"{name} {other:.2f}" for name, other in baselines.items())
    won = task.is_won(value, baselines)
    verdict = "beats" if won else "does not beat"
    print(f"{model}, seed {seed}, {steps} steps: {task.what} {value:.2f} {verdict} {others}", flush=True)
    return won


def make_pairs(sample: Path, target: Path) -> None:
    """The sample as pairs: its pictures of A, each beside its true translation."""
    for phase in ("train", "test"):
        (target / phase).mkdir(parents=True)
        for path in list_pictures(sample / f"{phase}A"):
            picture = np.asarray(Image.open(path).convert("RGB"))
            pair = np.concatenate([picture, true_translation(picture)], axis=1)
            Image.fromarray(pair).save(target / phase / f"{path.stem}.png")


if __name__ == "__main__":
    sys.exit(main())
