"""test.py: a folder of pictures through a trained run, and the page of the results."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import translate
from translate import testing
from translate.errors import InputError, RunError
from translate.testing import run_test
from translate.translator import Translator

CROP = 32  # of the trained run


def save_picture(path, width=40, height=36, mode="RGB", seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (height, width) if mode == "L" else (height, width, 3)
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def pixels_of(path):
    with Image.open(path) as image:
        return np.asarray(image)


def names_in(folder):
    return sorted(path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if path.is_file())


@pytest.fixture
def data(tmp_path):
    """A folder with testA alone: a square, a wide and a tall picture."""
    save_picture(tmp_path / "data/testA/square.png", 40, 40, seed=1)
    save_picture(tmp_path / "data/testA/wide.bmp", 60, 33, seed=2)
    save_picture(tmp_path / "data/testA/tall.png", 20, 41, seed=3)
    return tmp_path / "data"


@pytest.fixture
def run(trained_run, tmp_path, data):
    """Tests the trained run on ``data`` unless flags say otherwise; gives the folder of the results."""

    def test(recorded_flags=None, **flags):
        base = {
            "name": "tiny",
            "checkpoints_dir": trained_run.parent,
            "dataroot": data,
            "results_dir": tmp_path / "out",
        }
        result = run_test({**base, **flags}, recorded_flags)
        assert result.read == result.written
        return result.page.parent

    return test


@pytest.fixture
def checkpoints(trained_run, tmp_path):
    """Makes a copy of the trained run under another name, with other entries in its record."""

    def copy(name, **options):
        folder = tmp_path / "checkpoints" / name
        shutil.copytree(trained_run, folder, ignore=shutil.ignore_patterns("web", "latest_state.pth"))
        record = json.loads((folder / "run.json").read_text())
        record["options"] |= options
        record["pixel_scale"] |= {key: value for key, value in options.items() if key in record["pixel_scale"]}
        (folder / "run.json").write_text(json.dumps(record))
        return folder

    return copy


class TestWhichRun:
    def test_no_flag_tests_the_newest_run_on_its_own_pictures(
        self, main_of, trained_run, tmp_path, monkeypatch, capsys
    ):
        monkeypatch.chdir(trained_run.parent.parent)
        main_of("test")(["--results_dir", str(tmp_path)])
        said = capsys.readouterr().out
        assert "testing the newest run, tiny\n" in said
        assert f"4 in, 4 written\nresults: {tmp_path / 'tiny/test_latest/index.html'}\n" in said
        assert names_in(tmp_path / "tiny/test_latest/images/fake_B") == ["a0.png", "a1.png", "a2.png", "a3.png"]

    def test_the_newest_is_the_one_whose_weights_are_and_not_one_set_aside(self, run, checkpoints, capsys):
        folders = [checkpoints(name) for name in ("old", "new", "new.before-20260101-000000")]
        for age, folder in enumerate(folders):
            os.utime(folder / "latest_net_G.pth", (1e9 + age, 1e9 + age))
        assert run(name=None, checkpoints_dir=folders[0].parent).parent.name == "new"
        assert "testing the newest run, new\n" in capsys.readouterr().out

    @pytest.mark.parametrize("folder", ["empty", "missing"])
    def test_without_a_run_that_is_said(self, main_of, tmp_path, folder):
        (tmp_path / "empty").mkdir()
        with pytest.raises(InputError, match=f"no run to test in .*{folder}; train one with train.py"):
            main_of("test")(["--checkpoints_dir", str(tmp_path / folder)])

    def test_a_misspelt_name_is_told_the_nearest(self, run):
        with pytest.raises(InputError, match=r"no run 'tyni' in .*: did you mean tiny\?"):
            run(name="tyni")

    def test_a_suffix_is_filled_in_as_in_training(self, run, checkpoints):
        folder = checkpoints("horses_cut_resnet_4blocks_size36")
        flags = {"name": "horses", "suffix": "{model}_{netG}_size{load_size}", "load_size": 36}
        assert run({"netG": "resnet_4blocks"}, checkpoints_dir=folder.parent, **flags).parent.name == folder.name

    def test_an_epoch_s_weights_have_results_of_their_own(self, run, checkpoints):
        folder = checkpoints("a")
        (folder / "latest_net_G.pth").rename(folder / "5_net_G.pth")
        assert run(name="a", checkpoints_dir=folder.parent, epoch="5").name == "test_5"
        with pytest.raises(InputError, match="its folder has weights for 5"):
            run(name="a", checkpoints_dir=folder.parent)

    def test_a_run_within_a_folder_of_runs_keeps_its_whole_name(self, run, checkpoints, tmp_path):
        runs = checkpoints("horses/first").parent.parent
        assert run(name="horses/first", checkpoints_dir=runs) == tmp_path / "out/horses/first/test_latest"

    def test_weights_of_the_reference_need_a_dataroot_and_nothing_else(self, run, checkpoints, data):
        folder = checkpoints("theirs")
        for name in ("run.json", "latest_net_D.pth", "latest_net_F.pth", "train_opt.txt"):
            (folder / name).unlink()
        results = run(name="theirs", checkpoints_dir=folder.parent)
        assert pixels_of(results / "images/fake_B/square.png").shape == (256, 256, 3)
        with pytest.raises(InputError, match="--dataroot is missing"):
            run(name="theirs", checkpoints_dir=folder.parent, dataroot=None)


class TestWhichPictures:
    def test_domain_b_is_not_needed_and_all_are_translated(self, run, capsys):
        results = run()
        for label in ("real_A", "fake_B"):
            assert names_in(results / "images" / label) == ["square.png", "tall.png", "wide.png"]
        assert "3 in, 3 written\n" in capsys.readouterr().out
        page = (results / "index.html").read_text(encoding="utf-8")
        assert "3 in, 3 written" in page
        assert all(f"images/{label}/{name}.png" in page for label in ("real_A", "fake_B")
                   for name in ("square", "wide", "tall"))  # fmt: skip

    def test_sub_folders_are_kept_and_names_that_a_web_page_must_quote(self, run, data):
        names = ["day/1/x.png", "night/1/x.png", "50% off #1?.png", "käse & brot.png"]
        shutil.rmtree(data / "testA")
        for name in names:
            save_picture(data / "testA" / name)
        results = run()
        assert names_in(results / "images/fake_B") == sorted(names)
        page = (results / "index.html").read_text(encoding="utf-8")
        assert "50%25%20off%20%231%3F.png" in page

    def test_a_name_that_is_no_text_is_no_obstacle(self, run, data):
        path = os.fsencode(data / "testA") + b"/caf\xe9.png"
        with open(path, "wb") as file:
            Image.new("RGB", (40, 40)).save(file, "PNG")
        results = run()
        assert len(names_in(results / "images/fake_B")) == 4

    def test_pictures_that_differ_in_their_ending_alone_do_not_overwrite_each_other(self, run, data):
        shutil.rmtree(data / "testA")
        names = ["a.png", "a.jpg", "a.png.bmp", "b.png", "sub/a.bmp"]
        for seed, name in enumerate(names):
            save_picture(data / "testA" / name, seed=seed)
        results = run()
        written = {"a.png": "a.png.png", "a.jpg": "a.jpg.png", "a.png.bmp": "a.png.bmp.png", "b.png": "b.png",
                   "sub/a.bmp": "sub/a.png"}  # fmt: skip
        assert names_in(results / "images/fake_B") == sorted(written.values())
        for name, result in written.items():
            expected = Image.open(data / "testA" / name).resize((36, 32), Image.Resampling.BICUBIC)
            assert np.array_equal(pixels_of(results / "images/real_A" / result), expected)

    @pytest.mark.parametrize("flag", ["num_test", "max_dataset_size"])
    def test_a_limit_takes_the_first_by_name(self, run, flag):
        assert names_in(run(**{flag: 2}) / "images/fake_B") == ["square.png", "tall.png"]

    def test_the_smaller_of_two_limits_counts_and_inf_is_none(self, run):
        assert len(names_in(run(num_test=1, max_dataset_size="inf") / "images/fake_B")) == 1
        assert len(names_in(run(num_test="inf", max_dataset_size=2) / "images/fake_B")) == 2

    def test_another_phase_reads_other_folders_and_writes_to_another(self, run, trained_run):
        results = run(phase="train", dataroot=trained_run.parent.parent / "data")
        assert results.name == "train_latest"
        assert len(names_in(results / "images/fake_B")) == 4

    def test_val_stands_in_for_test(self, run, data):
        (data / "testA").rename(data / "valA")
        results = run()
        assert results.name == "test_latest"
        assert len(names_in(results / "images/fake_B")) == 3

    def test_a_folder_without_pictures_to_test_is_said(self, run, tmp_path):
        (tmp_path / "other/trainA").mkdir(parents=True)
        with pytest.raises(InputError, match=r"has no folder testA \(or valA\)"):
            run(dataroot=tmp_path / "other")
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize("where", ["flag", "record"])
    def test_b_to_a_reads_domain_b(self, run, data, checkpoints, where):
        (data / "testA").rename(data / "testB")
        folder = checkpoints("back", direction="BtoA" if where == "record" else "AtoB")
        flags = {"direction": "btoa"} if where == "flag" else {}
        results = run(name="back", checkpoints_dir=folder.parent, **flags)
        assert len(names_in(results / "images/fake_B")) == 3

    def test_a_flag_beats_the_direction_of_the_record(self, run, checkpoints):
        folder = checkpoints("back", direction="BtoA")
        assert run(name="back", checkpoints_dir=folder.parent, direction="AtoB").is_dir()

    def test_bad_pictures_are_named_and_left_out_only_when_asked(self, run, data, tmp_path):
        (data / "testA/bad.png").write_bytes(b"\x89PNG broken")
        with pytest.raises(InputError, match=r"1 of 4 pictures cannot be used(.|\n)*bad\.png"):
            run()
        assert not (tmp_path / "out").exists()
        assert names_in(run(skip_bad_images=True) / "images/fake_B") == ["square.png", "tall.png", "wide.png"]

    def test_a_column_of_truths_where_there_are_any(self, run, data):
        save_picture(data / "testA_truth/square.png", 100, 100)
        results = run()
        assert names_in(results / "images/truth_B") == ["square.png"]
        assert pixels_of(results / "images/truth_B/square.png").shape == (CROP, CROP, 3)
        assert "images/truth_B/square.png" in (results / "index.html").read_text(encoding="utf-8")


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
    def test_flags_of_the_size(self, run, data, flags, square, wide):
        (data / "testA/tall.png").unlink()
        results = run(**flags)
        for label in ("real_A", "fake_B"):
            for name, size in (("square", square), ("wide", wide)):
                assert Image.open(results / f"images/{label}/{name}.png").size == size

    def test_size_and_preprocess_are_not_both_taken(self, run):
        with pytest.raises(InputError, match="--size and --preprocess both say how pictures are scaled"):
            run(size="original", preprocess="none")

    @pytest.mark.parametrize("flags", [{"size": "large"}, {"preprocess": "shrink"}, {"crop_size": 2}, {"num_test": 0}])
    def test_a_wrong_value_is_refused_before_anything_is_written(self, run, tmp_path, flags):
        with pytest.raises(InputError, match=f"--{next(iter(flags))}"):
            run(**flags)
        assert not (tmp_path / "out").exists()

    def test_pictures_too_small_for_the_words_are_named(self, run):
        with pytest.raises(InputError, match=r"crop_size 32 is larger than .*tall\.png \(20x41\)"):
            run(preprocess="crop")

    @pytest.mark.parametrize(("words", "remedy"), [
        ("crop", "--size original"), ("none", "--size original"),
        ("scale_width_and_crop", "--preprocess scale_width --load_size 32"),
        ("scale_shortside_and_crop", "--preprocess scale_shortside --load_size 32"),
    ])  # fmt: skip
    def test_a_run_trained_at_another_scale_is_noted_with_the_flag_that_keeps_it(
        self, run, checkpoints, capsys, words, remedy
    ):
        folder = checkpoints("crops", preprocess=words)
        run(name="crops", checkpoints_dir=folder.parent)
        assert f"note: the run was trained at another scale (--preprocess {words}); {remedy} keeps it\n" in (
            capsys.readouterr().out
        )
        run(name="crops", checkpoints_dir=folder.parent, size="original")
        assert "note:" not in capsys.readouterr().out

    def test_a_run_trained_as_usual_is_not(self, run, capsys):
        run()
        assert "note:" not in capsys.readouterr().out


class TestEquality:
    @pytest.mark.parametrize("flags", [{}, {"size": "original"}, {"size": "20x24"}])
    def test_files_hold_what_the_translator_returns(self, run, data, trained_run, flags):
        results = run(**flags)
        translator = Translator.load(trained_run, size=flags.get("size"), device="cpu")
        for path in (data / "testA").iterdir():
            assert np.array_equal(pixels_of(results / f"images/fake_B/{path.stem}.png"), translator(path))

    def test_files_hold_what_the_last_preview_of_the_training_showed(self, run, trained_run):
        results = run(phase="train", dataroot=trained_run.parent.parent / "data")
        previews = trained_run / "web/images"
        names = [path.name for path in previews.glob("preview_step0000002_*_fake_B.png")]
        assert len(names) == 4
        for at, name in enumerate(sorted(names)):
            assert np.array_equal(pixels_of(previews / name), pixels_of(results / f"images/fake_B/a{at}.png"))

    def test_testing_twice_gives_the_same_files(self, run):
        first = {name: pixels_of(path) for path in (run() / "images/fake_B").iterdir() for name in [path.name]}
        second = {name: pixels_of(path) for path in (run() / "images/fake_B").iterdir() for name in [path.name]}
        assert first.keys() == second.keys()
        assert all(np.array_equal(first[name], second[name]) for name in first)

    def test_grey_networks_write_grey_files(self, tmp_path, make_domains, tiny_flags):
        root = make_domains(tmp_path / "grey", count_a=2, count_b=2, channels=1)
        translate.train(**tiny_flags, dataroot=root, checkpoints_dir=tmp_path / "runs", name="grey", max_steps=1)
        save_picture(root / "testA/colour.png")
        result = run_test({"checkpoints_dir": tmp_path / "runs", "results_dir": tmp_path / "out"})
        for path in result.page.parent.glob("images/*/*.png"):
            assert Image.open(path).mode == "L"
        assert result.written == 3


class TestFlagsOfTraining:
    def test_what_differs_from_the_run_is_noted(self, run, capsys):
        run({"ngf": "64", "lr": "2e-4", "netG": "RESNET_4blocks", "no_flip": "false", "model": "cut"})
        assert capsys.readouterr().out.startswith(
            "note: flags of training do not change a trained run: --ngf 64 (the run has 2)\n"
        )

    def test_what_agrees_is_not(self, run, capsys):
        run({"ngf": "2", "lr": "2e-4", "netG": "RESNET_4blocks", "no_flip": "false"})
        assert "note:" not in capsys.readouterr().out

    def test_a_command_of_the_reference_works_as_it_is(self, main_of, trained_run, data, tmp_path, capsys):
        main_of("test")([
            "--dataroot", str(data), "--name", "tiny", "--CUT_mode", "CUT", "--phase", "test", "--eval", "--gpu_ids",
            "-1", "--checkpoints_dir", str(trained_run.parent), "--results_dir", str(tmp_path / "out"), "--num_test",
            "2", "--no_dropout", "--display_id", "-1",
        ])  # fmt: skip
        said = capsys.readouterr()
        assert "2 in, 2 written" in said.out
        assert said.err.startswith("note: without effect here: --")


class TestReplacing:
    def test_former_results_are_replaced_as_a_whole(self, run, data):
        first = run()
        (data / "testA/wide.bmp").unlink()
        assert run() == first
        assert names_in(first / "images/fake_B") == ["square.png", "tall.png"]
        assert os.listdir(first.parent) == ["test_latest"]

    @pytest.mark.parametrize(("where", "error", "raised"), [
        ("translate_image", OSError(28, "No space left on device"), RunError),
        ("translate_image", KeyboardInterrupt(), KeyboardInterrupt),
        ("translate_image", RuntimeError("a defect"), RuntimeError),
    ])  # fmt: skip
    def test_a_run_that_fails_leaves_the_former_results_and_nothing_else(self, run, monkeypatch, where, error, raised):
        results = run()
        before = {name: (results / name).read_bytes() for name in names_in(results)}
        calls = []

        def fail_at_the_second(*arguments):
            calls.append(arguments)
            if len(calls) > 1:
                raise error
            return Image.new("RGB", (32, 32))

        monkeypatch.setattr(Translator, where, fail_at_the_second)
        with pytest.raises(raised):
            run()
        assert {name: (results / name).read_bytes() for name in names_in(results)} == before
        assert os.listdir(results.parent) == ["test_latest"]

    def test_results_that_cannot_be_put_in_place_leave_the_former(self, run, monkeypatch):
        results = run()
        real_replace, calls = os.replace, []

        def fail_at_the_second(source, target):
            calls.append(source)
            if len(calls) == 2:
                raise PermissionError(13, "Permission denied")
            real_replace(source, target)

        before = names_in(results)
        monkeypatch.setattr(testing, "write_results_page", lambda path, *_: path.write_text("new"))
        monkeypatch.setattr(testing.os, "replace", fail_at_the_second)
        with pytest.raises(RunError, match=r"cannot write to .*Permission denied"):
            run()
        assert names_in(results) == before
        assert (results / "index.html").read_text() != "new"
        assert os.listdir(results.parent) == ["test_latest"]

    def test_pictures_that_are_missing_in_the_end_are_an_error_and_leave_the_former_results(self, run, monkeypatch):
        results = run()
        before = (results / "index.html").read_bytes()
        monkeypatch.setattr(testing, "_named", lambda paths, source: [(path, "same") for path in paths])
        with pytest.raises(RunError, match="3 pictures in, but 1 written"):
            run()
        assert (results / "index.html").read_bytes() == before
        assert os.listdir(results.parent) == ["test_latest"]

    @pytest.mark.parametrize("error", [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), MemoryError(),
    ])  # fmt: skip
    def test_a_picture_too_large_for_the_memory_is_named_with_the_remedy(self, run, monkeypatch, error):
        def fail(*_):
            raise error

        monkeypatch.setattr(Translator, "translate_image", fail)
        with pytest.raises(RunError, match=r"square\.png needs more memory than cpu has; give a smaller --size"):
            run(gpu_ids="-1")

    def test_a_results_folder_that_cannot_be_made_is_said(self, run, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(RunError, match=r"cannot write to .*file/.*--results_dir"):
            run(results_dir=tmp_path / "file")

    def test_the_folder_can_be_read_by_those_who_can_read_its_parent(self, run):
        results = run()
        assert results.stat().st_mode & 0o777 == 0o755
