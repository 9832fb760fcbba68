"""The flags of translate.apply: each changes something, and names, sizes and masks are as they say."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import translate
from translate import batching
from translate.errors import InputError, RunError
from translate.networks import build_generator
from translate.options import ApplyOptions
from translate.testing import run_test
from translate.translator import Translator

sys.path.insert(0, str(Path(__file__).parent))

from written import contents, pixels_of


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

    def test_a_file_has_a_run_and_an_epoch_too(self, applied, photos, out, copied_run):
        folder = copied_run("other")
        (folder / "latest_net_G.pth").rename(folder / "iter_7_net_G.pth")
        applied(photos / "a.png", run=folder / "iter_7_net_G.pth", name_template="{run}_{epoch}")
        assert contents(out).keys() == {"other_iter_7.png"}

    def test_of_the_folder_one_is_in_the_run_has_its_name(self, applied, photos, out, copied_run, monkeypatch):
        monkeypatch.chdir(copied_run("other"))
        applied(photos / "a.png", run=".", name_template="{run}_{epoch}")
        assert contents(out).keys() == {"other_latest.png"}

    def test_the_run_s_own_direction_makes_fake_b_though_it_is_given(self, applied, photos, out, copied_run):
        applied(photos / "a.png", run=copied_run("back", direction="BtoA"), direction="BtoA", name_template="{label}")
        assert contents(out).keys() == {"fake_B.png"}

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

    def test_no_batch_is_made_of_pictures_with_holes(self, applied, filler, photos, tmp_path, monkeypatch):
        """A GPU translates others of one size together; each of these has a hole of its own, and shows it."""

        def files(name):
            usual = {"name": "fill", "checkpoints_dir": filler.parent, "dataroot": photos, "gpu_ids": "-1"}
            run_test({**usual, "results_dir": tmp_path / name, "size": "64x64", "mask": "region"})
            applied(run=filler, output=tmp_path / name / "applied", size="64x64", mask="region", format="png")
            return {path: content for path, content in contents(tmp_path / name).items() if path.endswith(".png")}

        alone = files("alone")
        monkeypatch.setattr(batching, "pixels_at_once", lambda device: 10**9)
        assert files("gpu") == alone
        assert sum("hole_A" in path for path in alone) == sum("applied" in path for path in alone) == 3

    def test_a_generator_that_knows_no_tiles_is_advised_none(self, applied, filler, photos, monkeypatch):
        def fail(*_):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")

        monkeypatch.setattr(Translator, "translate_image", fail)
        with pytest.raises(RunError, match=r"a\.png needs more memory than cpu has; give a smaller --size; 0 of 1"):
            applied(photos / "a.png", run=filler)

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
