"""A picture file opened: known by its content, of a bearable size, and whatever goes wrong said in one sentence."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError

from translate.data.listing import shown
from translate.data.quiet import no_pillow_warnings
from translate.errors import InputError

# A file is known by its content: a JPEG named .png is read as what it is. Formats outside this list
# (PostScript, fonts, medical ones) are none that training pictures come in.
FORMATS = ("BMP", "DIB", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
START_BYTES = 4096
COPY_AGAIN = "copy or download it again, or remove it"
CONVERT = "convert it to an 8-bit PNG or JPEG, or remove it"
CONVERT_ANY = "convert it to an 8-bit PNG or JPEG or to a .npy array (H, W) or (H, W, 3), or remove it"


class PictureError(InputError):
    """A picture that cannot be used: which file, why, and what to do about it."""

    def __init__(self, path: Path | str, reason: str, remedy: str = COPY_AGAIN):
        super().__init__(f"{shown(path)} {reason}; {remedy}")
        self.path = Path(path)
        self.reason = reason
        self.remedy = remedy

    def __reduce__(self):
        return type(self), (self.path, self.reason, self.remedy)


@contextmanager
def opened(path: Path | str) -> Iterator[tuple[BinaryIO, bytes]]:
    """A picture file and its first bytes; whatever goes wrong before the block ends becomes a PictureError."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            kind = "is a folder" if os.path.isdir(path) else "is not a regular file"
            raise PictureError(path, f"{kind}, not a picture", "give a picture file")
        with no_pillow_warnings(), open(path, "rb") as file:
            start = file.read(START_BYTES)
            file.seek(0)
            yield file, start
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


def open_image(path: Path | str, file: BinaryIO) -> Image.Image:
    """An open file as an image whose pixels are not decoded yet.

    Raises:
        PictureError: it has too many pixels.
        UnidentifiedImageError: it is of no known format.
    """
    image = Image.open(file, formats=FORMATS)
    refuse_huge(path, *image.size)
    return image


def refuse_huge(path: Path | str, width: int, height: int) -> None:
    """Refuse a picture of more pixels than Pillow takes for an attack.

    Raises:
        PictureError: it has that many.
    """
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and width * height > limit:
        raise PictureError(path, *_huge(f"{width}x{height}, more than {limit} pixels"))


def _in_words(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return shown(f"{error}") or type(error).__name__


def _unknown(start: bytes) -> tuple[str, str]:
    """Reason and remedy for a file whose first bytes belong to no format that is read."""
    if not start:
        return "is empty (0 bytes)", COPY_AGAIN
    if start[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "is a TIFF of a kind that cannot be read (many channels or an unusual depth)", CONVERT_ANY
    if start.startswith((b"\x89PNG", b"\xff\xd8", b"GIF8", b"BM", b"RIFF")):
        return "is damaged or cut short at its beginning", COPY_AGAIN
    if start[4:8] == b"ftyp":
        return "is a HEIC or AVIF picture, which is not read", CONVERT
    if all(byte >= 32 or byte in b"\t\n\r" for byte in start):
        return "is text, not a picture", COPY_AGAIN
    return f"is not a picture in a known format ({', '.join(FORMATS)})", CONVERT


def _huge(how: str) -> tuple[str, str]:
    return f"is too large to be opened safely ({how})", "scale it down or cut it into tiles"
