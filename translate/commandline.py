"""What ``train.py`` and ``test.py`` are told: flags of which some are a method's, over those of a recipe."""

import argparse
import sys
from collections.abc import Collection, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml

from translate.called import title
from translate.errors import InputError
from translate.methods import METHODS, Method
from translate.options import LEGACY, TestOptions
from translate.parsing import Parser, add_flag, add_group, refuse_unknown
from translate.registry import did_you_mean
from translate.settings import groups_of, test_groups, train_flags
from translate.shipped import shipped
from translate.training.start import model_gone_on_with

RECIPES = shipped("options")


def parse_train(arguments: Sequence[str]) -> dict[str, Any]:
    """The flags given to ``train.py``, over those of its ``--config`` file. Values stay text until resolved.

    Raises:
        InputError: an unknown flag (with the nearest name), a missing value, an unreadable recipe.
    """
    model = _peek_model(arguments)
    parser = Parser(
        title("train"),
        description="Train a translator on two folders of unpaired pictures, or another method of --model.",
        epilog=_legacy_note(train_flags(model)),
    )
    parser.add_argument("--model", default=argparse.SUPPRESS, help=f"method: {', '.join(METHODS.names())} (cut)")
    parser.add_argument("--config", default=argparse.SUPPRESS, metavar="FILE", help="YAML file of flags, or a recipe")
    groups = groups_of(model)
    for key in ("run", "data", "method", "networks", "optimizer", "speed", "quality", "reports"):
        _add_method_group(parser, groups[key], METHODS[model])
    known = [*train_flags(model), "model"]
    given = _parse(parser, arguments, [*known, "config"])
    recipe = _read_flags(given.pop("config"), known) if "config" in given else {}
    return _without_legacy({**recipe, **given}, known)


def parse_test(arguments: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The flags given to ``test.py``, those of single methods among them, and the flags of training (which are
    recorded with the run already)."""
    parser = Parser(
        title("test"),
        description="Translate a folder of pictures with a trained run; with no flag, the newest run's test pictures.",
        epilog=f"Flags of {title('train')} are accepted too: what they say is recorded with the run.\n"
        + _legacy_note([]),
    )
    groups = [TestOptions, *test_groups().values()]
    for group in groups:
        add_group(parser, group)
    test_flags = {field.name for group in groups for field in fields(group)}
    recorded = {name: group for name, group in train_flags(_peek_model(arguments)).items() if name not in test_flags}
    for name, group in recorded.items():
        add_flag(parser, group, name, help=argparse.SUPPRESS)
    parser.add_argument("--model", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    known = [*test_flags, *recorded, "model"]
    given = _without_legacy(_parse(parser, arguments, known), known)
    tests = {name: value for name, value in given.items() if name in test_flags}
    return tests, {name: value for name, value in given.items() if name not in test_flags}


def read_recipe(name: str) -> dict[str, Any]:
    """The flags of a YAML file, given by its path or by the name of a recipe in ``options/``."""
    path = Path(name)
    if not path.is_file():
        path = RECIPES / f"{name.removesuffix('.yaml')}.yaml"
    if not path.is_file():
        known = [recipe.stem for recipe in RECIPES.glob("*.yaml")]
        raise InputError(f"--config {name}: no such file or recipe; {did_you_mean(name, known)}")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"--config {path} is not YAML: {' '.join(str(error).split())}") from None
    except OSError as error:
        raise InputError(f"--config {path} cannot be read: {error.strerror}") from None
    if not isinstance(content, dict):
        raise InputError(f"--config {path}: write one 'flag: value' a line")
    return {str(key): value for key, value in content.items()}


def _read_flags(config: str, known: Collection[str]) -> dict[str, Any]:
    """A recipe whose flags all exist."""
    recipe = read_recipe(config)
    for name in recipe:
        if name not in known and name not in LEGACY:
            raise InputError(f"--config {config}: unknown flag {name!r}: {did_you_mean(name, known)}")
    return recipe


def _peek_model(arguments: Sequence[str]) -> str:
    """The method decides which flags there are, so it is looked up before the rest is read."""
    peek = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    for flag in ("model", "config", "name", "suffix", "checkpoints_dir"):
        peek.add_argument(f"--{flag}")
    peek.add_argument("--continue_train", nargs="?", const=True)
    try:
        found, _ = peek.parse_known_args(list(arguments))
    except argparse.ArgumentError:
        return "cut"  # the full parser words the error
    given = {name: value for name, value in vars(found).items() if value is not None}
    told = {**(read_recipe(given["config"]) if "config" in given else {}), **given}
    model = str(told.get("model") or model_gone_on_with(told) or "cut")
    METHODS[model]  # refuses an unknown name
    return model


def _parse(parser: argparse.ArgumentParser, arguments: Sequence[str], known: Sequence[str]) -> dict[str, Any]:
    for name in LEGACY:
        if f"--{name}" not in parser._option_string_actions:
            parser.add_argument(f"--{name}", nargs="?", const=True, default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    values, unknown = parser.parse_known_args(list(arguments))
    refuse_unknown(unknown, known)
    if unknown:
        raise InputError(f"unexpected argument {unknown[0]!r}: every value follows a --flag")
    return vars(values)


def _without_legacy(values: dict[str, Any], known: Collection[str]) -> dict[str, Any]:
    """The flags that do something; a method may have one of a name that has no effect on the others."""
    legacy = [name for name in values if name in LEGACY and name not in known]
    if legacy:
        reasons = "; ".join(f"--{name} ({LEGACY[name]})" for name in legacy)
        print(f"note: without effect here: {reasons}", file=sys.stderr)
    return {name: value for name, value in values.items() if name not in legacy}


def _add_method_group(parser: Parser, group: type, method: type[Method]) -> None:
    """Every flag of a group, with the words and defaults that it has for a method."""
    defaults = {"dataset_mode": method.needs, **method.defaults({})}
    add_group(parser, group, defaults, {"netG": method.netG, "netD": method.netD})


def _legacy_note(known: Collection[str]) -> str:
    names = ", ".join(sorted(set(LEGACY) - set(known)))
    return f"Accepted from the reference, without effect here: {names}."
