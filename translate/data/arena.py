"""Memory that all processes of a run share, with a place for each of many pictures.

The memory is a file without a name, of which a process sees the same pages as every other: forked workers inherit it,
spawned ones are sent it. Pages come into being as pictures are written, so a large arena costs nothing until then.
Pictures are written by system calls, which fail where the file's own limit is reached; a store into mapped memory would
kill the process instead. Against a machine that runs out of memory only a modest size helps.
"""

import mmap
import os
import tempfile
import weakref
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

Shape = tuple[int, int, int]  # height, width, channels

EMPTY, WRITTEN = b"\0", b"\1"


class Place(NamedTuple):
    """What a picture takes."""

    height: int
    width: int
    channels: int
    dtype: torch.dtype = torch.uint8

    @property
    def shape(self) -> Shape:
        return self[:3]

    @property
    def size_bytes(self) -> int:
        return self.height * self.width * self.channels * self.dtype.itemsize


def lay_out(places: Sequence[Place | Shape], budget_bytes: int) -> tuple[list[int | None], int]:
    """Where each picture begins (bytes from the start of the arena) and the size of the whole.

    A byte of marks a picture, and one for the arena, come first, up to a page's end; then pictures in the order given,
    each that still fits into the budget, where its type may begin. None stands for one that does not.
    """
    end = -(-(len(places) + 1) // mmap.PAGESIZE) * mmap.PAGESIZE
    starts: list[int | None] = []
    for place in (Place(*each) for each in places):
        start = -(-end // place.dtype.itemsize) * place.dtype.itemsize
        fits = start + place.size_bytes <= budget_bytes
        starts.append(start if fits else None)
        end = start + place.size_bytes if fits else end
    return starts, end


class Arena:
    """Places for pictures, each written at most a few times and always with the same pixels.

    There is no lock, so a process that is killed leaves none behind. Two that write one picture at once write the same
    bytes. A picture's mark is written after its pixels and read before them; both are system calls, whose passage
    through the kernel (taking and letting go of the page) is a full memory barrier on either side.

    Args:
        places: height, width and channels of each picture, and the type of its values where they are not bytes.
        budget_bytes: the most that the arena may hold.

    Raises:
        OSError: the machine does not give such memory.
    """

    def __init__(self, places: Sequence[Place | Shape], budget_bytes: int):
        self._places = [Place(*each) for each in places]
        self._starts, self.size_bytes = lay_out(self._places, budget_bytes)
        self._attach(_open_memory())
        os.ftruncate(self._file, self.size_bytes)
        _write(self._file, EMPTY * (len(self._places) + 1), 0)  # so that marks can be written whatever happens
        self._map()

    @property
    def places(self) -> int:
        """For how many of the pictures there is a place."""
        return sum(start is not None for start in self._starts)

    def get(self, index: int) -> Tensor | None:
        """Picture ``index``, (H, W, C), or None if it was not written. It is shared: do not write into it."""
        start = self._starts[index]
        if start is None or os.pread(self._file, 1, index) != WRITTEN:
            return None
        place = self._places[index]
        return self._pixels[start : start + place.size_bytes].view(place.dtype).view(place.shape)

    def put(self, index: int, pixels: bytes) -> None:
        """Write picture ``index``, unless it has no place or the arena is closed.

        Raises:
            OSError: the memory is used up, which closes the arena: what is in it stays, and nothing more is written.
        """
        start = self._starts[index]
        if start is None or self.is_closed:
            return
        try:
            _write(self._file, pixels, start)
        except OSError:
            self.close()
            raise
        _write(self._file, WRITTEN, index)

    @property
    def is_closed(self) -> bool:
        return os.pread(self._file, 1, len(self._places)) == WRITTEN

    def close(self) -> None:
        """Take no more pictures, in any process."""
        _write(self._file, WRITTEN, len(self._places))

    def drop(self) -> None:
        """Close the arena, forget the pictures and give their memory back, while no process reads one."""
        self.close()
        _write(self._file, EMPTY * len(self._places), 0)
        first = min((start for start in self._starts if start is not None), default=None)
        if first is not None and hasattr(mmap, "MADV_REMOVE"):
            self._memory.madvise(mmap.MADV_REMOVE, first, self.size_bytes - first)

    def __getstate__(self) -> dict[str, Any]:
        from multiprocessing.reduction import DupFd  # Windows, where no arena is opened, does not have it

        kept = {name: vars(self)[name] for name in ("_places", "_starts", "size_bytes")}
        return {**kept, "file": DupFd(self._file)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        file = state.pop("file").detach()
        vars(self).update(state)
        self._attach(file)
        self._map()

    def _attach(self, file: int) -> None:
        self._file = file
        weakref.finalize(self, os.close, file)

    def _map(self) -> None:
        self._memory = mmap.mmap(self._file, self.size_bytes)
        self._pixels = torch.frombuffer(self._memory, dtype=torch.uint8)


def _open_memory() -> int:
    """A file that lives in memory, or where there is no such thing, one without a name in the temporary folder.

    Raises:
        OSError: the machine does not give such memory.
    """
    if not hasattr(os, "pread"):
        raise OSError("Windows has none that processes share in this way")
    if hasattr(os, "memfd_create"):
        return os.memfd_create("pictures")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _write(file: int, content: bytes, at: int) -> None:
    view = memoryview(content)
    while view:
        done = os.pwrite(file, view, at)
        view, at = view[done:], at + done
