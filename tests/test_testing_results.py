"""test.py: the size of the results, their equality with other ways to translate, and how they replace former ones."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import translate
from translate import batching, files, testing
from translate.data import inputs
from translate.errors import InputError, RunError
from translate.networks import build_generator
from translate.testing import run_test
from translate.translator import Translator

sys.path.insert(0, str(Path(__file__).parent))

from written import pixels_of


def names_in(folder):
    return sorted(path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if path.is_file())


class TestSize:
    @pytest.mark.parametrize(("flags", "square", "wide"), [
        ({}, (32, 32), (58, 32)),
        ({"size": "crop"}, (32, 32), (58, 32)),
        ({"size": "original"}, (40, 40), (60, 33)),
        ({"size": "20x24"}, (20, 24), (20, 24)),
        ({"crop_size": 16}, (16, 16), (29, 16)),
        ({"load_size": 20}, (20, 20), (36, 20)),
        ({"load_size": 16, "crop_size": 16}, (16, 16), (29, 16)),
        ({"preprocess": "resize_and_crop"}, (32, 32), (32, 32)),
        ({"preprocess": "resize", "load_size": 24}, (24, 24), (24, 24)),
        ({"preprocess": "scale_width", "load_size": 40}, (40, 40), (40, 32)),
        ({"preprocess": "none"}, (40, 40), (60, 32)),
        ({"preprocess": "crop", "crop_size": 20}, (20, 20), (20, 20)),
    ])  # fmt: skip
    def test_flags_of_the_size(self, tested, tested_data, flags, square, wide):
        (tested_data / "testA/tall.png").unlink()
        results = tested(**flags)
        for label in ("real_A", "fake_B"):
            for name, size in (("square", square), ("wide", wide)):
                assert Image.open(results / f"images/{label}/{name}.png").size == size

    def test_size_and_preprocess_are_not_both_taken(self, tested):
        with pytest.raises(InputError, match="--size and --preprocess both say how pictures are scaled"):
            tested(size="original", preprocess="none")

    @pytest.mark.parametrize("flags", [{"size": "large"}, {"preprocess": "shrink"}, {"crop_size": 2}, {"num_test": 0}])
    def test_a_wrong_value_is_refused_before_anything_is_written(self, tested, tmp_path, flags):
        with pytest.raises(InputError, match=f"--{next(iter(flags))}"):
            tested(**flags)
        assert not (tmp_path / "out").exists()

    def test_pictures_too_small_for_the_words_are_named(self, tested):
        with pytest.raises(InputError, match=r"crop_size 32 is larger than .*tall\.png \(20x41\)"):
            tested(preprocess="crop")

    @pytest.mark.parametrize(("words", "remedy"), [
        ("crop", "--size original"), ("none", "--size original"),
        ("scale_width_and_crop", "--preprocess scale_width --load_size 32"),
        ("scale_shortside_and_crop", "--preprocess scale_shortside --load_size 32"),
    ])  # fmt: skip
    def test_a_run_trained_at_another_scale_is_noted_with_the_flag_that_keeps_it(
        self, tested, copied_run, capsys, words, remedy
    ):
        folder = copied_run("crops", preprocess=words)
        tested(name="crops", checkpoints_dir=folder.parent)
        assert f"note: the run was trained at another scale (--preprocess {words}); {remedy} keeps it\n" in (
            capsys.readouterr().out
        )
        tested(name="crops", checkpoints_dir=folder.parent, size="original")
        assert "note:" not in capsys.readouterr().out

    def test_a_run_trained_as_usual_is_not(self, tested, capsys):
        tested()
        assert "note:" not in capsys.readouterr().out


class TestEquality:
    @pytest.mark.parametrize("flags", [{}, {"size": "original"}, {"size": "20x24"}])
    def test_files_hold_what_the_translator_returns(self, tested, tested_data, trained_run, flags):
        results = tested(**flags)
        translator = Translator.load(trained_run, size=flags.get("size"), device="cpu")
        for path in (tested_data / "testA").iterdir():
            assert np.array_equal(pixels_of(results / f"images/fake_B/{path.stem}.png"), translator(path))

    def test_files_hold_what_the_last_preview_of_the_training_showed(self, tested, trained_run):
        results = tested(phase="train", dataroot=trained_run.parent.parent / "data")
        previews = trained_run / "web/images"
        names = [path.name for path in previews.glob("preview_step0000002_*_fake_B.png")]
        assert len(names) == 4
        for at, name in enumerate(sorted(names)):
            assert np.array_equal(pixels_of(previews / name), pixels_of(results / f"images/fake_B/a{at}.png"))

    def test_testing_twice_gives_the_same_files(self, tested):
        first = {name: pixels_of(path) for path in (tested() / "images/fake_B").iterdir() for name in [path.name]}
        second = {name: pixels_of(path) for path in (tested() / "images/fake_B").iterdir() for name in [path.name]}
        assert first.keys() == second.keys()
        assert all(np.array_equal(first[name], second[name]) for name in first)

    def test_grey_networks_write_grey_files(self, tmp_path, make_domains, tiny_flags, random_picture):
        root = make_domains(tmp_path / "grey", count_a=2, count_b=2, channels=1)
        translate.train(**tiny_flags, dataroot=root, checkpoints_dir=tmp_path / "runs", name="grey", max_steps=1)
        random_picture(40, 36).save(root / "testA/colour.png")
        result = run_test({"checkpoints_dir": tmp_path / "runs", "results_dir": tmp_path / "out"})
        for path in result.page.parent.glob("images/*/*.png"):
            assert Image.open(path).mode == "L"
        assert result.written == 3


class TestTiles:
    def test_files_hold_what_the_tiled_translator_returns_and_the_page_says_so(self, tested, tested_data, trained_run):
        found = {}
        for statistics in ("exact", "lowres"):
            results = tested(size="150x90", tile=64, tile_stats=statistics, precision="fp32")
            found[statistics] = pixels_of(results / "images/fake_B/wide.png")
            how = {"size": "150x90", "device": "cpu", "precision": "fp32", "tile": 64, "tile_stats": statistics}
            translator = Translator.load(trained_run, **how)
            assert np.array_equal(found[statistics], translator(tested_data / "testA/wide.bmp"))
            assert f"64 pixels, {statistics} statistics" in (results / "index.html").read_text(encoding="utf-8")
        whole = pixels_of(tested(size="150x90", precision="fp32") / "images/fake_B/wide.png")
        assert np.abs(found["exact"].astype(int) - whole).max() <= 1
        assert np.abs(found["lowres"].astype(int) - whole).max() > 1

    def test_the_kind_of_tiles_without_tiles_is_refused(self, tested):
        with pytest.raises(InputError, match=r"--tile_stats .*give --tile too"):
            tested(tile_stats="lowres")

    def test_a_generator_that_cannot_be_tiled_is_refused_before_anything_is_written(self, tested, copied_run, tmp_path):
        folder = copied_run("unet", model="pix2pix", netG="unet_128")
        torch.save(build_generator("unet_128", ngf=1, normG="batch").state_dict(), folder / "latest_net_G.pth")
        with pytest.raises(
            InputError, match=r"--tile 64: .*only resnet and stylegan2 generators work in tiles; leave --tile out"
        ):
            tested(name="unet", checkpoints_dir=folder.parent, tile=64)
        assert not (tmp_path / "out").exists()


class TestForPeople:
    def test_a_contact_sheet_stands_beside_the_page_and_is_linked(self, tested):
        results = tested()
        assert Image.open(results / "contact_sheet.jpg").size[0] > 3 * 128
        assert 'href="contact_sheet.jpg"' in (results / "index.html").read_text(encoding="utf-8")

    def test_large_pictures_have_small_copies_that_the_page_shows(self, tested):
        assert not [name for name in names_in(tested(display_winsize=16)) if name.startswith("thumbnails")]
        results = tested(display_winsize=16, size="68x40")
        names = [
            f"thumbnails/{label}/{name}.jpg" for label in ("fake_B", "real_A") for name in ("square", "tall", "wide")
        ]
        assert [name for name in names_in(results) if name.startswith("thumbnails")] == names
        page = (results / "index.html").read_text(encoding="utf-8")
        assert all(f'src="{name}"' in page for name in names)
        assert 'href="images/fake_B/wide.png"' in page and 'src="images/fake_B/wide.png"' not in page
        assert Image.open(results / "thumbnails/fake_B/wide.jpg").size == (32, 19)

    def test_a_disk_that_refuses_the_small_copies_leaves_the_former_results(self, tested, monkeypatch):
        results = tested()
        before = names_in(results)

        def refuse(*_, **__):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(testing, "save_thumbnail", refuse)
        with pytest.raises(RunError, match=r"cannot write to .*No space left"):
            tested()
        assert names_in(results) == before


class TestBatches:
    def test_pictures_of_one_size_are_translated_together_with_the_same_result(self, tested, monkeypatch):
        alone = tested(size="40x40", precision="fp32")
        before = {path.name: pixels_of(path) for path in (alone / "images/fake_B").iterdir()}
        sizes, batch_views = [], Translator.batch_views
        monkeypatch.setattr(batching, "pixels_at_once", lambda device: 2 * 40 * 40)
        monkeypatch.setattr(
            Translator, "batch_views", lambda self, batch: sizes.append(len(batch)) or batch_views(self, batch)
        )
        together = tested(size="40x40", precision="fp32")
        assert sizes == [2], "two of three pictures have room in a batch, and the last is alone"
        assert "real_A/tall.png" in (together / "index.html").read_text(encoding="utf-8")
        for name, pixels in before.items():
            difference = np.abs(pixels_of(together / "images/fake_B" / name).astype(int) - pixels)
            assert difference.max() <= 1

    def test_pictures_of_other_sizes_are_not(self, tested, monkeypatch):
        monkeypatch.setattr(batching, "pixels_at_once", lambda device: 10**9)
        monkeypatch.setattr(Translator, "batch_views", lambda *_: pytest.fail("these have three sizes"))
        assert len(names_in(tested(size="original") / "images/fake_B")) == 3

    def test_too_many_at_once_come_one_by_one(self, tested, monkeypatch):
        def fail(self, batch):
            tried.append(len(batch))
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")

        alone, tried = tested(size="40x40"), []
        before = {path.name: pixels_of(path) for path in (alone / "images/fake_B").iterdir()}
        monkeypatch.setattr(batching, "pixels_at_once", lambda device: 10**9)
        monkeypatch.setattr(Translator, "batch_views", fail)
        after = tested(size="40x40") / "images/fake_B"
        assert tried == [3]
        assert before.keys() == {path.name for path in after.iterdir()}
        assert all(np.array_equal(pixels_of(after / name), pixels) for name, pixels in before.items())

    @pytest.mark.parametrize(("flags", "pixels"), [
        ({"size": "original"}, [40 * 40, 20 * 41, 60 * 33]), ({"size": "20x20"}, [400] * 3)
    ])  # fmt: skip
    def test_what_is_read_ahead_weighs_as_many_pixels_as_are_translated(self, tested, monkeypatch, flags, pixels):
        weights, real = [], testing.overlapped

        def weighed(items, *rest, ahead, weigh):
            items = list(items)
            weights.extend(weigh(each) for each in items)
            assert ahead is batching.FAR_AHEAD
            return real(items, *rest, ahead=ahead, weigh=weigh)

        monkeypatch.setattr(testing, "overlapped", weighed)
        monkeypatch.setattr(batching, "pixels_at_once", lambda device: 10**9)
        tested(**flags)
        assert weights == pixels


class TestReplacing:
    def test_former_results_are_replaced_as_a_whole(self, tested, tested_data):
        first = tested()
        (tested_data / "testA/wide.bmp").unlink()
        assert tested() == first
        assert names_in(first / "images/fake_B") == ["square.png", "tall.png"]
        assert os.listdir(first.parent) == ["test_latest"]

    @pytest.mark.parametrize(("where", "error", "raised"), [
        ("views", OSError(28, "No space left on device"), RunError),
        ("views", KeyboardInterrupt(), KeyboardInterrupt),
        ("views", RuntimeError("a defect"), RuntimeError),
    ])  # fmt: skip
    def test_a_run_that_fails_leaves_the_former_results_and_nothing_else(
        self, tested, monkeypatch, where, error, raised
    ):
        results = tested()
        before = {name: (results / name).read_bytes() for name in names_in(results)}
        calls = []

        def fail_at_the_second(*arguments):
            calls.append(arguments)
            if len(calls) > 1:
                raise error
            return {"fake_B": Image.new("RGB", (32, 32))}

        monkeypatch.setattr(Translator, where, fail_at_the_second)
        with pytest.raises(raised):
            tested()
        assert {name: (results / name).read_bytes() for name in names_in(results)} == before
        assert os.listdir(results.parent) == ["test_latest"]

    def test_results_that_cannot_be_put_in_place_leave_the_former(self, tested, monkeypatch):
        results = tested()
        real_replace, calls = os.replace, []

        def fail_at_the_third(source, target):
            calls.append(source)
            if len(calls) == 3:  # behind the scores and the contact sheet
                raise PermissionError(13, "Permission denied")
            real_replace(source, target)

        before = names_in(results)
        monkeypatch.setattr(testing, "write_results_page", lambda path, *_: path.write_text("new"))
        monkeypatch.setattr(files.os, "replace", fail_at_the_third)
        with pytest.raises(RunError, match=r"cannot write to .*Permission denied"):
            tested()
        assert names_in(results) == before
        assert (results / "index.html").read_text() != "new"
        assert os.listdir(results.parent) == ["test_latest"]

    def test_pictures_that_are_missing_in_the_end_are_an_error_and_leave_the_former_results(self, tested, monkeypatch):
        results = tested()
        before = (results / "index.html").read_bytes()
        monkeypatch.setattr(inputs, "name_results", lambda paths, folder: dict.fromkeys(paths, "same"))
        with pytest.raises(RunError, match="3 pictures in, but 1 written"):
            tested()
        assert (results / "index.html").read_bytes() == before
        assert os.listdir(results.parent) == ["test_latest"]

    @pytest.mark.parametrize("error", [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), MemoryError(),
    ])  # fmt: skip
    def test_a_picture_too_large_for_the_memory_is_named_with_the_remedy(self, tested, monkeypatch, error):
        def fail(*_):
            raise error

        monkeypatch.setattr(Translator, "views", fail)
        with pytest.raises(
            RunError, match=r"square\.png needs more memory than cpu has; give a smaller --size, or --t"
        ):
            tested(gpu_ids="-1")
        with pytest.raises(RunError, match=r"square\.png needs more memory than cpu has; give a smaller --tile$"):
            tested(gpu_ids="-1", tile=64)

    def test_a_results_folder_that_cannot_be_made_is_said(self, tested, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(RunError, match=r"cannot write to .*file/.*--results_dir"):
            tested(results_dir=tmp_path / "file")

    def test_the_folder_can_be_read_by_those_who_can_read_its_parent(self, tested):
        results = tested()
        assert results.stat().st_mode & 0o777 == 0o755
