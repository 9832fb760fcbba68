"""Looking at every picture once before a run, so that it does not fail on one after an hour."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from translate.data.deep import examine_deep
from translate.data.known import KnownPictures
from translate.data.listing import shown
from translate.data.loading import default_workers
from translate.data.preprocess import Preprocess
from translate.data.reading import Header, PictureError, TooDeep, read_picture
from translate.errors import InputError

MOST_BAD_NAMED = 20
MOST_MISFITS_NAMED = 10
PROGRESS_AFTER_S = 1


@dataclass
class Report:
    """What a check found, in the order of the paths that were given.

    Attributes:
        headers: size and channels of each picture that can be used.
        bad: why each of the others cannot.
    """

    headers: dict[Path, Header] = field(default_factory=dict)
    bad: dict[Path, str] = field(default_factory=dict)


def check_pictures(
    paths: Sequence[Path],
    *,
    cache_folder: Path | None = None,
    workers: int | None = None,
    progress: bool = True,
    label: str = "",
) -> Report:
    """Decode every picture once, in parallel, and note its size and channels or what is wrong with it.

    Pictures that were found good are remembered between runs by their path, size and time of change;
    damaged ones are looked at again each time.

    Args:
        paths: the pictures of one domain.
        cache_folder: where to remember; None takes $TRANSLATE_CACHE, then the user's cache folder.
            A folder that cannot be written is not an error, only slower next time.
        workers: threads (Pillow decodes without Python's lock); None takes what the machine has, at most 4.
        progress: show a bar on stderr if the work takes more than a second.
        label: what the bar is called.
    """
    known = KnownPictures(paths, cache_folder)
    found: dict[Path, Header | str] = {path: header for path in paths if (header := known.get(path)) is not None}
    missing = [path for path in dict.fromkeys(paths) if path not in found]
    try:
        # The bar of tqdm writes to stderr, and with a delay only for what takes longer.
        bar = tqdm(total=len(missing), desc=label or None, unit="picture", delay=PROGRESS_AFTER_S, disable=not progress)
        with bar:
            for path, result in _in_threads(_examine, missing, workers or default_workers()):
                found[path] = result
                if isinstance(result, Header):
                    known.add(path, result)
                bar.update()
    finally:
        known.save()
    return _report(paths, found)


def raise_or_skip(report: Report, skip: bool | None) -> list[Path]:
    """The pictures that can be used.

    Args:
        skip: leave the others out; None where no flag says so.

    Raises:
        InputError: some cannot and ``skip`` is off (the message names them), or none can.
    """
    good = list(report.headers)
    if report.bad and (not skip or not good):
        raise InputError(_offenders(report, can_skip=bool(good) and skip is not None))
    return good


def check_geometry(headers: Mapping[Path, Header], preprocess: Preprocess, batch_size: int) -> None:
    """Refuse pictures of one domain that the transform cannot cut from, or that cannot be stacked.

    Raises:
        InputError: naming the pictures and the flags that would help.
    """
    small = [path for path, header in headers.items() if not preprocess.fits(header.width, header.height)]
    if small:
        first = headers[small[0]]
        others = _named(small[1:], headers)
        also = f"; also too small: {others}" if others else ""
        raise InputError(preprocess.too_small(small[0], first.width, first.height) + also)
    if batch_size > 1:
        _check_same_size(headers, preprocess, batch_size)


def smallest(
    preprocesses: Iterable[Preprocess | None], *domains: Mapping[Path, Header]
) -> tuple[Path, tuple[int, int]] | None:
    """The picture whose shorter side is least when it comes out of the transforms, and that size (width, height).

    None where there is none, or where sizes are random, which are never below the cut.
    """
    shapes = {(header.width, header.height): path for headers in domains for path, header in headers.items()}
    used = [preprocess for preprocess in preprocesses if preprocess is not None]
    sizes = [(path, preprocess.output_size(*shape)) for preprocess in used for shape, path in shapes.items()]
    if any(size is None for _, size in sizes):
        return None
    return min(sizes, key=lambda found: min(found[1]), default=None)


def detect_channels(headers_a: Mapping[Path, Header], headers_b: Mapping[Path, Header]) -> tuple[int, int]:
    """The channels of each domain: 1 if all of its pictures are grey, else 3."""
    return _channels(headers_a), _channels(headers_b)


def _channels(headers: Mapping[Path, Header]) -> int:
    return max((header.channels for header in headers.values()), default=3)


def _examine(path: Path) -> Header | str:
    try:
        try:
            picture = read_picture(path)
        except TooDeep:
            return examine_deep(path)
    except PictureError as error:
        return f"{error.reason} ({error.remedy})"
    return Header(picture.width, picture.height, len(picture.getbands()))


def _in_threads(
    work: Callable[[Path], Header | str], paths: Iterable[Path], workers: int
) -> Iterator[tuple[Path, Header | str]]:
    """Results in the order of ``paths``; an interruption does not wait for what has not begun."""
    executor = ThreadPoolExecutor(workers)
    try:
        paths = list(paths)
        yield from zip(paths, executor.map(work, paths), strict=True)
    finally:
        executor.shutdown(cancel_futures=True)


def _report(paths: Iterable[Path], found: Mapping[Path, Header | str]) -> Report:
    report = Report()
    for path in paths:
        result = found[path]
        if isinstance(result, Header):
            report.headers[path] = result
        else:
            report.bad[path] = result
    return report


def _offenders(report: Report, can_skip: bool) -> str:
    lines = [f"  {shown(path)} {reason}" for path, reason in list(report.bad.items())[:MOST_BAD_NAMED]]
    if len(report.bad) > MOST_BAD_NAMED:
        lines.append(f"  and {len(report.bad) - MOST_BAD_NAMED} more")
    total = len(report.bad) + len(report.headers)
    remedy = "repair or remove them"
    if can_skip:
        remedy += ", or leave them out with --skip_bad_images"
    return "\n".join([f"{len(report.bad)} of {total} pictures cannot be used; {remedy}:", *lines])


def _check_same_size(headers: Mapping[Path, Header], preprocess: Preprocess, batch_size: int) -> None:
    sizes = {path: preprocess.output_size(header.width, header.height) for path, header in headers.items()}
    remedy = "use --batch_size 1 or --preprocess resize_and_crop"
    why = f"--batch_size {batch_size} needs pictures of one size, but with --preprocess {preprocess.words}"
    if None in sizes.values():
        raise InputError(f"{why} each comes out in a random one; {remedy}")
    first = next(iter(sizes), None)
    others = [path for path, size in sizes.items() if size != sizes[first]]
    if others:
        width, height = sizes[first]
        raise InputError(
            f"{why} {shown(first)} becomes {width}x{height} and others do not: {_named(others, headers)}; {remedy}"
        )


def _named(paths: Sequence[Path], headers: Mapping[Path, Header]) -> str:
    """Pictures with their sizes, the first of them by name."""
    names = [f"{shown(path)} ({headers[path].width}x{headers[path].height})" for path in paths[:MOST_MISFITS_NAMED]]
    if len(paths) > MOST_MISFITS_NAMED:
        names.append(f"and {len(paths) - MOST_MISFITS_NAMED} more")
    return ", ".join(names)
