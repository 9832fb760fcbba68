"""Samples per second of the loader alone: decoding each time, in the epoch that fills the cache, and out of it.

    python scripts/benchmark_input.py
    python scripts/benchmark_input.py --dataroot datasets/apple2orange --workers 0 2 4 8

A sample is a picture of each domain, cropped, mirrored and in a batch. Without --dataroot, JPEG pictures of noise are
made for the occasion. The files have been read once before, so none of the numbers is the disk's. Prints a table and a
line of JSON.
"""

import argparse
import contextlib
import io
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from translate.commands import run_command
from translate.data.machine import usable_cores
from translate.settings import TrainSettings, resolve
from translate.training.feeding import make_batches, make_sampler, open_feed

SETTINGS = ("dataroot", "preprocess", "load_size", "crop_size", "batch_size", "max_dataset_size", "cache_mb")


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataroot", help="folder that holds trainA and trainB")
    parser.add_argument("--pictures", type=int, default=400, help="that are made for each domain without --dataroot")
    parser.add_argument("--size", type=int, default=256, help="their width and height (pixels)")
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2, 4])
    parser.add_argument("--epochs", type=int, default=4, help="the first fills the cache; of the others the median")
    parser.add_argument("--preprocess", default="resize_and_crop")
    parser.add_argument("--load_size", type=int, default=286)
    parser.add_argument("--crop_size", type=int, default=256)
    parser.add_argument("--batch_size", type=int, default=1)
    parser.add_argument("--max_dataset_size", type=int)
    parser.add_argument("--cache_mb", type=int, help="as in training")
    flags = parser.parse_args(arguments)
    if flags.epochs < 2:
        parser.error("--epochs: at least 2, of which the first fills the cache")
    if flags.pictures < 1 or flags.size < 4:
        parser.error("--pictures: at least 1, of a --size of at least 4")
    for workers in flags.workers:
        settings_of(flags, workers)  # refuses what no training takes, before anything is measured
    with tempfile.TemporaryDirectory() as folder:
        if flags.dataroot is None:
            os.environ["TRANSLATE_CACHE"] = folder  # what is remembered of these pictures need not outlive them
            flags.dataroot = str(make_pictures(Path(folder), flags.pictures, flags.size))
        results = {str(workers): measure(flags, workers) for workers in flags.workers}
    facts = {name: getattr(flags, name) for name in SETTINGS} | {"cores": usable_cores(), "torch": torch.__version__}
    print(in_a_table(results))
    print(json.dumps({**facts, "results": results}))


def make_pictures(root: Path, count: int, size: int) -> Path:
    """Soft noise: about as many bytes a pixel as photographs have."""
    for letter in "AB":
        (root / f"train{letter}").mkdir()
        for index in range(count):
            coarse = np.random.default_rng((ord(letter), index)).integers(0, 256, (size // 4, size // 4, 3), np.uint8)
            image = Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC)
            image.save(root / f"train{letter}" / f"{index}.jpg", quality=90)
    return root


def measure(flags: argparse.Namespace, workers: int) -> dict[str, float]:
    """Samples per second with so many workers."""
    settings = settings_of(flags, workers)
    _, *decoding = rates(settings.with_values(cache_mb=0))
    filling, *keeping = rates(settings)
    return {"decoding": median(decoding), "filling": filling, "keeping": median(keeping)}


def settings_of(flags: argparse.Namespace, workers: int) -> TrainSettings:
    """Those of a training with so many workers, without a late transform."""
    told: dict[str, Any] = {name: getattr(flags, name) for name in SETTINGS}
    return resolve({**told, "num_threads": workers, "n_epochs": flags.epochs, "n_epochs_decay": 0})


def rates(settings: TrainSettings) -> list[float]:
    """Samples per second in each epoch; starting the workers counts to the first."""
    with contextlib.redirect_stdout(io.StringIO()):
        feed = open_feed(settings)
    sampler = make_sampler(feed, settings)
    ends = [time.perf_counter()]
    for number, _ in enumerate(make_batches(feed, settings, sampler, torch.device("cpu")), start=1):
        if number % sampler.steps_per_epoch == 0:
            ends.append(time.perf_counter())
    samples = sampler.steps_per_epoch * settings.data.batch_size
    return [samples / (end - start) for start, end in pairwise(ends)]


def in_a_table(results: dict[str, dict[str, float]]) -> str:
    """In Markdown."""
    lines = ["| workers | decoding each time | first epoch of the cache | later epochs | times |", "|---" * 5 + "|"]
    for workers, found in results.items():
        numbers = " | ".join(f"{found[name]:.0f}" for name in ("decoding", "filling", "keeping"))
        lines.append(f"| {workers} | {numbers} | {found['keeping'] / found['decoding']:.1f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    run_command(main)
