"""Pictures on which the quality of a training is measured, and which it never learns from."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from translate.data.inputs import Input, find_inputs
from translate.data.listing import domain_folder, list_pictures
from translate.data.part import Part
from translate.data.value_range import ValueRange

LARGEST_SHARE = 10  # at most one of so many training pictures is held out
USUALLY_MOST = 100  # the default of --eval_pictures


@dataclass(frozen=True)
class Validation:
    """The pictures of an evaluation during training.

    Attributes:
        where: they come from, in words.
        inputs: of domain A, to be translated; some may have a known truth.
        real: of domain B.
        teaching: training pictures of A and of B, from which a classifier may learn.
    """

    where: str
    inputs: list[Input]
    real: list[Part]
    teaching: tuple[list[Part], list[Part]] | None = None

    def describe(self) -> str:
        """How many pictures there are, and where from."""
        return f"{len(self.inputs)} pictures in A, {len(self.real)} in B, {self.where}"


def has_phase(root: Path, phase: str, letters: Iterable[str]) -> bool:
    """Whether a data set has folders of its own for a phase: ``<root>/<phase>`` or ``<root>/<phase>A``."""
    return any((root / f"{phase}{letter}").is_dir() for letter in ("", *letters))


def phase_pictures(
    root: Path, phase: str, letters: str, mode: str, most: int, ranges: Sequence[ValueRange | None]
) -> tuple[list[Input], list[Part]]:
    """The pictures of a phase: those to be translated, and real ones of the other domain where there are any.

    Args:
        letters: ``AB``, or ``BA`` where pictures of B are translated to A.
        mode: as of ``--dataset_mode``.
        most: of either; they are spread evenly over what is there.
        ranges: of the values of both domains.

    Raises:
        InputError: the phase holds nothing to translate.
    """
    _, found = find_inputs(root, phase, letters, mode)
    inputs = [
        Input(each.name, each.part._replace(range=ranges[0]), each.truth and each.truth._replace(range=ranges[1]))
        for each in spread(found, most)
    ]
    return inputs, spread(real_parts(root, phase, letters[1], mode, inputs, ranges[1]), most)


def real_parts(
    root: Path, phase: str, letter: str, mode: str, inputs: Sequence[Input], values: ValueRange | None
) -> list[Part]:
    """The real pictures of the domain that is translated to; none where a phase has none.

    Args:
        letter: of that domain's folder.
        mode: as of ``--dataset_mode``.
        inputs: of the phase; what is real among pairs and in a single domain belongs to them.
        values: range of that domain's values.
    """
    if mode == "aligned":
        return [each.truth for each in inputs if each.truth]
    if mode == "single":
        return [each.part for each in inputs]
    folder = domain_folder(root, phase, letter, required=False)
    return [Part(path, range=values) for path in list_pictures(folder)] if folder else []


def spread(things: Sequence, most: int) -> list:
    """At most so many of a sequence, evenly spread over it.

    >>> spread("abcdefg", 3)
    ['a', 'c', 'e']
    """
    return [things[index * len(things) // most] for index in range(most)] if len(things) > most else list(things)


def hold_out(paths: Sequence[Path], most: int) -> list[Path]:
    """Which training pictures are held out: at most ``most`` and a tenth of them, in their order.

    They follow from the names of the files alone, so that runs of other seeds are measured on the same ones, and one
    more picture changes one of them at most.
    """
    count = min(most, len(paths) // LARGEST_SHARE)
    chosen = set(sorted(paths, key=_rank)[:count])
    return [path for path in paths if path in chosen]


def teaching_parts(
    root: Path, letters: str, ranges: Sequence[ValueRange | None] = (None, None)
) -> tuple[list[Part], list[Part]] | None:
    """The training pictures of both domains from which a classifier may learn; None where a domain has none.

    Those that a training with the default flags would hold out are left out, so that the classifier of its validation
    is that of its test.
    """
    sides = []
    for letter, values in zip(letters, ranges, strict=True):
        folder = domain_folder(root, "train", letter, required=False)
        paths = list_pictures(folder) if folder else []
        held = set() if has_phase(root, "val", letters) else set(hold_out(paths, USUALLY_MOST))
        sides.append([Part(path, range=values) for path in paths if path not in held])
    return (sides[0], sides[1]) if all(sides) else None


def _rank(path: Path) -> tuple[bytes, str]:
    return hashlib.sha256(path.name.encode("utf-8", "surrogateescape")).digest(), str(path)
