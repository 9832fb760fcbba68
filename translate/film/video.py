"""Films through PyAV: one frame at a time in memory, times and sound as they were."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from translate.data.listing import shown
from translate.data.reading import PictureError
from translate.errors import InputError, RunError

Translate = Callable[[Iterable[Image.Image]], Iterator[Image.Image]]
# Container -> encoders, of which the first that there is is taken, and what they are told. Nearly without visible loss.
H264 = (("libx264", {"crf": "18"}), ("libopenh264", {"b": "8000000"}), ("mpeg4", {"qscale": "3"}))
ENCODERS = {"mp4": H264, "mov": H264, "matroska": H264, "webm": (("libvpx-vp9", {"crf": "24", "b": "0"}),)}
MOST_MISSING_S = 1.0
BT709, LIMITED_RANGE, UNSPECIFIED = 1, 1, 2  # as FFmpeg counts them
HIGH_DEFINITION_PX = 720  # of height: from here on, what says nothing of its colours is BT.709
REMEDY = "copy it again, or save its sound part as a film of its own"


def load_av() -> ModuleType:
    """PyAV, which is an extra of the installation.

    Raises:
        InputError: it is not there.
    """
    try:
        import av
    except ImportError:
        raise InputError(
            "films need PyAV: pip install 'unpaired-translate[video]', or give the frames as a folder of pictures"
        ) from None
    av.logging.set_level(av.logging.PANIC)  # what goes wrong is raised; FFmpeg would print more between the lines
    return av


def check_film(path: Path) -> int | None:
    """How many frames a film has, as far as its header tells; its first one can be decoded.

    Raises:
        PictureError: it cannot be read.
        InputError: PyAV is not there.
    """
    with _Reader(path) as reader:
        for _ in reader.frames():
            return reader.count
    raise PictureError(path, "holds no frame", REMEDY)


def convert_film(source: Path, file: BinaryIO, container: str, translate: Translate) -> None:
    """Write a film whose frames are those of another, translated.

    Args:
        file: where to write; it can be sought in.
        container: a key of ``ENCODERS``.
        translate: frames in, as many out in their order; it may look a few frames ahead.

    Raises:
        PictureError: the film is damaged.
        RunError: it cannot be encoded.
        OSError: the disk refuses.
    """
    av = load_av()
    with _Reader(source) as reader:
        results = translate(reader.frames())
        first = next(results, None)
        if first is None:
            raise PictureError(source, "holds no frame", REMEDY)
        with _encoding(source, av), av.open(file, "w", format=container) as output:
            writer = _Writer(av, output, container, reader, first.size)
            for image in chain([first], results):
                writer.write(image)
            writer.finish()
        if writer.left_out:
            print(
                f"note: the sound of {shown(source)} ({writer.left_out}) does not fit into {container}; it is left out"
            )


class _encoding:
    """What FFmpeg raises within the block, and nobody has named yet, becomes a sentence about the result."""

    def __init__(self, source: Path, av: ModuleType):
        self.source, self.av = source, av

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, _: Any) -> None:
        if isinstance(error, self.av.FFmpegError):
            raise RunError(
                f"the translation of {shown(self.source)} cannot be encoded ({error}); give another --size"
            ) from error


class _Reader:
    """A film that is read once, from front to end.

    Attributes:
        times: when each frame that was taken and not written yet is shown, in units of ``unit`` seconds.
        sound: packets on the way to the result.
        count: frames by the header, or by length and rate; None: not known.
    """

    def __init__(self, path: Path):
        self.path, self.av = path, load_av()
        with self._naming():
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

    def __enter__(self) -> "_Reader":
        return self

    def __exit__(self, *_: Any) -> None:
        self.container.close()

    def frames(self) -> Iterator[Image.Image]:
        """The frames as they are seen: upright and with square pixels, RGB."""
        last, taken, end = None, 0, None
        with self._naming(lambda: f" after frame {taken}"):
            for packet in self.container.demux(self.video, *self.tracks):
                if packet.stream.type == "audio":
                    if packet.dts is not None:
                        self.sound.append(packet)
                    continue
                for frame in packet.decode():
                    last = self._time(frame, last)
                    end = last + (getattr(frame, "duration", 0) or self.step)
                    self.times.append(last)
                    image = self._seen(frame)
                    taken += 1
                    yield image
        self._refuse_cut(end)

    def _time(self, frame: Any, last: int | None) -> int:
        time = frame.pts if frame.pts is not None else (0 if last is None else last + self.step)
        return time if last is None else max(time, last + 1)

    def _refuse_cut(self, end: int | None) -> None:
        """Of a film that was cut short, the packets just end."""
        if end is None or self.video.duration is None:
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
        turn = getattr(frame, "rotation", 0) % 360
        return image.rotate(turn, expand=True) if turn else image

    def _counted_by_length(self) -> int | None:
        if self.video.duration:
            return round(self.video.duration * self.unit * self.rate)
        return (
            round(Fraction(self.container.duration, self.av.time_base) * self.rate) if self.container.duration else None
        )

    def _naming(self, where: Callable[[], str] = str) -> "_Naming":
        return _Naming(self, where)


class _Naming:
    """What FFmpeg raises while it reads becomes a sentence about the film."""

    def __init__(self, reader: _Reader, where: Callable[[], str]):
        self.reader, self.where = reader, where

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, _: Any) -> None:
        if isinstance(error, self.reader.av.FFmpegError):
            reason = f"cannot be decoded{self.where()} ({error.strerror})"
            raise PictureError(self.reader.path, reason, REMEDY) from error


class _Writer:
    """The result: frames that are encoded, at the times of those that they come from, and sound that is copied.

    Attributes:
        left_out: the codec of sound that the container cannot hold; empty: none.
    """

    def __init__(self, av: ModuleType, output: Any, container: str, reader: _Reader, size: tuple[int, int]):
        self.av, self.output, self.reader = av, output, reader
        available = (each for each in ENCODERS[container] if each[0] in av.codecs_available)
        name, told = next(available, (None, {}))
        if name is None:
            raise RunError(f"PyAV has no encoder for {container} here; install its package from PyPI, which has one")
        self.video = output.add_stream(name, rate=reader.rate, options=dict(told))
        # Half of the colours' resolution, which every player takes, needs even sides.
        self.video.width, self.video.height = (side + side % 2 for side in size)
        self.video.pix_fmt = "yuv420p"
        context = self.video.codec_context
        context.time_base = reader.unit
        context.colorspace = context.color_primaries = context.color_trc = BT709
        context.color_range = LIMITED_RANGE
        self.left_out = ""
        self.tracks = {}
        for track in reader.tracks:
            if track.codec_context.name in output.supported_codecs:
                self.tracks[track.index] = output.add_stream_from_template(track)
            else:
                self.left_out = track.codec_context.name

    def write(self, image: Image.Image) -> None:
        pixels = np.asarray(image.convert("RGB"))  # (H, W, 3)
        height, width = pixels.shape[:2]
        pixels = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        frame = self.av.VideoFrame.from_ndarray(pixels, format="rgb24")
        frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709")
        frame.pts, frame.time_base = self.reader.times.popleft(), self.reader.unit
        self.output.mux(self.video.encode(frame))
        self._copy_sound()

    def finish(self) -> None:
        """Write what the encoder still has, and the rest of the sound."""
        self.output.mux(self.video.encode(None))
        self._copy_sound()

    def _copy_sound(self) -> None:
        while self.reader.sound:
            packet = self.reader.sound.popleft()
            track = self.tracks.get(packet.stream.index)
            if track is not None:
                packet.stream = track
                self.output.mux(packet)
