"""``translate apply``: translate any pictures into a folder, under the names that they have."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from tqdm import tqdm

from translate.batching import Batches
from translate.choosing import find_weights, refuse_without_effect
from translate.data.checking import check_geometry, check_pictures, raise_or_skip
from translate.data.deep_picture import Picture, visible
from translate.data.gathering import gather_pictures, in_film_order
from translate.data.listing import shown
from translate.data.part import Part
from translate.data.ranges import note_outside, without_deep
from translate.data.reading import PictureError
from translate.deep_files import formats_of
from translate.errors import InputError, RunError
from translate.film.kinds import is_animated
from translate.film.steady import Steadier
from translate.film.translating import AS_PREPARED, check_moving, translate_moving
from translate.flags import build
from translate.method_flags import Holes, holes_of, own_flags, replacing
from translate.methods import METHODS
from translate.naming import renaming
from translate.options import ApplyOptions
from translate.pipelining import overlapped
from translate.recorded_ranges import recorded_ranges
from translate.registry import did_you_mean
from translate.saving import ENDINGS, Errand, plan, save
from translate.settings import test_groups
from translate.sizing import choose_size
from translate.tiling import flags_for_less_memory
from translate.training.device import choose_device
from translate.training.memory import naming_what_does_not_fit
from translate.training.run_folder import RunFolder
from translate.translator import Translator, generator_file, generators_of, is_turned


@dataclass(frozen=True)
class ApplyResult:
    """Where the results are, and how many pictures went in, came out, and had a result already."""

    folder: Path
    read: int
    written: int
    skipped: int = 0


def apply_to_files(
    run: str | os.PathLike[str],
    pictures: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    values: Mapping[str, Any],
) -> ApplyResult:
    """Translate pictures into a folder; see ``translate.apply``.

    Args:
        values: flags of ``translate apply``, the output folder among them.
    """
    options = _options(values)
    output = Path(options.output or "")
    words = [pictures] if isinstance(pictures, str | os.PathLike) else list(pictures)
    _refuse_folders(words, output)
    weights = find_weights(run, Path(options.checkpoints_dir))
    found = gather_pictures(words, leave_out=output)
    if options.film:
        found = in_film_order(found)
    folder = RunFolder(weights if weights.is_dir() else weights.parent)
    record = folder.read_record()
    rename = _renaming(weights, record, options, len(found))
    errands = plan(found, output, options.format, rename, _formats(weights, folder, record, options))
    _refuse_smoothing(errands, options)
    _note_first_frames(errands, options)
    todo = _without_results(errands, options)
    skipped = len(errands) - len(todo)
    refuse_without_effect(weights, values, options)
    own = own_flags(record.get("model", "cut"), values)
    if todo:
        translator = _load(weights, record, options, own)
        _refuse_deep_films(todo, translator)
        stills, films = ([each for each in todo if each.moves is moves] for moves in (False, True))
        pixels = _readable(stills, options.skip_bad_images, translator, bool(films))
        counts = _readable_films(films, options.skip_bad_images, bool(pixels))
        todo = [*pixels, *counts]
        holes = holes_of(translator, own, record, [each.name for each in todo])
        steadier = Steadier(translator, options.smooth_stats if options.film else 0)
        _translate_all(translator, pixels, options, holes, steadier)
        if counts and not options.film:
            steadier = Steadier(translator, options.smooth_stats)
        damaged = _translate_films(translator, counts, options, holes, steadier, bool(pixels))
        todo = [each for each in todo if each not in damaged]
    written = sum(each.target.is_file() for each in todo)
    if written != len(todo):
        raise RunError(f"{len(todo)} pictures in, but {written} written to {shown(output)}")
    print(f"{len(todo)} in, {written} written{f', {skipped} there already' if skipped else ''}")
    print(f"results: {shown(output)}")
    return ApplyResult(output, len(todo), written, skipped)


def _renaming(
    weights: Path, record: Mapping[str, Any], options: ApplyOptions, count: int
) -> Callable[[Path, int], str] | None:
    """How ``--name_template`` names the results."""
    if options.name_template is None:
        return None
    folder = weights if weights.is_dir() else weights.parent
    epoch = options.epoch if weights.is_dir() else weights.name.partition("_net_")[0]
    own = record.get("options", {}).get("direction", "AtoB")
    label = "fake_B" if options.direction in (None, own) else "fake_A"
    return renaming(options.name_template, folder.resolve().name, epoch, label, count)


def _options(values: Mapping[str, Any]) -> ApplyOptions:
    groups = ApplyOptions, *test_groups().values()
    known = [name for group in groups for name in group.__dataclass_fields__]
    for name in values:
        if name not in known:
            raise InputError(f"unknown option {name!r}: {did_you_mean(name, known)}")
    options = build(ApplyOptions, values)
    if not options.output:
        raise InputError("no folder for the results is given; name one with -o, such as -o translated")
    if "tile_stats" in values and options.tile is None:
        raise InputError("--tile_stats says how tiles are translated: give --tile too, such as --tile 512")
    if options.overwrite and options.skip_existing:
        raise InputError("--overwrite and --skip_existing both say what becomes of results that are there; give one")
    return options


def _refuse_folders(words: Sequence[str | os.PathLike[str]], output: Path) -> None:
    """Refuse a folder for the results that is none or can be none, or one that is translated itself."""
    there = next(each for each in (output, *output.absolute().parents) if each.exists())
    if not there.is_dir():
        inside = "" if there == output else f" lies in {shown(there)}, which"
        raise InputError(f"-o {shown(output)}{inside} is a file; name a folder")
    for word in words:
        if os.path.isdir(word) and output.is_dir() and os.path.samefile(word, output):
            raise InputError(f"-o {shown(output)} is the folder of the pictures themselves; name another")


def _without_results(errands: Sequence[Errand], options: ApplyOptions) -> list[Errand]:
    """What is to be done about results that are there: nothing, once more, or not at all."""
    there = [each for each in errands if os.path.lexists(each.target)]
    folder = next((each.target for each in there if each.target.is_dir()), None)
    if folder is not None:
        raise InputError(f"{shown(folder)} is a folder where a result is to be; remove it, or give another -o")
    if there and not options.overwrite and not options.skip_existing:
        others = f" (and {len(there) - 1} more)" if len(there) > 1 else ""
        raise InputError(
            f"{shown(there[0].target)} exists already{others}; give --overwrite to replace, --skip_existing to go on "
            "with the others, or another -o"
        )
    left = set(there) if options.skip_existing else set()
    return [each for each in errands if each not in left]


def _load(weights: Path, record: Mapping[str, Any], options: ApplyOptions, own: Mapping[str, Any]) -> Translator:
    model = record.get("model", "cut")
    # What a file without a record holds is known once it is loaded; then so is the usual size of its method.
    told = "model" in record or options.size or options.preprocess or options.load_size or options.crop_size
    return Translator.load(
        weights,
        options.epoch,
        choose_size(options, record, METHODS[model]) if told else None,
        choose_device(options.gpu_ids),
        options.direction,
        replacing(model, own),
        options.precision,
        options.tile,
        options.tile_stats,
    )


def _formats(weights: Path, folder: RunFolder, record: Mapping[str, Any], options: ApplyOptions) -> Sequence[str]:
    """The formats that can hold the results, the usual one first."""
    file = generator_file(folder, options.epoch, record, options.direction) if weights.is_dir() else weights
    turned = is_turned(file, generators_of(folder, options.epoch, record))
    _, target = recorded_ranges(record, turned)
    channels = record.get("channels", {}).get("input" if turned else "output", 3)
    return formats_of(target, channels) if target else tuple(ENDINGS)


def _refuse_smoothing(errands: Sequence[Errand], options: ApplyOptions) -> None:
    """Refuse flags about films that would have no effect, or cannot have it."""
    if options.film and not options.smooth_stats:
        raise InputError(
            "--film says that pictures are frames that --smooth_stats smooths: give that too, as in --smooth_stats 0.9"
        )
    if not options.smooth_stats:
        return
    if options.tile is not None:
        raise InputError("--smooth_stats and --tile both say where statistics come from; give one of them")
    if not options.film and not any(each.moves for each in errands):
        raise InputError("--smooth_stats is about films: give --film too if these pictures are the frames of one")


def _refuse_deep_films(errands: Sequence[Errand], translator: Translator) -> None:
    """Films hold 8 bits, whose values mean nothing to a run that has learned from others."""
    first = next((each.source for each in errands if each.moves), None)
    if first is not None and (translator.source or translator.target):
        raise InputError(
            f"{shown(first)} moves and holds 8 bits, and this run translates deeper values: give its frames as pictures"
        )


def _note_first_frames(errands: Sequence[Errand], options: ApplyOptions) -> None:
    """Say so if the format that is asked for holds one picture, and an animation many."""
    if options.format == "same":
        return
    first = next((each for each in errands if not each.moves and is_animated(each.source)), None)
    if first is not None:
        print(f"note: {options.format} holds one picture; of {shown(first.source)} the first frame is translated")


def _readable_films(errands: Sequence[Errand], skip: bool, others: bool) -> dict[Errand, int | None]:
    """The films and animations that can be read, with the number of their frames as far as it is known.

    Args:
        others: whether there is something to be done without them.
    """
    counts: dict[Errand, int | None] = {}
    bad = []
    for each in errands:
        try:
            counts[each] = check_moving(each)
        except PictureError as error:
            bad.append(error)
    _leave_out(bad, skip and bool(counts or others))
    return counts


def _leave_out(bad: Sequence[PictureError], allowed: bool) -> None:
    """Say what is left out, or raise the first error where nothing may be."""
    if bad and not allowed:
        raise bad[0]
    for error in bad:
        print(f"note: {error}; it is left out")


def _readable(errands: Sequence[Errand], skip: bool, translator: Translator, others: bool) -> dict[Errand, int]:
    """The errands whose pictures can be read and are large enough, with the number of pixels that are translated; deep
    ones only where their range is known.

    Args:
        others: whether there may be something to be done without them.
    """
    if not errands:
        return {}
    range = translator.source
    report = check_pictures([each.source for each in errands], label="pictures")
    report = report if range else without_deep(report)
    good = set() if skip and others and not report.headers else set(raise_or_skip(report, skip))
    if report.bad:
        first = shown(next(iter(report.bad)))
        print(f"note: {len(report.bad)} pictures that cannot be used are left out, such as {first}")
    if translator.size.preprocess is not None:
        check_geometry(report.headers, translator.size.preprocess, batch_size=1)
    if range:
        note_outside(range, f"the run's range {range}", "the pictures", report.headers)
    headers = {each: report.headers[each.source] for each in errands if each.source in good}
    return {each: translator.size.pixels(header.width, header.height) for each, header in headers.items()}


class _Ready(NamedTuple):
    """A picture that has been read, as the network gets to see it."""

    errand: Errand
    prepared: Picture


def _translate_all(
    translator: Translator,
    pixels: Mapping[Errand, int],
    options: ApplyOptions,
    holes: Holes | None,
    steadier: Steadier,
) -> None:
    """Read, translate and write at once; on a CPU each picture by itself, so that a file holds what the translator
    returns.

    Args:
        pixels: of each picture, as it is translated.
        steadier: for the frames of a film, which each folder is by itself.
    """
    written: list[Path] = []
    folder: Path | None = None
    remedy = flags_for_less_memory(translator.generator)
    batches = Batches(translator.generator, translator.device, apart=steadier.smoothing is not None)

    def read(each: Errand) -> _Ready:
        return _Ready(each, translator.prepare(Part(each.source, range=translator.source).read(translator.input_nc)))

    def alone(ready: _Ready) -> Image.Image | np.ndarray:
        nonlocal folder
        each, prepared = ready
        if each.source.parent != folder:
            folder = each.source.parent
            steadier.begin()
        steadier.see(visible(prepared))
        with naming_what_does_not_fit(each.source, translator.device, remedy):
            hole = holes(each.name, prepared.size) if holes else None
            return translator.translate_image(prepared, AS_PREPARED, hole)

    def compute(batch: list[_Ready]) -> Iterable[Image.Image | np.ndarray]:
        return batches.compute(batch, translator.translate_together, alone)

    def write(ready: _Ready, result: Image.Image | np.ndarray) -> None:
        save(result, ready.errand.target, ready.errand.format)
        written.append(ready.errand.target)

    done = overlapped(pixels, read, compute, write, batches.fits, ahead=batches.ahead, weigh=pixels.__getitem__)
    try:
        for _ in tqdm(done, total=len(pixels), unit="pic", disable=None):
            pass
    except (RunError, PictureError) as error:  # each was readable before
        go_on = "" if options.overwrite else "; --skip_existing goes on with the others"
        raise RunError(f"{error}; {len(written)} of {len(pixels)} pictures are written{go_on}") from error


def _translate_films(
    translator: Translator,
    counts: Mapping[Errand, int | None],
    options: ApplyOptions,
    holes: Holes | None,
    steadier: Steadier,
    others: bool,
) -> Mapping[Errand, PictureError]:
    """Translate films and animations one after the other; those that are left out, since damage showed on the way.

    Args:
        counts: of frames.
        others: whether something was done without them.
    """
    bad: dict[Errand, PictureError] = {}
    for each, count in counts.items():
        try:
            translate_moving(translator, each, count, holes, steadier)
        except PictureError as error:
            if not options.skip_bad_images:
                raise
            bad[each] = error
    _leave_out(list(bad.values()), others or len(bad) < len(counts))
    return bad
