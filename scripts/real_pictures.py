"""How far do the methods that learn from context and from colour get on real photographs? One table and page a task.

    python scripts/real_pictures.py inpainting --dataroot photos --steps 2400
    python scripts/real_pictures.py colorization --dataroot photos --steps 2400

inpainting and colorization learn from DATAROOT/train and are tested on DATAROOT/test; each sub-folder of test gets
figures of its own. Every variant of a task gets the same steps, and no less: a variant whose training was broken off is
resumed, one that is ready is not trained again. Methods that translate unpaired pictures: scripts/compare_methods.py.
``--only`` runs one variant, so that several can run beside each other; the table holds those that are ready.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from skimage.restoration import inpaint_biharmonic

from translate.commandline import read_recipe
from translate.commands import run_command
from translate.errors import InputError
from translate.evaluation.color import ab_error, colourfulness
from translate.evaluation.inpainting import hole_quality
from translate.files import replacing_folder, write_text
from translate.reports.results import Row, write_results_page
from translate.testing import run_test
from translate.training.run import train_from_flags

Pictures = Mapping[str, np.ndarray]  # of one row: label -> uint8 (H, W, 3)
Figures = dict[str, float]  # of one row, by their name


@dataclass(frozen=True)
class Task:
    """What is compared.

    Attributes:
        recipe: the flags that all variants share; the name of a file in ``options``.
        variants: further flags of each.
        inputs: labels of a test's pictures that are the same for every variant.
        baselines: what needs no learning: (pictures of a row) -> result.
        measure: (truth, result, all pictures of the row) -> figures.
    """

    recipe: str
    variants: dict[str, dict[str, Any]]
    inputs: tuple[str, ...]
    measure: Callable[[np.ndarray, np.ndarray, Pictures], Figures]
    baselines: dict[str, Callable[[Pictures], np.ndarray]] = field(default_factory=dict)


def hole_of(pictures: Pictures) -> np.ndarray:
    """(H, W), True where the input was hidden: what differs from the truth, up to the square that holds it."""
    rows, columns = np.nonzero((pictures["hole_A"] != pictures["truth_B"]).any(-1))
    hole = np.zeros(pictures["truth_B"].shape[:2], dtype=bool)
    hole[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = True
    return hole


def mean_colour(pictures: Pictures) -> np.ndarray:
    """The hole in the mean colour of the rest of the picture."""
    truth, hole = pictures["truth_B"], hole_of(pictures)
    filled = truth.copy()
    filled[hole] = truth[~hole].mean(0).round()
    return filled


def biharmonic(pictures: Pictures) -> np.ndarray:
    """The smoothest surface over the hole that meets its surroundings."""
    filled = inpaint_biharmonic(pictures["hole_A"], hole_of(pictures), channel_axis=2, split_into_regions=False)
    return (filled * 255).round().clip(0, 255).astype(np.uint8)


def measure_hole(truth: np.ndarray, result: np.ndarray, pictures: Pictures) -> Figures:
    quality = hole_quality(truth, result, hole_of(pictures))
    return {"PSNR in the hole (dB)": quality.psnr, "SSIM in the hole": quality.ssim}


def measure_colours(truth: np.ndarray, result: np.ndarray, _: Pictures) -> Figures:
    error = ab_error(truth, result)
    return {"ab error (RMS)": error.rms, "ab error (mean)": error.mean, "colourfulness": colourfulness(result)}


TASKS = {
    "inpainting": Task(
        "context_encoder_small",
        {"L2": {"lambda_adv": 0}, "L2 and adversarial": {}},
        ("hole_A",),
        measure_hole,
        {"mean colour": mean_colour, "biharmonic": biharmonic},
    ),
    "colorization": Task(
        "colorization_small",
        {"L2": {"lambda_classes": 0}, "classes": {"rebalance": False}, "classes, rebalanced": {}},
        ("grey_A",),
        measure_colours,
        {"grey": lambda pictures: pictures["grey_A"], "the truth itself": lambda pictures: pictures["truth_B"]},
    ),
}


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("--dataroot", required=True, type=Path)
    parser.add_argument("--steps", required=True, type=int, help="steps of each variant")
    parser.add_argument("--only", help="train this variant alone")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("results/real_pictures"), help="runs, tests and pages")
    parser.add_argument("--show", type=int, default=40, help="rows of the page")
    flags = parser.parse_args(arguments)
    task, home = TASKS[flags.task], flags.out / flags.task
    if flags.only and flags.only not in task.variants:
        raise InputError(f"--only {flags.only!r} is not a variant of {flags.task}: {', '.join(task.variants)}")
    for name in [flags.only] if flags.only else task.variants:
        train_and_test(task, name, flags, home)
    report(task, flags, home)


def train_and_test(task: Task, name: str, flags: argparse.Namespace, home: Path) -> None:
    """One variant, unless its result is there; what it cost stands in ``cost.json`` beside its pictures."""
    if (home / "tests" / name / "cost.json").exists():
        return
    runs = home / "runs"
    told: dict[str, Any] = {"checkpoints_dir": str(runs), "name": name, "max_steps": flags.steps}
    if (runs / name / "latest_state.pth").exists():
        told["continue_train"] = True
    else:
        recipe, own = read_recipe(task.recipe), task.variants[name]
        told |= {**recipe, **own, "dataroot": str(flags.dataroot), "seed": flags.seed, "save_latest_freq": 10**9}
    steps = train_from_flags(told).step
    results = run_test({"checkpoints_dir": str(runs), "name": name, "results_dir": str(home / "tests")})
    write_text(results.page.parent.parent / "cost.json", json.dumps({"steps": steps}))


def report(task: Task, flags: argparse.Namespace, home: Path) -> None:
    """The table of all variants that are ready, and a page of their results side by side."""
    ready = [name for name in task.variants if (home / "tests" / name / "cost.json").exists()]
    costs = {name: json.loads((home / "tests" / name / "cost.json").read_text())["steps"] for name in ready}
    first = home / "tests" / ready[0] / "test_latest" / "images"
    names = sorted(path.relative_to(first / "fake_B").as_posix() for path in (first / "fake_B").rglob("*.png"))
    figures: dict[str, dict[str, list[Figures]]] = defaultdict(lambda: defaultdict(list))
    rows = []
    shown = set(np.linspace(0, len(names) - 1, min(flags.show, len(names))).astype(int))
    with replacing_folder(home / "page", "--out") as folder:
        for index, name in enumerate(names):
            given, results = read_row(task, ready, home, name)
            group = name.split("/")[0] if "/" in name else "all"
            for label, result in results.items():
                figures[group][label].append(task.measure(given["truth_B"], result, given))
            if index in shown:
                truth = {"truth_B": given["truth_B"]}
                pictures = without_repeats({**{label: given[label] for label in task.inputs}, **results, **truth})
                rows.append(Row(name, save_row(pictures, name, folder)))
        table = in_a_table(figures, costs)
        facts = {name: f"{steps} steps" for name, steps in costs.items()}
        write_results_page(folder / "index.html", f"{flags.task}, on real pictures", rows, facts)
        write_text(folder / "table.md", table)
    print(table)
    print(f"page: {home / 'page' / 'index.html'}")


def read_row(task: Task, ready: Sequence[str], home: Path, name: str) -> tuple[dict[str, np.ndarray], Pictures]:
    """The pictures that a test was given, and by label what was made of them."""

    def read(variant: str, label: str) -> np.ndarray:
        return np.asarray(Image.open(home / "tests" / variant / "test_latest" / "images" / label / name).convert("RGB"))

    given = {label: read(ready[0], label) for label in {*task.inputs, "truth_B"}}
    results = {label: make(given) for label, make in task.baselines.items()}
    return given, results | {variant: read(variant, "fake_B") for variant in ready}


def without_repeats(pictures: Pictures) -> Pictures:
    """The first of equal pictures: a baseline may be the input, or the truth, itself."""
    kept: dict[str, np.ndarray] = {}
    for label, picture in pictures.items():
        if not any(np.array_equal(picture, other) for other in kept.values()):
            kept[label] = picture
    return kept


def save_row(pictures: Pictures, name: str, folder: Path) -> dict[str, str]:
    paths = {}
    for number, (label, picture) in enumerate(pictures.items()):
        paths[label] = f"images/{number}/{name}"
        (folder / paths[label]).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(folder / paths[label])
    return paths


def in_a_table(figures: Mapping[str, Mapping[str, list[Figures]]], costs: Mapping[str, int]) -> str:
    """Means over the pictures of each group, in Markdown."""
    measures = list(next(iter(next(iter(figures.values())).values()))[0])
    lines = ["| pictures | | steps | " + " | ".join(measures) + " |", "|---" * (3 + len(measures)) + "|"]
    for group, by_label in figures.items():
        for label, rows in by_label.items():
            values = [f"{np.mean([row[measure] for row in rows]):.3g}" for measure in measures]
            lines.append(f"| {group} ({len(rows)}) | {label} | {costs.get(label, '')} | {' | '.join(values)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    run_command(main)
