"""Writing files so that a reader never meets half of one."""

import contextlib
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from translate.errors import RunError


def replace_atomically(path: Path, write: Callable[[BinaryIO], None]) -> None:
    """Write a file beside ``path``, flush it to the disk, and rename it over ``path``.

    Whatever happens on the way (full disk, power cut, kill), ``path`` holds either its former
    content or the whole new one.

    Raises:
        RunError: the disk refused the write; ``path`` is untouched.
    """
    path = Path(path)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
        temporary = None
        _sync_folder(path.parent)
    except (OSError, RuntimeError) as error:
        # torch.save reports a failing stream as RuntimeError, not as the OSError behind it.
        raise RunError(f"cannot write {path}: {error}; free some space or choose another folder") from error
    finally:
        if temporary is not None:
            _remove_quietly(temporary)


def write_text(path: Path, text: str) -> None:
    """Replace a text file (UTF-8) atomically; bytes of file names that are no text become escapes, as JSON has them."""
    replace_atomically(path, lambda file: file.write(text.encode("utf-8", "backslashreplace")))


def write_json(path: Path, content: Any) -> None:
    """Replace a JSON file atomically."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def remove_leftovers(folder: Path) -> None:
    """Delete the temporary files that a killed process left in ``folder``."""
    for leftover in Path(folder).glob(".*.tmp"):
        _remove_quietly(leftover)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return  # Windows cannot open a folder for syncing
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_quietly(path: str | Path) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)
