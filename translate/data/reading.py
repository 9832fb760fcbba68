"""Files on disk -> 8-bit pictures, grey or RGB, the right way up, or one sentence that says why not.

What a picture file may hold and what becomes of it:

- grey, 1-bit and grey with alpha -> ``L``; every other mode (palette, CMYK, YCbCr, LAB, ...) -> ``RGB``;
- alpha and transparent palette entries are dropped, not composited: the colour stored under them is
  what the reference implementation trains on, so it is what is seen here;
- EXIF rotation is applied, so that width and height are those that a viewer shows;
- of several frames (GIF, animated WebP, multi-page TIFF) the first is read;
- more than 8 bits a channel is refused: clipping or scaling it would be a choice about the data.
"""

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from PIL import Image, UnidentifiedImageError

from translate.data.listing import shown
from translate.data.quiet import no_pillow_warnings
from translate.errors import InputError

# A file is known by its content: a JPEG named .png is read as what it is. Formats outside this list
# (PostScript, fonts, medical ones) are none that training pictures come in.
FORMATS = ("BMP", "DIB", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
GREY_MODES = ("1", "L", "LA", "La")
ORIENTATION_TAG = 0x0112
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
COPY_AGAIN = "copy or download it again, or remove it"
CONVERT = "convert it to an 8-bit PNG or JPEG, or remove it"


class Header(NamedTuple):
    """What a picture will be once read: its size in pixels, EXIF rotation applied, and 1 or 3 channels."""

    width: int
    height: int
    channels: int


class PictureError(InputError):
    """A picture that cannot be used: which file, why, and what to do about it."""

    def __init__(self, path: Path | str, reason: str, remedy: str = COPY_AGAIN):
        super().__init__(f"{shown(path)} {reason}; {remedy}")
        self.path = Path(path)
        self.reason = reason
        self.remedy = remedy

    def __reduce__(self):
        return type(self), (self.path, self.reason, self.remedy)


def read_picture(path: Path | str, channels: int | None = None) -> Image.Image:
    """Read one picture; see the module's description for what becomes of each kind.

    Args:
        path: a picture file.
        channels: 1 gives mode ``L``, 3 gives mode ``RGB``, None gives what the file holds.

    Raises:
        PictureError: the file is missing, damaged, no picture, too large, or deeper than 8 bits.
    """
    if channels not in (None, 1, 3):
        raise ValueError(f"channels is {channels!r}, not 1, 3 or None")
    with _opened(path) as image:
        image.load()
        grey = image.mode in GREY_MODES if channels is None else channels == 1
        # Pillow turns TIFF files by itself while loading them.
        turn = None if image.format == "TIFF" else TURNS.get(_orientation(image))
        return _converted(image if turn is None else image.transpose(turn), grey)


def open_header(path: Path | str) -> Header:
    """Size and channels of a picture, without decoding its pixels.

    Raises:
        PictureError: as for :func:`read_picture`, except for damage that only decoding shows.
    """
    with _opened(path) as image:
        if image.format == "PNG" and _text_follows_pixels(image.fp):
            image.load()  # the orientation may stand behind the pixels
        channels = 1 if image.mode in GREY_MODES else 3
        width, height = _stored_size(image)
        if _orientation(image) >= 5:
            width, height = height, width
        return Header(width, height, channels)


@contextmanager
def _opened(path: Path | str) -> Iterator[Image.Image]:
    """The file's header; whatever goes wrong before the block ends becomes a PictureError."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            kind = "is a folder" if os.path.isdir(path) else "is not a regular file"
            raise PictureError(path, f"{kind}, not a picture", "give a picture file")
        with no_pillow_warnings(), open(path, "rb") as file:
            start = file.read(4096)
            file.seek(0)
            image = Image.open(file, formats=FORMATS)
            _refuse_huge(path, *image.size)
            _refuse_deep(path, image, start)
            yield image
    except PictureError:
        raise
    except UnidentifiedImageError as error:
        raise PictureError(path, *_unknown(start)) from error
    except Image.DecompressionBombError as error:
        raise PictureError(path, *_huge(str(error))) from error
    except FileNotFoundError as error:
        what = "is a link to a file that does not exist" if os.path.islink(path) else "does not exist"
        raise PictureError(path, what, "check its name and place") from error
    except PermissionError as error:
        raise PictureError(path, "may not be read (permission denied)", "change its permissions") from error
    except Exception as error:  # on damaged files Pillow's decoders raise nearly every exception there is
        raise PictureError(path, f"cannot be decoded ({_in_words(error)})") from error


def _in_words(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return shown(f"{error}") or type(error).__name__


def _unknown(start: bytes) -> tuple[str, str]:
    """Reason and remedy for a file whose first bytes belong to no format that is read."""
    if not start:
        return "is empty (0 bytes)", COPY_AGAIN
    if start[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "is a TIFF of a kind that cannot be read (many channels or an unusual depth)", CONVERT
    if start.startswith((b"\x89PNG", b"\xff\xd8", b"GIF8", b"BM", b"RIFF")):
        return "is damaged or cut short at its beginning", COPY_AGAIN
    if start[4:8] == b"ftyp":
        return "is a HEIC or AVIF picture, which is not read", CONVERT
    if all(byte >= 32 or byte in b"\t\n\r" for byte in start):
        return "is text, not a picture", COPY_AGAIN
    return f"is not a picture in a known format ({', '.join(FORMATS)})", CONVERT


def _huge(how: str) -> tuple[str, str]:
    return f"is too large to be opened safely ({how})", "scale it down or cut it into tiles"


def _refuse_huge(path: Path | str, width: int, height: int) -> None:
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and width * height > limit:
        raise PictureError(path, *_huge(f"{width}x{height}, more than {limit} pixels"))


def _refuse_deep(path: Path | str, image: Image.Image, start: bytes) -> None:
    """Refuse what Pillow would clip (mode I, F) or silently cut to 8 bits (colour PNG, PPM, TIFF)."""
    if image.mode == "F":
        kind = "holds floating-point values"
    elif image.mode == "I" or image.mode.startswith("I;") or _bits(image, start) > 8:
        kind = "holds more than 8 bits a channel"
    else:
        return
    remedy = "convert it to 8 bits a channel, choosing yourself which values become black and white"
    raise PictureError(path, kind, remedy)


def _bits(image: Image.Image, start: bytes) -> int:
    """Bits a channel as stored, for the formats that can hold more than 8."""
    if image.format == "PNG" and start[12:16] == b"IHDR":
        return start[24]
    if image.format == "TIFF":
        bits = image.tag_v2.get(258, 8)
        return max(bits) if isinstance(bits, tuple) else bits
    if image.format == "PPM":
        return _ppm_maximum(start).bit_length()
    return 8


def _ppm_maximum(start: bytes) -> int:
    gap = rb"(?:\s|#[^\r\n]*[\r\n])+"
    numbers = re.match(rb"P[2356]" + 3 * (gap + rb"(\d+)"), start)
    return int(numbers[3]) if numbers else 255


def _stored_size(image: Image.Image) -> tuple[int, int]:
    """Width and height before rotation; for TIFF from its tags, since newer Pillow has turned its size already."""
    if image.format == "TIFF":
        return int(image.tag_v2[256]), int(image.tag_v2[257])
    return image.size


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1-8.

    The base class is asked, since PNG's own method would decode the pixels; a file whose EXIF part is
    damaged is taken as upright.
    """
    try:
        value = Image.Image.getexif(image).get(ORIENTATION_TAG, 1)
    except Exception:
        return 1
    return value if value in TURNS else 1


def _text_follows_pixels(file: BinaryIO) -> bool:
    """Whether a PNG has metadata behind its pixels, which Pillow sees only after decoding."""
    position = file.tell()
    file.seek(8)
    seen_pixels = False
    found = False
    while not found and len(chunk := file.read(8)) == 8:
        seen_pixels |= chunk[4:] == b"IDAT"
        found = seen_pixels and chunk[4:] in (b"eXIf", b"iTXt", b"tEXt", b"zTXt")
        file.seek(int.from_bytes(chunk[:4], "big") + 4, os.SEEK_CUR)
    file.seek(position)
    return found


def _converted(image: Image.Image, grey: bool) -> Image.Image:
    """A new picture of mode L or RGB that shares nothing with the open file."""
    image.info.pop("transparency", None)
    if grey and image.mode not in GREY_MODES:
        image = image.convert("RGB")
    mode = "L" if grey else "RGB"
    picture = image.copy() if image.mode == mode else image.convert(mode)
    picture.info = {}
    return picture
