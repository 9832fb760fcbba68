"""Pictures for the tests of this room, made on the spot."""

import contextlib
import io
import socket
import struct
import tarfile
import threading
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from translate.data.catalog import Download, KnownDataset


def random_picture(width: int, height: int, mode: str = "RGB", seed: int = 0) -> Image.Image:
    """A picture of random pixels."""
    shape = (height, width) if mode == "L" else (height, width, len(mode))
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    return Image.fromarray(pixels)


@pytest.fixture(scope="session")
def noise() -> Callable[..., Image.Image]:
    """Makes a picture of random pixels: noise(width, height, mode="RGB", seed=0)."""
    return random_picture


@pytest.fixture
def make_picture(tmp_path) -> Callable[..., Path]:
    """Writes a picture of random pixels and gives its path."""

    def make(name: str, width: int = 20, height: int = 12, mode: str = "RGB", seed: int = 0) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        random_picture(width, height, mode, seed).save(path)
        return path

    return make


@pytest.fixture
def two_domains(make_picture) -> tuple[list[Path], list[Path]]:
    """Five pictures of A and three of B, of different sizes."""
    paths_a = [make_picture(f"trainA/{i}.png", 40 + i, 44 - i, seed=i) for i in range(5)]
    paths_b = [make_picture(f"trainB/{i}.png", 50 - i, 42 + i, seed=10 + i) for i in range(3)]
    return paths_a, paths_b


@pytest.fixture
def no_warnings():
    """Turns every warning into an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


@pytest.fixture
def write_png(tmp_path) -> Callable[..., Path]:
    """Writes a PNG byte by byte, for what Pillow reads but does not write."""

    def write(width: int, depth: int, colour_type: int, rows: list[bytes], before=(), after=()) -> Path:
        header = struct.pack(">IIBBBBB", width, len(rows), depth, colour_type, 0, 0, 0)
        pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
        chunks = [(b"IHDR", header), *before, (b"IDAT", pixels), *after, (b"IEND", b"")]
        path = tmp_path / "written.png"
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks))
        return path

    return write


@pytest.fixture(scope="session")
def exif_with() -> Callable[[int], Image.Exif]:
    """EXIF data that hold an orientation."""

    def make(orientation: int) -> Image.Exif:
        exif = Image.Exif()
        exif[0x0112] = orientation
        return exif

    return make


@dataclass
class Request:
    """What was asked of the server, and how many bytes of the file it sent."""

    path: str
    range: str | None
    if_range: str | None
    sent: int = 0


@dataclass
class FileServer:
    """A web server of this machine, for the hosts of datasets.

    Attributes:
        files: what it has, by path: bytes; the code of an answer; an address that it sends one on to; or a list of
            these, one after the other.
        breaks: after how many bytes it hangs up, one for each request to come; None: not at all.
        takes_ranges: answers requests for a part with that part.
        checks: whether a changed file is sent whole, as ``If-Range`` wants it.
        tags: whether it gives files an ETag.
        hold: while it is not set, the server waits in the middle of a file.
    """

    address: str = ""
    files: dict[str, Any] = field(default_factory=dict)
    breaks: list[int | None] = field(default_factory=list)
    takes_ranges: bool = True
    checks: bool = True
    tags: bool = True
    hold: threading.Event = field(default_factory=threading.Event)
    requests: list[Request] = field(default_factory=list)

    def url(self, path: str) -> str:
        return f"{self.address}/{path}"

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        request = Request(handler.path[1:], handler.headers.get("Range"), handler.headers.get("If-Range"))
        self.requests.append(request)
        found = self.files.get(request.path, 404)
        if isinstance(found, list):
            found = found.pop(0) if len(found) > 1 else found[0]
        if isinstance(found, int):
            handler.send_error(found)
            return
        if isinstance(found, str):
            handler.send_response(302)
            handler.send_header("Location", found)
            handler.end_headers()
            return
        self._send(handler, request, found)

    def _send(self, handler: BaseHTTPRequestHandler, request: Request, content: bytes) -> None:
        tag = f'"{zlib.crc32(content)}"'
        start = int(request.range.removeprefix("bytes=").removesuffix("-")) if request.range else 0
        if not self.takes_ranges or (self.checks and request.if_range not in (None, tag)):
            start = 0
        if start >= len(content) > 0:
            handler.send_response(416)
            handler.send_header("Content-Range", f"bytes */{len(content)}")
            handler.end_headers()
            return
        handler.send_response(206 if start else 200)
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if self.tags:
            handler.send_header("ETag", tag)
        handler.send_header("Content-Length", str(len(content) - start))
        handler.end_headers()
        until = self.breaks.pop(0) if self.breaks else None
        part = content[start:] if until is None else content[start : start + until]
        middle = len(part) // 2
        for piece in (part[:middle], part[middle:]):
            request.sent += len(piece)  # before it: who has the last piece may look here at once
            handler.wfile.write(piece)
            handler.wfile.flush()
            self.hold.wait()


@pytest.fixture
def server(monkeypatch) -> Iterator[FileServer]:
    """A server without files; nothing asks for it through a proxy."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    state = FileServer()
    state.hold.set()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            with contextlib.suppress(ConnectionError):
                state.answer(self)

        def log_message(self, *arguments):
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.address = f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield state
    state.hold.set()
    http.shutdown()
    thread.join()
    http.server_close()


@pytest.fixture
def pack(noise) -> Callable[..., bytes]:
    """pack("name/trainA/a.png", ..., kind="zip"): an archive of pictures of random pixels at these paths."""

    def make(*names: str, kind: str = "zip", side: int = 40) -> bytes:
        target = io.BytesIO()
        pictures = {}
        for seed, name in enumerate(names):
            picture = io.BytesIO()
            noise(side, side, seed=seed).save(picture, format="PNG")
            pictures[name] = picture.getvalue()
        if kind == "zip":
            with zipfile.ZipFile(target, "w") as archive:
                for name, content in pictures.items():
                    archive.writestr(name, content)
        else:
            with tarfile.open(fileobj=target, mode="w:gz") as archive:
                for name, content in pictures.items():
                    info = tarfile.TarInfo(name)
                    info.size = len(content)
                    archive.addfile(info, io.BytesIO(content))
        return target.getvalue()

    return make


@pytest.fixture
def known(server) -> Callable[..., KnownDataset]:
    """known("a.zip", name="tiny", **fields): a dataset whose archive is that file of the server."""

    def make(*files: str, name: str = "tiny", sha256: str | None = None, **fields: Any) -> KnownDataset:
        downloads = tuple(Download((server.url(file),), sha256=sha256) for file in files)
        usual = {"domains": {"A": "dots", "B": "stripes"}, "licence": "free as air", "page": "http://example.org/dots"}
        return KnownDataset(name, **{**usual, "downloads": downloads, **fields})

    return make


@pytest.fixture
def free_port() -> int:
    """A port of this machine that nobody listens at."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]
