"""``translate transfer``: measure what can be read from the features of encoders."""

from collections.abc import Sequence
from typing import Any, NoReturn

from translate.called import title
from translate.commands import run_command
from translate.errors import InputError
from translate.options import TransferOptions
from translate.parsing import Parser, add_group, refuse_unknown

EPILOG = (
    "A run of a method that trains an encoder, or one that learned to translate, whose generator's first half is one; "
    "a folder or the name of a run, or a .pth file. Runs called NAME_seed0, NAME_seed1, ... share a row of the table."
)


def main(arguments: Sequence[str]) -> None:
    """Measure the features of runs."""
    runs, values = parse_transfer(arguments)
    from translate.transfer import transfer

    transfer(runs, values)


def run(arguments: Sequence[str] | None = None) -> NoReturn:
    """The command as a process of its own."""
    run_command(main, arguments)


def parse_transfer(arguments: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
    """The runs and the flags that are given.

    Raises:
        InputError: an unknown flag (with the nearest name), a missing value, no run.
    """
    name = title("transfer")
    parser = Parser(
        name,
        description="Measure the features of trained encoders on labelled pictures.",
        epilog=EPILOG,
        usage="RUN ... --dataroot FOLDER [--flag value] ...",
    )
    parser.add_argument("runs", metavar="RUN", nargs="*", help="run folder, name of a run, or .pth file")
    add_group(parser, TransferOptions, words_follow=True)
    given, unknown = parser.parse_known_intermixed_args(list(arguments))
    values = vars(given)
    refuse_unknown(unknown, list(TransferOptions.__dataclass_fields__))
    if unknown:
        raise InputError(f"unknown flag {unknown[0]}: {name} --help lists those there are")
    runs = values.pop("runs", None)
    if not runs:
        raise InputError(f"no run given: {name} RUN --dataroot FOLDER")
    return runs, values
