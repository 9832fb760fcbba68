"""Pictures of equal size that are translated together, which on a GPU is quicker than one after the other, and in
memory that is used again."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

import torch
from torch import nn

from translate.data.deep_picture import Picture
from translate.pipelining import A_LITTLE_AHEAD, Ahead
from translate.training.memory import is_out_of_memory, keep_freed_memory, release_freed_memory

PIXELS_AT_ONCE = 2**20
FAR_AHEAD = Ahead(32, room=2**23)  # pictures, and pixels of all of them: 32 of 512x512


class Prepared(Protocol):
    """A picture as the network gets to see it, with whatever else belongs to it."""

    @property
    def prepared(self) -> Picture: ...


Ready = TypeVar("Ready", bound=Prepared)
Done = TypeVar("Done")


def pixels_at_once(device: torch.device) -> int:
    """How large a batch of pictures may be: 0 on a CPU.

    There it would not be quicker, and how convolutions round depends on the batch: the files would not be to the bit
    what a ``Translator`` gives for a single picture.
    """
    return 0 if device.type == "cpu" else PIXELS_AT_ONCE


class Batches:
    """Which pictures a translator translates together, and what becomes of those that the memory has no room for.

    ``pixels`` of pictures of equal size, all counted, make the largest batch; 0: each picture by itself. So it is for a
    generator that fills a hole, of which each picture has its own, or shows more than its translation. With tiles there
    are no more at once than a tile has.

    The memory of a CPU is kept from one picture to the next of its size, but with tiles, which are for less of it.

    Args:
        generator: what translates, as a ``Translator`` has it (see there) or a method makes it.
        apart: what comes of a picture depends on the one before it.
    """

    def __init__(self, generator: nn.Module, device: torch.device, apart: bool = False):
        alone = apart or getattr(generator, "takes_mask", False) or hasattr(generator, "views")
        self.device = device
        self._size: tuple[int, int] | None = None  # of the pictures of the last batch
        self.pixels = 0 if alone else pixels_at_once(device)
        if hasattr(generator, "tile_px"):
            self.pixels = min(self.pixels, generator.tile_px**2)
        else:
            keep_freed_memory(device)

    @property
    def ahead(self) -> Ahead:
        """What is read ahead, where an item weighs as much as it has pixels."""
        return FAR_AHEAD if self.pixels else A_LITTLE_AHEAD

    def fits(self, batch: Sequence[Prepared], one: Prepared) -> bool:
        """Whether one more belongs into a batch that is not empty."""
        width, height = one.prepared.size
        return batch[0].prepared.size == (width, height) and (len(batch) + 1) * width * height <= self.pixels

    def compute(
        self,
        batch: Sequence[Ready],
        together: Callable[[list[Picture]], Sequence[Done]],
        alone: Callable[[Ready], Done],
    ) -> Iterable[Done]:
        """The results of a batch, in its order.

        Where the memory does not suffice for all at once, each comes by itself when it is asked for, and further
        batches are at most half as large.

        Args:
            together: translates prepared pictures of equal size.
            alone: translates one.
        """
        size = batch[0].prepared.size
        if self._size not in (None, size):
            release_freed_memory(self.device)
        self._size = size
        if len(batch) > 1:
            results = _unless_out_of_memory(together, [each.prepared for each in batch])
            if results is not None:
                return results
            self.pixels = len(batch) * math.prod(size) // 2
        return map(alone, batch)


def _unless_out_of_memory(
    together: Callable[[list[Picture]], Sequence[Done]], pictures: list[Picture]
) -> Sequence[Done] | None:
    """The results, or None, by which time the memory that the attempt took is free again: the error would hold it."""
    try:
        return together(pictures)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    return None
