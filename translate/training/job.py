"""A training run made ready from its flags: pictures checked, networks built and filled."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from translate.data.labelled import Labelled
from translate.data.listing import shown
from translate.data.sampling import EpochSampler
from translate.errors import InputError
from translate.methods import METHODS, Method
from translate.networks.checkpointing import checkpoint_gradients
from translate.randomness import generator
from translate.reports.displays import check_displays
from translate.settings import TrainSettings
from translate.training.determinism import choose_algorithms
from translate.training.evaluating import check_quality
from translate.training.feeding import Feed, make_sampler, open_feed
from translate.training.initial import load_initial
from translate.training.memory import keep_freed_memory, networks_fit
from translate.training.optimizers import check_optimizer
from translate.training.precision import Precision, choose_precision
from translate.training.probing import find_probed
from translate.training.processes import Processes
from translate.training.record import check_unchanged
from translate.training.start import Start, settle
from translate.training.statistics import measure


@dataclass(frozen=True)
class Job:
    """A training that is ready to begin; nothing is written yet.

    Attributes:
        said: what happened to the starting weights.
        probed: labelled pictures on which an encoder is measured; none where it is not, or another process does it.
    """

    settings: TrainSettings
    start: Start
    feed: Feed
    method: Method
    precision: Precision
    sampler: EpochSampler
    processes: Processes
    said: list[str]
    probed: Mapping[str, Labelled] = field(default_factory=dict)


def prepare_job(values: Mapping[str, Any], processes: Processes, device: torch.device) -> Job:
    """Check everything that the flags name, and build the networks."""
    with processes.first_goes_first():  # it looks at every picture, and remembers which are good
        start = settle(values, processes.launches)
        if processes.is_first:
            check_displays(start.settings.reports, values)
        check_optimizer(start.settings.optimizer)
        check_quality(start.settings.quality, bool(METHODS[start.settings.model].generators))
        feed = open_feed(start.settings, processes.local_count, start.own, start.source)
        quality, probed = start.settings.quality, {}
        if quality.probe_data and processes.is_first:
            probed = find_probed(quality, start.settings.data.skip_bad_images)
    settings = start.settings.with_values(input_nc=feed.input_nc, output_nc=feed.output_nc)
    method = build_method(settings)
    precision = choose_precision(
        settings.speed.precision,
        device,
        deep=any(feed.ranges) or settings.data.dataset_mode == "depth",
        generator=method.generator,
    )
    precision.set_up()
    choose_algorithms(settings.speed.deterministic)
    keep_freed_memory(device)
    settings = settings.with_values(precision=precision.name)  # so that it is recorded, and kept when resumed
    with networks_fit(device):
        method.to(device, memory_format=precision.layout)
    method.check_size(settings.data.crop_size)
    _check_smallest(method, feed, settings.data.preprocess)
    method.check_shared(processes.count, settings.speed.accumulate)
    method.check_batch(settings.data.batch_size, processes.count * settings.speed.accumulate)
    if settings.speed.grad_checkpointing and not checkpoint_gradients(method):
        raise InputError("--grad_checkpointing: only the resnet generators can recompute their maps; leave it out")
    sampler = _open_sampler(feed, settings, start, processes)
    said = []
    if start.weights:
        said = load_initial(method.networks, start.weights, method.kept_networks[0])
        method.after_loading()
    if not settings.run.dry_run:
        check_unchanged(start.record, feed)
        if method.measures and not start.state:
            with processes.first_goes_first():
                method.use_measured(measure(method, feed, settings.data.load_size))
    return Job(settings, start, feed, method, precision, sampler, processes, said, probed)


def _check_smallest(method: Method, feed: Feed, words: str) -> None:
    """Refuse pictures that come out uncut and too small for the networks, hours before a step meets them."""
    if feed.smallest is None:
        return
    path, size = feed.smallest
    try:
        method.check_size(min(size))
    except InputError as error:
        width, height = size
        raise InputError(
            f"{shown(path)} becomes {width}x{height} pixels with --preprocess {words}, which does not suit these "
            "networks: leave it out, or use --preprocess resize_and_crop"
        ) from error


def build_method(settings: TrainSettings) -> Method:
    """The method with fresh weights, which are a function of the seed."""
    torch.manual_seed(int(generator(settings.run.seed, "weights").integers(2**62)))
    data, method = settings.data, METHODS[settings.model]
    own = {"crop_size": data.crop_size} if method.sized else {}
    return method(settings.method, settings.networks, data.input_nc, data.output_nc, **own)


def _open_sampler(feed: Feed, settings: TrainSettings, start: Start, processes: Processes) -> EpochSampler:
    """The samples that are still to come, as far as this process computes them."""
    share = processes.share(settings.speed.accumulate)
    if start.state:
        progress = start.state["progress"]
        return make_sampler(feed, settings, progress["epoch"], progress["epoch_samples"], share)
    sampler = make_sampler(feed, settings, settings.run.epoch_count, share=share)
    if not len(sampler):
        flags = settings.optimizer
        raise InputError(
            f"--n_epochs {flags.n_epochs} and --n_epochs_decay {flags.n_epochs_decay} leave nothing to train from "
            f"epoch {settings.run.epoch_count} on; raise one of them"
        )
    return sampler
