"""Silence for a library that warns, which holds in many threads at once."""

import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_inside = 0
_silence: warnings.catch_warnings | None = None


@contextmanager
def no_pillow_warnings() -> Iterator[None]:
    """Ignore the warnings that Pillow raises within the block, in every thread.

    Python's own ``catch_warnings`` swaps one global list, so threads that overlap would restore each
    other's: here the first thread to enter installs the filter and the last one to leave removes it.
    """
    if getattr(sys.flags, "context_aware_warnings", False):
        with warnings.catch_warnings():
            _ignore_pillow()
            yield
        return
    _enter()
    try:
        yield
    finally:
        _leave()


def _ignore_pillow() -> None:
    warnings.filterwarnings("ignore", module=r"PIL(\.|$)")


def _enter() -> None:
    global _inside, _silence
    with _lock:
        if _inside == 0:
            _silence = warnings.catch_warnings()
            _silence.__enter__()
            _ignore_pillow()
        _inside += 1


def _leave() -> None:
    global _inside, _silence
    with _lock:
        _inside -= 1
        if _inside == 0 and _silence is not None:
            _silence.__exit__(None, None, None)
            _silence = None
