"""The recipes in options/: their flags are known, and what they describe can be built."""

from pathlib import Path

import pytest

from translate.commandline import RECIPES, parse_train
from translate.methods import METHODS
from translate.options import DataOptions, OptimizerOptions
from translate.settings import resolve
from translate.training.job import build_method

NAMES = sorted(path.stem for path in RECIPES.glob("*.yaml"))


def test_each_method_that_translates_has_one():
    models = {resolve(parse_train(["--config", name, "--dataroot", "any"])).model for name in NAMES}
    assert models == {name for name in METHODS.names() if METHODS[name].generators}


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_is_for_and_can_be_built(name):
    settings = resolve(parse_train(["--config", name, "--dataroot", "any"]))
    settings = settings.with_values(input_nc=3, output_nc=1 if settings.model == "depth" else 3)
    method = build_method(settings)
    method.check_size(settings.data.crop_size)
    assert Path(RECIPES / f"{name}.yaml").read_text().startswith("# ")


PUBLISHED = sorted(path.stem for mode in ("cut", "fastcut") for path in RECIPES.glob(f"*_{mode}.yaml"))


def test_the_published_experiments_have_a_recipe_for_either_mode():
    sets = ("horse2zebra", "cat2dog", "cityscapes", "gta2cityscapes", "grumpifycat", "apple2orange")
    sets = (*sets, "summer2winter", "monet2photo")
    assert sorted(f"{name}_{mode}" for name in sets for mode in ("cut", "fastcut")) == PUBLISHED


@pytest.mark.parametrize("name", PUBLISHED)
def test_it_has_the_published_settings(name):
    settings, plain = resolve(parse_train(["--config", name])), resolve({"CUT_mode": name.split("_")[-1]})
    assert settings.run.name == name
    assert settings.method == plain.method
    assert settings.networks == plain.networks
    if name.startswith("gta2cityscapes"):  # taesungp/contrastive-unpaired-translation, issue 16
        same = (
            OptimizerOptions(n_epochs=40, n_epochs_decay=40),
            DataOptions(preprocess="scale_width_and_crop", load_size=1024, crop_size=512),
        )
        assert (settings.optimizer, settings.data) == same
        return
    assert settings.optimizer == plain.optimizer
    assert settings.data == DataOptions(direction="BtoA" if name.startswith("cityscapes") else "AtoB")


def test_flags_come_before_the_recipe():
    settings = resolve(parse_train(["--config", "horse2zebra_cut", "--dataroot", "elsewhere", "--n_epochs", "3"]))
    assert (settings.run.dataroot, settings.run.name, settings.optimizer.n_epochs) == (
        "elsewhere",
        "horse2zebra_cut",
        3,
    )
