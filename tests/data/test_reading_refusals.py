"""Files that reading refuses: too deep, damaged, or no pictures at all."""

import os
import pickle
import struct

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from translate.data.reading import Header, PictureError, open_header, read_picture
from translate.errors import InputError

WIDTH, HEIGHT = 10, 6

pytestmark = pytest.mark.usefixtures("no_warnings")


def refused(path, *words):
    """The error of a file that neither reading nor the header accepts."""
    with pytest.raises(PictureError) as caught:
        read_picture(path)
    with pytest.raises(PictureError) as from_header:
        open_header(path)
    assert str(from_header.value) == str(caught.value)
    for word in words:
        assert word in str(caught.value)
    return caught.value


# --- depth ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("colour_type", "channels"), [(0, 1), (4, 2), (2, 3), (6, 4)])
def test_16_bit_png_is_refused(write_png, colour_type, channels):
    path = write_png(WIDTH, 16, colour_type, [b"\x9c\x40" * channels * WIDTH] * HEIGHT)
    error = refused(path, "holds more than 8 bits a channel", "convert it to 8 bits")
    assert error.path == path


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
def test_deep_tiff_is_refused(tmp_path, dtype):
    path = tmp_path / "x.tif"
    Image.fromarray(np.ones((HEIGHT, WIDTH), dtype)).save(path)
    refused(path, "floating-point" if dtype == np.float32 else "more than 8 bits")


def test_16_bit_rgb_tiff_is_refused(tmp_path):
    samples = np.full((HEIGHT, WIDTH, 3), 40000, "<u2").tobytes()
    bits_at = 8 + 2 + 9 * 12 + 4
    entries = [
        (256, 4, 1, WIDTH),
        (257, 4, 1, HEIGHT),
        (258, 3, 3, bits_at),
        (259, 3, 1, 1),
        (262, 3, 1, 2),
        (273, 4, 1, bits_at + 6),
        (277, 3, 1, 3),
        (278, 4, 1, HEIGHT),
        (279, 4, 1, len(samples)),
    ]
    folder = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
    path = tmp_path / "x.tif"
    path.write_bytes(b"II*\0" + struct.pack("<I", 8) + folder + bytes(4) + struct.pack("<3H", 16, 16, 16) + samples)
    with Image.open(path) as image:
        assert image.mode == "RGB"  # Pillow would cut it to 8 bits without a word
    refused(path, "more than 8 bits")


@pytest.mark.parametrize("magic", [b"P5", b"P6", b"P2", b"P3"])
def test_deep_ppm_is_refused(tmp_path, magic):
    path = tmp_path / "x.ppm"
    path.write_bytes(magic + b"\n# a comment\n2 # another\n1\n1023\n" + b"0 0 0 0 0 0 0 0 0 0 0 0 ")
    refused(path, "more than 8 bits")


def test_float_pfm_is_refused(tmp_path):
    path = tmp_path / "x.ppm"
    path.write_bytes(b"Pf\n1 1\n-1.0\n" + bytes(4))
    refused(path, "x.ppm")


# --- files that are no pictures ---------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["jpg", "png", "bmp", "tif", "webp", "ppm"])
def test_truncated_files_are_refused_in_words(make_picture, ending):
    path = make_picture(f"x.{ending}", 200, 200)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(PictureError, match=rf"x\.{ending} .*; copy or download it again, or remove it"):
        read_picture(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty (0 bytes)"),
        (b"<html>404 not found</html>", "is text, not a picture"),
        ("schöne Grüße".encode(), "is text, not a picture"),
        (b"\x89PNG\r\n\x1a\n", "is damaged or cut short at its beginning"),
        (b"\xff\xd8\xff", "is damaged or cut short at its beginning"),
        (b"\0\0\0\x18ftypheic" + bytes(20), "is a HEIC or AVIF picture"),
        (b"II*\0\x08\0\0\0\0\0\0\0", "is a TIFF of a kind that cannot be read"),
        (bytes(range(256)), "is not a picture in a known format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "is text"),
    ],
)
def test_other_content_is_named(tmp_path, content, reason):
    path = tmp_path / "x.png"
    path.write_bytes(content)
    refused(path, str(path), reason)


def test_missing_files_folders_and_pipes_are_named(tmp_path):
    refused(tmp_path / "gone.png", "gone.png does not exist; check its name and place")
    (tmp_path / "link.png").symlink_to(tmp_path / "gone.png")
    refused(tmp_path / "link.png", "is a link to a file that does not exist")
    (tmp_path / "folder.png").mkdir()
    refused(tmp_path / "folder.png", "is a folder, not a picture")
    os.mkfifo(tmp_path / "pipe.png")
    refused(tmp_path / "pipe.png", "is not a regular file")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermissionError(13, "Permission denied"), "permission denied"),
        (OSError(5, "Input/output error"), "Input/output error"),
        (MemoryError(), "MemoryError"),
    ],
)
def test_what_the_system_refuses_is_said(make_picture, monkeypatch, error, words):
    path = make_picture("x.png")

    def refuse(*args, **kwargs):
        raise error

    monkeypatch.setattr(Image, "open", refuse)
    refused(path, "x.png", words)


def test_decompression_bombs_are_refused(make_picture, monkeypatch):
    path = make_picture("x.png", 30, 20)
    for limit in (500, 100):  # Pillow only warns about the first
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        refused(path, "is too large to be opened safely", "scale it down or cut it into tiles")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert read_picture(path).size == (30, 20)


def test_odd_names_are_printable(tmp_path):
    error = refused(tmp_path / os.fsdecode(b"caf\xe9\n.png"))
    assert "\n" not in str(error)
    str(error).encode("utf-8")


def test_errors_survive_pickling(tmp_path):
    error = refused(tmp_path / "gone.png")
    copy = pickle.loads(pickle.dumps(error))
    assert isinstance(copy, InputError)
    assert (str(copy), copy.path, copy.reason, copy.exit_code) == (str(error), error.path, error.reason, 2)


@pytest.mark.parametrize("ending", ["jpg", "png", "tif", "webp", "gif", "bmp"])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_never_lets_another_error_out(tmp_path, noise, exif_with, ending, data):
    path = tmp_path / f"x.{ending}"
    noise(16, 16).save(path, **({"exif": exif_with(6)} if ending not in ("gif", "bmp") else {}))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    for read in (read_picture, open_header):
        try:
            result = read(path)
        except PictureError as error:
            assert error.path == path
        else:
            assert isinstance(result, Header) or result.mode in ("L", "RGB")
