"""Which pictures a training is measured on: those of a phase of their own, else some that it does without."""

from collections.abc import Sequence
from pathlib import Path

from translate.data.checking import check_pictures, raise_or_skip
from translate.data.inputs import Input, name_results
from translate.data.part import Part
from translate.data.validation import Validation, has_phase, hold_out, phase_pictures
from translate.data.value_range import ValueRange
from translate.errors import InputError
from translate.settings import TrainSettings

Sides = tuple[list[Part], list[Part]]  # pictures of A and of B; where both are held out of pairs, in the same order


def part_held_out(settings: TrainSettings, root: Path, paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """The training pictures of a domain that are not learned from, and those that are. The former are none where
    quality is not measured, or the data set has a phase for it."""
    quality = settings.quality
    if not quality.eval_every or quality.probe_data or has_phase(root, quality.eval_phase, "AB"):
        return [], list(paths)
    held = hold_out(paths, quality.eval_pictures)
    left_out = set(held)
    return held, [path for path in paths if path not in left_out]


def open_validation(
    settings: TrainSettings,
    root: Path,
    held: Sides,
    learned: Sides | None = None,
    ranges: Sequence[ValueRange | None] = (None, None),
) -> Validation | None:
    """The pictures on which quality is measured; None where it is not.

    Args:
        held: what ``part_held_out`` left out of the training.
        learned: pictures that are learned from, where there are two domains.
        ranges: of the values of both domains.

    Raises:
        InputError: there are none, or one cannot be read.
    """
    quality, data = settings.quality, settings.data
    if not quality.eval_every or quality.probe_data:
        return None
    letters = "AB" if data.direction == "AtoB" else "BA"
    if has_phase(root, quality.eval_phase, "AB"):
        inputs, real = phase_pictures(
            root, quality.eval_phase, letters, data.dataset_mode, quality.eval_pictures, ranges
        )
        where = f"of {quality.eval_phase}"
    else:
        inputs, real = _held_pictures(held, data.dataset_mode, ranges)
        where = f"held out of {settings.run.phase}"
    if not inputs:
        raise InputError(
            f"--eval_every has no pictures to measure on: {root} has no {quality.eval_phase}{letters[0]}, and too few "
            "training pictures to hold out a tenth of them; add that folder, or name another by --eval_phase"
        )
    inputs, real = _checked(inputs, real, data.skip_bad_images)
    return Validation(where, inputs, real, _in_ranges(learned, ranges) if learned else None)


def _held_pictures(held: Sides, mode: str, ranges: Sequence[ValueRange | None]) -> tuple[list[Input], list[Part]]:
    a, b = _in_ranges(held, ranges)
    names = name_results([part.path for part in a], _common_folder(a))
    truths = b if mode == "aligned" else [None] * len(a)
    inputs = [Input(names[part.path], part, truth) for part, truth in zip(a, truths, strict=True)]
    return inputs, a if mode == "single" else b


def _in_ranges(sides: Sides, ranges: Sequence[ValueRange | None]) -> Sides:
    a, b = ([part._replace(range=each) for part in side] for side, each in zip(sides, ranges, strict=True))
    return a, b


def _common_folder(parts: Sequence[Part]) -> Path:
    """The folder that all of them are in or below."""
    if not parts:
        return Path()
    folder = parts[0].path.parent
    while not all(part.path.is_relative_to(folder) for part in parts):
        folder = folder.parent
    return folder


def _checked(inputs: list[Input], real: list[Part], skip: bool) -> tuple[list[Input], list[Part]]:
    """Those that can be read."""
    paths = [each.part.path for each in inputs] + [each.truth.path for each in inputs if each.truth]
    paths += [part.path for part in real]
    good = set(raise_or_skip(check_pictures(list(dict.fromkeys(paths)), label="pictures to measure on"), skip))
    inputs = [each for each in inputs if each.part.path in good and (not each.truth or each.truth.path in good)]
    return inputs, [part for part in real if part.path in good]
