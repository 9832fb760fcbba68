"""A training run from its flags: started, resumed or fine-tuned."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from translate.data.sampling import EpochSampler
from translate.errors import InputError, RunError, Stopped
from translate.files import remove_leftovers
from translate.methods import METHODS, Method
from translate.options import RunOptions
from translate.randomness import generator
from translate.reports.training import TrainingPage
from translate.settings import TrainSettings, resolve
from translate.training.device import choose_device, describe_device
from translate.training.dry_run import describe_networks, describe_run
from translate.training.feeding import Feed, make_batches, make_sampler, open_feed
from translate.training.initial import load_initial
from translate.training.lock import only_process
from translate.training.logs import Logs
from translate.training.loop import Limits, Trainer
from translate.training.memory import is_out_of_memory, keep_freed_memory, peak_mib
from translate.training.observer import Observer
from translate.training.precision import Precision, choose_precision
from translate.training.previews import Previews
from translate.training.record import check_unchanged, make_record
from translate.training.run_folder import RunFolder
from translate.training.schedule import lr_factor
from translate.training.signals import StopRequest
from translate.training.start import Start, settle
from translate.training.statistics import measure


@dataclass(frozen=True)
class TrainingResult:
    """Where a training ended: its folder, its last step and epoch, the losses of the last step."""

    folder: Path
    step: int
    epoch: int
    losses: dict[str, float]


def train_from_flags(values: Mapping[str, Any]) -> TrainingResult | None:
    """Train as the flags say (names as on the command line). Returns None for a dry run.

    Raises:
        InputError: a flag, file or folder is wrong; nothing was written.
        RunError: training failed; the last saved state is intact.
        Stopped: a signal ended it after its state was saved.
    """
    start = settle(values)
    feed = open_feed(start.settings)
    settings = start.settings.with_values(input_nc=feed.input_nc, output_nc=feed.output_nc)
    device = choose_device(settings.run.gpu_ids)
    precision = choose_precision(settings.speed.precision, device)
    precision.set_up()
    if device.type == "cpu":
        keep_freed_memory()
    settings = settings.with_values(precision=precision.name)  # so that it is recorded, and kept when resumed
    method = build_method(settings).to(device, memory_format=torch.channels_last)
    method.check_size(settings.data.crop_size)
    sampler = _open_sampler(feed, settings, start)
    said = load_initial(method.networks, start.weights, method.generators["AtoB"]) if start.weights else []
    if settings.run.dry_run:
        print(describe_run(settings, method, feed, sampler.steps_per_epoch, precision))
        return None
    check_unchanged(start.record, feed)
    if method.measures and not start.state:
        method.use_measured(measure(method, feed, settings.data.load_size))
    return _train(settings, start, feed, method, precision, sampler, said)


def build_method(settings: TrainSettings) -> Method:
    """The method with fresh weights, which are a function of the seed."""
    torch.manual_seed(int(generator(settings.run.seed, "weights").integers(2**62)))
    data = settings.data
    return METHODS[settings.model](settings.method, settings.networks, data.input_nc, data.output_nc)


def build_optimizers(method: Method, settings: TrainSettings) -> dict[str, torch.optim.Optimizer]:
    """One Adam for each player, over the networks that are its own."""
    flags = settings.optimizer
    return {
        player: torch.optim.Adam(
            [p for name in names for p in method.networks[name].parameters()],
            lr=flags.lr,
            betas=(flags.beta1, flags.beta2),
            weight_decay=flags.weight_decay,
            fused=True,
        )
        for player, names in method.players.items()
    }


def _open_sampler(feed: Feed, settings: TrainSettings, start: Start) -> EpochSampler:
    """The samples that are still to come."""
    if start.state:
        progress = start.state["progress"]
        return make_sampler(feed, settings, progress["epoch"], progress["epoch_samples"])
    sampler = make_sampler(feed, settings, settings.run.epoch_count)
    if not len(sampler):
        flags = settings.optimizer
        raise InputError(
            f"--n_epochs {flags.n_epochs} and --n_epochs_decay {flags.n_epochs_decay} leave nothing to train from "
            f"epoch {settings.run.epoch_count} on; raise one of them"
        )
    return sampler


def _train(
    settings: TrainSettings,
    start: Start,
    feed: Feed,
    method: Method,
    precision: Precision,
    sampler: EpochSampler,
    said: list[str],
) -> TrainingResult:
    """Open the run's files, step to the end, save."""
    run, folder = settings.run, start.folder
    with StopRequest() as stop, only_process(folder.path):
        aside = None if start.continues else folder.begin()
        remove_leftovers(folder.path)
        logs = Logs(folder.path)
        page = None
        if not settings.reports.no_html:
            page = TrainingPage(folder.path / "web", run.name, settings.reports.display_winsize)
        previews = Previews(feed.dataset, settings.data.crop_size) if page else None
        observer = Observer(settings, folder, logs, page, previews, stop, _facts(feed, method, precision))
        trainer = _make_trainer(settings, method, precision, sampler, observer)
        if start.state:
            _resume(trainer, start.state, observer)
            if trainer.is_finished or not len(sampler):
                flag = "--max_steps" if trainer.is_finished else "--n_epochs"
                print(f"{folder.path} is done with step {trainer.progress.step}; to go on, raise {flag}")
                return _result(folder, trainer)
        logs.begin()
        if not start.state:
            observer.save(trainer)  # the record comes after: where it lies, the run can be resumed
        folder.write_record(make_record(settings, method, feed))
        folder.write_options(run.phase, settings.flat(), resolve({"model": settings.model}).flat())
        _announce(settings, folder, feed, method, precision, trainer, said, aside)
        _run(trainer, make_batches(feed, settings, sampler, precision.device.type == "cuda"), observer)
        print(f"peak memory: {peak_mib(precision.device):.0f} MiB")
        if stop.signal is not None:
            raise Stopped(f"{_where(trainer)} and saved; go on with: {_continuation(settings)}", stop.signal)
        return _result(folder, trainer)


def _make_trainer(
    settings: TrainSettings, method: Method, precision: Precision, sampler: EpochSampler, observer: Observer
) -> Trainer:
    run, flags = settings.run, settings.optimizer

    def lr(epoch: int) -> float:
        return flags.lr * lr_factor(flags.lr_policy, epoch, flags.n_epochs, flags.n_epochs_decay, flags.lr_decay_iters)

    trainer = Trainer(
        method,
        build_optimizers(method, settings),
        lr,
        run.seed,
        precision,
        settings.data.batch_size,
        Limits(flags.n_epochs + flags.n_epochs_decay, sampler.steps_per_epoch, run.max_steps, run.max_minutes),
        observer,
    )
    trainer.progress.epoch = run.epoch_count
    return trainer


def _resume(trainer: Trainer, state: dict[str, Any], observer: Observer) -> None:
    trainer.load_state_dict(state)
    observer.logs.cut_back(state["log_sizes"])
    if observer.page:
        observer.page.cut_back(trainer.progress.step, trainer.progress.epoch)
    observer.resume(trainer)


def _run(trainer: Trainer, batches: Iterable[dict[str, Any]], observer: Observer) -> None:
    observer.start(trainer)
    try:
        trainer.run(batches)
    except InputError:
        observer.save(trainer)  # a picture broke or vanished; the steps before it are good
        raise
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise RunError(_too_little_memory(trainer)) from error
    finally:
        observer.close()
    observer.finish(trainer)


def _result(folder: RunFolder, trainer: Trainer) -> TrainingResult:
    return TrainingResult(folder.path, trainer.progress.step, trainer.progress.epoch, trainer.check_losses())


def _too_little_memory(trainer: Trainer) -> str:
    precision = trainer.precision
    also = " or --precision bf16" if precision.name in ("fp32", "tf32") else ""
    return (
        f"step {trainer.progress.step + 1} needs more memory than {precision.device} has; the last saved state is "
        f"intact: continue from it with --continue_train and a smaller --batch_size or --crop_size{also}"
    )


def _where(trainer: Trainer) -> str:
    return f"stopped at step {trainer.progress.step} (epoch {trainer.progress.epoch})"


def _continuation(settings: TrainSettings) -> str:
    """The command that goes on with this run."""
    name, folder = settings.run.name, settings.run.checkpoints_dir
    elsewhere = "" if folder == RunOptions().checkpoints_dir else f" --checkpoints_dir {folder}"
    return f"python train.py --continue_train --name {name}{elsewhere}"


def _facts(feed: Feed, method: Method, precision: Precision) -> dict[str, str]:
    return {
        "dataset": str(feed.root),
        "pictures": feed.describe(),
        "method": method.title,
        "device": describe_device(precision.device, precision.name),
    }


def _announce(
    settings: TrainSettings,
    folder: RunFolder,
    feed: Feed,
    method: Method,
    precision: Precision,
    trainer: Trainer,
    said: list[str],
    aside: Path | None,
) -> None:
    """What is about to happen, in a few lines."""
    epochs = settings.optimizer.n_epochs + settings.optimizer.n_epochs_decay
    if aside:
        print(f"note: the former run of this name is kept as {aside}")
    print(f"run {folder.path}: {settings.model} on {feed.root} ({feed.describe()})")
    where = describe_device(precision.device, precision.name)
    print(f"{epochs} epochs of {trainer.limits.steps_per_epoch} steps on {where}")
    for sentence in said:
        print(sentence)
    if trainer.progress.step:
        print(f"continuing behind step {trainer.progress.step}, epoch {trainer.progress.epoch}")
    if settings.run.verbose:
        print(method)
    print(describe_networks(method))
