"""What is promised of every method that translates (of encoders: test_every_encoder.py): it trains, resumes to the bit,
fine-tunes, is tested, and works as a translator."""

import dataclasses
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from translate.errors import InputError
from translate.methods import METHODS
from translate.methods.health import TROUBLES
from translate.reports.cards import MEANINGS
from translate.reports.series import number as in_few_characters
from translate.settings import resolve, train_flags
from translate.testing import run_test
from translate.training.job import build_method
from translate.training.run import train_from_flags
from translate.translator import Translator

TINY = {
    "cut": {"netG": "resnet_4blocks", "num_patches": 16, "netF_nc": 8},
    "cycle_gan": {"netG": "resnet_4blocks", "pool_size": 2},
    "context_encoder": {
        "netG": "context_encoder_64", "bottleneck": 8, "load_size": 72, "crop_size": 64, "batch_size": 2,
    },
    "colorization": {"netG": "colorizer_small", "batch_size": 2, "predict_px": 64},
    "depth": {"batch_size": 2},
    "pix2pix": {"netG": "resnet_4blocks", "normG": "instance"},
    "sincut": {
        "netG": "smallstylegan2", "ngf": 1, "ndf": 1, "netF_nc": 8, "batch_size": 4, "max_dataset_size": 1,
        "crops_per_epoch": 12,
    },
}  # fmt: skip

# A value for each flag that is a method's own, and what must be given with it for the flag to matter.
OWN = {
    "cycle_gan": {
        "gan_mode": ("vanilla", {}), "lambda_A": (1, {}), "lambda_B": (1, {}), "lambda_identity": (0, {}),
        "pool_size": (1, {}),
    },
    "context_encoder": {
        "mask": ("region", {}), "overlap_px": (2, {}), "overlap_weight": (1, {}), "lambda_rec": (0.5, {}),
        "lambda_adv": (0, {}), "gan_mode": ("lsgan", {}), "bottleneck": (4, {}), "lr_factor_G": (1, {}),
    },
    "colorization": {
        "lambda_classes": (0, {}), "lambda_L2": (3, {}), "lambda_GAN": (1, {}),
        "gan_mode": ("hinge", {"lambda_GAN": 1}),
        "rebalance": (False, {}), "prior_mix": (0.1, {}), "soft_k": (10, {}), "soft_sigma": (1, {}),
        "annealed_T": (1, {"lambda_GAN": 1}),
    },
    "depth": {
        "lambda_si": (3, {}), "lambda_human": (0.5, {"lambda_si": 1}), "lambda_gradient": (1, {}),
        "lambda_smooth": (1, {}), "lambda_curvature": (1, {}), "depth_scales": (2, {}),
        "depth_inputs": ("rgb,mask", {}),
    },
    "pix2pix": {"gan_mode": ("lsgan", {}), "lambda_L1": (1, {})},
    "sincut": {
        "CUT_mode": ("FastCUT", {}), "gan_mode": ("lsgan", {}), "lambda_GAN": (2, {}), "lambda_NCE": (1, {}),
        "nce_idt": (False, {}), "flip_equivariance": (True, {}), "nce_layers": ("0,2", {}), "nce_T": (0.2, {}),
        "num_patches": (3, {}), "nce_includes_all_negatives_from_minibatch": (False, {"num_patches": 3}),
        "netF": ("sample", {}), "netF_nc": (4, {}), "lambda_gp": (1, {"gan_mode": "wgangp"}), "lambda_R1": (0, {}),
        "lambda_identity": (0, {}), "stylegan2_G_num_downsampling": (2, {}),
    },
}  # fmt: skip
IN_A_TEST = {"colorization": {"predict_px", "annealed_T"}, "pix2pix": {"test_norm"}}  # flags that matter there


@pytest.fixture(scope="module")
def scenes(tmp_path_factory) -> Path:
    """Smooth coloured pictures of one size; B is A turned into its negative, so that they are pairs as well."""
    root = tmp_path_factory.mktemp("scenes")
    for folder, count in (("train", 6), ("test", 2)):
        for letter in "AB":
            (root / f"{folder}{letter}").mkdir()
        for index in range(count):
            coarse = np.random.default_rng((count, index)).integers(0, 256, (5, 5, 3), dtype=np.uint8)
            picture = Image.fromarray(coarse).resize((80, 80), Image.Resampling.BICUBIC)
            picture.save(root / f"{folder}A" / f"{index}.png")
            Image.fromarray(255 - np.asarray(picture)).save(root / f"{folder}B" / f"{index}.png")
    return root


@pytest.fixture(scope="module")
def train_method(scenes, make_depth, tmp_path_factory):
    """train_method(model, name, **flags): two epochs of a tiny run in a folder of the module's."""
    runs = tmp_path_factory.mktemp("runs")
    base = {
        "checkpoints_dir": str(runs), "dataroot": str(scenes), "ngf": 4, "ndf": 4, "load_size": 40, "crop_size": 32,
        "n_epochs": 1, "n_epochs_decay": 1, "num_threads": 0, "gpu_ids": "-1", "print_freq": 1, "lr": 0.001,
    }  # fmt: skip

    depth = {"dataroot": str(make_depth(runs / "depth_data", scenes))}

    def train(model, name, **flags):
        own = {**TINY[model], **(depth if METHODS[model].needs == "depth" else {})}
        shared = {flag: value for flag, value in base.items() if (flag, model) != ("ndf", "depth")}  # it has none
        return train_from_flags({**shared, "model": model, "name": name, **own, **flags}).folder

    return train


@pytest.fixture(scope="module")
def trained(train_method):
    """trained(model): the folder of a tiny run that nothing interrupted; read it, do not change it."""
    folders = {}

    def get(model):
        if model not in folders:
            folders[model] = train_method(model, f"{model}_whole")
        return folders[model]

    return get


def losses_of(folder):
    return [json.loads(line)["losses"] for line in (folder / "log.jsonl").read_text().splitlines()]


def test_every_method_is_here():
    assert TINY.keys() == {name for name in METHODS.names() if METHODS[name].generators}
    for model, flags in OWN.items():
        own = {field.name for field in dataclasses.fields(METHODS[model].Options)}
        assert own == flags.keys() | IN_A_TEST.get(model, set())


@pytest.mark.parametrize("model", TINY)
def test_a_resumed_run_is_the_uninterrupted_one(model, trained, train_method, same_state):
    whole = trained(model)
    steps = len(losses_of(whole))
    torn = train_method(model, f"{model}_torn", max_steps=steps // 2 + 1)
    train_from_flags({
        "continue_train": True, "name": torn.name, "checkpoints_dir": str(torn.parent), "num_threads": 0,
        "max_steps": None,
    })  # fmt: skip
    assert losses_of(whole) == losses_of(torn)
    assert same_state(whole, torn)


@pytest.mark.parametrize("model", TINY)
def test_a_resumed_run_has_seen_and_told_the_same(model, trained, train_method):
    whole, torn = trained(model), train_method(model, f"{model}_torn2", max_steps=4)
    train_from_flags({
        "continue_train": True, "name": torn.name, "checkpoints_dir": str(torn.parent), "num_threads": 0,
        "max_steps": None,
    })  # fmt: skip
    seen = [folder / "health.jsonl" for folder in (whole, torn)]
    assert len({path.read_text() if path.exists() else "" for path in seen}) == 1
    watched = {"cut", "cycle_gan", "sincut"}  # where the previews may show a trouble
    assert seen[0].exists() == (model in watched)


@pytest.mark.parametrize(
    ("model", "flag"), [("cycle_gan", "pool_size"), ("depth", "lambda_smooth"), ("sincut", "lambda_R1")]
)
def test_a_flag_of_its_own_is_known_when_it_is_gone_on_with(model, flag, train_method):
    torn = train_method(model, f"{model}_told", max_steps=2)
    told = {"continue_train": True, "name": torn.name, "checkpoints_dir": str(torn.parent), "num_threads": 0}
    train_from_flags({**told, "max_steps": 3, flag: 3})
    assert json.loads((torn / "run.json").read_text())["options"][flag] == 3


@pytest.mark.parametrize("model", TINY)
def test_what_the_method_says_of_its_losses_is_logged_and_drawn(model, trained):
    whole = trained(model)
    settings = resolve(json.loads((whole / "run.json").read_text())["options"])
    method, logged = build_method(settings), losses_of(whole)[0].keys()
    levels = method.levels(settings.data.crop_size, settings.data.batch_size)
    named = {
        *levels,
        *method.falling,
        *(name for game in method.games for name in (*game.discriminator, game.generator)),
    }
    assert named and named <= logged
    assert all(f"{level.text} {in_few_characters(level.value)}" in page_of(whole) for level in levels.values())


def page_of(folder):
    return (folder / "web" / "index.html").read_text()


@pytest.mark.parametrize("model", TINY)
def test_its_remedies_are_for_known_troubles_and_name_flags_that_it_has(model, trained):
    method = build_method(resolve(json.loads((trained(model) / "run.json").read_text())["options"]))
    remedies = method.remedies()
    assert remedies.keys() <= set(TROUBLES)
    flags = set(re.findall(r"--(\w+)", " ".join(remedies.values())))
    assert flags <= set(train_flags(model))
    assert not any(text.endswith(".") for text in remedies.values())


@pytest.mark.parametrize("model", TINY)
def test_it_learns_something_in_every_network(model, trained, scenes):
    state = torch.load(trained(model) / "latest_state.pth", weights_only=True)
    moments = [value["exp_avg"] for one in state["optimizers"].values() for value in one["state"].values()]
    assert all(bool(moment.isfinite().all()) for moment in moments)
    assert sum(bool(moment.any()) for moment in moments) / len(moments) > 0.7  # biases before a norm have no gradient


@pytest.mark.parametrize("model", TINY)
def test_its_pictures_are_on_both_pages(model, trained, tmp_path):
    folder = trained(model)
    labels = {path.stem.removeprefix("epoch002_") for path in (folder / "web/images").glob("epoch002_*.png")}
    assert {"real_A", "fake_B"} <= labels
    assert "title" in (folder / "web/index.html").read_text()
    result = run_test({"checkpoints_dir": folder.parent, "name": folder.name, "results_dir": tmp_path, "gpu_ids": "-1"})
    assert (result.read, result.written) == (2, 2)
    shown = {path.name for path in (result.page.parent / "images").iterdir()}
    assert labels | shown <= MEANINGS.keys(), "the glossary explains them all"
    assert (
        shown
        == {
            "cut": {"real_A", "fake_B"},
            "cycle_gan": {"real_A", "fake_B"},
            "context_encoder": {"hole_A", "fake_B", "truth_B"},
            "colorization": {"grey_A", "l2_B", "fake_B", "truth_B"},
            "depth": {"real_A", "fake_B", "truth_B"},
            "pix2pix": {"real_A", "fake_B", "truth_B"},
            "sincut": {"real_A", "fake_B"},
        }[model]
    )
    page = result.page.read_text()
    assert all(f"images/{label}/1.png" in page for label in shown)


@pytest.mark.parametrize("model", TINY)
def test_the_translator_does_what_the_test_does(model, trained, scenes, tmp_path):
    folder = trained(model)
    result = run_test({"checkpoints_dir": folder.parent, "name": folder.name, "results_dir": tmp_path, "gpu_ids": "-1"})
    translator = Translator.load(folder, device="cpu")
    made = translator(scenes / "testA" / "1.png")
    with Image.open(result.page.parent / "images/fake_B/1.png") as written:
        assert made.tobytes() == written.tobytes()
    generator = METHODS[model].generators["AtoB"]
    alone = Translator.load(folder / f"latest_net_{generator}.pth", device="cpu")
    assert alone(scenes / "testA" / "1.png").tobytes() == made.tobytes()


@pytest.mark.parametrize("model", TINY)
def test_fine_tuning_starts_from_its_weights(model, trained, train_method, capsys):
    source = trained(model)
    name = METHODS[model].generators["AtoB"]
    weights = torch.load(source / f"latest_net_{name}.pth", weights_only=True)
    capsys.readouterr()
    # The learning rate is too small to change what was loaded.
    tuned = train_method(model, f"{model}_tuned", init_from=str(source), max_steps=1, lr=1e-12)
    assert capsys.readouterr().out.count(": loaded from ") == len(list(source.glob("latest_net_*.pth")))
    loaded = torch.load(tuned / f"latest_net_{name}.pth", weights_only=True)
    learned = [key for key in weights if not key.endswith(("running_mean", "running_var", "num_batches_tracked"))]
    assert all(torch.allclose(loaded[key], weights[key], rtol=0, atol=1e-6) for key in learned)


@pytest.mark.parametrize(
    ("model", "flag", "value", "beside"),
    [(model, flag, *case) for model, flags in OWN.items() for flag, case in flags.items()],
)
def test_its_own_flags_change_the_losses(model, flag, value, beside, train_method, tmp_path):
    steps = {"max_steps": 3, "no_html": True, "lr": 0.01}
    without = train_method(model, "without", **beside, **steps)
    before = losses_of(without)
    given = train_method(model, "given", **{**beside, flag: value}, **steps)
    assert losses_of(given) != before
    for folder in (without, given):
        shutil.rmtree(folder)


@pytest.mark.parametrize("flag", ["predict_px", "annealed_T"])
def test_flags_of_colorization_that_a_test_has_too(flag, trained, tmp_path):
    assert flag in train_flags("colorization")
    folder, pictures = trained("colorization"), []
    for number, own in enumerate(({}, {flag: {"predict_px": 16, "annealed_T": 0.01}[flag]})):
        told = {"checkpoints_dir": folder.parent, "name": folder.name, "results_dir": tmp_path / str(number)}
        pictures.append((run_test({**told, **own}).page.parent / "images/fake_B/0.png").read_bytes())
    assert pictures[0] != pictures[1]


def test_the_norm_of_a_test_of_pix2pix(train_method, tmp_path):
    pictures = []
    for norm in ("picture", "training"):
        folder = train_method("pix2pix", f"norm_{norm}", normG="batch", test_norm=norm, max_steps=2)
        told = {"checkpoints_dir": folder.parent, "name": folder.name, "results_dir": tmp_path / norm}
        pictures.append((run_test(told).page.parent / "images/fake_B/0.png").read_bytes())
    assert pictures[0] != pictures[1]


class TestHoles:
    def test_known_pixels_stay_and_the_hole_is_where_the_mask_says(self, trained, scenes, tmp_path):
        folder = trained("context_encoder")
        mask = np.zeros((80, 80), dtype=np.uint8)
        mask[10:30, 40:70] = 255
        Image.fromarray(mask).save(tmp_path / "mask.png")
        told = {"checkpoints_dir": folder.parent, "name": folder.name, "results_dir": tmp_path / "out"}
        result = run_test({**told, "mask": str(tmp_path / "mask.png")})
        truth, fill = (
            np.asarray(Image.open(result.page.parent / f"images/{label}/0.png")) for label in ("truth_B", "fake_B")
        )
        assert np.array_equal(truth[mask == 0], fill[mask == 0])
        assert not np.array_equal(truth[mask > 0], fill[mask > 0])
        scores = json.loads((result.page.parent / "scores.json").read_text())
        assert scores["pictures"].keys() == {"0", "1"}
        assert scores["mean"]["hole PSNR"] == pytest.approx(np.mean([
            row["hole PSNR"] for row in scores["pictures"].values()
        ]))  # fmt: skip
        by_hand = np.mean((truth[mask > 0].astype(float) - fill[mask > 0]) ** 2)
        assert scores["pictures"]["0"]["hole PSNR"] == pytest.approx(10 * np.log10(255**2 / by_hand))

    def test_seeds_move_the_random_masks(self, trained, tmp_path):
        folder, holes = trained("context_encoder"), []
        for seed in (0, 0, 1):
            told = {"checkpoints_dir": folder.parent, "name": folder.name, "results_dir": tmp_path / "out"}
            page = run_test({**told, "mask": "region", "mask_seed": seed}).page
            holes.append((page.parent / "images/hole_A/0.png").read_bytes())
        assert holes[0] == holes[1] != holes[2]

    def test_a_translator_takes_masks_of_many_kinds(self, trained, scenes):
        translator = Translator.load(trained("context_encoder"), device="cpu")
        picture = np.asarray(Image.open(scenes / "testA/0.png"))
        hole = np.zeros((80, 80), dtype=bool)
        hole[5:20, 5:20] = True
        filled = translator(picture, mask=hole)
        assert np.array_equal(filled[~hole], picture[~hole])
        assert np.array_equal(translator(picture, mask=Image.fromarray(hole)), filled)
        assert not np.array_equal(translator(picture, mask="blocks"), translator(picture, mask="region"))
        signed = translator(torch.from_numpy(picture.transpose(2, 0, 1).copy()), mask=hole)
        assert np.array_equal(signed.numpy().transpose(1, 2, 0), filled)

    def test_others_take_no_mask(self, trained, scenes):
        with pytest.raises(InputError, match="fills no holes"):
            Translator.load(trained("cut"), device="cpu")(scenes / "testA/0.png", mask="centre")


class TestBothDirections:
    def test_the_other_direction_has_a_generator_of_its_own(self, trained, scenes, tmp_path, capsys):
        folder = trained("cycle_gan")
        told = {"checkpoints_dir": folder.parent, "name": folder.name, "results_dir": tmp_path}
        result = run_test({**told, "direction": "BtoA"})
        assert "note:" not in capsys.readouterr().out
        assert result.page.parent.name == "test_latest_BtoA"
        assert {path.name for path in (result.page.parent / "images").iterdir()} == {"real_B", "fake_A"}
        back = Translator.load(folder, device="cpu", direction="BtoA")
        made = back(scenes / "testB/0.png")
        with Image.open(result.page.parent / "images/fake_A/0.png") as written:
            assert made.tobytes() == written.tobytes()
        assert made.tobytes() != Translator.load(folder, device="cpu")(scenes / "testB/0.png").tobytes()

    def test_a_run_of_the_other_direction_translates_b_by_default(self, train_method, tmp_path):
        folder = train_method("cycle_gan", "turned", direction="BtoA", max_steps=1)
        told = {"checkpoints_dir": folder.parent, "name": folder.name, "results_dir": tmp_path}
        page = run_test(told).page
        assert {path.name for path in (page.parent / "images").iterdir()} == {"real_A", "fake_B"}


def test_a_flag_of_another_method_is_refused_in_a_test(trained, tmp_path):
    folder = trained("cut")
    with pytest.raises(InputError, match=r"--mask is a flag of context_encoder, and this run is one of cut"):
        run_test({"checkpoints_dir": folder.parent, "name": folder.name, "results_dir": tmp_path, "mask": "centre"})


@pytest.mark.parametrize(("flags", "said"), [
    ({"model": "cut", "netG": "unet_128"}, r"does not suit --model cut, since its skip .*: choose from resnet_9blocks"),
    ({"model": "pix2pix", "dataset_mode": "unaligned"}, r"--dataset_mode unaligned does not suit --model pix2pix"),
])  # fmt: skip
def test_what_does_not_suit_a_method_is_refused(flags, said, scenes, tmp_path):
    with pytest.raises(InputError, match=said):
        train_from_flags({"dataroot": str(scenes), "checkpoints_dir": str(tmp_path), **flags})
    assert not list(tmp_path.iterdir())


def test_measured_statistics_are_remembered_until_a_picture_changes(scenes, train_method, monkeypatch, tmp_path):
    copied = shutil.copytree(scenes, tmp_path / "copied")
    method, calls = METHODS["colorization"], []
    real = method.measure

    def counted(self, pictures):
        calls.append(0)
        return real(self, pictures)

    monkeypatch.setattr(method, "measure", counted)
    monkeypatch.setenv("TRANSLATE_CACHE", str(tmp_path / "cache"))
    told = {"dataroot": str(copied), "max_steps": 1, "no_html": True}
    first = losses_of(train_method("colorization", "first", **told))
    assert losses_of(train_method("colorization", "second", **told)) == first
    assert len(calls) == 1
    Image.new("RGB", (80, 80), (250, 40, 40)).save(copied / "trainA/0.png")
    train_method("colorization", "third", **told)
    assert len(calls) == 2
