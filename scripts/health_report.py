"""Are broken trainings told, and good ones left in peace? Short runs on the sample dataset, broken on purpose or not.

    python scripts/health_report.py --out /tmp/health

Prints a row for each run: what had to be told, what was, and the numbers that it was told from (the middle of the last
five looks at previews and of the last ten logged losses). Exit code 0 if each run was told right, 1 if one was not.
The runs stay in the folder, with their pages; about half an hour on a core of 2.6 GHz.
"""

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import numpy as np
from PIL import Image, ImageOps

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from translate.commandline import read_recipe
from translate.data.listing import list_pictures
from translate.data.sample import make_sample, true_translation
from translate.methods import METHODS
from translate.methods.health import COLLAPSE, DIVERGENCE, INVERSION, UNCHANGED, WON
from translate.training.run import train_from_flags

LOOKS, ENTRIES = 5, 10  # of which the numbers are the middle
SMALL = {
    "load_size": 36, "crop_size": 32, "netG": "resnet_4blocks", "ngf": 8, "ndf": 8, "n_epochs": 100, "print_freq": 10,
    "display_freq": 100, "max_steps": 1000,
}  # fmt: skip
LARGER = {"load_size": 72, "crop_size": 64, "ngf": 16}
SMALL_CUT = {**read_recipe("sample"), **SMALL, "num_patches": 64, "netF_nc": 32}
SMALL_PAIRS = {
    **read_recipe("pix2pix_small"), **SMALL, "no_antialias": False, "no_antialias_up": False, "lr": 0.001,
}  # fmt: skip
SMALL_CYCLES = {**read_recipe("cycle_gan_small"), **SMALL, "lr": 0.0005}


@dataclass(frozen=True)
class Run:
    """A training and what has to be told of it.

    Attributes:
        told: the kinds of trouble; empty for a good run.
        how: what was done to it, in a few words.
        flags: of train.py, without where it lies.
        data: which of the folders that ``make_data`` writes.
        scales: factors on the learning rates of the method's players, for which there are no flags.
        start: flags and data of a training before it, from whose weights this one starts.
    """

    told: tuple[str, ...]
    how: str
    flags: Mapping[str, Any]
    data: str = "sample"
    scales: Mapping[str, float] = field(default_factory=dict)
    start: tuple[Mapping[str, Any], str] | None = None


RUNS = {
    "sample": Run((), "the recipe of the quickstart", {**read_recipe("sample"), "max_steps": 900}),
    "fast_cut": Run((), "FastCUT", {**SMALL_CUT, "CUT_mode": "FastCUT", "nce_idt": False}),
    "cycle_gan": Run((), "CycleGAN", SMALL_CYCLES),
    "pix2pix": Run((), "pix2pix", SMALL_PAIRS, "pairs"),
    "colorization": Run(
        (),
        "colorization, with an adversarial loss",
        {**read_recipe("colorization_small"), **SMALL, "netG": "colorizer_small", "lambda_GAN": 1, "batch_size": 8,
         "lr": 0.001, "print_freq": 80, "display_freq": 800, "direction": "BtoA", "max_steps": 500},
    ),
    "collapse": Run(
        (COLLAPSE,),
        "one picture in domain B, --lambda_NCE 0 --lambda_GAN 10",
        {**SMALL_CUT, "lambda_NCE": 0, "lambda_GAN": 10},
        "one",
    ),
    "unchanged": Run(
        (UNCHANGED,),
        "FastCUT from a generator that copies, --lambda_NCE 100",
        {**SMALL_CUT, **LARGER, "CUT_mode": "FastCUT", "nce_idt": False, "lambda_NCE": 100, "lambda_R1": 0},
        start=({**SMALL_PAIRS, **LARGER, "lr": 0.002, "max_steps": 1500}, "copies"),
    ),
    "dead": Run(
        (WON,),
        "a generator that does not move, from an earlier training",
        {**SMALL_CUT, "lambda_NCE": 1, "lambda_R1": 0},
        scales={"G": 1e-5},
        start=({**SMALL_CUT, "lambda_NCE": 1, "max_steps": 300}, "sample"),
    ),
    "inversion": Run(
        (INVERSION,),
        "negatives in domain B, from a generator that makes negatives",
        {**SMALL_CUT, "lambda_NCE": 1},
        "negatives",
        start=({**SMALL_PAIRS, "max_steps": 600}, "negative_pairs"),
    ),
    "divergence": Run((DIVERGENCE,), "--lr 0.1", {**SMALL_CUT, "lr": 0.1, "max_steps": 400}),
}  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for the data and the runs")
    parser.add_argument("--only", help="names of runs, with commas between them (default: all)")
    parser.add_argument("--max_steps", type=int, help="at most so many steps a run")
    options = parser.parse_args(arguments)
    names = options.only.split(",") if options.only else list(RUNS)
    make_data(options.out / "data")
    print(
        "| run | how | had to be told | told | steps | minutes | numbers |\n|---|---|---|---|---|---|---|", flush=True
    )
    return 0 if all([report(name, options.out, options.max_steps) for name in names]) else 1


def report(name: str, out: Path, max_steps: int | None) -> bool:
    """Train and print a row; whether what was told is what had to be."""
    run, began = RUNS[name], time.monotonic()
    with _quiet(out / f"{name}.log"):
        start = {}
        if run.start:
            flags, data = run.start
            start = {"init_from": str(train(flags, data, f"{name}_start", out, max_steps))}
        with patch.object(METHODS[run.flags.get("model", "cut")], "lr_scales", run.scales):
            folder = train({**run.flags, **start}, run.data, name, out, max_steps)
    told, steps = told_kinds(folder), json.loads((folder / "log.jsonl").read_text().splitlines()[-1])["step"]
    minutes = (time.monotonic() - began) / 60
    row = [name, run.how, _listed(run.told), _listed(told), str(steps), f"{minutes:.1f}", numbers(folder)]
    print(f"| {' | '.join(row)} |", flush=True)
    return set(told) == set(run.told)


def train(flags: Mapping[str, Any], data: str, name: str, out: Path, max_steps: int | None) -> Path:
    """The folder of a run; one that ends with an error (losses that are not finite) has one too."""
    steps = flags.get("max_steps")
    told = {
        **flags,
        "dataroot": str(out / "data" / data),
        "checkpoints_dir": str(out / "runs"),
        "name": name,
        "max_steps": min(steps, max_steps) if steps and max_steps else steps,
        "num_threads": 0,
    }
    try:
        train_from_flags(told)
    except Exception as error:
        print(f"{type(error).__name__}: {error}")
    return out / "runs" / name


def told_kinds(folder: Path) -> list[str]:
    """The kinds of trouble that a run was told of, in order."""
    kinds = [entry["kind"] for entry in _lines(folder / "health.jsonl") if "text" in entry]
    return list(dict.fromkeys(kinds))


def numbers(folder: Path) -> str:
    """The middle of the newest looks and of the newest losses."""
    looks = [entry["numbers"] for entry in _lines(folder / "health.jsonl") if entry["kind"] == "look"][-LOOKS:]
    losses = [entry["losses"] for entry in _lines(folder / "log.jsonl")][-ENTRIES:]
    return ", ".join(
        f"{name} {median(values):.3g}"
        for entries in (looks, losses)
        for name in dict.fromkeys(name for entry in entries for name in entry)
        if (values := [entry[name] for entry in entries if name in entry])
    )


def make_data(root: Path) -> None:
    """The sample, one picture in B, negatives in B, and pairs: with copies, negatives and the true translations."""
    make_sample(root / "sample")
    inputs = [Image.open(path).convert("RGB") for path in list_pictures(root / "sample" / "trainA")]
    half = len(inputs) // 2
    _save(root / "one" / "trainA", inputs)
    _save(root / "one" / "trainB", [Image.open(list_pictures(root / "sample" / "trainB")[0])])
    _save(root / "negatives" / "trainA", inputs[:half])
    _save(root / "negatives" / "trainB", map(ImageOps.invert, inputs[half:]))
    _save(root / "copies" / "trainA", inputs)
    _save(root / "copies" / "trainB", inputs)
    _save(root / "negative_pairs" / "trainA", inputs)
    _save(root / "negative_pairs" / "trainB", map(ImageOps.invert, inputs))
    _save(root / "pairs" / "trainA", inputs)
    _save(root / "pairs" / "trainB", (Image.fromarray(true_translation(np.asarray(each))) for each in inputs))


def _save(folder: Path, pictures: Iterator[Image.Image]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(pictures):
        picture.save(folder / f"{number:04d}.png")


def _listed(kinds: tuple[str, ...] | list[str]) -> str:
    return ", ".join(kinds) or "nothing"


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@contextlib.contextmanager
def _quiet(path: Path) -> Iterator[None]:
    """What is printed goes to a file."""
    with open(path, "w", buffering=1) as file, contextlib.redirect_stdout(file), contextlib.redirect_stderr(file):
        yield


if __name__ == "__main__":
    sys.exit(main())
