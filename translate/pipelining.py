"""Reading, computing and writing at the same time: while one batch is computed, the next pictures are read and the last
ones written, by threads."""

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

Item = TypeVar("Item")
Ready = TypeVar("Ready")
Done = TypeVar("Done")
Result = TypeVar("Result")


WRITTEN_BEHIND = 2  # results at least that may wait for being written while the next are computed


class Ahead(NamedTuple):
    """How far reading may be ahead of computing: so many items, and only so many that they weigh no more than ``room``
    together; one always."""

    items: int = 2
    room: float = math.inf


A_LITTLE_AHEAD = Ahead()


def weightless(item: object) -> int:
    """The weight of items whose number alone bounds the memory."""
    return 0


def overlapped(
    items: Iterable[Item],
    read: Callable[[Item], Ready],
    compute: Callable[[list[Ready]], Iterable[Done]],
    write: Callable[[Ready, Done], Result],
    fits: Callable[[list[Ready], Ready], bool],
    threads: int = 2,
    ahead: Ahead = A_LITTLE_AHEAD,
    weigh: Callable[[Item], float] = weightless,
) -> Iterator[Result]:
    """``write(ready, done)`` of each item in its order, where ``ready`` is what was read of it and ``done`` what was
    computed from that.

    ``read`` and ``write`` run in threads, ``compute`` runs in the thread of the caller. What goes wrong in any of them
    is raised here; by then no thread runs any more, and what was computed is written. Items before one that cannot be
    read are computed.

    Args:
        items: what to work on; taken as it is needed.
        compute: gives what it makes of a batch, at once or one by one: what came before a failure is written.
        fits: whether one more belongs into a batch that is not empty.
        threads: for reading, and as many for writing.
        ahead: what is read before it is computed; this bounds the memory. While a batch is computed, as many results
            as the one before it had (two at least) may wait for being written.
        weigh: the weight of an item, for the room in ``ahead``.
    """
    with _threads(threads, drop=True) as reading, _threads(threads, drop=False) as writing:
        ready_items = _mapped(reading, read, items, ahead, weigh)
        written: deque[Future[Result]] = deque()
        for batch in _batches(ready_items, fits):
            for ready, done in zip(batch, compute(batch), strict=True):
                written.append(writing.submit(write, ready, done))
            while len(written) > max(len(batch), WRITTEN_BEHIND):
                yield written.popleft().result()
        while written:
            yield written.popleft().result()


@contextmanager
def _threads(count: int, drop: bool) -> Iterator[ThreadPoolExecutor]:
    """Threads that end with the block: the work that has begun is finished, the rest too or, with ``drop``, not."""
    pool = ThreadPoolExecutor(count)
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=drop)


def _mapped(
    pool: ThreadPoolExecutor,
    function: Callable[[Item], Ready],
    items: Iterable[Item],
    ahead: Ahead,
    weigh: Callable[[Item], float],
) -> Iterator[Ready]:
    """What the function makes of each item, in order, with at most so many begun or done before they are taken."""
    begun: deque[tuple[Future[Ready], float]] = deque()
    for item in items:
        begun.append((pool.submit(function, item), weigh(item)))
        while len(begun) >= ahead.items or (len(begun) > 1 and sum(weight for _, weight in begun) > ahead.room):
            future, _ = begun.popleft()
            yield future.result()
    while begun:
        future, _ = begun.popleft()
        yield future.result()


def _batches(items: Iterable[Ready], fits: Callable[[list[Ready], Ready], bool]) -> Iterator[list[Ready]]:
    """Neighbours that belong together; where no further item comes since one failed, those that came are the last."""
    batch: list[Ready] = []
    try:
        for item in items:
            if batch and not fits(batch, item):
                yield batch
                batch = []
            batch.append(item)
    except Exception:
        if batch:
            yield batch
        raise
    if batch:
        yield batch
