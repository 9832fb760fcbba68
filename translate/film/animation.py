"""Animated GIF, WebP and PNG through Pillow: as many frames as there were, each shown as long."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from PIL import Image, ImageSequence

from translate.data.listing import shown
from translate.data.quiet import no_pillow_warnings
from translate.data.reading import PictureError
from translate.errors import RunError
from translate.film.kinds import ANIMATIONS

Translate = Callable[[Iterable[Image.Image]], Iterator[Image.Image]]
QUALITY = {"webp": {"quality": 95}}
USUAL_MS = 100  # of a frame that does not say how long it is shown


class Timing(NamedTuple):
    """How long each frame is shown (milliseconds), and how often they all are; 0: for ever."""

    durations_ms: list[float]
    loop: int


def read_timing(path: Path) -> Timing:
    """The timing of an animation, all of whose frames can be decoded.

    Raises:
        PictureError: they cannot.
    """
    timings = [(frame.info.get("duration") or USUAL_MS, frame.info.get("loop")) for frame in _decoded(path)]
    loop = timings[0][1]
    return Timing([duration for duration, _ in timings], 1 if loop is None else loop)


def convert_animation(source: Path, file: BinaryIO, format: str, translate: Translate) -> None:
    """Write an animation whose frames are those of another, translated.

    The translated frames are in memory together, as Pillow's encoders want them.

    Args:
        format: a key of ``ANIMATIONS``.
        translate: frames in, as many out in their order.

    Raises:
        PictureError: the animation is damaged.
        RunError: it cannot be encoded.
    """
    timing = read_timing(source)
    first, *others = translate(_without_info(frame.convert("RGB")) for frame in _decoded(source))
    durations = timing.durations_ms if format == "png" else [round(duration) for duration in timing.durations_ms]
    told = {"duration": durations, **QUALITY.get(format, {})}
    # A GIF that says nothing is shown once; the others count how often, too.
    told |= {} if format == "gif" and timing.loop == 1 else {"loop": timing.loop}
    try:
        first.save(file, ANIMATIONS[format], save_all=True, append_images=others, **told)
    except (ValueError, SystemError, RuntimeError) as error:
        raise RunError(
            f"the translation of {shown(source)} cannot be written as {format} ({error}); give another --format"
        ) from error


def _without_info(frame: Image.Image) -> Image.Image:
    """A frame that tells no encoder how it was stored before."""
    frame.info = {}
    return frame


def _decoded(path: Path) -> Iterator[Image.Image]:
    """The frames; a picture that stands before an animated PNG, for programs that show stills, is none."""
    at = 0
    try:
        with no_pillow_warnings(), Image.open(path, formats=tuple(ANIMATIONS.values())) as image:
            for at, frame in enumerate(ImageSequence.Iterator(image)):
                if at == 0 and image.info.get("default_image"):
                    continue
                frame.load()
                yield frame
    except Exception as error:  # on damaged files Pillow's decoders raise nearly every exception there is
        what = shown(str(error)) or type(error).__name__
        raise PictureError(path, f"cannot be decoded at frame {at + 1} ({what})") from error
