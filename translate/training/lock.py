"""One process a run: a second one under the same name would write over what the first one writes."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from translate.errors import InputError

try:
    import fcntl
except ImportError:  # Windows has no such locks; there nobody is kept out
    fcntl = None


@contextmanager
def only_process(folder: Path) -> Iterator[None]:
    """Hold the run in ``folder`` for this process until the block ends, however the process ends.

    The lock is a record lock on a hidden file beside the folder, since the folder itself may be renamed. It is the
    process's own: workers that it forks do not hold it, so it is free as soon as a killed process is gone.

    Raises:
        InputError: another process trains this run, or the file cannot be made.
    """
    if fcntl is None:
        yield
        return
    path = folder.with_name(f".{folder.name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        why = error.strerror or error
        raise InputError(f"cannot write to {path.parent} ({why}); change --checkpoints_dir") from None
    try:
        _acquire(descriptor, folder)
        yield
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, folder: Path) -> None:
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # one or the other, as the system has it
        raise InputError(
            f"{folder} is being trained by another process; wait until it ends, stop it, or give another --name"
        ) from None
    except OSError:
        pass  # a file system without locks: nobody is kept out
