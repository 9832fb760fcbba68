"""Small films and animations, made on the spot."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

SAMPLES_A_SECOND = 48000


def _still(number, size):
    """A smooth picture, another for each number, that survives lossy coding."""
    ramp = Image.linear_gradient("L").resize(size)
    still = Image.merge("RGB", (ramp, ramp.transpose(Image.Transpose.ROTATE_180), Image.new("L", size, 90)))
    still.paste((120, 120, 120), (0, 0, 4 * number % size[0], size[1] // 2))
    return still


@pytest.fixture(scope="session")
def make_frames():
    """make_frames(count=6, size=(48, 36)): pictures of one film."""
    return lambda count=6, size=(48, 36): [_still(number, size) for number in range(count)]


def _sound(output, codec, seconds):
    track = output.add_stream(codec, rate=SAMPLES_A_SECOND)
    tone = np.sin(np.arange(int(seconds * SAMPLES_A_SECOND)) * 0.06).astype(np.float32) / 4
    packets = []
    for start in range(0, len(tone) - 960, 960):
        frame = av.AudioFrame.from_ndarray(tone[None, start : start + 960], format="flt", layout="mono")
        frame.sample_rate, frame.pts = SAMPLES_A_SECOND, start
        packets += [frame]
    return track, packets


@pytest.fixture(scope="session")
def make_film():
    """make_film(path, frames, rate=25, sound="", codec="libx264", times=None, **options of the container) -> path

    Args:
        sound: its codec; empty: none.
        times: of the frames, in units of 1/rate; default: 0, 1, 2 ...
    """

    def make(path, frames, rate=25, sound="", codec="libx264", times=None, **options):
        width, height = frames[0].size
        pixels = "yuv420p" if width % 2 == height % 2 == 0 else "yuv444p"
        with av.open(str(path), "w", options=options) as output:
            video = output.add_stream(codec, rate=Fraction(rate), options={"crf": "5"})
            video.width, video.height, video.pix_fmt = width, height, pixels
            heard = _sound(output, sound, len(frames) / rate) if sound else None
            for number, image in enumerate(frames):
                frame = av.VideoFrame.from_image(image).reformat(format=pixels)
                frame.pts = number if times is None else times[number]
                output.mux(video.encode(frame))
            output.mux(video.encode(None))
            if heard:
                for frame in heard[1]:
                    output.mux(heard[0].encode(frame))
                output.mux(heard[0].encode(None))
        return Path(path)

    return make


@pytest.fixture(scope="session")
def read_film():
    """read_film(path): its frames as arrays (H, W, 3), and when each is shown, in seconds."""

    def read(path):
        with av.open(str(path)) as container:
            frames = list(container.decode(container.streams.video[0]))
        return [frame.to_ndarray(format="rgb24") for frame in frames], [frame.time for frame in frames]

    return read
