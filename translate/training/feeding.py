"""Pictures for a training run: found, checked, and turned into batches."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from PIL import Image

from translate.data.aligned import AlignedPictures, check_pairs, find_pairs
from translate.data.checking import Report, check_geometry, check_pictures, detect_channels, raise_or_skip
from translate.data.listing import domain_folder, list_pictures, single_folder
from translate.data.loading import default_workers, make_loader
from translate.data.preprocess import Preprocess
from translate.data.reading import Header
from translate.data.sampling import EpochSampler, Share
from translate.data.single import SinglePictures
from translate.data.unpaired import Sample, UnpairedPictures
from translate.errors import InputError
from translate.settings import TrainSettings

# The transform of the first epochs, that of the later ones if it is another, and the last of the first epochs.
Transform = tuple[Preprocess, Preprocess | None, int | None]


class Pictures(Protocol):
    """What a run needs of its data set."""

    def __len__(self) -> int: ...

    def __getitem__(self, key: tuple[int, int]) -> Sample: ...

    def inputs(self) -> int: ...

    def read_input(self, index: int) -> Image.Image: ...


@dataclass(frozen=True)
class Feed:
    """The pictures as the run uses them. A is the domain that is translated; B is there if the method has one."""

    root: Path
    dataset: Pictures
    counts: dict[str, int]
    input_nc: int
    output_nc: int
    folders: dict[str, Path]
    paths: list[Path]  # all files of domain A, which is what statistics are taken of

    def describe(self) -> str:
        return describe_counts(self.counts)


def describe_counts(counts: Mapping[str, int]) -> str:
    if "B" not in counts:
        return f"{counts['A']} pictures"
    return f"{counts['A']} pictures in A, {counts['B']} in B"


def open_feed(settings: TrainSettings) -> Feed:
    """Find and check the pictures of a run.

    Raises:
        InputError: folders missing or empty, pictures unreadable or too small, a batch larger than the data.
    """
    if not settings.run.dataroot:
        raise InputError("--dataroot is missing: name the folder that holds trainA and trainB")
    openers = {"unaligned": _open_unpaired, "single": _open_single, "aligned": _open_aligned}
    return openers[settings.data.dataset_mode](settings, Path(settings.run.dataroot))


def _open_unpaired(settings: TrainSettings, root: Path) -> Feed:
    data = settings.data
    folders = {
        domain: domain_folder(root, settings.run.phase, letter)
        for domain, letter in zip("AB", _letters(settings), strict=True)
    }
    transform = _transform(settings)
    reports = {domain: _checked(settings, folder, transform) for domain, folder in folders.items()}
    paths = {domain: list(report.headers) for domain, report in reports.items()}
    channels = _channels(data.input_nc, data.output_nc, *(reports[domain].headers for domain in "AB"))
    dataset = UnpairedPictures(
        paths["A"], paths["B"], *channels, *transform, seed=settings.run.seed, serial=data.serial_batches
    )
    counts = {domain: len(found) for domain, found in paths.items()}
    return Feed(root, dataset, counts, *channels, folders, paths["A"])


def _open_single(settings: TrainSettings, root: Path) -> Feed:
    data = settings.data
    folder = single_folder(root, settings.run.phase, _letters(settings)[0])
    transform = _transform(settings)
    report = _checked(settings, folder, transform)
    paths = list(report.headers)
    channels = _channels(data.input_nc, data.output_nc, report.headers, report.headers)
    dataset = SinglePictures(paths, channels[0], *transform, seed=settings.run.seed)
    return Feed(root, dataset, {"A": len(paths)}, *channels, {"A": folder}, paths)


def _open_aligned(settings: TrainSettings, root: Path) -> Feed:
    data = settings.data
    pairs = find_pairs(root, settings.run.phase, _letters(settings))[: data.max_dataset_size]
    report = check_pictures(list(dict.fromkeys(part.path for pair in pairs for part in pair)), label="pairs")
    good = set(raise_or_skip(report, data.skip_bad_images))
    pairs = [pair for pair in pairs if all(part.path in good for part in pair)]
    headers = check_pairs(pairs, report.headers)
    transform = _transform(settings)
    for domain in headers:
        _check_sizes(domain, transform, data.batch_size)
    channels = _channels(data.input_nc, data.output_nc, *headers)
    dataset = AlignedPictures(pairs, *channels, *transform, seed=settings.run.seed)
    folders = {domain: part.path.parent for domain, part in zip("AB", pairs[0], strict=True)}
    files = [pair.a.path for pair in pairs]
    return Feed(root, dataset, {"A": len(pairs), "B": len(pairs)}, *channels, folders, files)


def _checked(settings: TrainSettings, folder: Path, transform: Transform) -> Report:
    """The good pictures of a folder, all of a size that the transforms can use."""
    data = settings.data
    report = check_pictures(list_pictures(folder)[: data.max_dataset_size], label=folder.name)
    good = raise_or_skip(report, data.skip_bad_images)
    headers = {path: report.headers[path] for path in good}
    _check_sizes(headers, transform, data.batch_size)
    return Report(headers)


def _check_sizes(headers: Mapping[Path, Header], transform: Transform, batch_size: int) -> None:
    for preprocess in transform[:2]:
        if preprocess is not None:
            check_geometry(headers, preprocess, batch_size)


def _transform(settings: TrainSettings) -> Transform:
    data = settings.data
    preprocess = Preprocess(data.preprocess, data.load_size, data.crop_size, not data.no_flip)
    if data.decay_load_size != "crop_size":
        return preprocess, None, None
    return preprocess, replace(preprocess, load_size=data.crop_size), settings.optimizer.n_epochs


def _letters(settings: TrainSettings) -> str:
    """The letters of the folders that the run calls A and B."""
    return "AB" if settings.data.direction == "AtoB" else "BA"


def make_sampler(
    feed: Feed, settings: TrainSettings, epoch: int = 1, epoch_samples: int = 0, share: Share | None = None
) -> EpochSampler:
    """The order of the samples from a point of the run to its end; ``share`` is what this process computes of them."""
    return EpochSampler(
        len(feed.dataset),
        settings.data.batch_size,
        settings.run.seed,
        settings.optimizer.n_epochs + settings.optimizer.n_epochs_decay,
        serial=settings.data.serial_batches,
        start_epoch=epoch,
        start_sample=epoch_samples,
        share=share or Share(),
    )


def make_batches(
    feed: Feed, settings: TrainSettings, sampler: EpochSampler, on_gpu: bool, processes: int = 1
) -> Iterable[dict[str, Any]]:
    """What the loop steps over; ``processes`` train on this machine and share its cores."""
    workers = settings.data.num_threads
    return make_loader(
        feed.dataset, sampler, default_workers(processes) if workers is None else workers, pin_memory=on_gpu
    )


def _channels(input_nc: int | None, output_nc: int | None, *headers: Mapping[Path, Any]) -> tuple[int, int]:
    """Channels as asked for; else as found, and colour for both where the domains differ."""
    for name, value in (("input_nc", input_nc), ("output_nc", output_nc)):
        if value == 2:
            raise InputError(f"--{name} 2: pictures have 1 channel (grey) or 3 (colour)")
    found_a, found_b = detect_channels(*headers)
    if input_nc is None and output_nc is None and found_a != found_b:
        print("note: one domain is grey and the other colour; both are read as colour (3 channels)")
        return 3, 3
    return input_nc or output_nc or found_a, output_nc or input_nc or found_b
