"""What is promised of every method that trains an encoder: it trains, resumes to the bit, starts others, and its
features can be read."""

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
from translate.methods.encoding import make_encoder
from translate.methods.health import TROUBLES
from translate.networks import build_generator
from translate.networks.initialization import initialize
from translate.options import TransferOptions
from translate.pretrained import PretrainedEncoder
from translate.reports.cards import MEANINGS
from translate.reports.series import number as in_few_characters
from translate.settings import resolve, train_flags
from translate.testing import run_test
from translate.training.job import build_method
from translate.training.run import train_from_flags
from translate.transfer import transfer
from translate.translator import Translator

TINY = {
    "clip": {"text_width": 8, "text_layers": 1, "text_heads": 2, "vocab_size": 600, "feature_nc": 8},
    "moco": {"feature_nc": 8},
    "simclr": {},
    "jigsaw": {"permutations": 8, "tile_px": 23, "tile_nc": 8, "head_nc": 16},
    "relative_position": {
        "netE": "alexnet", "patch_px": 35, "gap_px": 3, "jitter_px": 1, "pair_nc": 8, "load_size": 120,
        "crop_size": 116,
    },
    "rotation": {},
    "split_brain": {"head_nc": 8},
}  # fmt: skip

# A value for each flag that is a method's own, and what must be given with it for the flag to matter.
OWN = {
    "clip": {
        "captions": ("captions.csv", {}), "vocabulary": None,  # test_clip_runs.py
        "vocab_size": (610, {}), "context_length": (3, {}), "text_width": (16, {}), "text_layers": (2, {}),
        "text_heads": (4, {}), "feature_nc": (6, {}),
    },
    "moco": {
        "view_px": (80, {}), "crop_min": (0.5, {}), "jitter": (0.5, {}), "no_blur": (True, {}),
        "moco_version": ("v3", {}), "temperature": (0.5, {}), "key_momentum": (0.5, {}), "queue_size": (6, {}),
        "bn_pictures": (2, {}), "head_layers": (3, {}), "head_nc": (8, {}), "feature_nc": (6, {}),
    },
    "simclr": {
        "view_px": (80, {}), "crop_min": (0.5, {}), "jitter": (0.5, {}), "no_blur": (True, {}),
        "temperature": (0.5, {}), "head_layers": (3, {}), "head_nc": (8, {}), "feature_nc": (8, {}),
    },
    "jigsaw": {
        "permutations": (7, {}), "permutation_rule": ("min", {}), "permutation_seed": (1, {}), "tile_px": (24, {}),
        "first_stride": (1, {}), "shift_px": (0, {"tile_px": 20}), "grey_share": (1.0, {}), "tile_nc": (9, {}),
        "head_nc": (17, {}),
    },
    "relative_position": {
        "patch_px": (31, {}), "gap_px": (4, {}), "jitter_px": (0, {}), "aberration": ("dropping", {}),
        "pixelate": (1, {}), "pair_nc": (4, {}), "normE": ("batch", {}),
    },
    "rotation": {"head_nc": (8, {})},
    "split_brain": {"split_loss": ("regression", {}), "head_nc": (4, {}), "netE": None},  # no other has halves
}  # fmt: skip
OF_ALL = {"netE": ("caffenet", {}), "nef": (8, {}), "normE": ("batch_plain", {})}


@pytest.fixture(scope="module")
def shapes(tmp_path_factory) -> Path:
    """Two classes of smooth coloured pictures: bright above and bright below; captions of those of training."""
    root = tmp_path_factory.mktemp("shapes")
    rows = [f"train/{name}/{index}.png,it is bright {name}" for name in ("above", "below") for index in range(4)]
    (root / "captions.csv").write_text("\n".join(["path,caption", *rows]) + "\n")
    for phase, count in (("train", 4), ("val", 2), ("test", 2)):
        for name in ("above", "below"):
            folder = root / phase / name
            folder.mkdir(parents=True)
            for index in range(count):
                coarse = np.random.default_rng((count, index)).integers(0, 120, (5, 5, 3), dtype=np.uint8)
                coarse[:2] += 120
                picture = Image.fromarray(coarse if name == "above" else coarse[::-1])
                picture.resize((96, 96), Image.Resampling.BICUBIC).save(folder / f"{index}.png")
    return root


@pytest.fixture(scope="module")
def train_encoder(shapes, tmp_path_factory):
    """train_encoder(model, name, **flags): two epochs of a tiny run in a folder of the module's."""
    runs = tmp_path_factory.mktemp("runs")
    base = {
        "checkpoints_dir": str(runs), "dataroot": str(shapes), "nef": 4, "load_size": 80, "crop_size": 72,
        "batch_size": 4, "n_epochs": 1, "n_epochs_decay": 1, "num_threads": 0, "gpu_ids": "-1", "print_freq": 1,
    }  # fmt: skip

    def train(model, name, **flags):
        return train_from_flags({**base, "model": model, "name": name, **TINY[model], **flags}).folder

    return train


@pytest.fixture(scope="module")
def trained(train_encoder):
    """trained(model): the folder of a tiny run that nothing interrupted; read it, do not change it."""
    folders = {}

    def get(model):
        if model not in folders:
            folders[model] = train_encoder(model, f"{model}_whole")
        return folders[model]

    return get


def losses_of(folder):
    return [json.loads(line)["losses"] for line in (folder / "log.jsonl").read_text().splitlines()]


def method_of(folder):
    return build_method(resolve(json.loads((folder / "run.json").read_text())["options"]))


def test_every_encoder_is_here():
    assert TINY.keys() == OWN.keys() == {name for name in METHODS.names() if not METHODS[name].generators}
    for model, flags in OWN.items():
        own = {field.name for field in dataclasses.fields(METHODS[model].Options)}
        assert own == flags.keys() | OF_ALL.keys()


@pytest.mark.parametrize("model", TINY)
def test_a_resumed_run_is_the_uninterrupted_one(model, trained, train_encoder, same_state):
    whole = trained(model)
    steps = len(losses_of(whole))
    torn = train_encoder(model, f"{model}_torn", max_steps=steps // 2 + 1)
    train_from_flags({
        "continue_train": True, "name": torn.name, "checkpoints_dir": str(torn.parent), "num_threads": 0,
        "max_steps": None,
    })  # fmt: skip
    assert losses_of(whole) == losses_of(torn)
    assert same_state(whole, torn)


@pytest.mark.parametrize("model", TINY)
def test_what_the_method_says_of_its_losses_is_logged_and_drawn(model, trained):
    whole = trained(model)
    method, logged = method_of(whole), losses_of(whole)[0].keys()
    options = json.loads((whole / "run.json").read_text())["options"]
    levels = method.levels(options["crop_size"], options["batch_size"])
    named = {*levels, *method.falling}
    assert named and named <= logged
    page = (whole / "web" / "index.html").read_text()
    assert all(f"{level.text} {in_few_characters(level.value)}" in page for level in levels.values())


@pytest.mark.parametrize("model", TINY)
def test_its_remedies_are_for_known_troubles_and_name_flags_that_it_has(model, trained):
    remedies = method_of(trained(model)).remedies()
    assert remedies.keys() <= set(TROUBLES)
    assert set(re.findall(r"--(\w+)", " ".join(remedies.values()))) <= set(train_flags(model))


@pytest.mark.parametrize("model", TINY)
def test_it_learns_something_in_every_network(model, trained):
    state = torch.load(trained(model) / "latest_state.pth", weights_only=True)
    moments = [value["exp_avg"] for one in state["optimizers"].values() for value in one["state"].values()]
    assert all(bool(moment.isfinite().all()) for moment in moments)
    assert sum(bool(moment.any()) for moment in moments) / len(moments) > 0.7


@pytest.mark.parametrize("model", TINY)
def test_its_pictures_are_explained_on_the_page(model, trained):
    folder = trained(model)
    labels = {path.stem.removeprefix("epoch002_") for path in (folder / "web/images").glob("epoch002_*.png")}
    assert len(labels) > 1
    assert labels <= MEANINGS.keys()


@pytest.mark.parametrize("model", TINY)
def test_fine_tuning_starts_from_its_weights(model, trained, train_encoder, capsys):
    source = trained(model)
    weights = torch.load(source / "latest_net_E.pth", weights_only=True)
    capsys.readouterr()
    tuned = train_encoder(model, f"{model}_tuned", init_from=str(source), max_steps=1, lr=1e-12)
    assert capsys.readouterr().out.count(": loaded from ") == len(list(source.glob("latest_net_*.pth")))
    loaded = torch.load(tuned / "latest_net_E.pth", weights_only=True)
    learned = [key for key in weights if not key.endswith(("running_mean", "running_var", "num_batches_tracked"))]
    assert all(torch.allclose(loaded[key], weights[key], rtol=0, atol=1e-6) for key in learned)


@pytest.mark.parametrize("model", TINY)
def test_its_features_are_read_as_they_were_trained(model, trained, shapes):
    folder = trained(model)
    encoder = PretrainedEncoder.load(folder)
    settings = resolve(json.loads((folder / "run.json").read_text())["options"])
    load, crop = settings.data.load_size, settings.data.crop_size
    assert (encoder.load_size, encoder.crop_size) == (load, crop)
    network = make_encoder(settings.method, settings.networks, 3)  # not the method's own: jigsaw's first stride differs
    network.load_state_dict(torch.load(folder / "latest_net_E.pth", weights_only=True))
    found = encoder.features(shapes / "test/above/0.png")
    assert found.keys() == set(network.taps)
    margin = (load - crop) // 2
    scaled = Image.open(shapes / "test/above/0.png").resize((load, load), Image.Resampling.BICUBIC)
    pixels = np.asarray(scaled)[margin : margin + crop, margin : margin + crop]
    signed = torch.from_numpy(pixels.transpose(2, 0, 1).copy()).float()[None] / 127.5 - 1
    with torch.no_grad():
        expected = network.eval().features(signed, network.taps)
    assert all(torch.allclose(found[tap], expected[tap], atol=1e-5) for tap in network.taps)


@pytest.mark.parametrize("model", TINY)
def test_it_is_measured_by_transfer(model, trained, shapes):
    results = transfer([str(trained(model))], {"dataroot": str(shapes), "random": 1, "gpu_ids": "-1"})
    assert [result.name for result in results] == ["random weights", f"{model}_whole"]
    assert results[0].found.keys() == set(TransferOptions.protocols.split(","))


@pytest.mark.parametrize(
    ("model", "flag", "value", "beside"),
    [(model, flag, *case) for model, flags in OWN.items() for flag, case in (OF_ALL | flags).items() if case],
)
def test_its_own_flags_change_the_losses(model, flag, value, beside, train_encoder):
    steps = {"max_steps": 3, "no_html": True, "lr": 0.01}
    without = train_encoder(model, "without", **beside, **steps)
    before = losses_of(without)
    given = train_encoder(model, "given", **{**beside, flag: value}, **steps)
    assert losses_of(given) != before
    for folder in (without, given):
        shutil.rmtree(folder)


class TestWhatAnEncoderIsNot:
    def test_a_test_says_what_to_do_instead(self, trained, tmp_path):
        folder = trained("rotation")
        told = {"checkpoints_dir": folder.parent, "name": folder.name, "results_dir": tmp_path / "out"}
        with pytest.raises(InputError, match=r"learned an encoder \(--model rotation\), which translates nothing"):
            run_test(told)
        assert not (tmp_path / "out").exists()

    def test_neither_is_it_a_translator(self, trained):
        with pytest.raises(InputError, match="translates nothing; measure its features"):
            Translator.load(trained("rotation"))

    @pytest.mark.parametrize("flags", [{"eval_every": 4}, {"probe_data": "shapes"}])
    def test_labelled_pictures_and_how_often_they_are_asked_belong_together(self, flags, shapes, tmp_path):
        told = {"model": "rotation", "dataroot": str(shapes), "checkpoints_dir": str(tmp_path), **flags}
        with pytest.raises(InputError, match="--eval_every N with --probe_data FOLDER"):
            train_from_flags(told)
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("flags", [{"metrics": "domain"}, {"best_metric": "domain_distance"}])
    def test_metrics_of_translations_are_refused(self, flags, shapes, tmp_path):
        told = {"model": "rotation", "dataroot": str(shapes), "checkpoints_dir": str(tmp_path), **flags}
        with pytest.raises(InputError, match="--metrics and --best_metric are of translations"):
            train_from_flags(told)

    def test_a_translator_is_not_probed(self, shapes, tmp_path):
        told = {"dataroot": str(shapes), "checkpoints_dir": str(tmp_path), "probe_data": str(shapes)}
        with pytest.raises(InputError, match="--probe_data is for methods that learn an encoder"):
            train_from_flags(told)

    def test_crops_that_leave_no_map_name_the_smallest_that_do(self, train_encoder):
        with pytest.raises(InputError, match=r"--crop_size 32 is too small for --netE caffenet: use 35 or more"):
            train_encoder("rotation", "small", netE="caffenet", load_size=48, crop_size=32)


HALF = {"netE": "generator", "netG": "resnet_4blocks", "ngf": 4}


class TestHalfOfAGenerator:
    """A generator's first half starts an encoder, and such an encoder a generator."""

    def test_an_encoder_starts_from_a_generator_that_translates(self, train_encoder, tmp_path, capsys):
        torch.manual_seed(0)
        generator = initialize(build_generator("resnet_4blocks", ngf=4), "kaiming")
        torch.save(generator.state_dict(), tmp_path / "latest_net_G.pth")
        capsys.readouterr()
        told = {**HALF, "init_from": str(tmp_path / "latest_net_G.pth"), "max_steps": 1, "lr": 1e-12}
        run = train_encoder("rotation", "from_G", **told)
        assert f"E: first half loaded from {tmp_path / 'latest_net_G.pth'}" in capsys.readouterr().out
        loaded = torch.load(run / "latest_net_E.pth", weights_only=True)
        whole = generator.state_dict()
        assert set(loaded) < set(whole)
        assert all(torch.allclose(loaded[key], whole[key], rtol=0, atol=1e-6) for key in loaded)

    def test_whatever_else_the_translator_had_is_left_behind(self, train_encoder, tmp_path, make_domains, tiniest):
        told = {**tiniest, "dataroot": str(make_domains(tmp_path / "pictures", 3, 3)), "ndf": 3, "max_steps": 1}
        source = train_from_flags({**told, "checkpoints_dir": str(tmp_path), "name": "translator"}).folder
        run = train_encoder("rotation", "behind", nef=64, init_from=str(source), max_steps=1, lr=1e-12)
        options = json.loads((run / "run.json").read_text())["options"]
        assert options["netE"] == "generator" and options["ngf"] == tiniest["ngf"]  # told by the weights alone
        loaded, whole = (
            torch.load(path, weights_only=True) for path in (run / "latest_net_E.pth", source / "latest_net_G.pth")
        )
        assert all(torch.allclose(loaded[key], whole[key], rtol=0, atol=1e-6) for key in loaded)
        with pytest.raises(InputError, match="is of another architecture"):
            train_encoder("rotation", "other", netE="alexnet", init_from=str(source), max_steps=1)

    def test_a_generator_starts_from_an_encoder(self, train_encoder, tmp_path, make_domains, tiniest, capsys):
        run = train_encoder("rotation", "half", **HALF, max_steps=2)
        learned = torch.load(run / "latest_net_E.pth", weights_only=True)
        capsys.readouterr()
        told = {
            **tiniest,
            "dataroot": str(make_domains(tmp_path / "pictures", 3, 3)),
            "netG": "resnet_4blocks",
            "ngf": 4,
        }
        folders = []
        for name, more in (("fresh", {}), ("begun", {"init_from": str(run)})):
            told |= {"checkpoints_dir": str(tmp_path / "runs"), "name": name, "max_steps": 1, "lr": 1e-12}
            folders.append(train_from_flags({**told, **more}).folder)
        assert f"G: first half loaded from {run / 'latest_net_E.pth'}" in capsys.readouterr().out
        fresh, begun = (torch.load(folder / "latest_net_G.pth", weights_only=True) for folder in folders)
        assert fresh.keys() == begun.keys()
        for key in begun:
            expected = learned.get(key, fresh[key])
            assert torch.allclose(begun[key], expected, rtol=0, atol=1e-6), key

    def test_an_encoder_of_another_kind_starts_no_generator(self, trained, tmp_path, make_domains, tiniest):
        told = {**tiniest, "dataroot": str(make_domains(tmp_path / "pictures", 3, 3)), "checkpoints_dir": str(tmp_path)}
        with pytest.raises(InputError, match="is of another architecture"):
            train_from_flags({**told, "init_from": str(trained("rotation"))})


@pytest.mark.parametrize(("model", "more"), [("simclr", {}), ("moco", {"moco_version": "v3"}), ("clip", {})])
def test_a_picture_without_negatives_is_refused_before_anything_is_written(model, more, train_encoder, tmp_path):
    with pytest.raises(InputError, match="--batch_size 1 leaves a picture no other to be told from; use 2 or more"):
        train_encoder(model, "alone", batch_size=1, checkpoints_dir=str(tmp_path / "runs"), **more)
    assert not (tmp_path / "runs").exists()


def test_a_run_of_another_method_is_not_gone_on_with(trained, tree):
    folder = trained("jigsaw")
    before = tree(folder)
    with pytest.raises(
        InputError, match=r"--model simclr: the run was started with jigsaw, .* new run with --init_from"
    ):
        train_from_flags({
            "model": "simclr", "continue_train": True, "name": folder.name, "checkpoints_dir": str(folder.parent)
        })  # fmt: skip
    assert tree(folder) == before
