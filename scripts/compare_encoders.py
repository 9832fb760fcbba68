"""Which method learns the best features in the same minutes? Each trained over several seeds, in one table.

    python scripts/compare_encoders.py --dataroot clothing10 --minutes 5
    python scripts/compare_encoders.py --dataroot clothing10 --minutes 5 --methods rotation --jobs 2 -- --nef 32

DATAROOT has train/CLASS/ and test/CLASS/; the classes are not told to the methods. Beside these stand untrained
networks of as many seeds. What stands behind -- are flags of train.py for every method. The same command goes on where
it was stopped; what is trained already is not trained again. With --jobs 2 two trainings share the machine, a part of
its cores each.

Writes OUT: index.html, a page of the tables; transfer.md and transfer.json, the same; and a folder of runs.
"""

import argparse
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from translate.commands import run_command
from translate.data.machine import usable_cores
from translate.errors import InputError, RunError
from translate.files import write_text
from translate.options import TransferOptions
from translate.registry import did_you_mean
from translate.transfer import PROTOCOLS, ZERO_SHOT, chosen_protocols, find_sets, transfer

TRAIN = Path(__file__).resolve().parent.parent / "train.py"
# A small network on small pictures, for CPUs; the same for all methods, whose features can then be compared.
RECIPE = ("--netE", "alexnet", "--nef", "16", "--load_size", "160", "--crop_size", "144", "--n_epochs", "1000000",
          "--n_epochs_decay", "0", "--batch_size", "32", "--print_freq", "1600", "--no_html")  # fmt: skip
METHODS: dict[str, tuple[str, ...]] = {
    "rotation": ("--model", "rotation"),
    "relative_position": ("--model", "relative_position", "--netE", "alexnet", "--patch_px", "40", "--gap_px", "8",
                          "--jitter_px", "2", "--pair_nc", "256"),
    "jigsaw": ("--model", "jigsaw", "--permutations", "10", "--tile_px", "40", "--tile_nc", "128", "--head_nc", "512"),
    "simclr": ("--model", "simclr", "--temperature", "0.5", "--batch_size", "64", "--view_px", "96"),
    "moco": ("--model", "moco", "--queue_size", "1024", "--key_momentum", "0.99", "--batch_size", "64", "--view_px",
             "96"),
    "moco_v3": ("--model", "moco", "--moco_version", "v3", "--head_nc", "256", "--feature_nc", "64", "--temperature",
                "0.2", "--batch_size", "64", "--view_px", "96"),
    "split_brain": ("--model", "split_brain", "--netE", "split_alexnet", "--head_nc", "128"),
}  # fmt: skip
DONE = "done.txt"


def main(arguments: Sequence[str]) -> None:
    arguments = list(arguments)
    train = arguments[arguments.index("--") + 1 :] if "--" in arguments else []
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataroot", required=True, type=Path)
    parser.add_argument("--minutes", required=True, type=float, help="of training, for each run")
    parser.add_argument("--methods", nargs="+", default=list(METHODS), metavar="METHOD", help="(all)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], metavar="SEED", help="(0 1 2)")
    parser.add_argument("--protocols", default="linear,knn", help="(%(default)s)")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("results/encoders"), help="(%(default)s)")
    flags = parser.parse_args(own)
    for name in flags.methods:
        if name not in METHODS:
            raise InputError(f"--methods {name}: {did_you_mean(name, METHODS)}")
    if flags.jobs < 1 or flags.minutes <= 0:
        raise InputError(f"--jobs {flags.jobs} --minutes {flags.minutes}: give at least one job and more than no time")
    # What would fail behind all trainings fails here.
    if ZERO_SHOT in chosen_protocols(flags.protocols, PROTOCOLS):
        raise InputError(f"--protocols {ZERO_SHOT} asks what learned from texts, which none of these has; leave it out")
    find_sets(flags.dataroot, TransferOptions())
    seeds = list(dict.fromkeys(flags.seeds))
    runs = [(name, seed) for seed in seeds for name in dict.fromkeys(flags.methods)]
    limit = ["--max_minutes", str(flags.minutes)]
    train_all(runs, flags.dataroot, flags.out, [*limit, *train], flags.jobs)
    by_method = sorted(runs, key=lambda run: (list(METHODS).index(run[0]), run[1]))
    told = {"dataroot": str(flags.dataroot), "protocols": flags.protocols, "random": len(seeds), "output": flags.out}
    transfer([str(folder_of(flags.out, *run)) for run in by_method], told)


def folder_of(out: Path, name: str, seed: int) -> Path:
    return out / "runs" / f"{name}_seed{seed}"


def train_all(runs: Sequence[tuple[str, int]], dataroot: Path, out: Path, train: Sequence[str], jobs: int) -> None:
    """Train every method with every seed.

    Raises:
        RunError: some failed; the others are there.
    """
    threads = max(usable_cores() // jobs, 1)

    def work(run: tuple[str, int]) -> str | None:
        name, seed = run
        folder = folder_of(out, name, seed)
        home = ["--dataroot", str(dataroot), "--checkpoints_dir", str(folder.parent), "--name", folder.name]
        words = [str(TRAIN), *RECIPE, *METHODS[name], *train, *home, "--seed", str(seed)]
        if (folder / DONE).exists() and (folder / DONE).read_text() == shlex.join(words):
            print(f"{folder.name}: is trained already", flush=True)
            return None
        log = out / "logs" / f"{folder.name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with open(log, "w", encoding="utf-8") as file:
            print(f"python {shlex.join(words)}", file=file, flush=True)
            environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
            code = subprocess.run([sys.executable, *words], stdout=file, stderr=file, env=environment).returncode
        print(f"{folder.name}: {'done' if code == 0 else f'failed, see {log}'}", flush=True)
        if code == 0:
            write_text(folder / DONE, shlex.join(words))
        return None if code == 0 else str(log)

    with ThreadPoolExecutor(jobs) as pool:
        failed = list(filter(None, pool.map(work, runs)))
    if failed:
        raise RunError(f"{len(failed)} of {len(runs)} runs failed; see {failed[0]}")


if __name__ == "__main__":
    run_command(main)
