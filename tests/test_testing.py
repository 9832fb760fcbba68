"""test.py: which run it takes, which pictures, and what it makes of other flags."""

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from translate.errors import InputError
from translate.flags import build
from translate.methods import METHODS
from translate.options import TestOptions
from translate.sizing import choose_size

sys.path.insert(0, str(Path(__file__).parent))

from written import pixels_of


def save(image, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def names_in(folder):
    return sorted(path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if path.is_file())


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

    def test_the_newest_is_the_one_whose_weights_are_and_not_one_set_aside(self, tested, copied_run, capsys):
        folders = [copied_run(name) for name in ("old", "new", "new.before-20260101-000000")]
        for age, folder in enumerate(folders):
            os.utime(folder / "latest_net_G.pth", (1e9 + age, 1e9 + age))
        assert tested(name=None, checkpoints_dir=folders[0].parent).parent.name == "new"
        assert "testing the newest run, new\n" in capsys.readouterr().out

    @pytest.mark.parametrize("folder", ["empty", "missing"])
    def test_without_a_run_that_is_said(self, main_of, tmp_path, folder):
        (tmp_path / "empty").mkdir()
        with pytest.raises(InputError, match=f"no run to test in .*{folder}; train one with translate train"):
            main_of("test")(["--checkpoints_dir", str(tmp_path / folder)])

    def test_a_misspelt_name_is_told_the_nearest(self, tested):
        with pytest.raises(InputError, match=r"no run 'tyni' in .*: did you mean tiny\?"):
            tested(name="tyni")

    def test_a_suffix_is_filled_in_as_in_training(self, tested, copied_run):
        folder = copied_run("horses_cut_resnet_4blocks_size36")
        flags = {"name": "horses", "suffix": "{model}_{netG}_size{load_size}", "load_size": 36}
        assert tested({"netG": "resnet_4blocks"}, checkpoints_dir=folder.parent, **flags).parent.name == folder.name

    def test_an_epoch_s_weights_have_results_of_their_own(self, tested, copied_run):
        folder = copied_run("a")
        (folder / "latest_net_G.pth").rename(folder / "5_net_G.pth")
        assert tested(name="a", checkpoints_dir=folder.parent, epoch="5").name == "test_5"
        with pytest.raises(InputError, match="its folder has weights for 5"):
            tested(name="a", checkpoints_dir=folder.parent)

    def test_a_run_within_a_folder_of_runs_keeps_its_whole_name(self, tested, copied_run, tmp_path):
        runs = copied_run("horses/first").parent.parent
        assert tested(name="horses/first", checkpoints_dir=runs) == tmp_path / "out/horses/first/test_latest"

    def test_weights_of_the_reference_need_a_dataroot_and_nothing_else(self, tested, copied_run, tested_data):
        folder = copied_run("theirs")
        for name in ("run.json", "latest_net_D.pth", "latest_net_F.pth", "train_opt.txt"):
            (folder / name).unlink()
        results = tested(name="theirs", checkpoints_dir=folder.parent)
        assert pixels_of(results / "images/fake_B/square.png").shape == (256, 256, 3)
        with pytest.raises(InputError, match="--dataroot is missing"):
            tested(name="theirs", checkpoints_dir=folder.parent, dataroot=None)


class TestWhichPictures:
    def test_domain_b_is_not_needed_and_all_are_translated(self, tested, capsys):
        results = tested()
        for label in ("real_A", "fake_B"):
            assert names_in(results / "images" / label) == ["square.png", "tall.png", "wide.png"]
        assert "3 in, 3 written\n" in capsys.readouterr().out
        page = (results / "index.html").read_text(encoding="utf-8")
        assert "3 in, 3 written" in page
        assert all(f"images/{label}/{name}.png" in page for label in ("real_A", "fake_B")
                   for name in ("square", "wide", "tall"))  # fmt: skip

    def test_sub_folders_are_kept_and_names_that_a_web_page_must_quote(self, tested, tested_data, random_picture):
        names = ["day/1/x.png", "night/1/x.png", "50% off #1?.png", "käse & brot.png"]
        shutil.rmtree(tested_data / "testA")
        for name in names:
            save(random_picture(40, 36), tested_data / "testA" / name)
        results = tested()
        assert names_in(results / "images/fake_B") == sorted(names)
        page = (results / "index.html").read_text(encoding="utf-8")
        assert "50%25%20off%20%231%3F.png" in page

    def test_a_name_that_is_no_text_is_no_obstacle(self, tested, tested_data):
        path = os.fsencode(tested_data / "testA") + b"/caf\xe9.png"
        with open(path, "wb") as file:
            Image.new("RGB", (40, 40)).save(file, "PNG")
        results = tested()
        assert len(names_in(results / "images/fake_B")) == 4

    def test_pictures_that_differ_in_their_ending_alone_do_not_overwrite_each_other(
        self, tested, tested_data, random_picture
    ):
        shutil.rmtree(tested_data / "testA")
        names = ["a.png", "a.jpg", "a.png.bmp", "b.png", "sub/a.bmp"]
        for seed, name in enumerate(names):
            save(random_picture(40, 36, seed=seed), tested_data / "testA" / name)
        results = tested()
        written = {"a.png": "a.png.png", "a.jpg": "a.jpg.png", "a.png.bmp": "a.png.bmp.png", "b.png": "b.png",
                   "sub/a.bmp": "sub/a.png"}  # fmt: skip
        assert names_in(results / "images/fake_B") == sorted(written.values())
        for name, result in written.items():
            expected = Image.open(tested_data / "testA" / name).resize((36, 32), Image.Resampling.BICUBIC)
            assert np.array_equal(pixels_of(results / "images/real_A" / result), expected)

    @pytest.mark.parametrize("flag", ["num_test", "max_dataset_size"])
    def test_a_limit_takes_the_first_by_name(self, tested, flag):
        assert names_in(tested(**{flag: 2}) / "images/fake_B") == ["square.png", "tall.png"]

    def test_the_smaller_of_two_limits_counts_and_inf_is_none(self, tested):
        assert len(names_in(tested(num_test=1, max_dataset_size="inf") / "images/fake_B")) == 1
        assert len(names_in(tested(num_test="inf", max_dataset_size=2) / "images/fake_B")) == 2

    def test_another_phase_reads_other_folders_and_writes_to_another(self, tested, trained_run):
        results = tested(phase="train", dataroot=trained_run.parent.parent / "data")
        assert results.name == "train_latest"
        assert len(names_in(results / "images/fake_B")) == 4

    def test_val_stands_in_for_test(self, tested, tested_data):
        (tested_data / "testA").rename(tested_data / "valA")
        results = tested()
        assert results.name == "test_latest"
        assert len(names_in(results / "images/fake_B")) == 3

    def test_a_folder_without_pictures_to_test_is_said(self, tested, tmp_path):
        (tmp_path / "other/trainA").mkdir(parents=True)
        with pytest.raises(InputError, match=r"has no folder testA \(or valA\)"):
            tested(dataroot=tmp_path / "other")
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize("where", ["flag", "record"])
    def test_b_to_a_reads_domain_b(self, tested, tested_data, copied_run, where):
        (tested_data / "testA").rename(tested_data / "testB")
        folder = copied_run("back", direction="BtoA" if where == "record" else "AtoB")
        flags = {"direction": "btoa"} if where == "flag" else {}
        results = tested(name="back", checkpoints_dir=folder.parent, **flags)
        assert results.name == ("test_latest_BtoA" if where == "flag" else "test_latest")
        assert len(names_in(results / "images/fake_B")) == 3

    def test_a_run_of_one_way_says_that_it_knows_no_way_back(self, tested, tested_data, random_picture, capsys):
        tested(direction="AtoB")
        assert "note:" not in capsys.readouterr().out
        save(random_picture(40, 36), tested_data / "testB/one.png")
        tested(direction="BtoA")
        said = "note: this run learned AtoB alone, and pictures of the other domain go through the same network; for "
        assert f"{said}the way back train another with --direction BtoA\n" in capsys.readouterr().out

    def test_a_flag_beats_the_direction_of_the_record(self, tested, copied_run):
        folder = copied_run("back", direction="BtoA")
        assert tested(name="back", checkpoints_dir=folder.parent, direction="AtoB").name == "test_latest_AtoB"

    def test_the_other_direction_leaves_the_usual_results_alone(self, tested, tested_data, random_picture):
        usual = tested(direction="AtoB")
        before = {name: (usual / name).read_bytes() for name in names_in(usual)}
        save(random_picture(40, 36), tested_data / "testB/one.png")
        other = tested(direction="BtoA")
        assert (usual.name, other.name) == ("test_latest", "test_latest_BtoA")
        assert {name: (usual / name).read_bytes() for name in names_in(usual)} == before
        assert names_in(other / "images/fake_B") == ["one.png"]
        assert "tiny, test_latest_BtoA" in (other / "index.html").read_text(encoding="utf-8")

    def test_bad_pictures_are_named_and_left_out_only_when_asked(self, tested, tested_data, tmp_path):
        (tested_data / "testA/bad.png").write_bytes(b"\x89PNG broken")
        with pytest.raises(InputError, match=r"1 of 4 pictures cannot be used(.|\n)*bad\.png"):
            tested()
        assert not (tmp_path / "out").exists()
        assert names_in(tested(skip_bad_images=True) / "images/fake_B") == ["square.png", "tall.png", "wide.png"]

    def test_a_column_of_truths_where_there_are_any(self, tested, tested_data, random_picture):
        save(random_picture(100, 100), tested_data / "testA_truth/square.png")
        results = tested()
        assert names_in(results / "images/truth_B") == ["square.png"]
        assert pixels_of(results / "images/truth_B/square.png").shape == (32, 32, 3)
        assert "images/truth_B/square.png" in (results / "index.html").read_text(encoding="utf-8")


class TestFlagsOfTraining:
    def test_what_differs_from_the_run_is_noted(self, tested, capsys):
        tested({"ngf": "64", "lr": "2e-4", "netG": "RESNET_4blocks", "no_flip": "false", "model": "cut"})
        assert capsys.readouterr().out.startswith(
            "note: flags of training do not change a trained run: --ngf 64 (the run has 2)\n"
        )

    def test_displays_of_a_training_are_no_concern_of_a_test(self, tested, capsys):
        tested({"display": "visdom", "display_id": "-1", "display_server": "http://there", "display_port": "9000"})
        assert "note:" not in capsys.readouterr().out

    def test_what_agrees_is_not(self, tested, capsys):
        tested({"ngf": "2", "lr": "2e-4", "netG": "RESNET_4blocks", "no_flip": "false"})
        assert "note:" not in capsys.readouterr().out

    def test_a_command_of_the_reference_works_as_it_is(self, main_of, trained_run, tested_data, tmp_path, capsys):
        words = f"--dataroot {tested_data} --name tiny --CUT_mode CUT --phase test --eval --gpu_ids -1 --num_test 2"
        words += (
            f" --checkpoints_dir {trained_run.parent} --results_dir {tmp_path / 'out'} --no_dropout --display_id -1"
        )
        main_of("test")(words.split())
        said = capsys.readouterr()
        assert "2 in, 2 written" in said.out
        assert said.err.startswith("note: without effect here: --")


def test_the_reference_s_words_give_the_size_that_the_network_takes():
    record = {"options": {"netG": "context_alexnet"}, "pixel_scale": {"crop_size": 227}}
    options = build(TestOptions, {"preprocess": "resize_and_crop"})
    size = choose_size(options, record, METHODS["context_encoder"])
    assert size.preprocess(Image.new("RGB", (300, 260)), np.random.default_rng(0)).size == (227, 227)
