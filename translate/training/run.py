"""A training run from its flags: started, resumed or fine-tuned."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from translate.errors import InputError, Stopped
from translate.files import remove_leftovers
from translate.methods import METHODS, Method
from translate.randomness import generator
from translate.reports.training import TrainingPage
from translate.settings import SESSION_FLAGS, TrainSettings, resolve, train_flags
from translate.training.device import choose_device, describe_device
from translate.training.dry_run import describe_networks, describe_run
from translate.training.feeding import Feed, make_batches, make_sampler, open_feed
from translate.training.initial import describe_weights, find_weights, load_initial
from translate.training.logs import Logs
from translate.training.loop import Limits, Trainer
from translate.training.observer import Observer
from translate.training.previews import Previews
from translate.training.record import check_unchanged, make_record
from translate.training.run_folder import RunFolder, find_run
from translate.training.schedule import lr_factor
from translate.training.signals import StopRequest


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
    settings, folder, record = _settle(values)
    init_files, settings = _initial_weights(settings, values, record)
    feed = open_feed(settings)
    settings = settings.with_values(input_nc=feed.input_nc, output_nc=feed.output_nc)
    device = choose_device(settings.run.gpu_ids)
    method = build_method(settings).to(device)
    state = folder.load_state() if settings.run.continue_train else None
    epoch = state["progress"]["epoch"] if state else settings.run.epoch_count
    sampler = make_sampler(feed, settings, epoch, state["progress"]["epoch_samples"] if state else 0)
    if settings.run.dry_run:
        print(describe_run(settings, method, feed, sampler.steps_per_epoch, device))
        return None
    said = load_initial(method.networks, init_files) if init_files and state is None else []
    if record:
        check_unchanged(record, feed)
    return _train(settings, folder, feed, method, device, sampler, state, said)


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
            fused=True,
        )
        for player, names in method.players.items()
    }


def _settle(values: Mapping[str, Any]) -> tuple[TrainSettings, RunFolder, dict[str, Any]]:
    """Settings, folder and former record; a resumed run takes the flags it was started with."""
    settings = resolve(values)
    if not settings.run.continue_train:
        return settings, RunFolder(Path(settings.run.checkpoints_dir) / settings.run.name), {}
    folder = find_run(Path(settings.run.checkpoints_dir), settings.run.name)
    record = folder.read_record()
    if not record:
        if not folder.network_path(settings.run.epoch, "G").exists():
            raise InputError(f"--continue_train: {folder.path} holds nothing to continue; drop the flag to start the run")
        return settings, folder, {}
    kept = {name: value for name, value in record["options"].items() if name not in SESSION_FLAGS}
    flags = train_flags(record["options"]["model"])
    merged = resolve({**kept, **values, "name": settings.run.name, "suffix": ""})
    for name, value in merged.flat().items():
        fixed = name == "model" or (name in flags and flags[name].__dataclass_fields__[name].metadata["fixed"])
        if fixed and name in kept and value != kept[name]:
            raise InputError(
                f"--{name} {value}: the run was started with {kept[name]}, which its weights depend on; "
                "drop the flag, or start a new run with --init_from"
            )
    return merged, folder, record


def _initial_weights(
    settings: TrainSettings, values: Mapping[str, Any], record: Mapping[str, Any]
) -> tuple[dict[str, Path], TrainSettings]:
    """Files to start from, and settings whose networks are those of the files unless a flag says otherwise."""
    run = settings.run
    if run.continue_train and record:
        return {}, settings
    if run.init_from and run.pretrained_name:
        raise InputError("--init_from and --pretrained_name both name weights to start from; give one of them")
    source = run.init_from
    if run.pretrained_name:
        source = str(find_run(Path(run.checkpoints_dir), run.pretrained_name).path)
    elif run.continue_train:  # a run of the reference: weights, and nothing that says how they came about
        source = str(Path(run.checkpoints_dir) / run.name)
        print(f"note: {source} has no saved state; its weights go on with fresh optimisers from epoch {run.epoch_count}")
    if source is None:
        return {}, settings
    files = find_weights(source, run.epoch)
    flags = describe_weights(files)
    given = {**flags, **{name: value for name, value in values.items() if name != "suffix"}}
    return files, resolve({**given, "name": run.name})


def _train(
    settings: TrainSettings,
    folder: RunFolder,
    feed: Feed,
    method: Method,
    device: torch.device,
    sampler: Any,
    state: dict[str, Any] | None,
    said: list[str],
) -> TrainingResult:
    """Open the run's files, step to the end, save."""
    run, flags = settings.run, settings.optimizer
    with StopRequest() as stop:
        aside = folder.set_aside() if not run.continue_train else None
        folder.path.mkdir(parents=True, exist_ok=True)
        remove_leftovers(folder.path)
        logs = Logs(folder.path)
        page = None
        if not settings.reports.no_html:
            page = TrainingPage(folder.path / "web", run.name, settings.reports.display_winsize)
        previews = Previews(feed.dataset.paths_a, feed.input_nc, settings.data.crop_size) if page else None
        observer = Observer(settings, folder, logs, page, previews, stop, _facts(settings, feed, device))
        trainer = Trainer(
            method,
            build_optimizers(method, settings),
            lambda epoch: flags.lr
            * lr_factor(flags.lr_policy, epoch, flags.n_epochs, flags.n_epochs_decay, flags.lr_decay_iters),
            run.seed,
            device,
            settings.data.batch_size,
            Limits(flags.n_epochs + flags.n_epochs_decay, sampler.steps_per_epoch, run.max_steps, run.max_minutes),
            observer,
        )
        trainer.progress.epoch = run.epoch_count
        if state:
            _resume(trainer, state, logs, page)
        folder.write_record(make_record(settings, method, feed))
        folder.write_options(run.phase, settings.flat(), resolve({"model": settings.model}).flat())
        _announce(settings, folder, feed, method, device, trainer, said, aside)
        logs.begin()
        if not state:
            observer.save(trainer)  # from here on the run can always be resumed
        observer.start(trainer)
        trainer.run(make_batches(feed, settings, sampler, device.type == "cuda"))
        observer.finish(trainer)
        progress = trainer.progress
        if stop.signal is not None:
            raise Stopped(
                f"stopped at step {progress.step} (epoch {progress.epoch}) and saved; go on with: "
                f"python train.py --continue_train --name {run.name}",
                stop.signal,
            )
        return TrainingResult(folder.path, progress.step, progress.epoch, trainer.check_losses())


def _resume(trainer: Trainer, state: dict[str, Any], logs: Logs, page: TrainingPage | None) -> None:
    trainer.load_state_dict(state)
    logs.cut_back(state["log_sizes"])
    if page:
        page.cut_back(trainer.progress.step, trainer.progress.epoch)


def _facts(settings: TrainSettings, feed: Feed, device: torch.device) -> dict[str, str]:
    return {
        "dataset": str(feed.root),
        "pictures": f"{feed.counts['A']} in A, {feed.counts['B']} in B",
        "method": getattr(settings.method, "CUT_mode", settings.model),
        "device": describe_device(device),
    }


def _announce(
    settings: TrainSettings,
    folder: RunFolder,
    feed: Feed,
    method: Method,
    device: torch.device,
    trainer: Trainer,
    said: list[str],
    aside: Path | None,
) -> None:
    """What is about to happen, in a few lines."""
    epochs = settings.optimizer.n_epochs + settings.optimizer.n_epochs_decay
    if aside:
        print(f"note: the former run of this name is kept as {aside}")
    print(f"run {folder.path}: {settings.model} on {feed.root} ({feed.counts['A']} pictures in A, {feed.counts['B']} in B)")
    print(f"{epochs} epochs of {trainer.limits.steps_per_epoch} steps on {describe_device(device)}")
    for sentence in said:
        print(sentence)
    if trainer.progress.step:
        print(f"continuing behind step {trainer.progress.step}, epoch {trainer.progress.epoch}")
    if settings.run.verbose:
        print(method)
    print(describe_networks(method))
