"""From the words of a command line to checked values, with a help page that one can read."""

import argparse
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn

import yaml

from translate.errors import InputError, TranslateError
from translate.methods import METHODS, Method
from translate.options import LEGACY, TestOptions, annotated_type
from translate.registry import did_you_mean
from translate.settings import groups_of, test_groups, train_flags

RECIPES = Path(__file__).resolve().parent.parent / "options"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InputError(message.replace("argument ", ""))


def parse_train(arguments: Sequence[str]) -> dict[str, Any]:
    """The flags given to ``train.py``, over those of its ``--config`` file. Values stay text until resolved.

    Raises:
        InputError: an unknown flag (with the nearest name), a missing value, an unreadable recipe.
    """
    model = _peek_model(arguments)
    parser = _Parser(
        prog="train.py",
        allow_abbrev=False,
        formatter_class=_HelpFormatter,
        description="Train a translator on two folders of unpaired pictures, or another method of --model.",
        epilog=_legacy_note(train_flags(model)),
    )
    parser.add_argument("--model", default=argparse.SUPPRESS, help=f"method: {', '.join(METHODS.names())} (cut)")
    parser.add_argument("--config", default=argparse.SUPPRESS, metavar="FILE", help="YAML file of flags, or a recipe")
    groups = groups_of(model)
    for key in ("run", "data", "method", "networks", "optimizer", "speed", "reports"):
        _add_group(parser, groups[key], METHODS[model])
    known = [*train_flags(model), "model"]
    given = _parse(parser, arguments, [*known, "config"])
    recipe = _read_flags(given.pop("config"), known) if "config" in given else {}
    return _without_legacy({**recipe, **given}, known)


def parse_test(arguments: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The flags given to ``test.py``, those of single methods among them, and the flags of training (which are
    recorded with the run already)."""
    parser = _Parser(
        prog="test.py",
        allow_abbrev=False,
        formatter_class=_HelpFormatter,
        description="Translate a folder of pictures with a trained run; with no flag, the newest run's test pictures.",
        epilog="Flags of train.py are accepted too: what they say is recorded with the run.\n" + _legacy_note([]),
    )
    groups = [TestOptions, *test_groups().values()]
    for group in groups:
        _add_group(parser, group)
    test_flags = {field.name for group in groups for field in fields(group)}
    recorded = {name: group for name, group in train_flags(_peek_model(arguments)).items() if name not in test_flags}
    for name, group in recorded.items():
        _add_flag(parser, group, name, help=argparse.SUPPRESS)
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


def run_command(command: Callable[[Sequence[str]], None]) -> NoReturn:
    """Run a command on ``sys.argv`` and leave with its exit code; a known failure is one sentence on stderr."""
    # A log that a run is redirected to stays up to date, and no path is one that its encoding cannot print.
    sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")
    try:
        command(sys.argv[1:])
    except TranslateError as error:
        print(f"error: {error}" if error.exit_code in (1, 2) else str(error), file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except BrokenPipeError:
        raise SystemExit(1) from None
    raise SystemExit(0)


def _peek_model(arguments: Sequence[str]) -> str:
    """The method decides which flags there are, so it is looked up before the rest is read."""
    peek = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    peek.add_argument("--model")
    peek.add_argument("--config")
    try:
        found, _ = peek.parse_known_args(list(arguments))
    except argparse.ArgumentError:
        return "cut"  # the full parser words the error
    recipe = read_recipe(found.config) if found.config and not found.model else {}
    model = found.model or str(recipe.get("model", "cut"))
    METHODS[model]  # refuses an unknown name
    return model


def _parse(parser: argparse.ArgumentParser, arguments: Sequence[str], known: Sequence[str]) -> dict[str, Any]:
    for name in LEGACY:
        if f"--{name}" not in parser._option_string_actions:
            parser.add_argument(f"--{name}", nargs="?", const=True, default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    values, unknown = parser.parse_known_args(list(arguments))
    for word in unknown:
        if word.startswith("--"):
            name = word[2:].split("=")[0]
            raise InputError(f"unknown flag --{name}: {did_you_mean(name, known)}")
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


def _add_group(parser: argparse.ArgumentParser, group: type, method: type[Method] | None = None) -> None:
    """Every flag of a group, with the words and defaults that it has for a method."""
    section = parser.add_argument_group(group.__doc__)
    defaults = {"dataset_mode": method.needs, **method.defaults({})} if method else {}
    for field in fields(group):
        value = defaults.get(field.name, field.default)
        default = "" if value in (None, "") or value is False else f" ({value})"
        text = field.metadata["help"]
        choices = method.netG if method and field.name == "netG" else field.metadata["choices"]
        if choices and not all(word in text for word in choices):
            text += f": {', '.join(choices)}"
        _add_flag(section, group, field.name, help=(text + default).replace("%", "%%"))


def _add_flag(parser: Any, group: type, name: str, help: str) -> None:
    kind, _ = annotated_type(group, name)
    if kind is bool:
        parser.add_argument(f"--{name}", nargs="?", const=True, default=argparse.SUPPRESS, metavar="BOOL", help=help)
    else:
        metavar = {int: "N", float: "X", str: "TEXT"}[kind]
        parser.add_argument(f"--{name}", default=argparse.SUPPRESS, metavar=metavar, help=help)


def _legacy_note(known: Collection[str]) -> str:
    names = ", ".join(sorted(set(LEGACY) - set(known)))
    return f"Accepted from the reference, without effect here: {names}."


class _HelpFormatter(argparse.HelpFormatter):
    def __init__(self, prog: str):
        super().__init__(prog, max_help_position=30, width=110)

    def add_usage(self, usage: Any, actions: Any, groups: Any, prefix: Any = None) -> None:
        """Eighty flags in a usage line help nobody; the groups below say it."""
        super().add_usage(f"{self._prog} [--flag value] ...", [], [], prefix)
