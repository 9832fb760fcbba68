"""Seconds a step, seconds a picture and memory: the published way of computing against the default, side by side.

    python scripts/benchmark.py
    python scripts/benchmark.py --CUT_mode FastCUT --reference ../contrastive-unpaired-translation
    python scripts/benchmark.py --profile

Each side runs in a process of its own, and they take turns step by step, so that what else the machine does falls on
all alike. ``published`` is float32, the default layout, plain layers, a pass for each input, plain Adam; ``fp32`` and
``default`` are what ``train.py`` does with ``--precision fp32`` and without; ``parts`` is the default with
``--accumulate`` as large as the batch, ``recomputed`` with ``--grad_checkpointing``, ``compiled`` with
``--compile on``, ``graphs`` with ``--cuda_graphs``. Pictures are translated as by ``test.py``, in the precision of the
side. Prints a table and a line of JSON. The loader alone is measured by benchmark_input.py, several processes by
benchmark_processes.py.
"""

import argparse
import json
import multiprocessing
import platform
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache, partial
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "golden"))

from translate.commands import run_command
from translate.data.sampling import Share
from translate.errors import RunError
from translate.methods import cut
from translate.networks.casting import CastWeights
from translate.networks.checkpointing import checkpoint_gradients
from translate.networks.instance_norm import InstanceNorm
from translate.networks.layers import BlurDownsample, BlurUpsample
from translate.settings import TrainSettings, resolve
from translate.training.compiling import compile_networks
from translate.training.device import choose_device, describe_device
from translate.training.job import build_method
from translate.training.loop import Limits, Trainer
from translate.training.memory import keep_freed_memory, peak_mib
from translate.training.optimizers import build_optimizers
from translate.training.precision import HALF, choose_precision
from translate.training.recording import CudaGraphs

SIDES = ("reference", "published", "fp32", "default", "compiled", "graphs", "parts", "recomputed")
RECORDING = 24  # steps in which all kinds of batches are recorded


class Work(NamedTuple):
    """What a side does when it is its turn, and in which precision."""

    step: Callable[[], None]
    picture: Callable[[], None]
    precision: str


class Found(NamedTuple):
    """What came out for a side: seconds of every turn by what was done, and the memory of its steps."""

    precision: str
    seconds: dict[str, list[float]]
    memory_mib: float


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--CUT_mode", default="CUT", choices=("CUT", "FastCUT"))
    parser.add_argument("--crop_size", type=int, default=256)
    parser.add_argument("--batch_size", type=int, default=1)
    parser.add_argument("--ngf", type=int, default=64)
    parser.add_argument("--ndf", type=int, default=64)
    parser.add_argument("--gpu_ids", default="0")
    parser.add_argument("--steps", type=int, default=7, help="that are measured")
    parser.add_argument("--warm_up", type=int, default=2, help="steps before them")
    parser.add_argument("--reference", help="checkout of taesungp/contrastive-unpaired-translation, as a further side")
    parser.add_argument("--profile", action="store_true", help="a step of the default by operator and layer, alone")
    parser.add_argument("--sides", nargs="+", choices=SIDES[1:], default=list(SIDES[1:4]), help="what is compared")
    flags = parser.parse_args(arguments)
    if "graphs" in flags.sides and choose_device(flags.gpu_ids).type != "cuda":
        parser.error("--sides graphs: CUDA graphs are of GPUs, and here is none; leave this side out")
    if flags.steps < 1 or flags.warm_up < 0:
        parser.error("--steps: at least 1, behind --warm_up of at least 0")
    settings_of(flags)  # refuses what no training takes, before there are processes
    if flags.profile:
        print(profile(flags))
        return
    sides = [*(["reference"] if flags.reference else []), *dict.fromkeys(flags.sides)]
    results = {side: summarise(found) for side, found in take_turns(sides, flags).items()}
    facts = {
        "machine": machine(flags.gpu_ids, *(found["precision"] for found in results.values())),
        "torch": torch.__version__,
        **{name: getattr(flags, name) for name in ("CUT_mode", "crop_size", "batch_size", "ngf", "ndf", "steps")},
    }
    print(in_a_table(results, sides[0]))
    print(json.dumps({**facts, "results": results}))


def take_turns(sides: Sequence[str], flags: argparse.Namespace) -> dict[str, Found]:
    """What came out, by side."""
    context = multiprocessing.get_context("spawn")
    lines, processes, precisions = {}, [], {}
    for side in sides:
        lines[side], theirs = context.Pipe()
        processes.append(context.Process(target=serve, args=(side, flags, theirs), daemon=True))
        processes[-1].start()
        theirs.close()  # with no end here, a side that dies is noticed at once
        precisions[side] = answer_of(side, lines[side])
    seconds: dict[str, dict[str, list[float]]] = {side: {"step": [], "picture": []} for side in sides}
    for what in ("step", "picture"):
        for turn in range(flags.warm_up + flags.steps):
            for side in sides:
                lines[side].send(what)
                taken = answer_of(side, lines[side])
                if turn >= flags.warm_up:
                    seconds[side][what].append(taken)
    memory = {}
    for side in sides:
        lines[side].send("end")
        memory[side] = answer_of(side, lines[side])
    for process in processes:
        process.join()
    return {side: Found(precisions[side], seconds[side], memory[side]) for side in sides}


def answer_of(side: str, line: Connection) -> Any:
    """What a side's process sends next."""
    try:
        return line.recv()
    except (EOFError, ConnectionResetError):
        raise RunError(f"the side {side} has died of what stands above; leave it out of --sides") from None


def serve(side: str, flags: argparse.Namespace, line: Connection) -> None:
    """Say in which precision, do what is asked for and say how long it took; at the end, how much memory the steps
    needed."""
    make = partial(make_reference, flags.reference) if side == "reference" else partial(make_ours, side)
    device = choose_device(flags.gpu_ids)
    before_mib = peak_mib(device)
    work = make(flags)
    line.send(work.precision)
    steps_mib = 0.0
    while (what := line.recv()) != "end":
        started = time.perf_counter()
        getattr(work, what)()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        line.send(time.perf_counter() - started)
        if what == "step":
            steps_mib = peak_mib(device) - before_mib
    line.send(steps_mib)


def make_ours(side: str, flags: argparse.Namespace) -> Work:
    """A trainer of this library, as it is or computing the way that was published."""
    settings = settings_of(flags)
    device = choose_device(flags.gpu_ids)
    method = build_method(settings)
    precision = choose_precision(
        "fp32" if side in ("published", "fp32") else "auto", device, generator=method.generator
    )
    precision.set_up()
    layout = torch.contiguous_format if side == "published" else precision.layout
    method.to(device, memory_format=layout)
    optimizers = build_optimizers(method, settings)
    if side == "published":
        compute_as_published(method)
        optimizers = {name: plain_adam(optimizer) for name, optimizer in optimizers.items()}
    else:
        keep_freed_memory(device)
    if side == "recomputed":
        checkpoint_gradients(method)
    if side == "compiled":
        compile_networks(method, "on", precision)
    parts, limits = flags.batch_size if side == "parts" else 1, Limits(1, 10**9)
    recorder = CudaGraphs(device) if side == "graphs" else None
    trainer = Trainer(
        method, optimizers, lambda epoch: 2e-4, 0, precision, flags.batch_size, limits, lambda _: False, parts,
        recorder=recorder,
    )  # fmt: skip
    if side == "published":
        trainer.prepare.layout = torch.contiguous_format
    numbers = count()
    drawn = make_batch(flags, 0)  # once: to draw pictures is no part of a step
    still = torch.contiguous_format if side == "published" else torch.channels_last  # as the translator has it
    pictures = torch.rand(1, 3, flags.crop_size, flags.crop_size, device=device).contiguous(memory_format=still)

    def step() -> None:
        with recorder.beside() if recorder else nullcontext():
            trainer.step({**drawn, "index": indices(flags.batch_size, next(numbers))})

    for _ in range(RECORDING if recorder else 0):
        step()

    @cache
    def translator() -> tuple[nn.Module, Callable[[], AbstractContextManager]]:
        network, half = method.to(memory_format=still).trained_translator(), HALF.get(precision.name)
        return network, CastWeights(network, half, keep=True).in_place if half else nullcontext

    def picture() -> None:
        network, cast = translator()
        with torch.inference_mode(), precision.autocast(), cast():
            network(pictures)

    return Work(step, picture, precision.name)


def compute_as_published(method: nn.Module) -> None:
    """Layers as torch offers them, and a pass through the networks for each input."""
    for module in method.modules():
        if isinstance(module, InstanceNorm):
            module.forward = partial(plain_norm, module)
        elif isinstance(module, BlurDownsample):
            module.forward = partial(plain_down, module)
        elif isinstance(module, BlurUpsample):
            module.forward = partial(plain_up, module)
    method.networks["G"].features_are_reusable = False
    cut.run_together = lambda network, inputs: [network(images) for images in inputs]


def plain_adam(optimizer: torch.optim.Optimizer) -> torch.optim.Adam:
    """As torch makes one that is told nothing but rate and betas; groups would bring along how they were computed."""
    (group,) = optimizer.param_groups
    return torch.optim.Adam(group["params"], lr=group["lr"], betas=group["betas"])


def plain_norm(module: InstanceNorm, x: Tensor, rectify: bool = False) -> Tensor:
    result = F.instance_norm(x, eps=module.eps)
    return F.relu(result, inplace=True) if rectify else result


def plain_down(module: BlurDownsample, x: Tensor) -> Tensor:
    return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), module.filt, stride=2, groups=x.shape[1])


def plain_up(module: BlurUpsample, x: Tensor) -> Tensor:
    padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
    return F.conv_transpose2d(padded, module.filt, stride=2, padding=3, groups=x.shape[1])


def make_reference(path: str, flags: argparse.Namespace) -> Work:
    """The reference's own code on its own options."""
    from reference_parity import reference

    reference.import_reference(Path(path))
    size = flags.crop_size
    told = {"dataroot": "none", "name": "benchmark", "checkpoints_dir": "/tmp", "gpu_ids": "-1", "ngf": flags.ngf}
    device = choose_device(flags.gpu_ids)
    opt = reference.options(told | {"CUT_mode": flags.CUT_mode, "ndf": flags.ndf, "batch_size": flags.batch_size})
    opt.gpu_ids = [device.index] if device.type == "cuda" else []
    model = reference.create_model(opt, mended=False)
    shape = flags.batch_size, 3, size, size
    data = {"A": torch.rand(shape) * 2 - 1, "B": torch.rand(shape) * 2 - 1, "A_paths": ["a"], "B_paths": ["b"]}
    with reference.quiet():
        model.data_dependent_initialize(data)
        model.setup(opt)
    one = data["A"][:1].to(device)

    def step() -> None:
        with reference.quiet():
            model.set_input(data)
            model.optimize_parameters()
            model.get_current_losses()

    def picture() -> None:
        with torch.no_grad():
            model.netG(one)

    return Work(step, picture, "fp32")


def settings_of(flags: argparse.Namespace) -> TrainSettings:
    names = ("CUT_mode", "crop_size", "batch_size", "ngf", "ndf")
    return resolve({"input_nc": 3, "output_nc": 3, **{name: getattr(flags, name) for name in names}})


def make_batch(flags: argparse.Namespace, number: int) -> dict[str, Any]:
    """As a loader gives it; the pictures are noise."""
    drawn = torch.Generator().manual_seed(number)
    shape = flags.batch_size, 3, flags.crop_size, flags.crop_size
    pictures = {letter: torch.randint(0, 256, shape, generator=drawn, dtype=torch.uint8) for letter in "AB"}
    return {**pictures, "A_paths": [], "B_paths": [], "epoch": 1, "index": indices(flags.batch_size, number)}


def indices(batch_size: int, number: int) -> list[int]:
    """The samples of a batch, of which a step's random numbers are a function."""
    return list(range(number * batch_size, (number + 1) * batch_size))


def share_of(batch: dict[str, Any], share: Share) -> dict[str, Any]:
    """What a process computes of a batch."""
    places = share.of(list(range(len(batch["index"]))))
    taken = {letter: batch[letter][places] for letter in "AB"}
    return {**batch, **taken, "index": [batch["index"][place] for place in places]}


def summarise(found: Found) -> dict[str, Any]:
    return {
        "precision": found.precision,
        "step_s": median(found.seconds["step"]),
        "picture_s": median(found.seconds["picture"]),
        "memory_mib": found.memory_mib,
    }


def in_a_table(results: dict[str, dict[str, Any]], first: str) -> str:
    """In Markdown; ratios are those to the first side."""
    lines = [
        f"| | precision | s a step | times {first} | s a picture | times {first} | MiB of a step | of {first} |",
        "|---" * 8 + "|",
    ]
    base = results[first]
    for side, found in results.items():
        lines.append(
            f"| {side} | {found['precision']} | {found['step_s']:.3g} | {base['step_s'] / found['step_s']:.2f} "
            f"| {found['picture_s']:.3g} | {base['picture_s'] / found['picture_s']:.2f} "
            f"| {found['memory_mib']:.0f} | {found['memory_mib'] / base['memory_mib']:.2f} |"
        )
    return "\n".join(lines)


def profile(flags: argparse.Namespace) -> str:
    """Where the time of a step of the default goes: by operator, and by the shapes of inputs, which tell the layer."""
    work = make_ours("default", flags)
    for _ in range(flags.warm_up):
        work.step()
    with torch.profiler.profile(record_shapes=True) as found:
        work.step()
    on_gpu = choose_device(flags.gpu_ids).type == "cuda"
    key = "self_cuda_time_total" if on_gpu else "self_cpu_time_total"
    by_operator = found.key_averages().table(sort_by=key, row_limit=25, max_name_column_width=50)
    by_layer = found.key_averages(group_by_input_shape=True)
    return by_operator + by_layer.table(sort_by=key, row_limit=40, max_name_column_width=32, max_shapes_column_width=60)


def machine(gpu_ids: str, *precisions: str) -> str:
    """What computed, and in which precisions."""
    return f"{processor()}, {describe_device(choose_device(gpu_ids), ' and '.join(dict.fromkeys(precisions)))}"


def processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    run_command(main)
