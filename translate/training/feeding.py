"""Pictures for a training run: found, checked, and turned into batches."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import torch

from translate.data.aligned import AlignedPictures, Pair, check_pairs, find_pairs
from translate.data.augmenting import Augment
from translate.data.cache import PictureCache, Source, default_budget_mb
from translate.data.captioned import CaptionedPictures
from translate.data.captions import NAMES, captions_of_names, find_table, read_captions
from translate.data.checking import Report, check_geometry, check_pictures, detect_channels, raise_or_skip, smallest
from translate.data.dataroot import resolve_dataroot
from translate.data.deep_picture import Picture
from translate.data.listing import domain_folder, list_pictures, single_folder
from translate.data.loading import default_workers, make_loader
from translate.data.part import Part
from translate.data.preprocess import Preprocess, Size
from translate.data.ranges import domain_range, without_deep
from translate.data.reading import Header
from translate.data.sampling import EpochSampler, Share
from translate.data.scenes import DepthScenes, check_scenes, find_scenes
from translate.data.single import SinglePictures
from translate.data.single_image import SingleImageCrops, find_single_image
from translate.data.unpaired import Sample, UnpairedPictures
from translate.data.validation import Validation
from translate.data.value_range import ValueRange
from translate.errors import InputError
from translate.methods import METHODS
from translate.settings import TrainSettings
from translate.training.staging import staged
from translate.training.validating import open_validation, part_held_out
from translate.training.vocabulary import open_vocabulary

Ranges = tuple[ValueRange | None, ValueRange | None]
# The transform of the first epochs, that of the later ones if it is another, and the last of the first epochs.
Transform = tuple[Preprocess, Preprocess | None, int | None]


class Pictures(Protocol):
    """What a run needs of its data set."""

    def __len__(self) -> int: ...

    def __getitem__(self, key: tuple[int, int]) -> Sample: ...

    @property
    def augment(self) -> Augment: ...

    def files(self, key: tuple[int, int]) -> tuple[Path, ...]: ...

    def inputs(self) -> int: ...

    def read_input(self, index: int) -> Picture: ...


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
    ranges: Ranges = (None, None)  # of the values of A and B; None for 8 bits
    validation: Validation | None = None  # where the quality is measured while training
    texts: Mapping[str, str] = field(default_factory=dict)  # files that belong beside the weights, by their names
    smallest: tuple[Path, Size] | None = None  # the picture that comes out smallest; None where sizes are random

    def describe(self) -> str:
        return describe_counts(self.counts)

    def ranges_by_letter(self, direction: str) -> dict[str, dict[str, Any] | None]:
        """The ranges by the letters of the folders, as they are recorded."""
        pairs = zip(direction.split("to"), self.ranges, strict=True)
        return {letter: values.to_json() if values else None for letter, values in sorted(pairs)}

    def describe_cache(self, epoch: int) -> str | None:
        """How many of the pictures are decoded only once, or None where the flags want them decoded each time."""
        augment = self.dataset.augment
        return augment.cache.describe(augment.transform(epoch)) if augment.cache else None


def describe_counts(counts: Mapping[str, int]) -> str:
    if "B" not in counts:
        return f"{counts['A']} pictures"
    return f"{counts['A']} pictures in A, {counts['B']} in B"


def open_feed(settings: TrainSettings, share: int = 1, own: Path | None = None, source: Path | None = None) -> Feed:
    """Find and check the pictures of a run. A known dataset is downloaded, but not in a dry run.

    Args:
        share: training processes on this machine, which divide the memory for decoded pictures.
        own: folder of the run that is gone on with.
        source: folder of the weights that are started from.

    Raises:
        InputError: folders missing or empty, pictures unreadable or too small, a batch larger than the data.
        Described: a dry run of a dataset that is not here.
    """
    if not settings.run.dataroot:
        raise InputError("--dataroot is missing: name the folder that holds trainA and trainB")
    openers = {
        "unaligned": _open_unpaired,
        "single": _open_single,
        "aligned": _open_aligned,
        "singleimage": _open_single_image,
        "captioned": partial(_open_captioned, own=own, source=source),
        "depth": _open_depth,
    }
    mode = settings.data.dataset_mode
    root = resolve_dataroot(settings.run.dataroot, mode, fetch=not settings.run.dry_run)
    return openers[mode](settings, root, share)


def _open_unpaired(settings: TrainSettings, root: Path, share: int) -> Feed:
    data = settings.data
    folders = {
        domain: domain_folder(root, settings.run.phase, letter)
        for domain, letter in zip("AB", _letters(settings), strict=True)
    }
    transform = _transform(settings)
    reports = {
        domain: _checked(settings, folder, transform, list_pictures(folder)) for domain, folder in folders.items()
    }
    held, paths = {}, {}
    for domain, report in reports.items():
        held[domain], paths[domain] = part_held_out(settings, root, list(report.headers))
    ranges = _ranges(settings, *((folders[domain].name, reports[domain].headers) for domain in "AB"))
    channels = _channels(data.input_nc, data.output_nc, *(reports[domain].headers for domain in "AB"))
    whole = {
        (Part(path, range=values), nc): _size(reports[domain].headers[path])
        for domain, nc, values in zip("AB", channels, ranges, strict=True)
        for path in paths[domain]
    }
    kept = {"seed": settings.run.seed, "cache": _cache(data.cache_mb, whole, transform, share), "ranges": ranges}
    dataset = UnpairedPictures(paths["A"], paths["B"], *channels, *transform, **kept, serial=data.serial_batches)
    counts = {domain: len(kept) for domain, kept in paths.items()}
    least = smallest(transform[:2], *(report.headers for report in reports.values()))
    validation = open_validation(
        settings,
        root,
        ([Part(path) for path in held["A"]], [Part(path) for path in held["B"]]),
        ([Part(path) for path in paths["A"]], [Part(path) for path in paths["B"]]),
        ranges,
    )
    return Feed(root, dataset, counts, *channels, folders, paths["A"], ranges, validation, smallest=least)


def _open_single(settings: TrainSettings, root: Path, share: int) -> Feed:
    folder = single_folder(root, settings.run.phase, _letters(settings)[0])
    return _one_domain(settings, root, share, folder, list_pictures(folder))


def _open_captioned(settings: TrainSettings, root: Path, share: int, own: Path | None, source: Path | None) -> Feed:
    told = settings.method
    if told.captions == NAMES:
        feed = _open_single(settings, root, share)
        captions = captions_of_names(feed.paths)
    else:
        captions = read_captions(find_table(told.captions, root), root)
        feed = _one_domain(settings, root, share, root, list(captions))
    written = [captions[path] for path in feed.paths]
    vocabulary = open_vocabulary(told, [caption for each in written for caption in each], own, source)
    tokens = [[vocabulary.encode(caption, told.context_length) for caption in each] for each in written]
    dataset = CaptionedPictures(feed.dataset, tokens, settings.run.seed)
    return replace(feed, dataset=dataset, texts=vocabulary.files())


def _one_domain(settings: TrainSettings, root: Path, share: int, folder: Path, paths: list[Path]) -> Feed:
    data = settings.data
    transform = _transform(settings)
    report = _checked(settings, folder, transform, paths, deep=False)
    held, paths = part_held_out(settings, root, list(report.headers))
    channels = _channels(data.input_nc, data.output_nc, report.headers, report.headers)
    sizes = {(Part(path), channels[0]): _size(report.headers[path]) for path in paths}
    cache = _cache(data.cache_mb, sizes, transform, share)
    dataset = SinglePictures(paths, channels[0], *transform, seed=settings.run.seed, cache=cache)
    validation = open_validation(settings, root, ([Part(path) for path in held], []))
    least = smallest(transform[:2], report.headers)
    counts, folders = {"A": len(paths)}, {"A": folder}
    return Feed(root, dataset, counts, *channels, folders, paths, validation=validation, smallest=least)


def _open_aligned(settings: TrainSettings, root: Path, share: int) -> Feed:
    data = settings.data
    letters = _letters(settings)
    pairs = find_pairs(root, settings.run.phase, letters)[: data.max_dataset_size]
    report = check_pictures(list(dict.fromkeys(part.path for pair in pairs for part in pair)), label="pairs")
    good = set(raise_or_skip(report, data.skip_bad_images))
    pairs = [pair for pair in pairs if all(part.path in good for part in pair)]
    headers = check_pairs(pairs, report.headers)
    transform = _transform(settings)
    for domain in headers:
        _check_sizes(domain, transform, data.batch_size)
    channels = _channels(data.input_nc, data.output_nc, *headers)
    ranges = _ranges(settings, *((f"domain {letter}", found) for letter, found in zip(letters, headers, strict=True)))
    pairs = [Pair(pair.a._replace(range=ranges[0]), pair.b._replace(range=ranges[1])) for pair in pairs]
    held = set(part_held_out(settings, root, [pair.a.path for pair in pairs])[0])
    shown, pairs = [pair for pair in pairs if pair.a.path in held], [pair for pair in pairs if pair.a.path not in held]
    sizes = {
        (part, nc): _size(part.header(report.headers[part.path]))
        for pair in pairs
        for part, nc in zip(pair, channels, strict=True)
    }
    cache = _cache(data.cache_mb, sizes, transform, share)
    dataset = AlignedPictures(pairs, *channels, *transform, seed=settings.run.seed, cache=cache)
    folders = {domain: part.path.parent for domain, part in zip("AB", pairs[0], strict=True)}
    files = [pair.a.path for pair in pairs]
    both = ([[pair[side] for pair in group] for side in (0, 1)] for group in (shown, pairs))
    validation = open_validation(settings, root, *both, ranges)
    counts, least = {"A": len(pairs), "B": len(pairs)}, smallest(transform[:2], *headers)
    return Feed(root, dataset, counts, *channels, folders, files, ranges, validation, smallest=least)


def _open_single_image(settings: TrainSettings, root: Path, share: int) -> Feed:
    data = settings.data
    if settings.quality.eval_every:
        raise InputError("--eval_every does not suit --dataset_mode singleimage: there is one picture; leave it out")
    folders = {
        domain: domain_folder(root, settings.run.phase, letter)
        for domain, letter in zip("AB", _letters(settings), strict=True)
    }
    transform = _transform(settings, filter="bilinear")
    paths = [find_single_image(folder, data.max_dataset_size) for folder in folders.values()]
    reports = [_checked(settings, folder, transform, list_pictures(folder)) for folder in folders.values()]
    headers = [report.headers for report in reports]
    channels = _channels(data.input_nc, data.output_nc, *headers)
    ranges = _ranges(settings, *((folders[domain].name, found) for domain, found in zip("AB", headers, strict=True)))
    parts = [Part(path, range=values) for path, values in zip(paths, ranges, strict=True)]
    sizes = {(part, nc): _size(found[part.path]) for part, nc, found in zip(parts, channels, headers, strict=True)}
    dataset = SingleImageCrops(
        *parts,
        *channels,
        *transform,
        seed=settings.run.seed,
        batch_size=data.batch_size,
        length=data.crops_per_epoch,
        cache=_cache(data.cache_mb, sizes, transform, share),
    )
    return Feed(root, dataset, {"A": 1, "B": 1}, *channels, folders, paths[:1], ranges)


def _open_depth(settings: TrainSettings, root: Path, share: int) -> Feed:
    data = settings.data
    if settings.quality.eval_every:
        raise InputError("--eval_every does not suit --model depth, which test.py measures by si-RMSE; leave it out")
    layers = METHODS[settings.model].layers(settings.method)
    scenes = find_scenes(root, settings.run.phase, _letters(settings), layers)[: data.max_dataset_size]
    report = without_deep(check_pictures([scene.a.path for scene in scenes], label="pictures"))
    good = set(raise_or_skip(report, data.skip_bad_images))
    scenes = [scene for scene in scenes if scene.a.path in good]
    headers = {scene.a.path: report.headers[scene.a.path] for scene in scenes}
    check_scenes(scenes, headers)
    transform = _transform(settings)
    _check_sizes(headers, transform, data.batch_size)
    # Planes are read each time: what is kept would come back as a picture, and be interpolated.
    sizes = {(scene.a, 3): _size(headers[scene.a.path]) for scene in scenes if isinstance(scene.a, Part)}
    cache = _cache(data.cache_mb, sizes, transform, share) if sizes else None
    dataset = DepthScenes(scenes, *transform, seed=settings.run.seed, cache=cache)
    folders = {domain: part.path.parent for domain, part in zip("AB", scenes[0], strict=True)}
    counts = {"A": len(scenes), "B": len(scenes)}
    channels = data.input_nc or 3, data.output_nc or 1
    paths, least = [scene.a.path for scene in scenes], smallest(transform[:2], headers)
    return Feed(root, dataset, counts, *channels, folders, paths, smallest=least)


def _checked(
    settings: TrainSettings, folder: Path, transform: Transform, paths: list[Path], deep: bool = True
) -> Report:
    """The good pictures of a folder, all of a size that the transforms can use; deep ones may be no good."""
    data = settings.data
    report = check_pictures(paths[: data.max_dataset_size], label=folder.name)
    report = report if deep else without_deep(report)
    good = raise_or_skip(report, data.skip_bad_images)
    headers = {path: report.headers[path] for path in good}
    _check_sizes(headers, transform, data.batch_size)
    return Report(headers)


def _check_sizes(headers: Mapping[Path, Header], transform: Transform, batch_size: int) -> None:
    for preprocess in transform[:2]:
        if preprocess is not None:
            check_geometry(headers, preprocess, batch_size)


def _transform(settings: TrainSettings, filter: str = "bicubic") -> Transform:
    data = settings.data
    multiple_px = METHODS[settings.model].multiple_px(settings.networks)
    zoom_min = 1 / data.random_scale_max
    flip = not data.no_flip
    preprocess = Preprocess(
        data.preprocess, data.load_size, data.crop_size, flip, filter, zoom_min=zoom_min, multiple_px=multiple_px
    )
    if data.decay_load_size != "crop_size":
        return preprocess, None, None
    return preprocess, replace(preprocess, load_size=data.crop_size), settings.optimizer.n_epochs


def _cache(cache_mb: int | None, sizes: Mapping[Source, Size], transform: Transform, share: int) -> PictureCache | None:
    """Memory for pictures of these sizes, as large as ``--cache_mb`` says."""
    if cache_mb == 0:
        return None
    budget_mb = default_budget_mb(share) if cache_mb is None else max(cache_mb // share, 1)
    return PictureCache(sizes, *(step for step in transform[:2] if step is not None), budget_mb=budget_mb)


def _ranges(settings: TrainSettings, *domains: tuple[str, Mapping[Path, Header]]) -> Ranges:
    """The ranges of the values of A and B, which are labels and pictures; flags are called by the folders' letters."""
    flags = [f"range_{letter}" for letter in _letters(settings)]
    a, b = (domain_range(getattr(settings.data, flag), flag, *each) for flag, each in zip(flags, domains, strict=True))
    return a, b


def _size(header: Header) -> Size:
    return header.width, header.height


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
        # The place of a crop of a single picture is told from its place in the order, which is random enough.
        serial=settings.data.serial_batches or settings.data.dataset_mode == "singleimage",
        start_epoch=epoch,
        start_sample=epoch_samples,
        share=share or Share(),
    )


def make_batches(
    feed: Feed, settings: TrainSettings, sampler: EpochSampler, device: torch.device, share: int = 1
) -> Iterable[dict[str, Any]]:
    """The batches of a run, on their way to the device where that is a GPU.

    Args:
        share: training processes on this machine, which divide its cores.
    """
    workers = settings.data.num_threads
    if workers is None:
        workers = _workers(feed.dataset.augment.cache, device, share)
    batches = make_loader(feed.dataset, sampler, workers, pin_memory=device.type == "cuda")
    return staged(_dropping_early(batches, feed.dataset.augment), device)


def _workers(cache: PictureCache | None, device: torch.device, share: int) -> int:
    """Loader processes to start when nobody says.

    To hand a batch from one process to another takes several times the work of making it from kept pictures, which
    on a CPU is taken from the arithmetic of the steps.
    """
    return 0 if device.type == "cpu" and cache is not None and cache.holds_all else default_workers(share)


def _dropping_early(batches: Iterable[dict[str, Any]], augment: Augment) -> Iterator[dict[str, Any]]:
    """The batches; with the first of the late transform, what was kept for the early one is given back.

    Batches arrive in order, so by then no worker makes an early sample.
    """
    early, kept = augment.preprocess, augment.cache is not None
    for batch in batches:
        if kept and augment.transform(batch["epoch"]).scaling != early.scaling:
            augment.cache.drop(early)
            kept = False
        yield batch


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
