"""The recipes in options/: their flags are known, and what they describe can be built."""

from pathlib import Path

import pytest

from translate.commandline import RECIPES, parse_train
from translate.methods import METHODS
from translate.settings import resolve
from translate.training.job import build_method

NAMES = sorted(path.stem for path in RECIPES.glob("*.yaml"))


def test_each_method_has_one():
    models = {resolve(parse_train(["--config", name, "--dataroot", "any"])).model for name in NAMES}
    assert models == set(METHODS.names())


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_is_for_and_can_be_built(name):
    settings = resolve(parse_train(["--config", name, "--dataroot", "any"])).with_values(input_nc=3, output_nc=3)
    method = build_method(settings)
    method.check_size(settings.data.crop_size)
    assert Path(RECIPES / f"{name}.yaml").read_text().startswith("# ")
