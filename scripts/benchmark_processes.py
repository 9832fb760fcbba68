"""Training steps by one process and by several, side by side: seconds a step, pictures a second, how well it scales.

    python scripts/benchmark_processes.py --processes 1 2
    python scripts/benchmark_processes.py --processes 1 2 4 8 --batch_size 8 --crop_size 256 --ngf 64 --ndf 64

Every process has as many threads as it would have if all of them were there, so that what is measured is the sharing,
not the number of cores. Prints a table and a line of JSON.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import torch
from benchmark import machine, make_batch, settings_of, share_of

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from translate.commands import run_command
from translate.data.machine import usable_cores
from translate.data.sampling import Share
from translate.errors import RunError
from translate.training.device import choose_device
from translate.training.job import build_method
from translate.training.loop import Limits, Trainer
from translate.training.memory import keep_freed_memory
from translate.training.optimizers import build_optimizers
from translate.training.precision import choose_precision
from translate.training.processes import Processes, joined, processes_of_environment, start_alike


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2], help="numbers to compare")
    parser.add_argument("--CUT_mode", default="CUT", choices=("CUT", "FastCUT"))
    parser.add_argument("--batch_size", type=int, default=2, help="over all processes")
    parser.add_argument("--crop_size", type=int, default=128)
    parser.add_argument("--ngf", type=int, default=32)
    parser.add_argument("--ndf", type=int, default=32)
    parser.add_argument("--gpu_ids", default="0")
    parser.add_argument("--steps", type=int, default=10, help="that are measured")
    parser.add_argument("--warm_up", type=int, default=3, help="steps before them")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    flags = parser.parse_args(arguments)
    if flags.worker:
        work(flags)
        return
    if flags.steps < 1 or flags.warm_up < 0:
        parser.error("--steps: at least 1, behind --warm_up of at least 0")
    settings_of(flags)  # refuses what no training takes, before there are processes
    for count in flags.processes:
        if count < 1:
            parser.error("--processes: numbers of at least 1")
        Share(processes=count).check(flags.batch_size)
        choose_device(flags.gpu_ids, Processes(count=count, local_count=count))  # refuses more of them than GPUs
    found, precisions = {}, []
    for count in flags.processes:
        found[count], precision = measure(count, flags, arguments)
        precisions.append(precision)
    print(in_a_table(found, flags.batch_size))
    where = machine(flags.gpu_ids, *precisions)
    print(json.dumps({"machine": where, "torch": torch.__version__, **vars(flags), "step_s": found}))


def measure(count: int, flags: argparse.Namespace, arguments: Sequence[str]) -> tuple[float, str]:
    """Median seconds a step of so many processes, and the precision they compute in.

    Raises:
        RunError: one of them failed.
    """
    threads = max(usable_cores() // max(flags.processes), 1)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "found.json"
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={count}"]
        command += [__file__, *arguments, "--worker", str(target)]
        done = subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": str(threads)})
        if done.returncode:
            raise RunError(f"{count} processes have failed of what stands above; leave {count} out of --processes")
        step_s, precision = json.loads(target.read_text())
        return step_s, precision


def work(flags: argparse.Namespace) -> None:
    """One of the processes: step, and let the first one write how long it took."""
    processes = processes_of_environment()
    device = choose_device(flags.gpu_ids, processes)
    keep_freed_memory(device)
    with joined(processes, device):
        settings = settings_of(flags)
        method = build_method(settings)
        precision = choose_precision("auto", device, generator=method.generator)
        precision.set_up()
        method.to(device, memory_format=precision.layout)
        start_alike(method)
        optimizers = build_optimizers(method, settings)
        limits = Limits(1, 10**9)
        trainer = Trainer(
            method, optimizers, lambda epoch: 2e-4, 0, precision, flags.batch_size, limits, lambda _: False
        )
        share = processes.share()
        seconds = []
        for number in range(flags.warm_up + flags.steps):
            batch = share_of(make_batch(flags, number), share)
            started = time.perf_counter()
            trainer.step(batch)
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            seconds.append(time.perf_counter() - started)
        if processes.is_first:
            Path(flags.worker).write_text(json.dumps([median(seconds[flags.warm_up :]), precision.name]))


def in_a_table(found: dict[int, float], batch_size: int) -> str:
    """In Markdown; the efficiency is that of the pictures a second and process, of the first row's."""
    lines = ["| processes | s a step | pictures/s | times | efficiency |", "|---|---|---|---|---|"]
    first, base = next(iter(found.items()))
    for count, step_s in found.items():
        times = base / step_s
        lines.append(
            f"| {count} | {step_s:.3g} | {batch_size / step_s:.3g} | {times:.2f} | {times * first / count:.0%} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    run_command(main)
