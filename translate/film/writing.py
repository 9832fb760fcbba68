"""Films out, through PyAV: frames at the times of those that they come from, and sound as it was."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from translate.data.listing import shown
from translate.errors import RunError
from translate.film.reading import FilmReader

Translate = Callable[[Iterable[Image.Image]], Iterator[Image.Image]]
# Container -> encoders, of which the first that there is is taken, and what they are told: nearly without visible loss.
H264 = (("libx264", {"crf": "18"}), ("libopenh264", {"b": "8000000"}), ("mpeg4", {"qscale": "3"}))
ENCODERS = {"mp4": H264, "mov": H264, "matroska": H264, "webm": (("libvpx-vp9", {"crf": "24", "b": "0"}),)}
BT709, LIMITED_RANGE = 1, 1  # as FFmpeg counts them


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
    with FilmReader(source) as reader:
        results = translate(reader.frames())
        first = next(results)
        try:
            with reader.av.open(file, "w", format=container) as output:
                writer = _Writer(output, container, reader, first.size)
                for image in chain([first], results):
                    writer.write(image)
                writer.finish()
        except reader.av.FFmpegError as error:
            raise RunError(
                f"the translation of {shown(source)} cannot be encoded ({shown(error.strerror)}); give another --size"
            ) from error
    if writer.left_out:
        print(f"note: {container} cannot hold the sound of {shown(source)} ({writer.left_out}); it is left out")


class _Writer:
    """The result while it is made.

    Attributes:
        left_out: the codec of sound that the container cannot hold; empty: none.
    """

    def __init__(self, output: Any, container: str, reader: FilmReader, size: tuple[int, int]):
        self.output, self.reader, self.av = output, reader, reader.av
        name, told = self._encoder(container)
        self.video = output.add_stream(name, rate=reader.rate, options=dict(told))
        # Colours at half the resolution, which every player takes, need even sides.
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

    def _encoder(self, container: str) -> tuple[str, dict[str, str]]:
        for name, told in ENCODERS[container]:
            if name in self.av.codecs_available:
                return name, told
        raise RunError(f"this PyAV has no encoder for {container}; install the one that pip install av brings")

    def write(self, image: Image.Image) -> None:
        """The next frame, and the sound that was met before it."""
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
