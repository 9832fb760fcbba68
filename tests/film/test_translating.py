"""translate.apply on films, animations and folders of frames: each frame as the translator would, or steadier."""

import builtins
import shutil

import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence

import translate
from translate import batching, files
from translate.data.reading import PictureError
from translate.errors import InputError, RunError
from translate.film.kinds import ANIMATIONS
from translate.film.reading import FilmReader
from translate.networks.resnet import ResnetGenerator
from translate.translator import Translator


@pytest.fixture
def vivid_run(copied_run, make_generator):
    """A run whose generator makes more of a picture than one of two steps does."""
    folder = copied_run("vivid")
    torch.save(make_generator().state_dict(), folder / "latest_net_G.pth")
    return folder


@pytest.fixture
def applied(vivid_run, tmp_path):
    """applied(*sources, **flags): translate into ``out``, whose path comes back."""

    def run(*sources, run=vivid_run, **flags):
        translate.apply(run, list(sources), tmp_path / "out", gpu_ids="-1", **flags)
        return tmp_path / "out"

    return run


@pytest.fixture
def film(tmp_path, make_frames, make_film):
    return make_film(tmp_path / "film.mp4", make_frames(8), rate=12, sound="aac")


@pytest.fixture
def frames(tmp_path, make_frames):
    """A folder of ten frames whose names sort as numbers only."""
    (tmp_path / "frames").mkdir()
    for number, frame in enumerate(make_frames(11), 1):
        frame.save(tmp_path / f"frames/shot {number}.png")
    return tmp_path / "frames"


def pixels_of(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def apart(one, other):
    """Mean absolute difference in brightness, which lossy formats keep better than noisy colours."""
    one, other = (np.asarray(Image.fromarray(np.asarray(each)).convert("L")).astype(int) for each in (one, other))
    return np.abs(one - other).mean()


def animation(path, pictures):
    told = {"lossless": True} if path.suffix == ".webp" else {}
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=[80] * len(pictures), loop=0, **told)
    return path


def test_each_frame_of_a_film_is_translated(applied, film, vivid_run, read_film):
    result = applied(film, size="original") / "film.mp4"
    (before, times), (after, new_times) = read_film(film), read_film(result)
    assert new_times == times
    translator = Translator.load(vivid_run, size="original", device="cpu")
    for one, other in zip(before, after, strict=True):
        assert apart(translator(one), other) < 6


def test_a_film_gets_the_size_and_the_name_that_are_asked_for(applied, film, read_film):
    out = applied(film, size="50x31", name_template="{name}_{label}")
    assert [path.name for path in out.iterdir()] == ["film_fake_B.mp4"]
    assert read_film(out / "film_fake_B.mp4")[0][0].shape == (32, 50, 3), "even, for the codec"


@pytest.mark.parametrize("format", ANIMATIONS)
def test_an_animation_becomes_one(applied, tmp_path, make_frames, vivid_run, format):
    source = animation(tmp_path / f"in.{format}", make_frames(3))
    with Image.open(applied(source, size="original") / f"in.{format}") as result:
        assert result.n_frames == 3
        translator = Translator.load(vivid_run, size="original", device="cpu")
        with Image.open(source) as given:
            for at in range(3):
                given.seek(at), result.seek(at)
                expected = translator(given.convert("RGB"))
                assert apart(expected, result.convert("RGB")) < (0.1 if format == "png" else 6)
                assert result.info["duration"] == 80


def test_another_format_holds_the_first_frame_and_that_is_said(applied, tmp_path, make_frames, capsys):
    source = animation(tmp_path / "in.gif", make_frames(3))
    with Image.open(applied(source, format="jpg") / "in.jpg") as result:
        assert result.format == "JPEG"
    assert f"note: jpg holds one picture; of {source} the first frame is translated\n" in capsys.readouterr().out


def test_films_pictures_and_patterns_go_together(applied, film, frames, capsys):
    out = applied(film.parent / "*.mp4", frames)
    assert len(list(out.iterdir())) == 12
    assert "12 in, 12 written\n" in capsys.readouterr().out
    applied(film, frames, skip_existing=True)
    assert "0 in, 0 written, 12 there already\n" in capsys.readouterr().out


class TestTogether:
    """On a device that translates several at once, as the CPU is told to do here."""

    @pytest.fixture
    def calls(self, monkeypatch):
        """How many frames each call of the generator has got."""
        found, forward = [], ResnetGenerator.forward
        monkeypatch.setattr(ResnetGenerator, "forward", lambda self, x: found.append(len(x)) or forward(self, x))
        return found

    @pytest.fixture
    def four_at_once(self, monkeypatch):
        monkeypatch.setattr(batching, "pixels_at_once", lambda device: 4 * 48 * 36)

    @pytest.fixture
    def six(self, tmp_path, make_frames, make_film):
        """An animation and a film of six frames."""
        return {
            "moving.webp": animation(tmp_path / "moving.webp", make_frames(6)),
            "film.mp4": make_film(tmp_path / "six.mp4", make_frames(6)).rename(tmp_path / "film.mp4"),
        }

    @pytest.fixture
    def translated(self, applied, six, read_film):
        """translated(name, **flags): the frames of the result."""

        def run(name, **flags):
            path = applied(six[name], size="original", precision="fp32", overwrite=True, **flags) / name
            if path.suffix == ".mp4":
                return read_film(path)[0]
            with Image.open(path) as result:
                return [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(result)]

        return run

    @pytest.mark.parametrize("name", ["moving.webp", "film.mp4"])
    def test_frames_go_through_the_generator_together_and_stay_in_order(self, translated, name, calls, request):
        alone = translated(name)
        assert calls == [1] * 6
        request.getfixturevalue("four_at_once")
        calls.clear()
        together = translated(name)
        assert calls == [4, 2]
        distances = [[apart(one, other) for other in alone] for one in together]
        assert [int(np.argmin(each)) for each in distances] == list(range(6))
        assert max(distances[at][at] for at in range(6)) < 6, "a film is stored with loss"

    def test_frames_that_depend_on_the_one_before_come_one_by_one(self, translated, calls, four_at_once):
        translated("film.mp4", smooth_stats=0.9)
        assert calls == [1] * 6

    def test_too_many_at_once_come_one_by_one_and_then_fewer(self, translated, calls, four_at_once, monkeypatch):
        alone, forward = translated("moving.webp"), ResnetGenerator.forward

        def limited(self, images):
            if len(images) > 2:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return forward(self, images)

        monkeypatch.setattr(ResnetGenerator, "forward", limited)
        calls.clear()
        together = translated("moving.webp")
        assert calls == [1, 1, 1, 1, 2]
        assert all(apart(*pair) < 1 for pair in zip(alone, together, strict=True))


class TestSmoothing:
    def test_frames_of_a_folder_follow_each_other_by_their_numbers(self, applied, frames, tmp_path, make_frames):
        """As the frames of an animation do, which are in that order anyhow."""
        source = animation(tmp_path / "in.png", make_frames(11))
        out = applied(source, smooth_stats=0.9, size="original")
        applied(frames, smooth_stats=0.9, film=True, size="original")
        with Image.open(out / "in.png") as result:
            for at in range(11):
                result.seek(at)
                assert np.array_equal(result.convert("RGB"), pixels_of(out / f"shot {at + 1}.png"))

    def test_each_folder_begins_anew(self, applied, frames, tmp_path):
        shutil.copytree(frames, tmp_path / "both/a")
        shutil.copytree(frames, tmp_path / "both/b")
        out = applied(tmp_path / "both", smooth_stats=0.9, film=True)
        for path in (out / "a").iterdir():
            assert path.read_bytes() == (out / "b" / path.name).read_bytes()

    def test_each_animation_begins_anew(self, applied, tmp_path, make_frames):
        sources = [animation(tmp_path / f"{name}.png", make_frames(3)) for name in ("one", "two")]
        out = applied(*sources, smooth_stats=0.9)
        assert (out / "one.png").read_bytes() == (out / "two.png").read_bytes()

    def test_the_first_frame_is_that_of_the_translator_and_later_ones_are_not(self, applied, frames, vivid_run):
        out = applied(frames, smooth_stats=0.9, film=True)
        translator = Translator.load(vivid_run, device="cpu")
        distances = [
            np.abs(pixels_of(out / f"shot {at}.png") - np.asarray(translator(frames / f"shot {at}.png"))).mean()
            for at in (1, 11)
        ]
        assert distances[0] < 0.1 < distances[1]

    @pytest.mark.parametrize(("flags", "said"), [
        ({"film": True}, "--film says that pictures are frames that --smooth_stats smooths"),
        ({"smooth_stats": 0.9}, "--smooth_stats is about films: give --film too"),
        ({"smooth_stats": 0.9, "film": True, "tile": 64}, "--smooth_stats and --tile both say"),
        ({"smooth_stats": 1}, "--smooth_stats 1.0 is too large"),
    ])  # fmt: skip
    def test_what_would_have_no_effect_is_refused(self, applied, frames, tmp_path, flags, said):
        with pytest.raises(InputError, match=said):
            applied(frames, **flags)
        assert not (tmp_path / "out").exists()


class TestTrouble:
    def test_without_pyav_that_is_said_before_anything_is_written(self, applied, film, frames, tmp_path, monkeypatch):
        real = builtins.__import__

        def missing(name, *others):
            if name == "av":
                raise ImportError(name)
            return real(name, *others)

        monkeypatch.setattr(builtins, "__import__", missing)
        with pytest.raises(InputError, match=r"films need PyAV: pip install 'unpaired-translate\[video\]', or give"):
            applied(film, frames)
        assert not (tmp_path / "out").exists()
        applied(frames)

    def test_a_damaged_film_leaves_nothing_or_what_was_there(self, applied, film, tmp_path):
        content = film.read_bytes()
        film.write_bytes(content[:300])
        with pytest.raises(PictureError, match=r"film\.mp4 cannot be decoded"):
            applied(film)
        assert not (tmp_path / "out").exists()
        with pytest.raises(InputError, match="cannot be decoded"):
            applied(film, skip_bad_images=True)

    def test_others_are_translated_if_that_is_asked_for(self, applied, film, frames, capsys):
        film.write_bytes(b"no film")
        out = applied(film, frames, skip_bad_images=True)
        assert len(list(out.iterdir())) == 11
        assert "film.mp4 cannot be decoded (" in capsys.readouterr().out

    def test_films_are_translated_where_no_picture_can_be_read(self, applied, film, tmp_path, capsys):
        (tmp_path / "bad.png").write_bytes(b"\x89PNG broken")
        out = applied(film, tmp_path / "bad.png", skip_bad_images=True)
        assert [path.name for path in out.iterdir()] == ["film.mp4"]
        assert "such as" in capsys.readouterr().out
        film.write_bytes(b"no film")
        with pytest.raises(InputError, match=r"film\.mp4 cannot be decoded"):
            applied(film, tmp_path / "bad.png", skip_bad_images=True, overwrite=True)

    def test_a_film_whose_damage_shows_late_does_not_keep_the_others_back(self, applied, film, tmp_path, monkeypatch):
        shutil.copy(film, tmp_path / "later.mp4")
        real = FilmReader._refuse_cut

        def cut(reader, end):
            if reader.path == film:
                raise PictureError(film, "is cut short: its last 9 seconds are missing")
            real(reader, end)

        monkeypatch.setattr(FilmReader, "_refuse_cut", cut)
        with pytest.raises(PictureError, match="cut short"):
            applied(film, tmp_path / "later.mp4")
        out = applied(film, tmp_path / "later.mp4", skip_bad_images=True)
        assert [path.name for path in out.iterdir()] == ["later.mp4"]
        with pytest.raises(PictureError, match="cut short"):
            applied(film, skip_bad_images=True)

    def test_damage_that_shows_late_leaves_the_former_result(self, applied, film, tmp_path, monkeypatch):
        (tmp_path / "out").mkdir()
        (tmp_path / "out/film.mp4").write_bytes(b"former")

        def broken(*_):
            raise PictureError(film, "cannot be decoded after frame 5")

        monkeypatch.setattr("translate.film.reading.FilmReader._refuse_cut", broken)
        with pytest.raises(PictureError, match="after frame 5"):
            applied(film, overwrite=True)
        assert [path.name for path in (tmp_path / "out").iterdir()] == ["film.mp4"]
        assert (tmp_path / "out/film.mp4").read_bytes() == b"former"

    def test_a_disk_that_refuses_is_told(self, applied, film, tmp_path, monkeypatch):
        def full(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(files.os, "replace", full)
        with pytest.raises(RunError, match=r"cannot write .*film\.mp4: .*No space left"):
            applied(film)
        assert not list((tmp_path / "out").iterdir())
