"""Flags from groups of options: a parser that fails in one sentence, with a help page that one can read."""

import argparse
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from typing import Any, NoReturn

from translate.errors import InputError
from translate.flags import annotated_type
from translate.registry import did_you_mean


class Parser(argparse.ArgumentParser):
    """A parser that takes no flag by its beginning and leaves out what is not given.

    Args:
        prog: the command as it was called.
        usage: what stands behind it, in a word or two.
    """

    def __init__(self, prog: str, description: str, epilog: str = "", usage: str = "[--flag value] ..."):
        shown = {"prog": prog, "usage": f"{prog} {usage}", "description": description, "epilog": epilog}
        super().__init__(
            **shown, allow_abbrev=False, formatter_class=_HelpFormatter, argument_default=argparse.SUPPRESS
        )

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        return super().parse_known_args(None if args is None else _with_negative_lists(args), namespace)

    def error(self, message: str) -> NoReturn:
        raise InputError(message.replace("argument ", ""))


def add_group(
    parser: Parser,
    group: type,
    defaults: Mapping[str, Any] | None = None,
    choices: Mapping[str, Sequence[str]] | None = None,
    short: Mapping[str, str] | None = None,
    words_follow: bool = False,
) -> None:
    """Every flag of an options dataclass under its title.

    Args:
        defaults, choices: what the page says of a flag instead of what its field holds.
        short: one letter for a flag, such as ``{"output": "-o"}``.
        words_follow: the command takes words besides flags, so that a switch may not take the next one for its value.
    """
    section = parser.add_argument_group(group.__doc__)
    for field in fields(group):
        value = (defaults or {}).get(field.name, field.default)
        default = "" if value in (None, "") or value is False else f" ({value})"
        text = field.metadata["help"]
        words = (choices or {}).get(field.name, field.metadata["choices"])
        if words and not all(word in text for word in words):
            text += f": {', '.join(words)}"
        names = [f"--{field.name}"]
        if short and field.name in short:
            names.insert(0, short[field.name])
        add_flag(section, group, field.name, (text + default).replace("%", "%%"), names, words_follow)


def add_flag(
    parser: Any, group: type, name: str, help: str, names: Sequence[str] = (), words_follow: bool = False
) -> None:
    """One flag of an options dataclass; a switch needs no value, and takes one unless other words follow."""
    kind, _ = annotated_type(group, name)
    names = names or [f"--{name}"]
    if kind is not bool:
        metavar = {int: "N", float: "X", str: "TEXT"}[kind]
        parser.add_argument(*names, metavar=metavar, default=argparse.SUPPRESS, help=help)
    elif words_follow:
        parser.add_argument(*names, action="store_true", default=argparse.SUPPRESS, help=help)
    else:
        parser.add_argument(*names, nargs="?", const=True, metavar="BOOL", default=argparse.SUPPRESS, help=help)


def refuse_unknown(words: Sequence[str], known: Collection[str]) -> None:
    """Refuse the first flag among the words that the parser did not know.

    Raises:
        InputError: with the nearest known name.
    """
    for word in words:
        if word.startswith("--"):
            name = word[2:].split("=")[0]
            raise InputError(f"unknown flag --{name}: {did_you_mean(name, known)}")


def _with_negative_lists(words: Sequence[str]) -> list[str]:
    """The words with a list of numbers that begins with a minus tied to its flag, for which argparse takes it itself:
    ``--range_A -1000,3000`` as ``--range_A=-1000,3000``."""
    tied: list[str] = []
    for word in words:
        if re.match(r"-[\d.].*,", word) and tied and re.fullmatch(r"--\w+", tied[-1]):
            tied[-1] += f"={word}"
        else:
            tied.append(word)
    return tied


class _HelpFormatter(argparse.HelpFormatter):
    def __init__(self, prog: str, **_: Any):
        super().__init__(prog, max_help_position=30, width=110)
