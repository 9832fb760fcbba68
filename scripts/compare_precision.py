"""Do gradients in half precision point where those of float32 do? By network, at a run's start and as it is now.

    python scripts/compare_precision.py --name my_run
    python scripts/compare_precision.py --name my_run --precision fp16 --batches 8

Takes a run that has saved its state, and batches of its own training pictures. Prints the cosine between the gradients
of each network in both precisions, and how much longer or shorter the one in half precision is: means over the batches,
and the worst of the cosines.
"""

import argparse
import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from translate.commands import run_command
from translate.errors import InputError
from translate.training.device import choose_device
from translate.training.feeding import make_batches, make_sampler
from translate.training.forward import Forward
from translate.training.job import Job, build_method, prepare_job
from translate.training.precision import HALF, Precision
from translate.training.preparing import Batch, Preparation
from translate.training.processes import Processes

Gradients = dict[str, Tensor]  # of a network, as one flat vector


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", required=True, help="the run")
    parser.add_argument("--checkpoints_dir", default="./checkpoints")
    parser.add_argument("--precision", default="bf16", choices=HALF, help="compared with float32 (%(default)s)")
    parser.add_argument("--batches", type=int, default=4, help="to average over (%(default)s)")
    parser.add_argument("--gpu_ids", default="0")
    flags = parser.parse_args(arguments)
    told = {"name": flags.name, "checkpoints_dir": flags.checkpoints_dir, "continue_train": True, "num_threads": 0}
    job = prepare_job(told, Processes(), choose_device(flags.gpu_ids))
    if job.start.state is None:
        raise InputError(f"--name {flags.name}: no saved state in {job.start.folder.path}; train the run with train.py")
    print("| weights | network | cosine, mean | cosine, worst | length |\n|---|---|---|---|---|")
    fresh = build_method(job.settings).state_dict()
    for when, weights in (("at the start", fresh), ("trained", job.start.state["method"])):
        job.method.load_state_dict(weights)
        for line in compare(job, flags.precision, flags.batches):
            print(f"| {when} | {line}")


def compare(job: Job, word: str, count: int) -> list[str]:
    """A line of the table for each network."""
    first = make_sampler(job.feed, job.settings)  # the run's own sampler has nothing left where the run is done
    batches = make_batches(job.feed, job.settings, first, job.precision.device)
    pairs = [(gradients(job, batch, word), gradients(job, batch, "fp32")) for batch in islice(batches, count)]
    lines = []
    for name in pairs[0][0]:
        cosines = [torch.cosine_similarity(half[name], full[name], dim=0).item() for half, full in pairs]
        lengths = [(half[name].norm() / full[name].norm()).item() for half, full in pairs]
        lines.append(f"{name} | {sum(cosines) / count:.4f} | {min(cosines):.4f} | {sum(lengths) / count:.3f} |")
    return lines


def gradients(job: Job, batch: Batch, word: str) -> Gradients:
    """Of one step, without taking it."""
    method, precision = job.method.train(), Precision(word, job.precision.device)
    prepare = Preparation(method, job.settings.run.seed, precision.device, precision.layout)
    states = Forward(method, prepare.seed_layers, precision.autocast, [prepare(batch)])
    found = {}
    for player, names in method.players.items():
        state = states.of(player, 0)
        with precision.autocast():
            total, _ = method.losses(player, state)
        for name in names:
            weights = list(method.networks[name].parameters())
            parts = torch.autograd.grad(total, weights, retain_graph=True, allow_unused=True)
            found[name] = torch.cat([part.double().flatten() for part in parts if part is not None])
    return found


if __name__ == "__main__":
    run_command(main)
