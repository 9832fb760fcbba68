"""Pictures with a class each, by the folder they lie in."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from translate.data.checking import check_pictures, raise_or_skip
from translate.data.listing import list_pictures, shown
from translate.data.ranges import without_deep
from translate.errors import InputError

HELD_OUT = 5  # one of so many training pictures validates where nothing else does


@dataclass(frozen=True, eq=False)
class Labelled:
    """Pictures and the index of each one's class in ``classes``.

    Attributes:
        paths: of N pictures.
        labels: (N,) int64.
        classes: the names of the folders, sorted.
    """

    paths: tuple[Path, ...]
    labels: np.ndarray
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.paths)

    def some(self, a_class: int, rng: np.random.Generator | None = None) -> "Labelled":
        """At most so many of each class, drawn at random, or evenly without a generator."""
        kept = []
        for label in range(len(self.classes)):
            places = np.flatnonzero(self.labels == label)
            count = min(a_class, len(places))
            order = np.arange(count) * len(places) // max(count, 1) if rng is None else rng.permutation(len(places))
            kept.append(places[order[:count]])
        return self._at(np.sort(np.concatenate(kept)))

    def _at(self, places: np.ndarray) -> "Labelled":
        return Labelled(tuple(self.paths[place] for place in places), self.labels[places], self.classes)


def find_labelled(root: Path, phase: str, skip_bad: bool | None = None, flag: str = "dataroot") -> Labelled:
    """The pictures of ``<root>/<phase>/<class>/``, checked.

    Args:
        skip_bad: leave out pictures that cannot be read; None where no flag says so.
        flag: that names the root.

    Raises:
        InputError: no such folder, fewer than two classes, or a picture that cannot be read.
    """
    folder = Path(root) / phase
    if not folder.is_dir():
        raise InputError(f"{shown(folder)} does not exist; give a --{flag} with {phase}/CLASS/ for each class")
    by_class = {each.name: list_pictures(each) for each in sorted(folder.iterdir()) if each.is_dir()}
    by_class = {name: paths for name, paths in by_class.items() if paths and not name.startswith(".")}
    report = without_deep(check_pictures([path for paths in by_class.values() for path in paths], label=phase))
    good = set(raise_or_skip(report, skip_bad))
    by_class = {name: [path for path in paths if path in good] for name, paths in by_class.items()}
    return _labelled({name: paths for name, paths in by_class.items() if paths}, folder)


def _labelled(by_class: Mapping[str, list[Path]], folder: Path) -> Labelled:
    if len(by_class) < 2:
        raise InputError(f"{shown(folder)} holds {len(by_class)} folders with pictures; it takes one for each class")
    paths = [path for found in by_class.values() for path in found]
    labels = [label for label, found in enumerate(by_class.values()) for _ in found]
    return Labelled(tuple(paths), np.array(labels, dtype=np.int64), tuple(by_class))


def split_labelled(train: Labelled) -> tuple[Labelled, Labelled]:
    """Training pictures, and a fifth of those of each class that is held out of them for validation.

    A class of a single picture keeps it.

    Raises:
        InputError: no class has two pictures.
    """
    held = np.zeros(len(train), dtype=bool)
    for label in range(len(train.classes)):
        places = np.flatnonzero(train.labels == label)
        if len(places) > 1:
            held[places[::HELD_OUT]] = True
    if not held.any():
        raise InputError(
            f"every class has a single training picture, such as {shown(train.paths[0])}: none can be held out for "
            "validation; add more pictures"
        )
    return train._at(np.flatnonzero(~held)), train._at(np.flatnonzero(held))


def check_same_classes(sets: Mapping[str, Labelled]) -> None:
    """Refuse phases whose classes differ: what is learned in one could not be asked in the other.

    Raises:
        InputError: names a class that one lacks.
    """
    (first, classes), *others = ((phase, set(found.classes)) for phase, found in sets.items())
    for phase, other in others:
        if odd := sorted(classes ^ other):
            where = first if odd[0] in classes else phase
            raise InputError(f"class {odd[0]} has pictures in {where} alone; it must be in {first} and in {phase}")
