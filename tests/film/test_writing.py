"""Films frame by frame: as many, at the same times, in the same colours, with their sound; damage is told."""

import io

import av
import numpy as np
import pytest

from translate.data.reading import PictureError
from translate.errors import RunError
from translate.film.reading import FilmReader, check_film
from translate.film.writing import ENCODERS, convert_film

CONTAINERS = {"mp4": "mp4", "mov": "mov", "mkv": "matroska", "webm": "webm"}


def as_they_are(frames):
    yield from frames


def converted(source, target, container="mp4", translate=as_they_are):
    with open(target, "w+b") as file:
        convert_film(source, file, container, translate)
    return target


def packets_of(path, kind="audio"):
    with av.open(str(path)) as container:
        stream = getattr(container.streams, kind)[0]
        return [bytes(packet) for packet in container.demux(stream) if packet.dts is not None]


def test_every_container_is_tried():
    assert set(CONTAINERS.values()) == set(ENCODERS)


@pytest.mark.parametrize("ending", CONTAINERS)
def test_frames_keep_their_number_times_and_colours(tmp_path, make_frames, make_film, read_film, ending):
    codec = "libvpx-vp9" if ending == "webm" else "libx264"
    source = make_film(tmp_path / f"in.{ending}", make_frames(), rate=30, codec=codec)
    result = converted(source, tmp_path / f"out.{ending}", CONTAINERS[ending])
    (before, times), (after, new_times) = read_film(source), read_film(result)
    assert len(after) == len(before) == 6
    assert new_times == pytest.approx(times, abs=0.002)
    for one, other in zip(before, after, strict=True):
        assert np.abs(one.astype(int) - other).mean() < 3
    assert av.open(str(result)).streams.video[0].average_rate == 30


def test_frames_of_unequal_length_keep_their_times(tmp_path, make_frames, make_film, read_film):
    times = [0, 1, 2, 10, 11, 25]
    source = make_film(tmp_path / "in.mp4", make_frames(), rate=50, times=times)
    assert read_film(converted(source, tmp_path / "out.mp4"))[1] == pytest.approx([time / 50 for time in times])


@pytest.mark.parametrize(("ending", "sound"), [("mp4", "aac"), ("mov", "aac"), ("mkv", "libopus"), ("webm", "libopus")])
def test_sound_is_copied_packet_by_packet(tmp_path, make_frames, make_film, ending, sound):
    codec = "libvpx-vp9" if ending == "webm" else "libx264"
    source = make_film(tmp_path / f"in.{ending}", make_frames(20), sound=sound, codec=codec)
    result = converted(source, tmp_path / f"out.{ending}", CONTAINERS[ending])
    assert len(packets_of(source)) > 10
    assert packets_of(result) == packets_of(source)


def test_sound_that_the_container_cannot_hold_is_left_out_and_that_is_said(tmp_path, make_frames, make_film, capsys):
    source = make_film(tmp_path / "in.mp4", make_frames(), sound="aac")
    result = converted(source, tmp_path / "out.webm", "webm")
    assert not av.open(str(result)).streams.audio
    assert capsys.readouterr().out == f"note: webm cannot hold the sound of {source} (aac); it is left out\n"


def test_odd_sides_get_a_pixel_more(tmp_path, make_frames, make_film, read_film):
    source = make_film(tmp_path / "in.mkv", make_frames(3, (47, 35)))
    assert read_film(source)[0][0].shape == (35, 47, 3)
    frames, _ = read_film(converted(source, tmp_path / "out.mp4"))
    assert frames[0].shape == (36, 48, 3)
    assert np.abs(frames[0][:35, :47].astype(int) - read_film(source)[0][0]).mean() < 5
    assert np.abs(frames[0][:, 47].astype(int) - frames[0][:, 46]).mean() < 6


def test_frames_are_taken_as_they_are_written(tmp_path, make_frames, make_film):
    """Not all of them first: a film of an hour has no place in memory."""
    source, taken, most = make_film(tmp_path / "in.mp4", make_frames(60)), 0, 0

    def counted(frames):
        nonlocal taken
        for frame in frames:
            taken += 1
            yield frame

    class Slow(FilmReader):
        def frames(self):
            nonlocal most
            for frame in super().frames():
                most = max(most, len(self.times))
                yield frame

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("translate.film.writing.FilmReader", Slow)
        converted(source, tmp_path / "out.mp4", translate=counted)
    assert (taken, most) == (60, 1)


def test_a_film_on_its_side_is_seen_upright(tmp_path, make_frames, make_film, read_film):
    source = make_film(tmp_path / "in.mp4", make_frames(2))
    content = bytearray(source.read_bytes())
    identity = b"".join(value.to_bytes(4, "big") for value in (65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30))
    turned = (0, 65536, 0, -65536 % 2**32, 0, 0, 0, 0, 1 << 30)  # by a quarter clockwise, as telephones write it
    at = content.index(identity, content.index(b"tkhd"))
    content[at : at + 36] = b"".join(value.to_bytes(4, "big") for value in turned)
    source.write_bytes(content)
    (upright,) = read_film(converted(source, tmp_path / "out.mp4"))[0][:1]
    assert upright.shape == (48, 36, 3)
    expected = np.asarray(make_frames(1)[0].rotate(-90, expand=True))
    assert np.abs(upright.astype(int) - expected).mean() < 4


class TestDamage:
    @pytest.fixture
    def film(self, tmp_path, random_picture, make_film):
        """Of four seconds, its index in front of the frames."""
        frames = [random_picture(48, 36, seed=seed) for seed in range(100)]
        return make_film(tmp_path / "film.mp4", frames, movflags="faststart")

    def test_how_many_frames_there_are_is_known_before(self, film):
        assert check_film(film) == 100

    @pytest.mark.parametrize("content", [b"", b"hello", None])
    def test_what_is_no_film_is_told(self, film, content):
        film.write_bytes(film.read_bytes()[:600] if content is None else content)
        with pytest.raises(PictureError, match=r"film\.mp4 cannot be decoded \((Invalid data|End of file)"):
            check_film(film)

    def test_a_film_cut_short_is_told(self, film, tmp_path):
        content = film.read_bytes()
        film.write_bytes(content[: len(content) // 2])
        assert check_film(film) == 100
        said = r"film\.mp4 (cannot be decoded after frame \d+|is cut short: its last \d seconds are missing)"
        with pytest.raises(PictureError, match=said) as refused:
            converted(film, tmp_path / "out.mp4")
        assert "\n" not in str(refused.value)

    def test_sound_alone_is_no_film(self, tmp_path):
        with av.open(str(tmp_path / "sound.mp4"), "w") as output:
            track = output.add_stream("aac", rate=48000)
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate = 48000
            output.mux(track.encode(frame))
            output.mux(track.encode(None))
        with pytest.raises(PictureError, match="holds no film"):
            check_film(tmp_path / "sound.mp4")

    def test_a_disk_that_refuses_is_not_taken_for_a_damaged_film(self, film):
        class Full(io.BytesIO):
            def write(self, content):
                raise OSError(28, "No space left on device")

        with pytest.raises(OSError, match="No space left"):
            convert_film(film, Full(), "mp4", as_they_are)

    def test_what_cannot_be_encoded_is_told(self, film):
        def huge(frames):
            for frame in frames:
                yield frame.resize((20000, 2))

        with pytest.raises(RunError, match=r"the translation of .*film\.mp4 cannot be encoded \(.*\); give another"):
            convert_film(film, io.BytesIO(), "mp4", huge)
