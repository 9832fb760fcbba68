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

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from translate.commandline import parse_train
from translate.commands import run_command
from translate.data.sampling import Share
from translate.networks.checkpointing import checkpoint_gradients
from translate.settings import TrainSettings, resolve
from translate.training.averaging import WeightAverage
from translate.training.device import choose_device
from translate.training.estimate import estimate_step, made_up_batch
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
    rows = {flags: settings_of(flags) for flags in ([shlex.join(arguments)] if arguments else PUBLISHED)}
    print("| flags | estimated, MiB | measured, MiB | ratio |\n|---|---|---|---|", flush=True)
    for flags, settings in rows.items():
        with multiprocessing.get_context("spawn").Pool(1) as pool:  # a process for each
            estimated, measured = pool.apply(compare, (settings,))
        print(f"| `{flags}` | {estimated:.0f} | {measured:.0f} | {estimated / measured:.2f} |", flush=True)


def settings_of(flags: str) -> TrainSettings:
    """What they come to, in float32 unless they say so."""
    settings = resolve({"precision": "fp32", "input_nc": 3, "output_nc": 3, **parse_train(shlex.split(flags))})
    Share(parts=settings.speed.accumulate).check(settings.data.batch_size)
    return settings


def compare(settings: TrainSettings) -> tuple[float, float]:
    """MiB of a step: as estimated, and as needed by this process."""
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
    keep_freed_memory(device)
    method.to(device, memory_format=precision.layout)
    if settings.speed.grad_checkpointing:
        checkpoint_gradients(method)
    side, size, ema = settings.data.crop_size, settings.data.batch_size, settings.optimizer.ema
    trainer = Trainer(
        method,
        build_optimizers(method, settings),
        lambda epoch: 2e-4,
        0,
        precision,
        size,
        Limits(1, 10**9),
        lambda _: False,
        settings.speed.accumulate,
        WeightAverage({name: method.networks[name] for name in method.kept_networks}, ema) if ema else None,
    )
    for _ in range(STEPS):
        trainer.step(made_up_batch(settings, (side, side), size, method.batch_nc, noise))
    return peak_mib(device) - before


def noise(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    return torch.rand(shape) if dtype.is_floating_point else torch.randint(0, 256, shape, dtype=dtype)


if __name__ == "__main__":
    run_command(main)
