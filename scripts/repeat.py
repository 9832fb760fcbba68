"""Train over several seeds, test each, and report the mean and the spread of what was measured.

    python scripts/repeat.py --seeds 0 1 2 --metrics domain -- --config sample --dataroot datasets/sample
    python scripts/repeat.py --seeds 0 1 2 -- --config sample --max_minutes 10 -- --num_test 20

What stands behind -- are flags of train.py, behind a second -- those of test.py. The run of a seed is called
NAME_seed0 ... What is trained already is not trained again, and what was interrupted is resumed: the same command goes
on where it was stopped. A seed that fails is reported, the others go on, and the exit code is 1.

Writes RESULTS_DIR/NAME_seeds: index.html, the runs beside each other; seeds.md and seeds.json, the table.
"""

import argparse
import json
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from compare import write_page
from seed_table import in_markdown, summarize

from translate.commandline import parse_test, parse_train
from translate.commands import run_command
from translate.errors import InputError, RunError, Stopped
from translate.files import write_json, write_text
from translate.flags import build
from translate.options import ReportOptions, TestOptions
from translate.reports.tested import Tested, read_tested
from translate.reports.training_log import read_training_log
from translate.settings import SESSION_FLAGS, TrainSettings, resolve
from translate.training.run_folder import RunFolder

ROOT = Path(__file__).resolve().parent.parent
FINISHED = "repeated.json"  # in the folder of a run: the flags with which it was trained to its end
OURS = ("seed", "continue_train", "dry_run")  # flags that are not the user's here
# Flags that may be others when a run goes on, or that are another in each run.
FREE = {*SESSION_FLAGS, *ReportOptions.__dataclass_fields__, "n_epochs", "n_epochs_decay", "stall_s"}
FREE |= {"name", "checkpoints_dir", "seed", "dataroot", "metrics", "best_metric", "metrics_weights"}
STOPS = {128 + number: number for number in (signal.SIGINT, signal.SIGTERM)}
STOPS |= {-number: number for number in STOPS.values()}  # killed by it, where it was not heard


@dataclass(frozen=True)
class Recipe:
    """What is repeated.

    Attributes:
        settings: of the training.
        given: the flags of the training that were given, in a recipe or by hand.
        train, test: the words for the two commands.
        results: name of the folder of each test's results.
        results_dir: of all results.
    """

    settings: TrainSettings
    given: Mapping[str, Any]
    train: Sequence[str]
    test: Sequence[str]
    results: str
    results_dir: Path

    @property
    def name(self) -> str:
        return self.settings.run.name

    @property
    def runs(self) -> Path:
        return Path(self.settings.run.checkpoints_dir)

    def run(self, seed: int) -> str:
        return f"{self.name}_seed{seed}"


@dataclass
class Seeds:
    """What became of the seeds: the results of those that went well, and what failed of the others."""

    done: dict[int, Tested] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)


def main(arguments: Sequence[str]) -> None:
    own, train, test = split(arguments)
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="%(prog)s --seeds SEED ... [--metrics NAMES] -- [flags of train.py] [-- flags of test.py]",
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], metavar="SEED", help="(0 1 2)")
    parser.add_argument("--metrics", help="what test.py measures, e.g. domain; default: what it does by itself")
    flags = parser.parse_args(own)
    recipe = read_recipe(train, test, flags.metrics)
    seeds = list(dict.fromkeys(flags.seeds))
    for seed in seeds:
        refuse_other_flags(recipe, RunFolder(recipe.runs / recipe.run(seed)))
    found = Seeds()
    for at, seed in enumerate(seeds):
        print(f"seed {seed} ({at + 1} of {len(seeds)}): {recipe.run(seed)}", flush=True)
        repeat(recipe, seed, found)
    report(recipe, found)
    if found.failed:
        failed = "; ".join(f"seed {seed}: {why}" for seed, why in found.failed.items())
        raise RunError(f"{len(found.failed)} of {len(seeds)} seeds failed ({failed}); see above what each of them said")


def split(arguments: Sequence[str]) -> tuple[list[str], list[str], list[str]]:
    """Words for this script, for train.py and for test.py, which ``--`` divides."""
    parts: list[list[str]] = [[]]
    for word in arguments:
        if word == "--" and len(parts) < 3:
            parts.append([])
        else:
            parts[-1].append(word)
    own, train, test = [*parts, [], []][:3]
    return own, train, test


def read_recipe(train: Sequence[str], test: Sequence[str], metrics: str | None) -> Recipe:
    """The flags, checked before anything is trained.

    Raises:
        InputError: an unknown flag, or one that this script gives itself.
    """
    given = parse_train(train)
    for name in OURS:
        if name in given:
            raise InputError(f"--{name} is given by this script; leave it out behind --")
    settings = resolve(given)
    tests = parse_test(test)[0]
    if "name" in tests:
        raise InputError("--name of a test is given by this script; leave it out behind the second --")
    options = build(TestOptions, tests)
    results = f"{options.phase}_{options.epoch}"
    if options.direction not in (None, settings.data.direction):
        results += f"_{options.direction}"
    test = [*(["--metrics", metrics] if metrics else []), *test]
    return Recipe(settings, given, train, test, results, Path(options.results_dir))


def refuse_other_flags(recipe: Recipe, folder: RunFolder) -> None:
    """A run that is there must have been told the same.

    Raises:
        InputError: names a flag that it was not.
    """
    record = folder.read_record()
    recorded, asked = record.get("options", {}), json.loads(json.dumps(recipe.settings.flat()))
    told = {name: (recorded[name], asked[name]) for name in recipe.given if name in recorded and name not in FREE}
    root, dataroot = record.get("dataset", {}).get("root"), Path(asked["dataroot"] or "")
    if root and asked["dataroot"] and dataroot.is_dir():
        told["dataroot"] = (str(Path(root).resolve()), str(dataroot.resolve()))
    for name, (before, now) in told.items():
        if now not in ("auto", before):
            raise InputError(
                f"{folder.path} was trained with --{name} {before}, and {now} is asked for: give another --name"
            )


def repeat(recipe: Recipe, seed: int, found: Seeds) -> None:
    """Train and test one seed."""
    name = recipe.run(seed)
    for what, words in (("training", train_words(recipe, seed)), ("testing", test_words(recipe, name))):
        code = 0 if words is None else run(words)
        if code in STOPS:
            raise Stopped("stopped: the same command goes on from here", STOPS[code])
        if code:
            found.failed[seed] = f"{what} ended with exit code {code}"
            return
        if what == "training":
            write_json(recipe.runs / name / FINISHED, list(recipe.train))
    try:
        found.done[seed] = read_tested(recipe.results_dir / name / recipe.results, recipe.runs / name, name)
    except InputError as error:
        found.failed[seed] = str(error)


def train_words(recipe: Recipe, seed: int) -> list[str] | None:
    """The command that trains a run, or goes on with it; None where it is finished."""
    folder = RunFolder(recipe.runs / recipe.run(seed))
    words = [str(ROOT / "train.py"), *recipe.train, "--name", recipe.run(seed), "--suffix", "", "--seed", str(seed)]
    if not folder.state_path.exists():
        return words
    if is_finished(folder.path, recipe.train):
        print(f"{folder.path} is trained already", flush=True)
        return None
    words.append("--continue_train")
    if recipe.settings.run.max_minutes is not None:  # which counts from the call on
        left = recipe.settings.run.max_minutes - (read_training_log(folder.path / "log.jsonl").train_s or 0.0) / 60
        if left <= 0:
            return None
        words += ["--max_minutes", f"{left:.4f}"]
    return words


def is_finished(folder: Path, train: Sequence[str]) -> bool:
    """Whether a run was trained to its end with the same flags."""
    try:
        return json.loads((folder / FINISHED).read_bytes()) == list(train)
    except (OSError, ValueError):
        return False


def test_words(recipe: Recipe, name: str) -> list[str]:
    """The command that tests a run."""
    return [str(ROOT / "test.py"), *recipe.test, "--name", name, "--checkpoints_dir", str(recipe.runs)]


def run(words: Sequence[str]) -> int:
    """Run a command to its end, which may save before it stops; its exit code."""
    print(f"python {shlex.join([Path(words[0]).name, *words[1:]])}", flush=True)
    child = subprocess.Popen([sys.executable, *words])
    # Ctrl-C reaches the child by itself, and this process waits for it.
    handlers = {signal.SIGINT: lambda *_: None, signal.SIGTERM: lambda number, _: child.send_signal(number)}
    former = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        return child.wait()
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def report(recipe: Recipe, found: Seeds) -> None:
    """The table, as Markdown and JSON and on a page of the runs beside each other."""
    folder = recipe.results_dir / f"{recipe.name}_seeds"
    lines = summarize(found.done)
    content: dict[str, Any] = {
        "name": recipe.name,
        "train": list(recipe.train),
        "test": list(recipe.test),
        "seeds": {str(seed): {"run": run.name, "step": run.step or run.last_step} for seed, run in found.done.items()},
        "failed": {str(seed): why for seed, why in found.failed.items()},
        "measures": {line.name: line.as_json() for line in lines},
    }
    write_json(folder / "seeds.json", content)
    if not found.done:
        return
    text = in_markdown(recipe.name, lines, found.done, found.failed)
    write_text(folder / "seeds.md", text)
    print(f"\n{text}")
    more = {
        "mean": {line.name: line.words(line.mean) for line in lines},
        "standard deviation": {line.name: line.words(line.spread) for line in lines},
    }
    title = f"{recipe.name} over {len(found.done)} seeds"
    write_page(folder / "index.html", title, list(found.done.values()), more, ["seed"])


if __name__ == "__main__":
    run_command(main)
