"""translate.apply: which run, which pictures, what their results hold, and what is left alone."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import translate
from translate import applying, files
from translate.applying import ApplyResult
from translate.choosing import find_weights
from translate.errors import InputError, RunError
from translate.networks import build_generator
from translate.options import ApplyOptions
from translate.testing import run_test
from translate.translator import Translator


def pixels_of(path):
    with Image.open(path) as image:
        return np.asarray(image)


def contents(folder):
    """Every file below a folder with its bytes; no folder is no files."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()
    }


@pytest.fixture
def photos(tmp_path, random_picture):
    """A folder with a square, a tall picture in a sub-folder, and a wide one."""
    folder = tmp_path / "photos"
    (folder / "deep").mkdir(parents=True)
    for seed, (name, size) in enumerate({"a.png": (40, 40), "deep/b.png": (20, 41), "c.bmp": (60, 33)}.items()):
        random_picture(*size, seed=seed).save(folder / name)
    return folder


@pytest.fixture
def out(tmp_path):
    """Where results go; not made yet."""
    return tmp_path / "out"


@pytest.fixture
def applied(trained_run, photos, out):
    """applied(*pictures, run=the tiny one, **flags): translate, by default all of ``photos`` into ``out``."""

    def run(*pictures, run=trained_run, **flags):
        return translate.apply(run, pictures or photos, **{"output": out, "gpu_ids": "-1", **flags})

    return run


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


def one_after_the_other(items, read, compute, write, fits):
    for item in items:
        ready = read(item)
        yield write(ready, compute([ready])[0])


@pytest.fixture
def outcome(photos, out, copied_run, tmp_path):
    """outcome(**flags): the files that come of it, or what it is told; among the pictures and results is trouble."""
    folder = copied_run("both", model="cycle_gan")
    record = (folder / "run.json").read_text()
    (folder / "run.json").write_text(record.replace('"model": "cut"', '"model": "cycle_gan"'))
    for at, name in enumerate(("latest_net_G_A", "latest_net_G_B", "5_net_G_A")):
        torch.manual_seed(at)
        torch.save(build_generator("resnet_4blocks", ngf=2).state_dict(), folder / f"{name}.pth")

    def run(trouble=None, **flags):
        shutil.rmtree(out, ignore_errors=True)
        for name in ("bad.png", "moving.webp", "a2.png"):
            (photos / name).unlink(missing_ok=True)
        if trouble == "bad":
            (photos / "bad.png").write_bytes(b"\x89PNG broken")
        if trouble == "moving":
            frames = [Image.open(photos / "a.png") for _ in range(3)]
            for at, frame in enumerate(frames):
                frame.paste((255, 255, 255), (0, 0, 10 * at, 20))
            frames[0].save(photos / "moving.webp", save_all=True, append_images=frames[1:], lossless=True)
            frames[1].save(photos / "a2.png")
        if trouble == "there":
            out.mkdir()
            (out / "a.png").write_bytes(b"mine")
        flags = {"output": out, "checkpoints_dir": folder.parent, "gpu_ids": "-1", "precision": "bf16", **flags}
        try:
            translate.apply("both", photos, **flags)
        except InputError as error:
            return str(error)
        return contents(tmp_path)

    return run


CASES = {
    "output": ("ELSEWHERE", {}),
    "format": ("webp", {}),
    "name_template": ("{name}_{label}", {}),
    "overwrite": (True, {"trouble": "there"}),
    "skip_existing": (True, {"trouble": "there"}),
    "skip_bad_images": (True, {"trouble": "bad"}),
    "checkpoints_dir": ("ELSEWHERE", {}),
    "epoch": ("5", {}),
    "direction": ("BtoA", {}),
    "size": ("original", {}),
    "preprocess": ("none", {}),
    "load_size": (20, {}),
    "crop_size": (16, {}),
    "tile": (64, {"size": "150x90"}),
    "tile_stats": ("lowres", {"size": "150x90", "tile": 64}),
    "smooth_stats": (0.9, {"trouble": "moving"}),
    "film": (True, {"smooth_stats": 0.9, "trouble": "moving"}),
    "gpu_ids": ("first", {}),
    "precision": ("fp32", {}),
}


def test_every_flag_has_a_case():
    assert CASES.keys() == ApplyOptions.__dataclass_fields__.keys()


@pytest.mark.parametrize("name", CASES)
def test_every_flag_changes_something(outcome, tmp_path, name):
    value, beside = CASES[name]
    value = tmp_path / "elsewhere" if value == "ELSEWHERE" else value
    assert outcome(**beside) == outcome(**beside), "the same flags give the same"
    assert outcome(**beside, **{name: value}) != outcome(**beside)


class TestNameTemplate:
    def test_results_are_called_as_it_says(self, applied, photos, out, trained_run):
        applied(name_template="{index}_{folder}_{name}_{label}_{run}_{epoch}")
        assert contents(out).keys() == {
            "1__a_fake_B_tiny_latest.png", "3_deep_b_fake_B_tiny_latest.png", "2__c_fake_B_tiny_latest.bmp",
        }  # fmt: skip
        applied(photos / "a.png", name_template="all/{name}", format="jpg", run=trained_run / "latest_net_G.pth")
        assert (out / "all/a.jpg").is_file()

    def test_of_the_way_back_the_label_is_another(self, applied, out, copied_run, photos):
        both = copied_run("both")
        (both / "latest_net_G.pth").rename(both / "latest_net_G_A.pth")
        shutil.copy(both / "latest_net_G_A.pth", both / "latest_net_G_B.pth")
        (both / "run.json").unlink()
        applied(photos / "a.png", run=both, direction="BtoA", name_template="{label}")
        assert contents(out).keys() == {"fake_A.png"}

    @pytest.mark.parametrize(("template", "said"), [
        ("{label}", r"a\.png and .*c\.bmp|would both be .*put {folder}, {name} or {index} into --name_template"),
        ("{folder}/../../{name}", "leads out of the folder"), ("{nme}", "unknown field {nme}"),
    ])  # fmt: skip
    def test_what_cannot_be_is_told_before_anything_is_written(self, applied, out, template, said):
        with pytest.raises(InputError, match=said):
            applied(name_template=template, format="png")
        assert not out.exists()


class TestSizeInTheWordsOfTheReference:
    @pytest.mark.parametrize("flags", [
        {"preprocess": "resize_and_crop"}, {"preprocess": "scale_width", "load_size": 40}, {"crop_size": 16},
        {"load_size": 20}, {"preprocess": "crop", "crop_size": 20},
    ])  # fmt: skip
    def test_results_are_those_of_a_test(self, applied, tested, tested_data, out, flags):
        results = tested(**flags)
        applied(tested_data / "testA", format="png", output=out / "files", **flags)
        for path in (out / "files").iterdir():
            assert np.array_equal(pixels_of(path), pixels_of(results / f"images/fake_B/{path.name}"))

    def test_what_cannot_be_is_told_before_anything_is_written(self, applied, out):
        with pytest.raises(InputError, match="--size and --preprocess both say how pictures are scaled"):
            applied(size="original", preprocess="none")
        with pytest.raises(InputError, match=r"crop_size 32 is larger than .*b\.png \(20x41\)"):
            applied(preprocess="crop")
        assert not out.exists()


@pytest.fixture(scope="module")
def filler(tmp_path_factory, make_domains, tiniest):
    """The folder of a context encoder's run of one step, trained with its hole in the middle."""
    home = tmp_path_factory.mktemp("filler")
    root = make_domains(home / "data", size=(72, 72))
    flags = {name: tiniest[name] for name in ("ngf", "ndf", "num_threads", "gpu_ids")}
    flags |= {"netG": "context_encoder_64", "bottleneck": 8, "load_size": 72, "crop_size": 64, "batch_size": 2}
    flags |= {"mask": "region", "max_steps": 1, "n_epochs": 1, "n_epochs_decay": 0}
    return translate.train(model="context_encoder", **flags, dataroot=root, checkpoints_dir=home, name="fill").folder


class TestMasks:
    @pytest.mark.parametrize("flags", [
        {}, {"mask": "centre"}, {"mask": "blocks"}, {"mask": "region", "mask_seed": 3}, {"mask": "mask.png"},
        {"mask": "masks"},
    ])  # fmt: skip
    def test_holes_are_those_of_a_test(self, applied, filler, photos, out, tmp_path, monkeypatch, flags):
        """As trained, a word, a mask file, or a folder of masks of the pictures' names."""
        monkeypatch.chdir(tmp_path)
        (tmp_path / "masks/deep").mkdir(parents=True)
        for at, name in enumerate(["mask.png", "masks/a.png", "masks/deep/b.bmp", "masks/c.png"]):
            mask = np.zeros((40, 40), np.uint8)
            mask[4 + at : 20, 8:30] = 255
            Image.fromarray(mask).save(tmp_path / name)
        usual = {"name": "fill", "checkpoints_dir": filler.parent, "dataroot": photos, "gpu_ids": "-1"}
        results = run_test({**usual, "results_dir": tmp_path / "results", **flags}).page.parent
        applied(run=filler, format="png", **flags)
        assert len(contents(out)) == 3
        for name in contents(out):
            assert np.array_equal(pixels_of(out / name), pixels_of(results / "images/fake_B" / name))

    def test_the_hole_of_a_mask_is_what_changes(self, applied, filler, photos, out, tmp_path):
        mask = np.zeros((40, 40), np.uint8)
        mask[5:20, 8:30] = 255
        Image.fromarray(mask).save(tmp_path / "mask.png")
        applied(photos / "a.png", run=filler, mask=tmp_path / "mask.png")
        changed = (pixels_of(out / "a.png") != pixels_of(photos / "a.png")).any(-1)
        assert changed.any()
        assert not changed[mask == 0].any()

    def test_what_cannot_be_is_told_before_anything_is_written(self, applied, filler, photos, out, tmp_path):
        with pytest.raises(InputError, match="--mask is a flag of context_encoder, and this run is one of cut"):
            applied(mask="centre")
        (tmp_path / "masks").mkdir()
        shutil.copy(photos / "a.png", tmp_path / "masks")
        with pytest.raises(InputError, match=r"--mask .*masks has no mask for c \(and 1 more\): add c\.png, white"):
            applied(run=filler, mask=tmp_path / "masks")
        assert not out.exists()
