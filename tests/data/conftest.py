"""Pictures for the tests of this room, made on the spot."""

import struct
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


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
