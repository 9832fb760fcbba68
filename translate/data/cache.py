"""Pictures that were decoded and scaled before, kept in memory for the epochs to come.

What is kept is the picture after the scaling word of ``--preprocess``, which no random number has a part in: 8-bit
pixels, or floats of deep pictures. So samples are the same to the bit with a cache and without.
"""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from translate.data.arena import Arena, Place
from translate.data.deep_picture import Picture
from translate.data.machine import MIB, available_memory_mb
from translate.data.part import Part
from translate.data.preprocess import Preprocess, Size

AUTOMATIC_SHARE = 4  # without a budget, at most one part in so many of the memory that is available
UNKNOWN_MEMORY_MB = 1024  # the budget of a machine that does not say what it has

Source = tuple[Part, int]  # a picture and the channels (1 or 3) that it is read in


class Scaled(NamedTuple):
    """A picture after the scaling word: as it was scaled, or its pixels (H, W, C) where it was kept.

    ``source`` is its width and height on disk (pixels).
    """

    pixels: Picture | Tensor
    source: Size

    @property
    def size(self) -> Size:
        """Width and height now."""
        if isinstance(self.pixels, Tensor):
            return self.pixels.shape[1], self.pixels.shape[0]
        return self.pixels.size


def default_budget_mb(share: int = 1) -> int:
    """MiB for the pictures of one of ``share`` training processes on this machine."""
    available_mb = available_memory_mb()
    budget_mb = UNKNOWN_MEMORY_MB if available_mb is None else available_mb // AUTOMATIC_SHARE
    return budget_mb // share


class PictureCache:
    """Scaled pictures in memory that all processes of a run share, filled as they are first asked for.

    Each way of scaling has an arena of its own. A picture that is kept goes on being served when its file changes or
    vanishes during the run; one that has another size by then than when the run began is not kept. Where memory is
    short, pictures are decoded each time, and a note says so once.

    Args:
        sources: the width and height on disk of each picture.
        transforms: all that the run uses. They are not in use at the same time, so each arena may have the budget.
        budget_mb: MiB; pictures beyond it, in the order of ``sources``, are decoded each time.
    """

    def __init__(self, sources: Mapping[Source, Size], *transforms: Preprocess, budget_mb: int):
        self.budget_mb = budget_mb
        self._indices = {source: index for index, source in enumerate(sources)}
        self._sizes = list(sources.values())
        self._arenas: dict[tuple, Arena | None] = {}  # None where the machine has no memory for it
        for transform in transforms:
            if transform.scaling not in self._arenas:
                self._open(transform, [_place(transform, *source, size) for source, size in sources.items()])

    def _open(self, transform: Preprocess, places: list[Place]) -> None:
        try:
            self._arenas[transform.scaling] = Arena(places, self.budget_mb * MIB)
        except (OSError, ValueError) as error:
            self._arenas[transform.scaling] = None
            _note(error)

    def get(self, transform: Preprocess, source: Source) -> Scaled | None:
        """A picture as this transform scales it, if it is kept."""
        index, arena = self._indices.get(source), self._arenas.get(transform.scaling)
        if index is None or arena is None or (pixels := arena.get(index)) is None:
            return None
        return Scaled(pixels, self._sizes[index])

    def put(self, transform: Preprocess, source: Source, scaled: Scaled) -> None:
        """Keep a picture that this transform has scaled, if there is a place for it."""
        index, arena = self._indices.get(source), self._arenas.get(transform.scaling)
        if index is None or arena is None or scaled.source != self._sizes[index]:
            return
        try:
            arena.put(index, scaled.pixels.tobytes())
        except OSError as error:
            _note(error)

    @property
    def holds_all(self) -> bool:
        """Whether each picture has a place, however it is scaled."""
        return all(arena is not None and arena.places == len(self._sizes) for arena in self._arenas.values())

    def drop(self, transform: Preprocess) -> None:
        """Give back the memory of a transform that is not used any more, while no process makes a sample with it."""
        if arena := self._arenas.get(transform.scaling):
            arena.drop()

    def describe(self, transform: Preprocess) -> str:
        """How many pictures can be kept, such as ``1995 of 2014 kept decoded in memory (467 MiB of 6000)``."""
        arena = self._arenas.get(transform.scaling)
        if arena is None or not arena.places:
            return f"none of {len(self._sizes)} kept decoded in memory"
        used_mb = -(-arena.size_bytes // MIB)
        return f"{arena.places} of {len(self._sizes)} kept decoded in memory ({used_mb} MiB of {self.budget_mb})"


def _place(transform: Preprocess, part: Part, channels: int, size: Size) -> Place:
    width, height = transform.scaled_size(*size)
    return Place(height, width, channels, torch.uint8 if part.range is None else torch.float32)


def _note(error: Exception) -> None:
    print(f"note: no memory to keep more decoded pictures in ({error}); the others are decoded each time")
