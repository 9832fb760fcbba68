"""Unpacking zip and tar archives that come from elsewhere: nothing leaves the folder, and nothing fills the disk."""

import gzip
import io
import lzma
import os
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

from translate.data.listing import shown
from translate.errors import InputError, RunError
from translate.files import windows_refuses

CHUNK = 2**18
DRIVE = re.compile(r"[A-Za-z]:")
LONGEST_NAME_BYTES = 2**20
# Headers whose content tarfile reads as a whole: names and other properties of the member that follows.
DESCRIBING = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)
BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    gzip.BadGzipFile,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    NotImplementedError,
)


@dataclass(frozen=True)
class Limits:
    """What an archive of pictures stays below, and a decompression bomb does not.

    Attributes:
        members: files and folders.
        total_bytes: of all files when unpacked.
        ratio: how many times its own size an archive may become; pictures hardly shrink when they are packed.
        always_bytes: so much is fine whatever the ratio.
    """

    members: int = 500_000
    total_bytes: int = 200 * 2**30
    ratio: int = 50
    always_bytes: int = 64 * 2**20

    def allowed_bytes(self, packed: int) -> int:
        """How much an archive of ``packed`` bytes may become."""
        return min(self.total_bytes, max(self.always_bytes, self.ratio * packed))


class Unpacked(NamedTuple):
    """How much came out of an archive."""

    files: int
    bytes: int


class _Member(NamedTuple):
    """A member of either kind of archive; ``problem`` says why it is refused."""

    name: str
    size: int
    is_folder: bool
    problem: str | None
    source: zipfile.ZipInfo | tarfile.TarInfo


def unpack(archive: Path, folder: Path, limits: Limits | None = None) -> Unpacked:
    """Unpack a zip, tar, tar.gz, tar.bz2 or tar.xz archive; what it is, its content tells.

    Only files and folders are made, with the user's usual permissions. Mac OS's own ``__MACOSX`` is left out.

    Args:
        folder: exists, is empty, and is thrown away by the caller if this fails.

    Raises:
        InputError: no whole archive, or one that holds links, devices, paths that leave the folder, or too much.
        RunError: the disk is too small or refuses.
    """
    limits = limits or Limits()
    with _whole(archive), _opened(archive) as opened:
        allowed = limits.allowed_bytes(archive.stat().st_size)
        expected = archive.stat().st_size
        if isinstance(opened, zipfile.ZipFile):
            expected = sum(info.file_size for info in opened.infolist())
            _refuse_much(archive, len(opened.infolist()), expected, limits, allowed)
        require_space(folder, expected, f"unpacking {shown(archive)}")
        return _unpack_all(archive, opened, folder, limits, allowed)


def require_space(folder: Path, needed: int, what: str) -> None:
    """See that there is room for so many bytes.

    Raises:
        RunError: there is not.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise RunError(
            f"{what} needs {in_words(needed)}, and {shown(folder)} has {in_words(free)} free; make room, or choose "
            "another folder"
        )


def in_words(size: int) -> str:
    """A number of bytes for people.

    >>> in_words(116867962)
    '117 MB'
    """
    if size < 1000:
        return f"{size} bytes"
    for unit, scale in (("KB", 1e3), ("MB", 1e6), ("GB", 1e9)):
        if size < 999.5 * scale or unit == "GB":
            break
    return f"{size / scale:.2g} {unit}" if size / scale < 10 else f"{size / scale:.0f} {unit}"


def _unpack_all(
    archive: Path, opened: zipfile.ZipFile | tarfile.TarFile, folder: Path, limits: Limits, allowed: int
) -> Unpacked:
    members = files = total = 0
    for member in _members(opened):
        members += 1
        target = _inside(archive, folder, member)
        _refuse_much(archive, members, total + member.size, limits, allowed)
        if target is None:
            continue
        if member.is_folder:
            target.mkdir(parents=True, exist_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        with _content(opened, member) as source, open(target, "wb") as file:
            # What a header says of the size need not be true.
            for chunk in iter(lambda source=source: source.read(CHUNK), b""):
                total += len(chunk)
                _refuse_much(archive, members, total, limits, allowed)
                file.write(chunk)
        files += 1
    if isinstance(opened, tarfile.TarFile):
        _check_end(opened)
    return Unpacked(files, total)


def _check_end(opened: tarfile.TarFile) -> None:
    """tarfile takes an archive that breaks off between two members for one that ends there."""
    stream = opened.fileobj
    if isinstance(stream, io.BufferedReader):
        stream.seek(opened.offset)
        if stream.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise EOFError("it ends before its end")
        return
    for _ in range(256):  # a compressed one is padded with a few blocks, behind which its checksum comes
        if not stream.read(CHUNK):
            return


def _inside(archive: Path, folder: Path, member: _Member) -> Path | None:
    """Where a member goes, or None if it is left out.

    Raises:
        InputError: it may go nowhere.
    """
    name = member.name.replace("\\", "/")
    problem = member.problem
    if name.startswith("/") or any(DRIVE.match(part) for part in name.split("/")):
        problem = "has an absolute path"  # to Windows a drive within a path begins it anew
    elif os.name == "nt" and windows_refuses(name):
        problem = "has a name that Windows cannot have"
    elif ".." in name.split("/"):
        problem = "leads out of its folder"
    elif "\0" in name:
        problem = "has a name that no file can have"
    if problem:
        raise InputError(
            f"{shown(archive)} is refused: its member {shown(member.name)} {problem}; remove the archive, and get it "
            "from its own source"
        )
    parts = PurePosixPath(name).parts
    if not parts or parts[0] == "__MACOSX":
        return None
    return folder.joinpath(*parts)


def _refuse_much(archive: Path, members: int, total: int, limits: Limits, allowed: int) -> None:
    if members > limits.members:
        raise InputError(
            f"{shown(archive)} is refused: it holds more than {limits.members:,} files; unpack it by hand if you "
            "trust it"
        )
    if total > allowed:
        raise InputError(
            f"{shown(archive)} is refused: unpacked it takes more than {in_words(allowed)}, which pictures packed in "
            f"{in_words(archive.stat().st_size)} do not; unpack it by hand if you trust it"
        )


def _members(opened: zipfile.ZipFile | tarfile.TarFile) -> Iterator[_Member]:
    if isinstance(opened, zipfile.ZipFile):
        for info in opened.infolist():
            yield _Member(info.filename, info.file_size, info.is_dir(), _zip_problem(info), info)
    else:
        for info in opened:  # one after the other: a list of all would first read the whole archive
            yield _Member(info.name, info.size if info.isreg() else 0, info.isdir(), _tar_problem(info), info)


def _zip_problem(info: zipfile.ZipInfo) -> str | None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return "is a link"
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is neither a file nor a folder"
    return "is encrypted" if info.flag_bits & 1 else None


def _tar_problem(info: tarfile.TarInfo) -> str | None:
    if info.issym() or info.islnk():
        return "is a link"
    return None if info.isreg() or info.isdir() else "is neither a file nor a folder"


def _content(opened: zipfile.ZipFile | tarfile.TarFile, member: _Member) -> BinaryIO:
    if isinstance(opened, zipfile.ZipFile):
        return opened.open(member.source)
    return opened.extractfile(member.source)


class _Header(tarfile.TarInfo):
    """Refuses a name of megabytes before it is in memory."""

    @classmethod
    def frombuf(cls, buf: bytes, encoding: str, errors: str) -> "_Header":
        header = super().frombuf(buf, encoding, errors)
        if header.type in DESCRIBING and header.size > LONGEST_NAME_BYTES:
            raise tarfile.ReadError("a name in it has more than a million letters")
        return header


@contextmanager
def _opened(archive: Path) -> Iterator[zipfile.ZipFile | tarfile.TarFile]:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            yield opened
        return
    with ExitStack() as held:
        try:
            opened = held.enter_context(tarfile.open(archive, "r:*", tarinfo=_Header))
        except tarfile.ReadError:
            raise InputError(
                f"{shown(archive)} is neither a zip nor a tar archive; remove it and download it again"
            ) from None
        yield opened


@contextmanager
def _whole(archive: Path) -> Iterator[None]:
    try:
        yield
    except BROKEN as error:
        raise InputError(f"{shown(archive)} is damaged ({error}); remove it and download it again") from None
