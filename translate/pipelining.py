"""Reading, computing and writing at the same time: while one batch is computed, the next pictures are read and the last
ones written, by threads."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")
Ready = TypeVar("Ready")
Done = TypeVar("Done")
Result = TypeVar("Result")


def overlapped(
    items: Iterable[Item],
    read: Callable[[Item], Ready],
    compute: Callable[[list[Ready]], Sequence[Done]],
    write: Callable[[Ready, Done], Result],
    fits: Callable[[list[Ready], Ready], bool],
    threads: int = 2,
    ahead: int = 2,
) -> Iterator[Result]:
    """``write(ready, done)`` of each item in its order, where ``ready`` is what was read of it and ``done`` what was
    computed from that.

    ``read`` and ``write`` run in threads, ``compute`` runs in the thread of the caller. What goes wrong in any of them
    is raised here; by then no thread runs any more, and what was computed is written.

    Args:
        items: what to work on; taken as it is needed.
        fits: whether one more belongs into a batch that is not empty.
        threads: for reading, and as many for writing.
        ahead: so many items at most are read before they are computed, and so many wait for being written: this bounds
            the memory.
    """
    with _threads(threads, drop=True) as reading, _threads(threads, drop=False) as writing:
        ready_items = _mapped(reading, read, items, ahead)
        written: deque[Future[Result]] = deque()
        for batch in _batches(ready_items, fits):
            for ready, done in zip(batch, compute(batch), strict=True):
                written.append(writing.submit(write, ready, done))
                if len(written) > ahead:
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
    pool: ThreadPoolExecutor, function: Callable[[Item], Ready], items: Iterable[Item], ahead: int
) -> Iterator[Ready]:
    """What the function makes of each item, in order, with at most so many begun or done before they are taken."""
    begun: deque[Future[Ready]] = deque()
    for item in items:
        begun.append(pool.submit(function, item))
        if len(begun) >= ahead:
            yield begun.popleft().result()
    while begun:
        yield begun.popleft().result()


def _batches(items: Iterable[Ready], fits: Callable[[list[Ready], Ready], bool]) -> Iterator[list[Ready]]:
    """Neighbours that belong together."""
    batch: list[Ready] = []
    for item in items:
        if batch and not fits(batch, item):
            yield batch
            batch = []
        batch.append(item)
    if batch:
        yield batch
