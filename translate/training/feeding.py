"""Pictures for a training run: found, checked, and turned into batches."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from translate.data.checking import check_geometry, check_pictures, detect_channels, raise_or_skip
from translate.data.listing import domain_folder, list_pictures
from translate.data.loading import default_workers, make_loader
from translate.data.preprocess import Preprocess
from translate.data.sampling import EpochSampler
from translate.data.unpaired import UnpairedPictures
from translate.errors import InputError
from translate.settings import TrainSettings


@dataclass(frozen=True)
class Feed:
    """The pictures of both domains as the run uses them. A is the domain that is translated."""

    root: Path
    dataset: UnpairedPictures
    counts: dict[str, int]
    input_nc: int
    output_nc: int
    folders: dict[str, Path]


def open_feed(settings: TrainSettings) -> Feed:
    """Find and check the pictures of a run.

    Raises:
        InputError: folders missing or empty, pictures unreadable or too small, a batch larger than the data.
    """
    data = settings.data
    if not settings.run.dataroot:
        raise InputError("--dataroot is missing: name the folder that holds trainA and trainB")
    root = Path(settings.run.dataroot)
    letters = ("A", "B") if data.direction == "AtoB" else ("B", "A")
    folders = {
        domain: domain_folder(root, settings.run.phase, letter) for domain, letter in zip("AB", letters, strict=True)
    }
    preprocess = Preprocess(data.preprocess, data.load_size, data.crop_size, not data.no_flip)
    reports = {
        domain: check_pictures(list_pictures(folder)[: data.max_dataset_size], label=folder.name)
        for domain, folder in folders.items()
    }
    paths = {}
    for domain, report in reports.items():
        paths[domain] = raise_or_skip(report, data.skip_bad_images)
        check_geometry({path: report.headers[path] for path in paths[domain]}, preprocess, data.batch_size)
    found = detect_channels(reports["A"].headers, reports["B"].headers)
    input_nc, output_nc = _channels(data.input_nc, data.output_nc, *found)
    late = replace(preprocess, load_size=data.crop_size) if data.decay_load_size == "crop_size" else None
    if late is not None:
        for domain, report in reports.items():
            check_geometry({path: report.headers[path] for path in paths[domain]}, late, data.batch_size)
    dataset = UnpairedPictures(
        paths["A"],
        paths["B"],
        input_nc,
        output_nc,
        preprocess,
        late_preprocess=late,
        late_after=settings.optimizer.n_epochs,
        seed=settings.run.seed,
        serial=data.serial_batches,
    )
    counts = {domain: len(found) for domain, found in paths.items()}
    return Feed(root, dataset, counts, input_nc, output_nc, folders)


def make_sampler(feed: Feed, settings: TrainSettings, epoch: int = 1, epoch_samples: int = 0) -> EpochSampler:
    """The order of the samples from a point of the run to its end."""
    return EpochSampler(
        len(feed.dataset),
        settings.data.batch_size,
        settings.run.seed,
        settings.optimizer.n_epochs + settings.optimizer.n_epochs_decay,
        serial=settings.data.serial_batches,
        start_epoch=epoch,
        start_sample=epoch_samples,
    )


def make_batches(feed: Feed, settings: TrainSettings, sampler: EpochSampler, on_gpu: bool) -> Iterable[dict[str, Any]]:
    workers = settings.data.num_threads
    return make_loader(feed.dataset, sampler, default_workers() if workers is None else workers, pin_memory=on_gpu)


def _channels(input_nc: int | None, output_nc: int | None, found_a: int, found_b: int) -> tuple[int, int]:
    """Channels as asked for; else as found, and colour for both where the domains differ."""
    for name, value in (("input_nc", input_nc), ("output_nc", output_nc)):
        if value == 2:
            raise InputError(f"--{name} 2: pictures have 1 channel (grey) or 3 (colour)")
    if input_nc is None and output_nc is None and found_a != found_b:
        print("note: one domain is grey and the other colour; both are read as colour (3 channels)")
        return 3, 3
    return input_nc or output_nc or found_a, output_nc or input_nc or found_b
