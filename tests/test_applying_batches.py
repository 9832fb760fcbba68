"""translate.apply on a device that translates pictures of one size together: the same results in fewer calls.

There is no such device here: the CPU is told to do as one.
"""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from translate import applying, batching
from translate.applying import ApplyResult
from translate.data.part import Part
from translate.errors import RunError
from translate.networks.resnet import ResnetGenerator
from translate.translator import Translator

sys.path.insert(0, str(Path(__file__).parent))

from written import contents, pixels_of

NAMES = [f"{at}.png" for at in range(6)]


@pytest.fixture
def many(tmp_path, random_picture):
    """A folder of six pictures of one size, the last of which is followed by one of another."""
    folder = tmp_path / "many"
    folder.mkdir()
    for seed, name in enumerate([*NAMES, "other.png"]):
        random_picture(40, 36 if name in NAMES else 50, seed=seed).save(folder / name)
    return folder


@pytest.fixture
def as_on_a_gpu(monkeypatch):
    """as_on_a_gpu(pixels=10**9): from here on so many pixels are translated at once."""
    return lambda pixels=10**9: monkeypatch.setattr(batching, "pixels_at_once", lambda device: pixels)


@pytest.fixture
def calls(monkeypatch):
    """How many pictures each call of the generator has got."""
    found, forward = [], ResnetGenerator.forward
    monkeypatch.setattr(
        ResnetGenerator, "forward", lambda self, images: found.append(len(images)) or forward(self, images)
    )
    return found


def refuse(monkeypatch, too_many, of=None):
    """The generator has no room for so many pictures at once, or for one that is as dark as this."""
    forward = ResnetGenerator.forward

    def limited(self, images):
        if len(images) >= too_many or (of is not None and (images.mean(dim=(1, 2, 3)) < of).any()):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return forward(self, images)

    monkeypatch.setattr(ResnetGenerator, "forward", limited)


def assert_same(folder, other):
    """At most one grey level apart."""
    assert contents(folder).keys() == contents(other).keys()
    for name in contents(other):
        first, second = (pixels_of(each / name) for each in (folder, other))
        assert first.shape == second.shape
        assert np.abs(first.astype(int) - second).max() <= 1


class TestTogether:
    def test_pictures_of_one_size_go_through_the_generator_together(self, applied, many, out, as_on_a_gpu, calls):
        flags = {"size": "original", "precision": "fp32"}
        applied(many, output=out / "alone", **flags)
        assert calls == [1] * 7
        as_on_a_gpu(4 * 40 * 36)
        calls.clear()
        assert applied(many, output=out / "together", **flags) == ApplyResult(out / "together", 7, 7)
        assert calls == [4, 2, 1]
        assert_same(out / "together", out / "alone")

    def test_a_cpu_is_not_one_of_them(self, applied, many, out, trained_run):
        applied(many, size="original")
        translator = Translator.load(trained_run, "latest", "original", device="cpu")
        for name in contents(out):
            assert np.array_equal(pixels_of(out / name), translator(many / name))

    def test_formats_and_sub_folders_and_an_alpha_channel_are_no_obstacle(
        self, applied, photos, out, as_on_a_gpu, calls
    ):
        Image.open(photos / "a.png").convert("RGBA").save(photos / "deep/alpha.webp", lossless=True)
        flags = {"size": "24x20", "precision": "fp32"}
        applied(output=out / "alone", **flags)
        as_on_a_gpu()
        calls.clear()
        applied(output=out / "together", **flags)
        assert calls == [4]
        assert Image.open(out / "together/deep/alpha.webp").format == "WEBP"
        for name in ("a.png", "c.bmp", "deep/b.png"):
            alone, together = (pixels_of(out / each / name).astype(int) for each in ("alone", "together"))
            assert np.abs(alone - together).max() <= 1

    def test_tiles_are_computed_as_before(self, applied, many, out, as_on_a_gpu, calls):
        """Those that fit in a tile are together as long as they fill none; the others come one by one."""
        for size, expected in (("32x32", [4, 3]), ("96x80", [])):
            flags = {"size": size, "tile": 64, "precision": "fp32"}
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(batching, "pixels_at_once", lambda device: 0)
                applied(many, output=out / f"alone{size}", **flags)
            as_on_a_gpu()
            calls.clear()
            applied(many, output=out / f"together{size}", **flags)
            assert calls == expected, "larger ones go through its layers and not through the whole of it"
            assert_same(out / f"together{size}", out / f"alone{size}")

    def test_frames_that_depend_on_the_one_before_come_one_by_one(self, applied, many, out, as_on_a_gpu):
        flags = {"size": "32x32", "film": True, "smooth_stats": 0.9}
        applied(many, output=out / "cpu", **flags)
        as_on_a_gpu()
        applied(many, output=out / "gpu", **flags)
        assert contents(out / "gpu") == contents(out / "cpu")

    @pytest.mark.parametrize(("flags", "pixels"), [({"size": "original"}, {1440, 2000}), ({"size": "20x20"}, {400})])
    def test_what_is_read_ahead_weighs_as_many_pixels_as_are_translated(
        self, applied, many, as_on_a_gpu, monkeypatch, flags, pixels
    ):
        weights, real = [], applying.overlapped

        def weighed(items, *rest, ahead, weigh, **others):
            assert ahead is batching.FAR_AHEAD
            weights.extend(weigh(each) for each in items)
            return real(items, *rest, ahead=ahead, weigh=weigh, **others)

        monkeypatch.setattr(applying, "overlapped", weighed)
        as_on_a_gpu()
        applied(many, **flags)
        assert len(weights) == 7
        assert set(weights) == pixels


class TestTrouble:
    def test_too_many_at_once_come_one_by_one_and_then_fewer_at_once(
        self, applied, many, out, as_on_a_gpu, calls, monkeypatch
    ):
        flags = {"size": "32x32", "precision": "fp32"}
        applied(many, output=out / "alone", **flags)
        as_on_a_gpu(4 * 32 * 32)
        refuse(monkeypatch, too_many=3)
        calls.clear()
        applied(many, output=out / "together", **flags)
        assert calls == [1, 1, 1, 1, 2, 1], "four were tried, then two at once have room"
        assert_same(out / "together", out / "alone")

    def test_one_too_large_for_the_memory_is_named_and_costs_no_other(
        self, applied, many, out, as_on_a_gpu, monkeypatch
    ):
        Image.new("RGB", (40, 36)).save(many / "3.png")
        as_on_a_gpu()
        refuse(monkeypatch, too_many=100, of=-0.9)
        with pytest.raises(RunError, match=r"3\.png needs more memory than cpu has; give .*; 3 of 7 pictures are writ"):
            applied(many, size="original")
        assert contents(out).keys() == {"0.png", "1.png", "2.png"}

    def test_one_that_vanishes_on_the_way_is_named_and_costs_no_other_of_its_batch(
        self, applied, many, out, as_on_a_gpu, monkeypatch
    ):
        real = Part.read

        def read(self, channels):
            if self.path.name == "3.png":
                self.path.unlink()
            return real(self, channels)

        monkeypatch.setattr(Part, "read", read)
        as_on_a_gpu()
        with pytest.raises(
            RunError, match=r"3\.png does not exist; check .*; 3 of 7 pictures are written; --skip_exis"
        ):
            applied(many)
        assert contents(out).keys() == {"0.png", "1.png", "2.png"}
        assert applied(many, skip_existing=True).written == 3

    def test_one_that_cannot_be_written_costs_no_other_of_its_batch(self, applied, many, out, as_on_a_gpu, monkeypatch):
        real = applying.save

        def save(image, target, format):
            if target.name == "0.png":
                raise RunError(f"cannot write {target}")
            real(image, target, format)

        monkeypatch.setattr(applying, "save", save)
        as_on_a_gpu()
        with pytest.raises(RunError, match=r"cannot write .*0\.png; \d of 7 pictures are written"):
            applied(many, size="original")
        assert contents(out).keys() >= set(NAMES[1:])
