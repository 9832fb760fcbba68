"""Writing files so that a reader never meets half of one."""

import contextlib
import glob
import json
import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from translate.errors import RunError

_ASKING = threading.Lock()
NAME_KEPT = 50  # characters of a file's name in that of its temporary one, which must not be longer than a disk allows
FORBIDDEN_ON_WINDOWS = re.compile(r'[<>:"|?*\x00-\x1f]|[. ]$|^(con|prn|aux|nul|com\d|lpt\d)(\.|$)', re.IGNORECASE)


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
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name[:NAME_KEPT]}.", suffix=".tmp", dir=path.parent)
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


def append_line(path: Path, line: str, flag: str) -> None:
    """Add a line to a text file, which is made where it is missing.

    Args:
        flag: which flag names the file.

    Raises:
        RunError: the disk refused.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "a", encoding="utf-8") as file:
            file.write(line + "\n")
    except OSError as error:
        raise RunError(f"cannot write {path}: {error}; free some space or give another {flag}") from error


@contextlib.contextmanager
def replacing_folder(target: Path, flag: str) -> Iterator[Path]:
    """A new folder beside the target, which takes its place if the block ends well and vanishes if it does not.

    What killed processes left there is removed once it is a day old.

    Args:
        flag: which flag names the target's place.

    Raises:
        RunError: the disk refused; ``target`` is untouched.
    """
    partial = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_old_leftovers(target)
        partial = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        yield partial
        partial.chmod(0o777 & ~_umask())
        _swap(partial, target)
    except OSError as error:
        raise RunError(f"cannot write to {target}: {error}; free some space or give another {flag}") from error
    finally:
        if partial is not None:
            shutil.rmtree(partial, ignore_errors=True)


def _remove_old_leftovers(target: Path) -> None:
    for leftover in target.parent.glob(f".{glob.escape(target.name)}.*"):
        if leftover.is_dir() and time.time() - leftover.stat().st_mtime > 86400:
            shutil.rmtree(leftover, ignore_errors=True)


def _swap(partial: Path, target: Path) -> None:
    """Put a finished folder in the place of a former one."""
    former = target.with_name(f".{target.name}.former")
    shutil.rmtree(former, ignore_errors=True)
    if target.exists():
        os.replace(target, former)
    try:
        os.replace(partial, target)
    except OSError:
        if former.exists():
            os.replace(former, target)
        raise
    shutil.rmtree(former, ignore_errors=True)


def windows_refuses(name: str) -> bool:
    """Whether Windows cannot have a file or folder of this name, which may be one within a folder.

    A colon is the worst of it: there the files would go, unseen, into a stream of a file.

    >>> windows_refuses("horses:2"), windows_refuses("horses/aux"), windows_refuses("../horses.2")
    (True, True, False)
    """
    parts = [part for part in re.split(r"[/\\]", name) if part not in ("", ".", "..")]
    return any(FORBIDDEN_ON_WINDOWS.search(part) for part in parts)


def remove_leftovers(folder: Path) -> None:
    """Delete the temporary files that a killed process left in ``folder``."""
    for leftover in Path(folder).glob(".*.tmp"):
        _remove_quietly(leftover)


def _umask() -> int:
    with _ASKING:  # it can only be asked for by changing it, and two threads at once would leave it changed
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
