"""Put tested runs beside each other: what was measured, what they cost, and what they make of the same inputs.

    python scripts/compare.py my_run my_other_run
    python scripts/compare.py results/my_run/test_latest results/my_run/test_20 --out results/epochs.html

A run is named as in test.py, or by the folder of its results. The page links the pictures where they lie: neither it
nor they can be moved without the other.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from translate.commands import run_command
from translate.errors import InputError
from translate.metric_figures import figure_of
from translate.options import ReportOptions, RunOptions, TestOptions
from translate.registry import did_you_mean
from translate.reports.cards import MEANINGS
from translate.reports.compare import More, write_compare_page
from translate.reports.runs_table import Line
from translate.reports.tested import Tested, is_tested, read_tested, run_name
from translate.settings import SESSION_FLAGS

# Flags that say where a run is, or how it is looked at, and nothing about what it learns.
IGNORED = {*SESSION_FLAGS, *ReportOptions.__dataclass_fields__, "name", "checkpoints_dir", "stall_s"}
IGNORED |= {"metrics", "best_metric", "metrics_weights"}


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", metavar="RUN", help="name of a tested run, or folder of its results")
    parser.add_argument("--results_dir", type=Path, default=Path(TestOptions.results_dir), help="(%(default)s)")
    parser.add_argument("--checkpoints_dir", type=Path, default=Path(RunOptions.checkpoints_dir), help="(%(default)s)")
    parser.add_argument("--phase", default=TestOptions.phase, help="of the tests of runs that are named (%(default)s)")
    parser.add_argument("--epoch", default=TestOptions.epoch, help="the same (%(default)s)")
    parser.add_argument("--out", type=Path, help="the page; default: compare.html in RESULTS_DIR")
    parser.add_argument("--width", type=int, default=256, help="of a picture in the page, in pixels (%(default)s)")
    flags = parser.parse_args(arguments)
    if len(flags.runs) < 2:
        raise InputError("name two runs or more to compare them")
    test = f"{flags.phase}_{flags.epoch}"
    folders = [find_results(word, flags.results_dir, test) for word in flags.runs]
    compare(folders, flags.checkpoints_dir, flags.out or flags.results_dir / "compare.html", flags.width)


def find_results(word: str, results_dir: Path, test: str) -> Path:
    """The folder of results that a word on the command line means.

    Raises:
        InputError: there is none.
    """
    folder = results_dir / word / test
    for place in (folder, Path(word)):
        if is_tested(place):
            return place
    known = [str(path.parent.relative_to(results_dir)) for path in results_dir.rglob(test) if is_tested(path)]
    hint = did_you_mean(word, known) if known else "there are no results in it"
    raise InputError(f"no results of {word!r} in {folder}: {hint}; python test.py --name {word} makes some")


def compare(folders: Sequence[Path], checkpoints_dir: Path, page: Path, width: int) -> None:
    """Write the page, and say where it is and what a reader must know."""
    runs = [read_tested(folder, checkpoints_dir / run_name(folder), name) for folder, name in named(folders).items()]
    write_page(page, f"{len(runs)} runs compared", runs, width=width)


def write_page(
    page: Path,
    title: str,
    runs: Sequence[Tested],
    more: More | None = None,
    ignored: Collection[str] = (),
    width: int = 256,
    further: Mapping[str, Sequence[Line]] | None = None,
) -> None:
    """Write a page of runs, and say where it is and what a reader must know."""
    for note in write_compare_page(page, title, runs, figure_of, {*IGNORED, *ignored}, more, width, further):
        print(f"note: {note}")
    print(f"page: {page}")


def named(folders: Sequence[Path]) -> dict[Path, str]:
    """A name for each folder: that of its run, with its test behind it where runs occur more than once.

    Raises:
        InputError: a folder is named twice.
    """
    runs = {folder: run_name(folder) for folder in folders}
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise InputError("the same results are named twice: name each of them once")
    often = Counter(runs.values())
    names = {folder: run if often[run] == 1 else f"{run}, {folder.name}" for folder, run in runs.items()}
    names = {folder: f"run {name}" if name in MEANINGS else name for folder, name in names.items()}
    clashing = [str(folder) for folder, name in names.items() if list(names.values()).count(name) > 1]
    return {folder: str(folder) if str(folder) in clashing else name for folder, name in names.items()}


if __name__ == "__main__":
    run_command(main)
