"""The flags of a run put together: the reference's defaults, those of a mode, and what was given."""

import dataclasses

import pytest

from translate import settings
from translate.errors import InputError
from translate.options import LEGACY, TestOptions
from translate.settings import SESSION_FLAGS, groups_of, resolve, train_flags

# Flag -> default of the reference for training (reference/cut.md 2.1 and 2.2, model cut, CUT_mode CUT).
REFERENCE_TRAIN = {
    "dataroot": "placeholder",
    "name": "experiment_name",
    "easy_label": "experiment_name",
    "gpu_ids": "0",
    "checkpoints_dir": "./checkpoints",
    "model": "cut",
    "input_nc": 3,
    "output_nc": 3,
    "ngf": 64,
    "ndf": 64,
    "netD": "basic",
    "netG": "resnet_9blocks",
    "n_layers_D": 3,
    "normG": "instance",
    "normD": "instance",
    "init_type": "xavier",
    "init_gain": 0.02,
    "no_dropout": True,
    "no_antialias": False,
    "no_antialias_up": False,
    "dataset_mode": "unaligned",
    "direction": "AtoB",
    "serial_batches": False,
    "num_threads": 4,
    "batch_size": 1,
    "load_size": 286,
    "crop_size": 256,
    "max_dataset_size": float("inf"),
    "preprocess": "resize_and_crop",
    "no_flip": False,
    "display_winsize": 256,
    "random_scale_max": 3.0,
    "epoch": "latest",
    "verbose": False,
    "suffix": "",
    "stylegan2_G_num_downsampling": 1,
    "display_freq": 400,
    "display_ncols": 4,
    "display_id": None,
    "display_server": "http://localhost",
    "display_env": "main",
    "display_port": 8097,
    "update_html_freq": 1000,
    "print_freq": 100,
    "no_html": False,
    "save_latest_freq": 5000,
    "save_epoch_freq": 5,
    "evaluation_freq": 5000,
    "save_by_iter": False,
    "continue_train": False,
    "epoch_count": 1,
    "phase": "train",
    "pretrained_name": None,
    "n_epochs": 200,
    "n_epochs_decay": 200,
    "beta1": 0.5,
    "beta2": 0.999,
    "lr": 0.0002,
    "gan_mode": "lsgan",
    "pool_size": 0,
    "lr_policy": "linear",
    "lr_decay_iters": 50,
    "CUT_mode": "CUT",
    "lambda_GAN": 1.0,
    "lambda_NCE": 1.0,
    "nce_idt": True,
    "nce_layers": "0,4,8,12,16",
    "nce_includes_all_negatives_from_minibatch": False,
    "netF": "mlp_sample",
    "netF_nc": 256,
    "nce_T": 0.07,
    "num_patches": 256,
    "flip_equivariance": False,
}
# Where the default is another on purpose, and what it is.
OTHER_DEFAULTS = {
    "dataroot": None,  # there is no folder named placeholder; its absence is said
    "input_nc": None,  # detected
    "output_nc": None,  # detected
    "num_threads": None,  # as many as the machine has cores, up to 4
    "max_dataset_size": None,  # no limit
    "random_scale_max": 1.25,  # of zoom, which goes down to 0.8 there whatever this flag says; sincut has the 3
}
FASTCUT = {
    "nce_idt": False,
    "lambda_NCE": 10.0,
    "flip_equivariance": True,
    "n_epochs": 150,
    "n_epochs_decay": 50,
}
REFERENCE_TEST = ("results_dir", "phase", "num_test")


@pytest.mark.parametrize("name", REFERENCE_TRAIN)
def test_a_flag_of_the_reference_exists_with_its_default(name):
    if name in LEGACY:
        assert name not in train_flags("cut")
    else:
        assert resolve({}).flat()[name] == OTHER_DEFAULTS.get(name, REFERENCE_TRAIN[name])


def test_nothing_is_legacy_that_the_reference_does_not_have():
    assert set(LEGACY) <= {*REFERENCE_TRAIN, "eval"}


def test_the_reference_s_flags_of_testing_exist():
    names = {field.name for field in dataclasses.fields(TestOptions)}
    assert set(REFERENCE_TEST) <= names
    assert (TestOptions().results_dir, TestOptions().phase) == ("./results/", "test")
    assert TestOptions().num_test is None, "all pictures, where the reference stops at 50"


@pytest.mark.parametrize("mode", ["FastCUT", "fastcut", "FASTCUT"])
def test_fastcut_has_its_published_settings_and_else_those_of_cut(mode):
    fast, base = resolve({"CUT_mode": mode}).flat(), resolve({}).flat()
    assert {name: value for name, value in fast.items() if value != base[name]} == {**FASTCUT, "CUT_mode": "FastCUT"}


@pytest.mark.parametrize("mode", ["CUT", "cut"])
def test_cut_may_be_named(mode):
    assert resolve({"CUT_mode": mode}) == resolve({})


@pytest.mark.parametrize(("name", "value"), [("nce_idt", True), ("lambda_NCE", 3.0), ("flip_equivariance", False),
                                             ("n_epochs", 7), ("n_epochs_decay", 0)])  # fmt: skip
def test_what_is_given_beats_the_mode_and_the_mode_beats_the_base(name, value):
    settings = resolve({"CUT_mode": "FastCUT", name: str(value)}).flat()
    assert {key: settings[key] for key in FASTCUT} == {**FASTCUT, name: value}


@pytest.mark.parametrize("mode", ["C", "Cut, ", "FastCUTT", "CUT,cut"])
def test_a_part_of_a_mode_s_name_is_no_mode(mode):
    with pytest.raises(InputError, match="--CUT_mode"):
        resolve({"CUT_mode": mode})


@pytest.mark.parametrize(("wrong", "meant"), [("lrr", "lr"), ("batchsize", "batch_size"), ("modle", "model"),
                                              ("Crop_Size", "crop_size")])  # fmt: skip
def test_an_unknown_option_is_told_the_nearest(wrong, meant):
    with pytest.raises(InputError, match=f"unknown option '{wrong}': did you mean {meant}"):
        resolve({wrong: 1})


@pytest.mark.parametrize("model", ["cutt", "cyclegan", "CUT", ""])
def test_an_unknown_model_is_refused_with_the_known_ones(model):
    with pytest.raises(InputError, match=f"--model.*'{model}'.*c"):
        resolve({"model": model})


def test_legacy_flags_change_nothing():
    assert resolve(dict.fromkeys(LEGACY, "5")) == resolve({})


def test_flat_resolves_to_the_same_settings():
    settings = resolve({"CUT_mode": "fastcut", "lr": "1e-3", "suffix": "x", "nce_layers": [0, 4]})
    assert resolve(settings.flat()) == settings


def test_flat_and_the_groups_hold_every_flag_once():
    names = [field.name for group in groups_of("cut").values() for field in dataclasses.fields(group)]
    assert len(names) == len(set(names))
    assert not set(names) & set(LEGACY)
    assert set(resolve({}).flat()) == {"model", *names} == {"model", *train_flags("cut")}


def test_session_flags_are_flags():
    assert set(train_flags("cut")) >= SESSION_FLAGS


def test_with_values_changes_what_is_named():
    fast = resolve({"CUT_mode": "FastCUT"})
    changed = fast.with_values(input_nc=1, lambda_NCE=2)
    assert (changed.data.input_nc, changed.method.lambda_NCE) == (1, 2.0)
    assert changed.with_values(input_nc=None, lambda_NCE=10) == fast


@pytest.mark.parametrize(("suffix", "name"), [
    ("{model}_{netG}_size{load_size}", "horses_cut_resnet_9blocks_size300"),
    ("plain", "horses_plain"),
    ("{n_epochs}x{lambda_NCE}", "horses_150x10.0"),
    ("", "horses"),
])  # fmt: skip
def test_the_suffix_is_filled_in_once(suffix, name):
    settings = resolve({"name": "horses", "suffix": suffix, "load_size": 300, "CUT_mode": "FastCUT"})
    assert (settings.run.name, settings.run.suffix) == (name, "")
    assert settings.with_values(seed=1).run.name == name


@pytest.mark.parametrize("suffix", ["{netX}", "{", "{}", "{0}", "{netG.x}", "{netG!z}", "{name:d}"])
def test_a_wrong_suffix_is_refused_in_words(suffix):
    with pytest.raises(InputError, match=r"--suffix .*cannot be filled in"):
        resolve({"suffix": suffix})


@pytest.mark.parametrize("name", ["", " ", ".", "..", "./"])
def test_a_name_must_name_a_folder(name):
    with pytest.raises(InputError, match=r"--name .* is not the name of a folder"):
        resolve({"name": name})


@pytest.mark.parametrize("name", ["horses:2", "a/b*", "what?", "horses.", "sub /horses", "con", "aux.2", "a\tb"])
def test_a_name_that_windows_cannot_have_is_refused_there(name, monkeypatch):
    assert resolve({"name": name}).run.name == name
    monkeypatch.setattr(settings, "ON_WINDOWS", True)
    with pytest.raises(InputError, match="Windows has no folder of this name"):
        resolve({"name": name})


@pytest.mark.parametrize("name", ["horses", "../runs/horses.2", "a\\\\b", "console", "com", ".hidden", "Größe 2"])
def test_other_names_are_fine_there(name, monkeypatch):
    monkeypatch.setattr(settings, "ON_WINDOWS", True)
    assert resolve({"name": name}).run.name == name


def test_the_filled_in_suffix_is_part_of_the_name(monkeypatch):
    monkeypatch.setattr(settings, "ON_WINDOWS", True)
    with pytest.raises(InputError, match="--name run_a:2: Windows"):
        resolve({"name": "run", "suffix": "a:{ngf}", "ngf": 2})


@pytest.mark.parametrize(("flags", "said"), [
    ({"ndf": 32}, "--ndf 32 has no effect, since an encoder is trained without a discriminator"),
    ({"normD": "batch"}, "--normD batch has no effect"),
    ({"ngf": 32}, "--ngf 32 has no effect, since --netE alexnet is no half of a generator"),
    ({"netG": "resnet_6blocks", "netE": "resnet18"}, "--netG resnet_6blocks has no effect, since --netE resnet18"),
    ({"optimizer": "sgd", "beta1": 0.7}, "--beta1 0.7 has no effect, since --optimizer sgd has --momentum"),
    ({"optimizer": "lars", "beta2": 0.9}, "--beta2 0.9 has no effect, since --optimizer lars has --momentum"),
])  # fmt: skip
def test_flags_that_do_nothing_beside_others_are_refused(flags, said):
    with pytest.raises(InputError, match=f"^{said}.*; leave it out$"):
        resolve({"model": "rotation", **flags})


def test_where_they_do_something_they_are_taken():
    half = resolve({"model": "rotation", "netE": "generator", "netG": "resnet_6blocks", "ngf": 32})
    assert (half.networks.netG, half.networks.ngf) == ("resnet_6blocks", 32)
    assert resolve({"model": "cut", "ndf": 32}).networks.ndf == 32
    assert resolve({"model": "cut", "optimizer": "adamw", "beta1": 0.7}).optimizer.beta1 == 0.7
    again = resolve(resolve({"model": "rotation", "optimizer": "lars"}).flat())  # as a resumed run does
    assert again.optimizer.beta1 == 0.9
