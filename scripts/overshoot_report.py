"""Are the weights that a validation set chose better than the last ones, where a training goes on for too long?

    python scripts/overshoot_report.py --out /tmp/overshoot

A discriminator without a penalty, a high learning rate and a weak hold on the input: the generator gets good, then
worse. The weights that were best on half of the sample's test pictures by their distance to domain B, which needs no
truth, and the last ones translate the other half, whose truth is known. A row for each seed; exit code 0 if the chosen
ones are nearer to the truth for every seed. About ten minutes on a core of 2.6 GHz.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from health_report import SMALL_CUT

from translate.data.listing import list_pictures
from translate.data.sample import make_sample
from translate.reports.training_log import read_training_log
from translate.testing import run_test
from translate.training.run import train_from_flags

FLAGS = {
    **SMALL_CUT, "lambda_NCE": 1, "lambda_R1": 0, "lr": 0.001, "n_epochs": 1000, "max_steps": 2400, "num_threads": 0,
    "eval_every": 240, "metrics": "domain,psnr_truth", "best_metric": "domain_distance", "print_freq": 100,
}  # fmt: skip
METRIC = "psnr_truth"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for the data, the runs and their results")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], metavar="SEED", help="(0 1 2)")
    options = parser.parse_args(arguments)
    data = options.out / "data"
    if not data.exists():
        make_sample(data)
        make_validation(data)
    rows = [report(seed, data, options.out) for seed in options.seeds]
    print("| seed | chosen at step | of | dB to the truth: chosen | last |\n|---|---|---|---|---|")
    for seed, step, last_step, best, last in rows:
        print(f"| {seed} | {step} | {last_step} | {best:.2f} | {last:.2f} |")
    return 0 if all(best > last for *_, best, last in rows) else 1


def make_validation(data: Path) -> None:
    """Move every second test picture, with its truth, to ``valA`` and ``valB``."""
    for name in ("testA", "testB", "testA_truth"):
        folder = data / name.replace("test", "val")
        folder.mkdir()
        for path in list_pictures(data / name)[::2]:
            shutil.move(path, folder / path.name)


def report(seed: int, data: Path, out: Path) -> tuple[int, int, int, float, float]:
    """Train with a seed, unless that is done; seed, steps of the chosen and the last weights, and what they reach."""
    runs, name = out / "runs", f"seed{seed}"
    told = {**FLAGS, "dataroot": str(data), "checkpoints_dir": str(runs), "name": name, "seed": seed}
    begun = (runs / name / "latest_state.pth").exists()
    if not begun or read_training_log(runs / name / "log.jsonl").step < FLAGS["max_steps"]:
        train_from_flags({**told, "continue_train": begun})
    found = {}
    for epoch in ("best", "latest"):
        told = {"checkpoints_dir": str(runs), "name": name, "epoch": epoch, "results_dir": str(out / "results")}
        page = run_test({**told, "metrics": METRIC}).page
        found[epoch] = json.loads((page.parent / "scores.json").read_text())["metrics"][METRIC]["value"]
    best = json.loads((runs / name / "best.json").read_text())
    last = json.loads((runs / name / "log.jsonl").read_text().splitlines()[-1])
    return seed, best["step"], last["step"], found["best"], found["latest"]


if __name__ == "__main__":
    sys.exit(main())
