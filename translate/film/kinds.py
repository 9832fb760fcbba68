"""Which files are moving pictures, and in what form their translations are written."""

from pathlib import Path
from typing import NamedTuple

from PIL import Image

from translate.data.quiet import no_pillow_warnings

# Ending of a film -> the container in which its translation is written; None: as mp4.
FILMS = {"mp4": "mp4", "m4v": "mp4", "mov": "mov", "mkv": "matroska", "webm": "webm"}
FILMS |= dict.fromkeys(("avi", "mpg", "mpeg", "wmv", "flv", "mts", "3gp"))
# Formats of Pillow that can move, by the word of --format; TIFF's pages are no animation.
ANIMATIONS = {"gif": "GIF", "webp": "WEBP", "png": "PNG"}
ANIMATED_ENDINGS = {"gif": "gif", "webp": "webp", "png": "png", "apng": "png"}


class Moving(NamedTuple):
    """How a moving picture is written.

    Attributes:
        format: a container of films, or a key of ``ANIMATIONS``.
        ending: of the file.
        film: whether it is a film, for which the extra ``video`` is needed; else Pillow's.
    """

    format: str
    ending: str
    film: bool


def moving(source: Path, format: str) -> Moving | None:
    """What a file's translation is written as if it moves; None for a still, and for one that is asked of an animation.

    Args:
        source: the picture, whose ending says what it is; of those that may move it is opened.
        format: a word of ``--format``, which is about pictures: films keep their own.
    """
    ending = source.suffix[1:]
    own = ending.lower()
    if own in FILMS:
        return Moving(FILMS[own] or "mp4", ending if FILMS[own] else "mp4", True)
    if own not in ANIMATED_ENDINGS or not is_animated(source):
        return None
    if format == "same" or format == ANIMATED_ENDINGS[own]:
        return Moving(ANIMATED_ENDINGS[own], ending, False)
    return Moving(format, format, False) if format in ANIMATIONS else None


def is_film(path: Path) -> bool:
    """Whether the ending is that of a film."""
    return path.suffix[1:].lower() in FILMS


def is_animated(path: Path) -> bool:
    """Whether a file is a GIF, WebP or PNG of several frames; False also where it cannot be opened."""
    try:
        with no_pillow_warnings(), Image.open(path, formats=tuple(ANIMATIONS.values())) as image:
            return getattr(image, "n_frames", 1) > 1
    except Exception:  # whoever reads it says what is wrong
        return False
