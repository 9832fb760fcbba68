"""Files from web servers: with a progress bar, resumed where they broke off, and checked."""

import hashlib
import http.client
import json
import re
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tqdm import tqdm

from translate import __version__
from translate.data.archives import in_words, require_space
from translate.data.catalog import Download
from translate.data.listing import shown
from translate.errors import InputError, RunError
from translate.files import write_json

CHUNK = 2**18
TIMEOUT_S = 30
PAUSES_S = (1, 3, 10, 30)
PASSING = (408, 425, 429, 500, 502, 503, 504)  # answers that may be others a little later


class Unreachable(Exception):
    """A file cannot be had from an address; the message says why."""


class _Interrupted(Exception):
    """The connection ended before the file did."""


def download(source: Download, path: Path, pauses_s: Sequence[float] = PAUSES_S) -> str:
    """Fetch a file. What has arrived lies in ``<path>.part`` until it is whole, and the next call goes on with it.

    Args:
        source: its addresses are tried in turn; size and SHA-256 are checked where they are known.
        path: where it goes; the folder exists.
        pauses_s: waits before another attempt, in a row without anything new.

    Returns:
        The file's SHA-256 in hexadecimal digits.

    Raises:
        Unreachable: no address gives the file.
        InputError: the file is another than the one that is known; it is removed.
        RunError: the disk is full or refuses.
    """
    part = _Part(path)
    problems = []
    for url in source.urls:
        try:
            _fetch(url, part, source, pauses_s)
            break
        except Unreachable as problem:
            problems.append(f"{url}: {problem}")
            if url != source.urls[-1]:
                print(f"note: {problems[-1]}; trying the next address")
    else:
        raise Unreachable("; ".join(problems))
    digest = file_sha256(part.path)
    if source.sha256 and not digest.startswith(source.sha256):
        part.remove()
        by_hand = "fetch and unpack it" if source.to is None else "fetch it"
        raise InputError(
            f"{url} gave a file with SHA-256 {digest} in place of {source.sha256}; it was removed: try again, and if "
            f"that does not help, the file has changed at its source: {by_hand} by hand if you trust it"
        )
    part.finish()
    return digest


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file in hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for chunk in iter(lambda: file.read(2**20), b""):
            digest.update(chunk)
    return digest.hexdigest()


def _fetch(url: str, part: "_Part", source: Download, pauses_s: Sequence[float]) -> None:
    """Receive a file in as many attempts as it takes, as long as they get on."""
    failures, connected = 0, False
    while True:
        before = part.size
        try:
            return _receive(url, part, source)
        except urllib.error.HTTPError as error:
            why = f"the server answers {error.code} {error.reason}"
            if error.code not in PASSING:
                raise Unreachable(why) from None
        except (OSError, http.client.HTTPException, _Interrupted) as error:
            why = _reason(error)
            if _is_hopeless(error) and not connected:
                raise Unreachable(why) from None
        if part.size > before:
            failures, connected = 0, True
        if failures == len(pauses_s):
            raise Unreachable(why)
        print(f"{part.path.name}: {why}; {in_words(part.size)} are here, trying again in {pauses_s[failures]} s")
        time.sleep(pauses_s[failures])
        failures += 1


def _receive(url: str, part: "_Part", source: Download) -> None:
    """One attempt, which goes on with what is here if the server says that it is the beginning of the same file."""
    have = part.size
    try:
        response = _ask(url, part.range_headers())
    except urllib.error.HTTPError as error:
        if error.code != 416 or not have:
            raise
        if _total(error.headers) == have and part.is_of(error.headers, have):
            return
        part.remove()
        return _receive(url, part, source)
    with response:
        resumed = response.status == 206 and have > 0
        if resumed and (_start(response.headers) != have or not part.is_of(response.headers, _total(response.headers))):
            part.remove()
            return _receive(url, part, source)
        total = _total(response.headers) if resumed else _length(response.headers)
        if source.bytes is not None and total not in (None, source.bytes):
            raise Unreachable(f"the file there has {total:,} bytes, the one that is known has {source.bytes:,}")
        have = have if resumed else 0
        if total is not None:
            # An archive lies beside what comes out of it, and pictures are hardly smaller when they are packed.
            needed = total - have + (total if source.to is None else 0)
            require_space(part.path.parent, needed, f"downloading {shown(part.target)}")
        if not resumed:
            part.begin(url, response.headers, total)
        _copy(response, part, total, have)
    if total is not None and part.size < total:
        raise _Interrupted("the connection broke off")


def _copy(response: http.client.HTTPResponse, part: "_Part", total: int | None, have: int) -> None:
    bar = {"unit": "B", "unit_scale": True, "desc": part.target.name, "disable": None}
    with part.appended() as append, tqdm(total=total, initial=have, **bar) as progress:
        while chunk := response.read1(CHUNK):
            append(chunk)
            progress.update(len(chunk))


class _Part:
    """A file that has arrived in part, and beside it which one it is the beginning of."""

    def __init__(self, path: Path):
        self.target = path
        self.path = path.with_name(f"{path.name}.part")
        self.about = path.with_name(f"{path.name}.part.json")

    @property
    def size(self) -> int:
        """How many bytes can be gone on with."""
        return self.path.stat().st_size if self.path.is_file() and self._known() is not None else 0

    def begin(self, url: str, headers: http.client.HTTPMessage, total: int | None) -> None:
        """Start over with the file that these headers describe."""
        with _disk(self.path):
            self.path.write_bytes(b"")
        found = {"etag": headers.get("ETag"), "last_modified": headers.get("Last-Modified"), "bytes": total}
        write_json(self.about, {"url": url, **found})

    def range_headers(self) -> dict[str, str]:
        """What asks for the rest of the same file."""
        known, size = self._known(), self.size
        if not size:
            return {}
        etag = known.get("etag") or ""
        # A weak tag names files that are alike, not equal to the byte.
        same = known.get("last_modified") if etag.startswith("W/") or not etag else etag
        return {"Range": f"bytes={size}-", **({"If-Range": same} if same else {})}

    def is_of(self, headers: http.client.HTTPMessage, total: int | None) -> bool:
        """Whether an answer to the request for the rest is about the file that was begun."""
        known = self._known() or {}
        found = {"etag": headers.get("ETag"), "last_modified": headers.get("Last-Modified"), "bytes": total}
        return all(known.get(key) in (None, value) for key, value in found.items() if value is not None)

    @contextmanager
    def appended(self) -> Iterator[Any]:
        """A function that adds bytes, which are on their way to the disk when it returns."""
        with _disk(self.path):
            file = open(self.path, "ab")  # noqa: SIM115 (a network error in the block is not one of the disk)

        def append(chunk: bytes) -> None:
            with _disk(self.path):
                file.write(chunk)
                file.flush()

        try:
            yield append
        finally:
            file.close()

    def finish(self) -> None:
        with _disk(self.target):
            self.path.replace(self.target)
            self.about.unlink(missing_ok=True)

    def remove(self) -> None:
        with _disk(self.path):
            self.path.unlink(missing_ok=True)
            self.about.unlink(missing_ok=True)

    def _known(self) -> dict[str, Any] | None:
        try:
            content = json.loads(self.about.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return content if isinstance(content, dict) else None


@contextmanager
def _disk(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RunError(
            f"cannot write {shown(path)}: {error.strerror or error}; free some space or choose another folder"
        ) from None


class _OnlyWeb(urllib.request.HTTPRedirectHandler):
    """A server may send one on, but to other web servers only."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        if not newurl.startswith(("http://", "https://")):
            raise Unreachable(f"the server sends on to {newurl}, which is no web address")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _ask(url: str, headers: dict[str, str]) -> http.client.HTTPResponse:
    # Packed on the way, the bytes would be others than those that are counted.
    headers = {"User-Agent": f"translate/{__version__}", "Accept-Encoding": "identity", **headers}
    opener = urllib.request.build_opener(_OnlyWeb)
    return opener.open(urllib.request.Request(url, headers=headers), timeout=TIMEOUT_S)


def _length(headers: http.client.HTTPMessage) -> int | None:
    length = headers.get("Content-Length", "")
    return int(length) if length.isdigit() else None


def _start(headers: http.client.HTTPMessage) -> int | None:
    found = re.match(r"bytes (\d+)-", headers.get("Content-Range", ""))
    return int(found[1]) if found else None


def _total(headers: http.client.HTTPMessage) -> int | None:
    found = re.search(r"/(\d+)$", headers.get("Content-Range", ""))
    return int(found[1]) if found else None


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.URLError):
        error = error.reason if isinstance(error.reason, Exception) else error
    if isinstance(error, TimeoutError):
        return f"no answer within {TIMEOUT_S} s"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _is_hopeless(error: Exception) -> bool:
    """Whether waiting will not help: no such host, no network, a certificate that is not trusted."""
    reason = getattr(error, "reason", error)
    return isinstance(reason, socket.gaierror | ssl.SSLCertVerificationError)
