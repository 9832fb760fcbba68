"""translate.apply: which run, which pictures, what their results hold, and what is left alone."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from translate.applying import ApplyResult
from translate.choosing import find_weights
from translate.errors import InputError
from translate.networks import build_generator
from translate.translator import Translator

sys.path.insert(0, str(Path(__file__).parent))

from written import contents, pixels_of


class TestResults:
    @pytest.mark.parametrize("flags", [
        {}, {"size": "original"}, {"size": "24x20"}, {"precision": "bf16"},
        {"size": "150x90", "tile": 64}, {"size": "150x90", "tile": 64, "tile_stats": "lowres"},
    ])  # fmt: skip
    def test_files_hold_what_the_translator_returns(self, applied, trained_run, photos, out, flags):
        assert applied(**flags) == ApplyResult(out, 3, 3)
        translator = Translator.load(trained_run, device="cpu", **flags)
        assert contents(out).keys() == contents(photos).keys()
        for name in contents(photos):
            assert np.array_equal(pixels_of(out / name), translator(photos / name))

    def test_they_are_what_a_test_writes(self, applied, tested, tested_data, out):
        results = tested()
        applied(tested_data / "testA", output=out / "files")
        for path in (out / "files").iterdir():
            assert np.array_equal(pixels_of(path), pixels_of(results / f"images/fake_B/{path.stem}.png"))

    def test_pictures_are_turned_as_their_exif_says_and_results_carry_none(self, applied, out, tmp_path, trained_run):
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.linear_gradient("L").convert("RGB").resize((60, 40)).save(tmp_path / "turned.jpg", exif=exif)
        applied(tmp_path / "turned.jpg", size="original", format="png")
        assert np.array_equal(
            pixels_of(out / "turned.png"), Translator.load(trained_run)(tmp_path / "turned.jpg", "original")
        )
        with Image.open(out / "turned.png") as result:
            assert result.size == (40, 60)
            assert not result.getexif()

    def test_grey_pictures_come_out_as_the_generator_makes_them(self, applied, out, tmp_path, copied_run):
        Image.linear_gradient("L").save(tmp_path / "grey.png")
        grey = copied_run("grey")
        torch.save(build_generator("resnet_4blocks", 1, 1, ngf=2).state_dict(), grey / "latest_net_G.pth")
        applied(tmp_path / "grey.png")
        applied(tmp_path / "grey.png", run=grey, output=out / "grey")
        assert Image.open(out / "grey.png").mode == "RGB"
        assert Image.open(out / "grey/grey.png").mode == "L"

    def test_the_format_is_that_of_the_name_or_the_one_that_is_asked_for(self, applied, out, photos):
        applied()
        assert Image.open(out / "c.bmp").format == "BMP"
        applied(format="jpg", output=out / "j")
        assert contents(out / "j").keys() == {"a.jpg", "deep/b.jpg", "c.jpg"}
        for name in ("a", "c"):
            exact = pixels_of(next(out.glob(f"{name}.*"))).astype(int)
            assert 0 < np.abs(pixels_of(out / "j" / f"{name}.jpg") - exact).mean() < 4

    def test_the_last_words_say_how_many_and_where(self, applied, capsys, out):
        applied()
        assert capsys.readouterr().out.endswith(f"3 in, 3 written\nresults: {out}\n")


class TestWhichRun:
    def test_a_folder_a_file_and_a_name_lead_to_the_same(self, trained_run, monkeypatch):
        monkeypatch.chdir(trained_run.parent.parent)
        file = trained_run / "latest_net_G.pth"
        assert find_weights(trained_run, Path("none")) == trained_run
        assert find_weights(str(file), Path("none")) == file
        assert find_weights("tiny", Path("checkpoints")) == Path("checkpoints/tiny")

    def test_a_run_is_found_where_a_folder_of_pictures_has_its_name(self, trained_run, tmp_path, monkeypatch):
        (tmp_path / "tiny").mkdir()
        monkeypatch.chdir(tmp_path)
        assert find_weights("tiny", trained_run.parent) == trained_run
        assert find_weights("tiny", tmp_path / "checkpoints") == Path("tiny")

    def test_each_way_to_name_it_gives_the_same_pictures(self, applied, trained_run, out):
        applied()
        applied(run=trained_run / "latest_net_G.pth", output=out / "file")
        applied(run="tiny", checkpoints_dir=trained_run.parent, output=out / "name")
        assert contents(out / "file") == contents(out / "name")
        assert contents(out / "file").items() <= {**contents(out)}.items()

    @pytest.mark.parametrize(("run", "said"), [
        ("tyni", r"no run 'tyni' in .*: did you mean tiny\?"),
        ("nowhere/x.pth", r"no weights at nowhere/x\.pth"),
    ])  # fmt: skip
    def test_a_run_that_is_not_there_is_said(self, applied, trained_run, out, run, said):
        with pytest.raises(InputError, match=said):
            applied(run=run, checkpoints_dir=trained_run.parent)
        assert not out.exists()

    def test_a_folder_without_weights_is_said(self, applied, photos):
        with pytest.raises(InputError, match="its folder holds no generator weights"):
            applied(run=photos)

    @pytest.mark.parametrize("flags", [{"epoch": "latest"}, {"direction": "AtoB"}])
    def test_a_choice_among_one_file_is_refused(self, applied, trained_run, flags):
        with pytest.raises(InputError, match=f"--{next(iter(flags))} chooses among the weights of a run folder"):
            applied(run=trained_run / "latest_net_G.pth", **flags)

    def test_a_direction_that_was_not_learned_is_refused(self, applied, copied_run, out):
        back = copied_run("back", direction="BtoA")
        with pytest.raises(InputError, match=r"--direction AtoB: the run .*back learned BtoA alone; leave it out"):
            applied(run=back, direction="AtoB")
        assert not out.exists()
        assert applied(run=back, direction="BtoA").written == 3


class TestWhatIsLeftAlone:
    def test_results_that_are_there_are_not_overwritten_by_chance(self, applied, photos, out):
        applied()
        before = contents(out)
        for path in photos.rglob("*.png"):
            Image.new("RGB", (40, 40), "red").save(path)
        with pytest.raises(InputError, match=r"out/a\.png exists already \(and 2 more\); give --overwrite to replace"):
            applied()
        assert contents(out) == before
        applied(overwrite=True)
        assert contents(out)["a.png"] != before["a.png"]
        assert contents(out)["c.bmp"] == before["c.bmp"]

    def test_what_is_missing_is_added_and_the_rest_stays(self, applied, out, capsys):
        applied()
        (out / "a.png").unlink()
        (out / "c.bmp").write_bytes(b"mine")
        assert applied(skip_existing=True) == ApplyResult(out, 1, 1, 2)
        assert "1 in, 1 written, 2 there already\n" in capsys.readouterr().out
        assert contents(out)["c.bmp"] == b"mine"
        assert pixels_of(out / "a.png").shape == (32, 32, 3)

    def test_where_all_is_there_nothing_is_loaded(self, applied, monkeypatch):
        applied()
        monkeypatch.setattr(Translator, "load", lambda *_, **__: pytest.fail("there is nothing to translate"))
        assert applied(skip_existing=True).skipped == 3

    def test_other_files_of_the_folder_stay(self, applied, out):
        (out / "deep").mkdir(parents=True)
        (out / "deep/notes.txt").write_text("mine")
        applied()
        assert contents(out)["deep/notes.txt"] == b"mine"

    def test_the_folder_of_the_pictures_is_no_folder_for_results(self, applied, photos, tmp_path, monkeypatch):
        before = contents(photos)
        (tmp_path / "link").symlink_to(photos)
        monkeypatch.chdir(photos)
        for output in (photos, ".", tmp_path / "link"):
            with pytest.raises(InputError, match="is the folder of the pictures themselves; name another"):
                applied(output=output, format="webp", overwrite=True)
        with pytest.raises(InputError, match="would overwrite"):
            applied(photos / "a.png", output=photos, overwrite=True)
        assert contents(photos) == before

    def test_results_within_the_folder_of_the_pictures_are_not_translated_again(self, applied, photos):
        assert applied(output=photos / "out").written == 3
        assert applied(output=photos / "out", overwrite=True).written == 3
        assert contents(photos / "out").keys() == {"a.png", "deep/b.png", "c.bmp"}

    @pytest.mark.parametrize("flags", [
        {"output": None}, {"output": ""}, {"tile_stats": "lowres"}, {"overwrite": True, "skip_existing": True},
        {"format": "jpeg2000"}, {"size": "large"}, {"tile": 3}, {"gpu_ids": "first"}, {"precision": "fp8"},
        {"epoch": "9"}, {"direction": "BtoA"}, {"sise": "original"},
    ], ids=str)  # fmt: skip
    def test_a_mistake_writes_nothing(self, applied, out, flags):
        with pytest.raises(InputError) as refused:
            applied(**flags)
        assert "\n" not in str(refused.value)
        assert not out.exists()

    def test_two_pictures_of_one_name_are_both_told(self, applied, photos, out):
        shutil.copy(photos / "a.png", photos / "deep/a.png")
        with pytest.raises(InputError, match=r"photos/a\.png and .*deep/a\.png would both be .*out/a\.png"):
            applied(photos / "a.png", photos / "deep/a.png")
        assert not out.exists()

    def test_places_that_cannot_hold_results_are_said(self, applied, out):
        out.write_text("mine")
        with pytest.raises(InputError, match="out is a file; name a folder"):
            applied()
        with pytest.raises(InputError, match=r"deep/er lies in .*out, which is a file; name a folder"):
            applied(output=out / "deep/er")
        out.unlink()
        (out / "a.png").mkdir(parents=True)
        with pytest.raises(InputError, match=r"a\.png is a folder where a result is to be"):
            applied(overwrite=True)
        assert contents(out) == {}
