"""Which method translates best in the same minutes? Each trained over several seeds, in one table and on one page.

    python scripts/compare_methods.py --dataroot datasets/apple2orange --minutes 15
    python scripts/compare_methods.py --dataroot datasets/apple2orange --minutes 15 --jobs 2 -- --precision fp32

DATAROOT has trainA, trainB, testA and testB. Beside the methods stand two that learn nothing: the input itself, and the
input with the colours of all training pictures of B. What stands behind -- are flags of train.py for every method. The
same command goes on where it was stopped; what is trained already is not trained again. With --jobs 2 two trainings
share the machine, a part of its cores each.

Writes OUT: methods.md and methods.json, means and standard deviations over the seeds; index.html, the same, with the
pictures of the first seed of each method beside the baselines; and a folder of results for each run.
"""

import argparse
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image
from skimage.exposure import match_histograms

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from compare import write_page
from seed_table import Line, summarize

from translate.commands import run_command
from translate.data.inputs import find_inputs
from translate.data.part import Part
from translate.data.validation import teaching_parts
from translate.errors import InputError, RunError
from translate.evaluation.metrics import Tools, chosen_metrics
from translate.files import replacing_folder, write_json, write_text
from translate.reports import runs_table
from translate.reports.results import Row
from translate.reports.tested import Tested, read_tested
from translate.result_quality import compare_with
from translate.translator import Translator

REPEAT = Path(__file__).resolve().parent / "repeat.py"
RECIPE = ("--config", "cycle_gan_small", "--n_epochs", "1000000", "--n_epochs_decay", "0", "--no_html")
METHODS = {
    "CUT": ("--model", "cut"),
    "FastCUT": ("--model", "cut", "--CUT_mode", "FastCUT"),
    "CycleGAN": ("--model", "cycle_gan"),
}
METRICS = "domain_distance,domain_share,structure_gradients,changed_rms,diversity_pixels"
RESULTS = "test_latest"
COLOURS_FROM = 32  # pixels a side: training pictures of B are shrunk before their colours are counted
Baseline = Callable[[np.ndarray], np.ndarray]  # (H, W, 3) uint8 -> the same


@dataclass(frozen=True)
class Place:
    """Where things lie: the data set, and what is written."""

    dataroot: Path
    out: Path

    @property
    def runs(self) -> Path:
        return self.out / "runs"

    @property
    def results(self) -> Path:
        return self.out / "results"

    def tested(self, name: str) -> Tested:
        """A run or a baseline whose results are there."""
        return read_tested(self.results / name / RESULTS, self.runs / name, name)

    def baseline(self, name: str) -> Tested:
        """The same for what was never trained, of which no flags and no time are missing."""
        return replace(self.tested(name), notes=())


def main(arguments: Sequence[str]) -> None:
    arguments = list(arguments)
    train = arguments[arguments.index("--") + 1 :] if "--" in arguments else []
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataroot", required=True, type=Path)
    parser.add_argument("--minutes", required=True, type=float, help="of training, for each run")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], metavar="SEED", help="(0 1 2)")
    parser.add_argument("--metrics", default=METRICS, help="(%(default)s)")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("results/methods"), help="(%(default)s)")
    flags = parser.parse_args(own)
    seeds, place = list(dict.fromkeys(flags.seeds)), Place(flags.dataroot, flags.out)
    chosen_metrics(flags.metrics)
    find_inputs(flags.dataroot, "test", "AB", "unaligned")
    train_all(place, seeds, [*train, "--max_minutes", str(flags.minutes)], flags.metrics, flags.jobs)
    baselines = make_baselines(place, f"CUT_seed{seeds[0]}", flags.metrics)
    report(place, seeds, baselines)


def train_all(place: Place, seeds: Sequence[int], train: Sequence[str], metrics: str, jobs: int) -> None:
    """Train and test every method with every seed, a seed of all methods before the next seed.

    Raises:
        RunError: some failed; the others are there.
    """
    threads = max((os.cpu_count() or 1) // jobs, 1)

    def work(name: str, seed: int) -> str | None:
        home = ["--dataroot", str(place.dataroot), "--checkpoints_dir", str(place.runs), "--name", name]
        words = [str(REPEAT), "--seeds", str(seed), "--metrics", metrics, "--", *RECIPE, *METHODS[name], *train, *home]
        words += ["--", "--results_dir", str(place.results)]
        log = place.out / "logs" / f"{name}_seed{seed}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with open(log, "w", encoding="utf-8") as file:
            print(f"python {shlex.join(words)}", file=file, flush=True)
            environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
            code = subprocess.run([sys.executable, *words], stdout=file, stderr=file, env=environment).returncode
        print(f"{name}, seed {seed}: {'done' if code == 0 else f'failed, see {log}'}", flush=True)
        return None if code == 0 else str(log)

    with ThreadPoolExecutor(jobs) as pool:
        failed = list(filter(None, pool.map(lambda pair: work(*pair), [(n, s) for s in seeds for n in METHODS])))
    if failed:
        raise RunError(f"{len(failed)} of {len(seeds) * len(METHODS)} runs failed; see {failed[0]}")


def make_baselines(place: Place, run: str, metrics: str) -> list[str]:
    """Measure what needs no learning exactly as the tests of the runs were measured; the names."""
    teaching = teaching_parts(place.dataroot, "AB")
    if teaching is None:
        raise InputError(f"{place.dataroot} lacks trainA or trainB, from which the domain measures learn")
    pool = colours(teaching[1])
    baselines: dict[str, Baseline] = {
        "input": lambda picture: picture,
        "histogram matching": lambda picture: match_histograms(picture, pool, channel_axis=2),
    }
    translator = Translator.load(place.runs / run, device="cpu")
    for name, change in baselines.items():
        with replacing_folder(place.results / name / RESULTS, "--out") as folder:
            measure_baseline(place, translator, name, change, metrics, folder)
    return list(baselines)


def measure_baseline(
    place: Place, translator: Translator, name: str, change: Baseline, metrics: str, folder: Path
) -> None:
    """Write the pictures of a baseline and what was measured of them, as a test does."""
    _, inputs = find_inputs(place.dataroot, "test", "AB", "unaligned")
    rows = []
    for each in inputs:
        given = translator.prepare(each.part.read(3))
        made = change(np.asarray(given)).round().clip(0, 255).astype(np.uint8)
        rows.append(Row(each.name, {label: f"images/{label}/{each.name}.png" for label in ("real_A", "fake_B")}))
        for picture, path in zip((given, Image.fromarray(made)), rows[-1].pictures.values(), strict=True):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            picture.save(folder / path)
    tools = Tools(translator.device)
    compared = compare_with(metrics, place.dataroot, "test", "AB", "unaligned", inputs, (None, None), tools)
    quality = compared.measure(translator, inputs, [folder / row.pictures["fake_B"] for row in rows], False)
    scores = quality.with_per_picture({row.name: {} for row in rows})
    write_json(folder / "scores.json", {"run": name, "pictures": scores, **quality.to_json(rows)})


def colours(parts: Sequence[Part]) -> np.ndarray:
    """The pixels of all pictures, (n, 1, 3) uint8, each picture shrunk so that it counts like the others."""
    small = (np.asarray(part.read(3).resize((COLOURS_FROM, COLOURS_FROM))) for part in parts)
    return np.concatenate([picture.reshape(-1, 1, 3) for picture in small])


def report(place: Place, seeds: Sequence[int], baselines: Sequence[str]) -> None:
    """The table of all, and the page of the first seed."""
    tested = {name: {seed: place.tested(f"{name}_seed{seed}") for seed in seeds} for name in METHODS}
    tested |= {name: {0: place.baseline(name)} for name in baselines}
    lines = {name: {line.name: line for line in summarize(done)} for name, done in tested.items()}
    write_json(
        place.out / "methods.json",
        {name: {key: line.as_json() for key, line in found.items()} for name, found in lines.items()},
    )
    table = in_markdown(lines)
    write_text(place.out / "methods.md", table)
    print(table)
    shown = [
        replace(done[seeds[0]], name=f"{name}, seed {seeds[0]}") for name, done in tested.items() if name in METHODS
    ]
    shown += [tested[name][0] for name in baselines]
    title = f"{len(METHODS)} methods and {len(baselines)} baselines"
    write_page(place.out / "index.html", title, shown, further={over(seeds): in_lines(lines)})


def over(seeds: Sequence[int]) -> str:
    """What the means are of, in words."""
    return f"Mean ± standard deviation over {len(seeds)} seeds" if len(seeds) > 1 else f"Seed {seeds[0]}"


def in_lines(lines: dict[str, dict[str, Line]]) -> list[runs_table.Line]:
    """A line of the page for each measure."""
    heads = {key: line.title for found in lines.values() for key, line in found.items()}
    return [
        runs_table.Line.of_words(head, [_cell(found.get(key)) for found in lines.values()])
        for key, head in heads.items()
    ]


def in_markdown(lines: dict[str, dict[str, Line]]) -> str:
    """A row for each method: mean and, over several seeds, the standard deviation of each measure."""
    heads = {key: line.title for found in lines.values() for key, line in found.items()}
    rows = [f"| | {' | '.join(heads.values())} |", "|---" * (1 + len(heads)) + "|"]
    for name, found in lines.items():
        rows.append(f"| {name} | {' | '.join(_cell(found.get(key)) for key in heads)} |")
    return "\n".join(rows) + "\n"


def _cell(line: Line | None) -> str:
    if line is None:
        return ""
    return line.words(line.mean) + (f" ± {line.words(line.spread)}" if line.spread is not None else "")


if __name__ == "__main__":
    run_command(main)
