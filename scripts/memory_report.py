"""Memory of a training step: what is estimated beforehand, and what a process then needs for it.

    python scripts/memory_report.py
    python scripts/memory_report.py --model=cut --crop_size=512 --precision=bf16

With flags of train.py, the step of these; else those of the published table. Each is measured in a process of its own,
as scripts/benchmark.py does: the peak of the process above what it had before the networks were built.
"""

import multiprocessing
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from translate.commandline import parse_train
from translate.commands import run_command
from translate.networks.checkpointing import checkpoint_gradients
from translate.settings import TrainSettings, resolve
from translate.training.device import choose_device
from translate.training.estimate import estimate_step
from translate.training.job import build_method
from translate.training.loop import Limits, Trainer
from translate.training.memory import keep_freed_memory, peak_mib
from translate.training.optimizers import build_optimizers
from translate.training.precision import choose_precision

STEPS = 2
PUBLISHED = (
    "--crop_size 128",
    "--crop_size 128 --ngf 32 --ndf 32",
    "--crop_size 256",
    "--crop_size 256 --ngf 32 --ndf 32",
    "--crop_size 256 --grad_checkpointing",
    "--crop_size 128 --batch_size 4",
    "--crop_size 128 --batch_size 4 --accumulate 4",
    "--CUT_mode FastCUT --crop_size 256",
    "--model cycle_gan --crop_size 128",
    "--model cycle_gan --crop_size 256 --ngf 32 --ndf 32",
    "--model pix2pix --crop_size 256",
)


def main(arguments: Sequence[str]) -> None:
    rows = [shlex.join(arguments)] if arguments else PUBLISHED
    print("| flags | estimated, MiB | measured, MiB | ratio |\n|---|---|---|---|", flush=True)
    for flags in rows:
        with multiprocessing.get_context("spawn").Pool(1) as pool:  # a process for each
            estimated, measured = pool.apply(compare, (flags,))
        print(f"| `{flags}` | {estimated:.0f} | {measured:.0f} | {estimated / measured:.2f} |", flush=True)


def compare(flags: str) -> tuple[float, float]:
    """MiB of a step: as estimated, and as needed by this process."""
    values = {"precision": "fp32", **parse_train(shlex.split(flags))}
    settings = resolve({"input_nc": 3, "output_nc": 3, **values})
    device = choose_device(settings.run.gpu_ids)
    measured = measure(settings, device)
    method = build_method(settings)
    precision = choose_precision(settings.speed.precision, device, generator=method.generator)
    method.to(device, memory_format=precision.layout)
    if settings.speed.grad_checkpointing:
        checkpoint_gradients(method)
    side = settings.data.crop_size
    found = estimate_step(settings, method, precision, (side, side))
    return (found.to_come_bytes(device) + found.weights_bytes) / 2**20, measured


def measure(settings: TrainSettings, device: torch.device) -> float:
    torch.optim.Adam([torch.zeros(1, requires_grad=True)])  # imports what a run has imported when it tells its memory
    before = peak_mib(device)
    method = build_method(settings)
    precision = choose_precision(settings.speed.precision, device, generator=method.generator)
    precision.set_up()
    keep_freed_memory()
    method.to(device, memory_format=precision.layout)
    if settings.speed.grad_checkpointing:
        checkpoint_gradients(method)
    size, parts = settings.data.batch_size, settings.speed.accumulate
    optimizers = build_optimizers(method, settings)
    trainer = Trainer(
        method, optimizers, lambda epoch: 2e-4, 0, precision, size, Limits(1, 10**9), lambda _: False, parts
    )
    for number in range(STEPS):
        trainer.step(make_batch(settings, number))
    return peak_mib(device) - before


def make_batch(settings: TrainSettings, number: int) -> dict[str, Any]:
    """As a loader gives it; the pictures are noise."""
    data, drawn = settings.data, torch.Generator().manual_seed(number)
    shape = data.batch_size, 3, data.crop_size, data.crop_size
    pictures = {letter: torch.randint(0, 256, shape, generator=drawn, dtype=torch.uint8) for letter in "AB"}
    first = number * data.batch_size
    return {**pictures, "A_paths": [], "B_paths": [], "epoch": 1, "index": list(range(first, first + data.batch_size))}


if __name__ == "__main__":
    run_command(main)
