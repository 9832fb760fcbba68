"""A known dataset on the disk: downloaded, unpacked and laid out, complete or not at all."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from translate.data.archives import Limits, Unpacked, in_words, unpack
from translate.data.catalog import Download, KnownDataset
from translate.data.download import Unreachable, download, file_sha256
from translate.data.listing import list_pictures, shown
from translate.errors import InputError, RunError
from translate.files import replacing_folder, write_json

try:
    import fcntl
except ImportError:  # Windows has no such locks; there two downloads at once get into each other's way
    fcntl = None

DOMAINS = tuple(f"{phase}{letter}" for phase in ("train", "val", "test") for letter in ("", "A", "B"))
RECORD = "dataset.json"


def is_there(folder: Path) -> bool:
    """Whether a folder is a dataset: it has a folder of some phase. What was fetched appears complete or not at all."""
    return any((folder / name).is_dir() for name in DOMAINS)


def describe(known: KnownDataset, folder: Path) -> str:
    """What is fetched, from where and whereto, in a sentence."""
    size = f" ({in_words(known.bytes)})" if known.bytes else ""
    return f"{known.name}{size} from {known.downloads[0].urls[0]} to {shown(folder)}"


def fetch_dataset(known: KnownDataset, folder: Path, flag: str = "--dataroot", limits: Limits | None = None) -> None:
    """Have the dataset in ``folder``: used where it is there already, else downloaded.

    An archive that lies beside the folder under its own name, such as ``datasets/horse2zebra.zip``, is used in place of
    a download. Several processes may call this at once: one does it, the others wait. ``dataset.json`` in the folder
    records where it comes from and the SHA-256 of what was downloaded.

    Args:
        flag: which flag names the place, for errors.

    Raises:
        InputError: it can only be fetched by hand (which is said), no server gives it, what comes is not what is known,
            or the folder holds something else.
        RunError: the disk is too small or refuses.
    """
    if is_there(folder):
        return
    if folder.is_symlink():
        folder = folder.resolve()  # to a larger disk, perhaps: the link stays
    _refuse_occupied(folder, known)
    if known.instructions:
        raise InputError(f"{known.name} is not free to download; by hand: {known.instructions}")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"cannot make {shown(folder.parent)}: {error.strerror}; give another {flag}") from None
    with one_at_a_time(folder):
        if not is_there(folder):
            _make(known, folder, flag, limits)


def _make(known: KnownDataset, folder: Path, flag: str, limits: Limits | None) -> None:
    print(f"downloading {describe(known, folder)}; licence: {known.licence}; see {known.page}")
    archives = {each: folder.parent / each.file_name for each in known.downloads if each.to is None}
    brought = {path for path in archives.values() if path.is_file()}  # by the user, who may want to keep them
    try:
        digests = {each: _obtain(each, path) for each, path in archives.items()}
        with replacing_folder(folder, flag) as partial:
            out = [unpack(path, partial, limits) for path in archives.values()]
            for each in known.downloads:
                if each.to is not None:
                    digests[each] = _download_single(each, partial / each.to)
                    out.append(Unpacked(1, (partial / each.to).stat().st_size))
            _lay_out(known, partial)
            _write_record(known, partial, digests)
    except Unreachable as problem:
        raise InputError(_by_hand(known, folder, problem)) from None
    for path in set(archives.values()) - brought:
        path.unlink(missing_ok=True)
    files, size = sum(each.files for each in out), sum(each.bytes for each in out)
    sums = ", ".join(digests[each] for each in known.downloads)
    print(f"{known.name}: {files} files, {in_words(size)}, in {shown(folder)}; SHA-256 of the download: {sums}")


def _obtain(source: Download, path: Path) -> str:
    """An archive that is here already, or its download; its SHA-256."""
    if not path.is_file():
        return download(source, path)
    digest = file_sha256(path)
    if source.sha256 and not digest.startswith(source.sha256):
        raise InputError(
            f"{shown(path)} is not the file that is known: its SHA-256 is {digest} in place of {source.sha256}; remove "
            "it to have it downloaded, or unpack it by hand if you trust it"
        )
    print(f"{shown(path)} is used")
    return digest


def _download_single(source: Download, path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    return download(source, path)


def _by_hand(known: KnownDataset, folder: Path, problem: Exception) -> str:
    """What to do where no server can be reached."""
    places = {each: folder / each.to if each.to else folder.parent / each.file_name for each in known.downloads}
    what = ", ".join(f"{each.urls[0]} to {shown(place)}" for each, place in places.items())
    return f"{known.name} could not be downloaded ({problem}); try again, or fetch by hand {what}"


def _lay_out(known: KnownDataset, folder: Path) -> None:
    """Bring what was unpacked into the layout of a dataset."""
    _lift(folder)
    for target, sources in known.folders.items():
        source = next((folder / name for name in sources if (folder / name).is_dir()), None)
        if source is None:
            raise InputError(f"{known.name}: the archive has no folder {' or '.join(sources)}; see {known.page}")
        source.rename(folder / target)
    if known.folders:
        for entry in folder.iterdir():
            if entry.name not in known.folders:
                _remove(entry)
    if not any((folder / name).is_dir() and list_pictures(folder / name) for name in DOMAINS):
        raise InputError(f"{known.name}: what was downloaded holds no pictures of any phase; see {known.page}")


def _lift(folder: Path) -> None:
    """An archive usually holds one folder with everything in it; what is in it is wanted."""
    entries = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    if len(entries) != 1 or not entries[0].is_dir() or entries[0].name in DOMAINS:
        return
    only = entries[0].rename(folder / ".lifted")  # what it holds may bear its name
    for entry in only.iterdir():
        entry.rename(folder / entry.name)
    only.rmdir()


def _remove(entry: Path) -> None:
    shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def _write_record(known: KnownDataset, folder: Path, digests: dict[Download, str]) -> None:
    downloads = [
        {"url": each.urls[0], "sha256": digests[each], "checked": each.sha256 is not None} for each in known.downloads
    ]
    record = {"name": known.name, "domains": dict(known.domains), "licence": known.licence, "page": known.page}
    write_json(folder / RECORD, {**record, "downloads": downloads})


def _refuse_occupied(folder: Path, known: KnownDataset) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        return  # the reference's scripts make it before they unpack
    if folder.exists() or folder.is_symlink():
        raise InputError(
            f"{shown(folder)} is there but holds no trainA, train or the like; rename or remove it, so that "
            f"{known.name} can be put there"
        )


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Wait until no other process of this machine fetches the same; a process that ends lets go, however it ends.

    Args:
        folder: what is fetched, a folder or a file; the lock lies beside it.

    Raises:
        RunError: the lock cannot be written.
    """
    if fcntl is None:
        yield
        return
    path = folder.with_name(f".{folder.name}.lock")
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise RunError(f"cannot write {shown(path)}: {error.strerror}; make the folder writable") from None
    try:
        _wait_for_lock(descriptor, folder)
        yield
    finally:
        os.close(descriptor)


def _wait_for_lock(descriptor: int, folder: Path) -> None:
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return
    except (BlockingIOError, PermissionError):  # one or the other, as the system has it
        print(f"another process is fetching {shown(folder)}; waiting for it")
    except OSError:
        return  # a file system without locks: nobody waits
    fcntl.lockf(descriptor, fcntl.LOCK_EX)
