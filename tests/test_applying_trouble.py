"""translate.apply in trouble: bad pictures, full disks, too little memory, interruptions."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from translate import applying, files
from translate.applying import ApplyResult
from translate.errors import InputError, RunError
from translate.translator import Translator

sys.path.insert(0, str(Path(__file__).parent))

from written import contents


class TestTrouble:
    def test_bad_pictures_are_named_and_left_out_only_when_asked(self, applied, photos, out, capsys):
        (photos / "bad.png").write_bytes(b"\x89PNG broken")
        with pytest.raises(InputError, match=r"1 of 4 pictures cannot be used(.|\n)*bad\.png"):
            applied()
        assert not out.exists()
        assert applied(skip_bad_images=True) == ApplyResult(out, 3, 3)
        assert (
            f"note: 1 pictures that cannot be used are left out, such as {photos / 'bad.png'}"
            in capsys.readouterr().out
        )
        assert "bad.png" not in contents(out)

    def test_deep_pictures_of_a_run_that_knows_no_range_are_bad_ones(self, applied, photos, out):
        Image.fromarray(np.full((40, 40), 4000, np.uint16)).save(photos / "deep.png")
        with pytest.raises(InputError, match=r"1 of 4 pictures cannot be used(.|\n)*deep\.png holds more than 8 bits"):
            applied()
        assert not out.exists()
        assert applied(skip_bad_images=True) == ApplyResult(out, 3, 3)

    def test_a_full_disk_leaves_whole_results_and_says_how_to_go_on(self, applied, out, monkeypatch):
        real_replace = os.replace

        def full_at_the_second(source, target):
            if Path(target).name == "c.bmp":
                raise OSError(28, "No space left on device")
            real_replace(source, target)

        monkeypatch.setattr(applying, "overlapped", one_after_the_other)
        with monkeypatch.context() as patch:
            patch.setattr(files.os, "replace", full_at_the_second)
            with pytest.raises(RunError, match=r"c\.bmp.*No space left .*; 1 of 3 pictures are written; --skip_exist"):
                applied()
            assert contents(out).keys() == {"a.png"}
            with pytest.raises(RunError, match=r"1 of 3 pictures are written$"):
                applied(overwrite=True)
        assert applied(skip_existing=True) == ApplyResult(out, 2, 2, 1)

    def test_a_picture_that_vanishes_on_the_way_is_told_with_what_is_written(self, applied, photos, out, monkeypatch):
        real = applying.save

        def remove_and_save(*arguments):
            (photos / "c.bmp").unlink(missing_ok=True)
            real(*arguments)

        monkeypatch.setattr(applying, "overlapped", one_after_the_other)
        monkeypatch.setattr(applying, "save", remove_and_save)
        with pytest.raises(RunError, match=r"c\.bmp does not exist; check .*; 1 of 3 pictures are written; --skip_e"):
            applied()
        assert contents(out).keys() == {"a.png"}

    def test_results_that_are_missing_in_the_end_are_an_error(self, applied, monkeypatch):
        real_save = applying.save
        monkeypatch.setattr(
            applying, "save", lambda image, path, how: path.suffix == ".bmp" or real_save(image, path, how)
        )
        with pytest.raises(RunError, match=r"3 pictures in, but 2 written to .*out"):
            applied()

    def test_a_picture_too_large_for_the_memory_is_named_with_the_remedy(self, applied, monkeypatch):
        def fail(*_):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")

        monkeypatch.setattr(Translator, "translate_image", fail)
        with pytest.raises(
            RunError, match=r"a\.png needs more memory than cpu has; give a smaller --size, or --tile 512"
        ):
            applied()
        with pytest.raises(RunError, match=r"a\.png needs more memory than cpu has; give a smaller --tile; 0 of 3"):
            applied(tile=64)

    def test_an_interruption_leaves_whole_results(self, applied, out, monkeypatch):
        real, calls = Translator.translate_image, []

        def interrupted(self, *arguments):
            calls.append(arguments)
            if len(calls) == 2:
                raise KeyboardInterrupt
            return real(self, *arguments)

        monkeypatch.setattr(Translator, "translate_image", interrupted)
        with pytest.raises(KeyboardInterrupt):
            applied()
        assert contents(out).keys() <= {"a.png"}
        assert not list(out.rglob("*.tmp"))

    @pytest.mark.parametrize(("words", "remedy"), [
        ("crop", "--size original"), ("scale_width_and_crop", "--preprocess scale_width --load_size 32")
    ])  # fmt: skip
    def test_a_run_trained_at_another_scale_is_noted(self, applied, copied_run, capsys, out, words, remedy):
        folder = copied_run("crops", preprocess=words)
        applied(run=folder)
        assert f"note: the run was trained at another scale (--preprocess {words}); {remedy} keeps it\n" in (
            capsys.readouterr().out
        )
        applied(run=folder, size="original", output=out / "again")
        assert "note:" not in capsys.readouterr().out


def one_after_the_other(items, read, compute, write, fits, **bounds):
    for item in items:
        ready = read(item)
        (done,) = compute([ready])
        yield write(ready, done)
