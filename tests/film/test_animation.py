"""Animated GIF, WebP and PNG: as many frames, each shown as long, as often; stills stay stills."""

import io

import numpy as np
import pytest
from PIL import Image

from translate.data.reading import PictureError
from translate.errors import RunError
from translate.film.animation import convert_animation, read_timing
from translate.film.kinds import ANIMATIONS, is_animated, moving

DURATIONS_MS = [100, 50, 200, 70]


@pytest.fixture
def make_animation(tmp_path, make_frames):
    """make_animation(format, **of Pillow's encoder) -> a file of four frames."""

    def make(format, frames=None, **told):
        path = tmp_path / f"in.{format}"
        first, *others = frames or make_frames(4)
        told = {"duration": DURATIONS_MS, "loop": 0, **told}
        told |= {"lossless": True} if format == "webp" else {}
        first.save(path, ANIMATIONS[format], save_all=True, append_images=others, **told)
        return path

    return make


def inverted(frames):
    for frame in frames:
        assert frame.mode == "RGB"
        yield frame.point(lambda value: 255 - value)


def frames_of(path):
    with Image.open(path) as image:
        for at in range(image.n_frames):
            image.seek(at)
            yield np.asarray(image.convert("RGB")).astype(int)


@pytest.mark.parametrize("format", ANIMATIONS)
@pytest.mark.parametrize("target", ANIMATIONS)
def test_frames_and_durations_are_kept(make_animation, tmp_path, format, target):
    source, result = make_animation(format), tmp_path / f"out.{target}"
    with open(result, "w+b") as file:
        convert_animation(source, file, target, inverted)
    timing = read_timing(result)
    assert timing == ([*DURATIONS_MS], 0)
    for before, after in zip(frames_of(source), frames_of(result), strict=True):
        assert np.abs(255 - before - after).mean() < 6
    with Image.open(result) as image:
        assert image.format == ANIMATIONS[target]


def test_how_often_it_is_shown_is_kept(make_animation, tmp_path):
    for loop, expected in ((3, 3), (None, 1)):
        source = make_animation("gif", **({"loop": loop}))
        for target in ANIMATIONS:
            with open(tmp_path / f"out.{target}", "w+b") as file:
                convert_animation(source, file, target, inverted)
            assert read_timing(tmp_path / f"out.{target}").loop == expected


def test_a_still_that_stands_before_an_animated_png_is_no_frame(make_animation, make_frames):
    still = Image.new("RGB", (48, 36), "red")
    path = make_animation("png", [still, *make_frames(4)], default_image=True)
    assert read_timing(path).durations_ms == DURATIONS_MS


def test_transparent_colours_are_taken_as_they_are(make_animation, make_frames):
    frames = make_frames(4)
    for frame in frames:
        frame.putalpha(Image.linear_gradient("L").resize(frame.size))
    path, seen = make_animation("png", frames), []
    convert_animation(path, io.BytesIO(), "png", lambda given: iter([seen.append(frame) or frame for frame in given]))
    assert np.array_equal(np.asarray(seen[0]), np.asarray(frames[0])[..., :3])


@pytest.mark.parametrize("format", ["gif", "png"])
def test_a_damaged_one_is_told(make_animation, format):
    path = make_animation(format)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(PictureError, match=rf"in\.{format} cannot be decoded at frame \d") as refused:
        read_timing(path)
    assert "\n" not in str(refused.value)


def test_what_a_format_has_no_room_for_is_told(make_animation):
    def wide(frames):
        yield from (frame.resize((20000, 1)) for frame in frames)

    with pytest.raises(RunError, match=r"the translation of .*in\.webp cannot be written as webp"):
        convert_animation(make_animation("webp"), io.BytesIO(), "webp", wide)


def test_what_moves_is_told_from_what_does_not(make_animation, make_frames, tmp_path):
    for format in ANIMATIONS:
        path = make_animation(format)
        assert is_animated(path)
        assert moving(path, "same") == (format, format, False)
        make_frames()[0].save(tmp_path / f"still.{format}")
        assert moving(tmp_path / f"still.{format}", "same") is None
    assert moving(tmp_path / "in.gif", "webp") == ("webp", "webp", False)
    assert moving(tmp_path / "in.gif", "jpg") is None, "which holds one picture"
    assert moving(tmp_path / "film.MP4", "jpg") == ("mp4", "MP4", True)
    assert moving(tmp_path / "film.avi", "same") == ("mp4", "mp4", True)
    first, *others = make_frames()
    first.save(tmp_path / "pages.tiff", save_all=True, append_images=others)
    assert moving(tmp_path / "pages.tiff", "same") is None
    (tmp_path / "broken.gif").write_bytes(b"GIF89a")
    assert moving(tmp_path / "broken.gif", "same") is None
