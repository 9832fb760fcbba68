"""A training run from its flags: started, resumed or fine-tuned."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from translate.errors import Described, InputError, LostReader, RunError, Stopped
from translate.files import remove_leftovers
from translate.options import RunOptions
from translate.reports.displays import Shown, open_displays
from translate.reports.training import TrainingPage
from translate.settings import resolve
from translate.sizing import TestSize
from translate.training.agreement import compare_starts
from translate.training.averaging import WeightAverage
from translate.training.compiling import cannot_compile, compile_networks
from translate.training.determinism import has_no_algorithm
from translate.training.device import choose_device
from translate.training.dry_run import describe_run
from translate.training.evaluating import Evaluator, make_tools
from translate.training.feeding import make_batches
from translate.training.health.watch import watch_over
from translate.training.job import Job, prepare_job
from translate.training.lock import only_process
from translate.training.logs import Logs
from translate.training.loop import Limits, Trainer
from translate.training.memory import is_out_of_memory, networks_fit, peak_mib
from translate.training.observer import Follower, Observer
from translate.training.optimizers import build_optimizers
from translate.training.previews import Previews
from translate.training.probing import Prober
from translate.training.processes import joined, processes_of_environment, start_alike
from translate.training.record import make_record
from translate.training.recording import CudaGraphs, why_not_recorded
from translate.training.run_folder import RunFolder
from translate.training.schedule import Plateau, lr_of_flags
from translate.training.signals import StopRequest
from translate.training.watchdog import watching
from translate.training.words import (
    announce,
    facts,
    memory_ahead,
    not_compiled,
    not_reproducible,
    stopped,
    too_little_memory,
)


@dataclass(frozen=True)
class TrainingResult:
    """Where a training ended: its folder, its last step and epoch, the losses of the last step."""

    folder: Path
    step: int
    epoch: int
    losses: dict[str, float]


def train_from_flags(values: Mapping[str, Any]) -> TrainingResult | None:
    """Train as the flags say (names as on the command line). Returns None for a dry run.

    Under ``torchrun`` every process calls this; the first one writes the files, and the others return None.

    Raises:
        InputError: a flag, file or folder is wrong; nothing was written.
        RunError: training failed, or another process did; the last saved state is intact.
        Stopped: a signal ended it after its state was saved.
    """
    processes = processes_of_environment()
    try:
        with processes.one_speaks():
            device = choose_device(str(values.get("gpu_ids", RunOptions.gpu_ids)), processes)
    except InputError as error:
        raise processes.alone(error) from None
    with joined(processes, device) as processes:
        try:
            with processes.fail_together():
                job = prepare_job(values, processes, device)
        except Described as said:
            print(said)
            return None
        with processes.fail_together():
            compare_starts(job)
        start_alike(job.method)
        if job.settings.run.dry_run:
            print(describe_run(job.settings, job.method, job.feed, job.sampler.steps_per_epoch, job.precision))
            if memory := memory_ahead(job):
                print(memory)
            return None
        result = _train(job)
        return result if processes.is_first else None


def _train(job: Job) -> TrainingResult:
    """Open the run's files, step to the end, save."""
    folder = job.start.folder
    with StopRequest() as stop, contextlib.ExitStack() as held:
        with job.processes.fail_together(), job.processes.first_goes_first():
            observer, aside = _open_files(job, stop, held) if job.processes.is_first else (Follower(stop), None)
        with job.processes.fail_together(), networks_fit(job.precision.device):
            trainer = _make_trainer(job, observer)
            if job.start.state:
                trainer.load_state_dict(job.start.state)
        held.enter_context(watching(job, trainer))
        memory = memory_ahead(job) if job.processes.is_first else None
        compiled = compile_networks(job.method, job.settings.speed.compile, job.precision)
        if job.start.state:
            observer.resume(trainer, job.start.state)
            if trainer.is_finished or not len(job.sampler):
                flag = "--max_steps" if trainer.is_finished else "--n_epochs"
                print(f"{folder.path} is done with step {trainer.progress.step}; to go on, raise {flag}")
                return _result(folder, trainer)
        if job.processes.is_first:
            _write_beginning(job, observer, trainer)
        announce(job, trainer, aside, compiled, memory)
        _run(job, trainer, observer)
        stop.share()  # who stops a run does not want to wait for what is done at its end, whichever process heard it
        observer.finish(trainer)
        if (peak := peak_mib(job.precision.device)) is not None:
            print(f"peak memory: {peak:.0f} MiB")
        stop.share()
        if stop.signal is not None:
            raise job.processes.alone(Stopped(stopped(job, trainer), stop.signal))
        return _result(folder, trainer)


def _open_files(job: Job, stop: StopRequest, held: contextlib.ExitStack) -> tuple[Observer, Path | None]:
    """Whoever writes the run's files, and where a former run of its name is now."""
    run, folder, reports = job.settings.run, job.start.folder, job.settings.reports
    held.enter_context(only_process(folder.path))
    job.start.check_newest()
    aside = None if job.start.continues else folder.begin()
    remove_leftovers(folder.path)
    if job.processes.launches:
        folder.write_launches(job.processes.launches)
    page = None if reports.no_html else TrainingPage(folder.path / "web", run.name, reports.display_winsize)
    logs = Logs(folder.path)
    displays = open_displays(Shown(folder.path, logs.json_path, run.name, reports, job.settings.flat()))
    for display in displays:
        held.callback(display.close)  # however the run ends
    shown = bool(job.method.generators) and (page or displays)
    previews = Previews(job.feed.dataset, _preview_size(job)) if shown else None
    evaluator, watch = _evaluator(job), watch_over(job.method, job.settings)
    return Observer(job.settings, folder, logs, page, previews, stop, facts(job), displays, evaluator, watch), aside


def _evaluator(job: Job) -> Evaluator | Prober | None:
    feed, quality = job.feed, job.settings.quality
    if quality.probe_data:
        return Prober(quality, job.settings.data, feed.input_nc, job.probed)
    if feed.validation is None:
        return None
    tools = make_tools(quality, job.precision.device)
    return Evaluator(quality, feed.validation, _preview_size(job), feed.input_nc, job.start.folder, tools)


def _preview_size(job: Job) -> TestSize:
    return TestSize(job.method.preview_size, job.settings.data.crop_size)


def _make_trainer(job: Job, observer: Observer | Follower) -> Trainer:
    settings, method = job.settings, job.method
    run, flags, speed = settings.run, settings.optimizer, settings.speed

    def lr(epoch: int) -> float:
        return flags.lr * lr_of_flags(flags, epoch)

    kept = {name: method.networks[name] for name in method.kept_networks}
    trainer = Trainer(
        method,
        build_optimizers(method, settings),
        lr,
        run.seed,
        job.precision,
        settings.data.batch_size,
        Limits(flags.n_epochs + flags.n_epochs_decay, job.sampler.length, run.max_steps, run.max_minutes),
        observer,
        speed.accumulate,
        WeightAverage(kept, flags.ema) if flags.ema and job.processes.is_first else None,
        Plateau() if flags.lr_policy == "plateau" else None,
        CudaGraphs(job.precision.device) if _is_recorded(job) else None,
    )
    trainer.progress.epoch = run.epoch_count
    return trainer


def _is_recorded(job: Job) -> bool:
    """Whether steps are recorded, as --cuda_graphs asks."""
    if not job.settings.speed.cuda_graphs:
        return False
    obstacle = why_not_recorded(job.method, job.settings.speed, job.precision.device, job.processes.count)
    if obstacle and job.processes.is_first:
        print(f"note: --cuda_graphs without effect: {obstacle}")
    return obstacle is None


def _write_beginning(job: Job, observer: Observer, trainer: Trainer) -> None:
    """What must lie in the folder before the first step."""
    folder, settings = job.start.folder, job.settings
    observer.logs.begin()
    folder.write_texts(job.feed.texts)
    if not job.start.state:
        observer.save(trainer)  # the record comes after: where it lies, the run can be resumed
    folder.write_record(make_record(settings, job.method, job.feed))
    folder.write_options(settings.run.phase, settings.flat(), resolve({"model": settings.model}).flat())


def _run(job: Job, trainer: Trainer, observer: Observer | Follower) -> None:
    share = job.processes.local_count
    batches = make_batches(job.feed, job.settings, job.sampler, job.precision.device, share)
    observer.start(trainer)
    try:
        trainer.run(batches)
    except (InputError, LostReader):
        observer.save(trainer)  # a picture broke or vanished, or who reads it; the steps before it are good
        raise
    except (RuntimeError, MemoryError) as error:
        if is_out_of_memory(error):
            raise RunError(too_little_memory(job, trainer.progress.step + 1)) from error
        if has_no_algorithm(error):
            raise RunError(not_reproducible(error)) from error
        if cannot_compile(error):
            raise RunError(not_compiled(error)) from error
        raise
    finally:
        observer.close()


def _result(folder: RunFolder, trainer: Trainer) -> TrainingResult:
    return TrainingResult(folder.path, trainer.progress.step, trainer.progress.epoch, trainer.check_losses())
