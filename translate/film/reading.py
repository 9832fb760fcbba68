"""Films in, through PyAV: one frame at a time in memory."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

from PIL import Image

from translate.data.listing import shown
from translate.data.reading import PictureError
from translate.errors import InputError

UNSPECIFIED = 2  # as FFmpeg counts colour spaces
HIGH_DEFINITION_PX = 720  # of height: from here on, what says nothing of its colours is BT.709
MOST_MISSING_S = 1.0
REMEDY = "copy it again, or save its sound part as a film of its own"


def load_av() -> ModuleType:
    """PyAV, which is an extra of the installation.

    It is silent by itself, and must stay so: to log, FFmpeg's threads would wait for Python while it waits for them.

    Raises:
        InputError: it is not there.
    """
    try:
        import av
    except ImportError:
        raise InputError(
            "films need PyAV: pip install 'unpaired-translate[video]', or give the frames as a folder of pictures"
        ) from None
    return av


def check_film(path: Path) -> int | None:
    """How many frames a film has, as far as its header tells; its first one can be decoded.

    Raises:
        PictureError: it cannot be read.
        InputError: PyAV is not there.
    """
    with FilmReader(path) as reader:
        next(reader.frames())
        return reader.count


class FilmReader:
    """A film that is read once, from front to end.

    Attributes:
        rate: frames a second, on average.
        count: frames by the header, or by length and rate; None: not known.
        times: when each frame that was read is shown, in units of ``unit`` seconds; whoever writes takes them out.
        tracks: of sound.
        sound: packets of these that were met between the frames; whoever writes takes them out.

    Raises:
        PictureError: the file is no film.
        InputError: PyAV is not there.
    """

    def __init__(self, path: Path):
        self.path, self.av = path, load_av()
        with self._naming(str):
            self.container = self.av.open(str(path))
        if not self.container.streams.video:
            self.container.close()
            raise PictureError(path, "holds no film", "give a film or a picture")
        self.video = self.container.streams.video[0]
        self.video.thread_type = "AUTO"
        self.tracks = list(self.container.streams.audio)
        self.rate = self.video.average_rate or self.video.guessed_rate or Fraction(25)
        self.unit = self.video.time_base
        self.step = max(1, round(1 / (self.rate * self.unit)))
        self.count = self.video.frames or self._counted_by_length()
        self.times: deque[int] = deque()
        self.sound: deque[Any] = deque()

    def __enter__(self) -> "FilmReader":
        return self

    def __exit__(self, *_: Any) -> None:
        self.container.close()

    def frames(self) -> Iterator[Image.Image]:
        """The frames as they are seen, RGB, upright and with square pixels; one at least.

        Raises:
            PictureError: the film is damaged or cut short.
        """
        last, taken, end = None, 0, 0
        with self._naming(lambda: f" after frame {taken}"):
            for packet in self.container.demux(self.video, *self.tracks):
                if packet.stream.type == "audio":
                    if packet.dts is not None:  # else it is the mark of the end
                        self.sound.append(packet)
                    continue
                for frame in packet.decode():
                    last = self._time(frame, last)
                    end = last + (frame.duration or self.step)
                    self.times.append(last)
                    taken += 1
                    yield self._seen(frame)
        if taken == 0:
            raise PictureError(self.path, "holds no frame", REMEDY)
        self._refuse_cut(end)

    def _time(self, frame: Any, last: int | None) -> int:
        """When a frame is shown: later than the one before it, whatever the film says."""
        if last is None:
            return frame.pts or 0
        return last + self.step if frame.pts is None else max(frame.pts, last + 1)

    def _refuse_cut(self, end: int) -> None:
        """Of a film that was cut short, the packets just end."""
        if self.video.duration is None:
            return
        missing_s = float(((self.video.start_time or 0) + self.video.duration - end) * self.unit)
        if missing_s > MOST_MISSING_S:
            raise PictureError(self.path, f"is cut short: its last {missing_s:.0f} seconds are missing", REMEDY)

    def _seen(self, frame: Any) -> Image.Image:
        told = frame.colorspace not in (None, UNSPECIFIED) or frame.height < HIGH_DEFINITION_PX
        image = frame.reformat(format="rgb24", **({} if told else {"src_colorspace": "ITU709"})).to_image()
        shape = self.video.sample_aspect_ratio
        if shape and shape != 1:
            image = image.resize((max(1, round(image.width * shape)), image.height), Image.Resampling.BICUBIC)
        turn = frame.rotation % 360  # counter-clockwise
        return image.rotate(turn, expand=True) if turn else image

    def _counted_by_length(self) -> int | None:
        if self.video.duration:
            return round(self.video.duration * self.unit * self.rate)
        if self.container.duration:
            return round(Fraction(self.container.duration, self.av.time_base) * self.rate)
        return None

    @contextmanager
    def _naming(self, where: Callable[[], str]) -> Iterator[None]:
        """What FFmpeg raises while it reads becomes a sentence about the film."""
        try:
            yield
        except self.av.FFmpegError as error:
            reason = f"cannot be decoded{where()} ({shown(error.strerror)})"
            raise PictureError(self.path, reason, REMEDY) from error
