"""What a training says of itself: before, on its page, and when it ends early."""

import shlex
from pathlib import Path

from translate.called import script, spoken
from translate.errors import InputError
from translate.options import RunOptions
from translate.settings import TrainSettings
from translate.training.device import describe_device
from translate.training.dry_run import describe_networks
from translate.training.estimate import estimate_step
from translate.training.job import Job
from translate.training.loop import Trainer
from translate.training.memory import free_bytes
from translate.training.recording import why_not_recorded


def announce(job: Job, trainer: Trainer, aside: Path | None, compiled: bool, memory: str | None) -> None:
    """What is about to happen, in a few lines."""
    settings, flags = job.settings, job.settings.optimizer
    if aside:
        print(f"note: the former run of this name is kept as {aside}")
    print(f"run {job.start.folder.path}: {settings.model} on {job.feed.root} ({job.feed.describe()})")
    print(f"augmentation: {job.feed.dataset.augment.describe()}")
    if job.feed.validation:
        print(f"measured on: {job.feed.validation.describe()}")
    if kept := job.feed.describe_cache(trainer.progress.epoch):
        print(f"pictures: {kept}")
    epochs = flags.n_epochs + flags.n_epochs_decay
    ways = f"{', compiled' if compiled else ''}{', steps recorded' if trainer.recordings else ''}"
    print(f"{epochs} epochs of {job.sampler.steps_per_epoch} steps on {_where(job)}{ways}")
    for sentence in [*job.said, *([memory] if memory else [])]:
        print(sentence)
    if trainer.progress.step:
        print(f"continuing behind step {trainer.progress.step}, epoch {trainer.progress.epoch}")
    if settings.run.verbose:
        print(job.method)
    print(describe_networks(job.method))


def facts(job: Job) -> dict[str, str]:
    """What the training page says of the run."""
    return {
        "dataset": str(job.feed.root),
        "pictures": job.feed.describe(),
        "augmentation": job.feed.dataset.augment.describe(),
        "method": job.method.title,
        "device": _where(job),
    }


def _where(job: Job) -> str:
    speed = job.settings.speed
    ways = [
        *([f"batches in {speed.accumulate} parts"] if speed.accumulate > 1 else []),
        *(["maps recomputed"] if speed.grad_checkpointing else []),
        *(["deterministic"] if speed.deterministic else []),
    ]
    device = ", ".join([describe_device(job.precision.device, job.precision.name), *ways])
    return device if job.processes.count == 1 else f"{job.processes.count} processes, each on {device}"


def too_little_memory(job: Job, step: int) -> str:
    """Which step did not fit, and which flags would make it."""
    return (
        f"step {step} needs more memory than {job.precision.device} has; the last saved state is intact: continue from "
        f"it with --continue_train and {_less_memory(job)}"
    )


def memory_ahead(job: Job) -> str | None:
    """What the steps will need beside what is free, and if that is too little the flags that change it; None where it
    cannot be told. To be asked before the networks are compiled."""
    device = job.precision.device
    size_px, free = _size_px(job), free_bytes(device)
    if size_px is None or free is None:
        return None
    found = estimate_step(job.settings, job.method, job.precision, size_px, job.processes.count)
    if found is None:
        return None
    needed = found.to_come_bytes(device) * (job.processes.local_count if device.type == "cpu" else 1)
    said = f"memory: about {needed / 2**30:.1f} GiB of {free / 2**30:.1f} GiB free"
    return said if needed <= free else f"{said}\nnote: that will hardly fit; what helps is {_less_memory(job)}"


def _size_px(job: Job) -> tuple[int, int] | None:
    """Width and height of the first picture as it goes into a step, which crops give to all of them; None where that is
    left to chance."""
    dataset = job.feed.dataset
    try:
        return dataset.augment.transform(job.sampler.start_epoch).output_size(*dataset.read_input(0).size)
    except InputError:  # it is gone by now, of which its turn in a step tells more
        return None


def _less_memory(job: Job) -> str:
    """The flags with which a step needs less memory."""
    data, speed = job.settings.data, job.settings.speed
    can_recompute = any(hasattr(module, "checkpoints") for module in job.method.modules())
    reason = why_not_recorded(job.method, speed, job.precision.device, job.processes.count)
    # Records have memory that steps which are not recorded cannot use.
    remedies = ["--cuda_graphs false"] if speed.cuda_graphs and reason is None else []
    if can_recompute and not speed.grad_checkpointing:
        remedies.append("--grad_checkpointing")
    part = data.batch_size // (job.processes.count * speed.accumulate)
    if part > 1 and _can_be_shared(job):
        remedies.append(f"--accumulate {speed.accumulate * next(n for n in range(2, part + 1) if part % n == 0)}")
    if job.precision.name in ("fp32", "tf32"):
        remedies.append("--precision bf16")
    remedies.append(job.feed.dataset.augment.preprocess.shrinking())
    return " or ".join(remedies)


def not_reproducible(error: RuntimeError) -> str:
    """What stands in the way of ``--deterministic``, and what to do."""
    reason = " ".join(str(error).split()).partition(". You can")[0][:160]
    return (
        f"--deterministic cannot be kept on this device ({reason}); the last saved state is intact: continue with "
        "--continue_train --deterministic false"
    )


def not_compiled(error: RuntimeError) -> str:
    """What the compiler failed of, and what to do."""
    reason = " ".join(str(error).split())[:160]
    return (
        f"--compile on cannot be kept here ({reason}); the last saved state is intact: continue with --continue_train "
        "--compile off"
    )


def _can_be_shared(job: Job) -> bool:
    try:
        job.method.check_shared(job.processes.count, 2)
    except InputError:
        return False
    return True


def stopped(job: Job, trainer: Trainer) -> str:
    """Where the run was stopped, and the command that goes on with it."""
    where = f"stopped at step {trainer.progress.step} (epoch {trainer.progress.epoch})"
    return f"{where} and saved; go on with: {_continuation(job.settings, job.processes.local_count)}"


def _continuation(settings: TrainSettings, processes: int) -> str:
    name, folder = settings.run.name, settings.run.checkpoints_dir
    command = spoken("train") if processes == 1 else f"torchrun --nproc_per_node={processes} {script('train')}"
    elsewhere = [] if folder == RunOptions().checkpoints_dir else ["--checkpoints_dir", folder]
    return f"{command} --continue_train {shlex.join(['--name', name, *elsewhere])}"
