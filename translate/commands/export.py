"""``translate export``: a trained generator as a file for other programs."""

from collections.abc import Sequence
from typing import Any, NoReturn

from translate.called import title
from translate.commands import run_command
from translate.errors import InputError
from translate.options import ExportOptions
from translate.parsing import Parser, add_group, refuse_unknown

EPILOG = (
    "The file takes pictures of any size and does what the translator does at --size original in fp32. It is loaded "
    "again and compared with the translator before it is put in its place."
)


def main(arguments: Sequence[str]) -> None:
    """Export the run that is named."""
    run_, values = parse_export(arguments)
    from translate.exporting import export_to_file

    export_to_file(run_, values)


def run(arguments: Sequence[str] | None = None) -> NoReturn:
    """The command as a process of its own."""
    run_command(main, arguments)


def parse_export(arguments: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """The run, and the flags that are given; their values stay text until they are used.

    Raises:
        InputError: an unknown flag (with the nearest name), a missing value, no run or more than one.
    """
    name = title("export")
    usage = "RUN -o FILE [--flag value] ..."
    parser = Parser(name, "Write a trained generator for other programs.", EPILOG, usage)
    parser.add_argument("run", metavar="RUN", nargs="?", help="a run folder, a .pth file, or the name of a run")
    add_group(parser, ExportOptions, short={"output": "-o"}, words_follow=True)
    given, unknown = parser.parse_known_intermixed_args(list(arguments))
    values = vars(given)
    refuse_unknown(unknown, ExportOptions.__dataclass_fields__)
    run_ = values.pop("run", None)
    if unknown:
        raise InputError(f"unexpected {unknown[0]!r}: {name} {usage}")
    if not run_:
        raise InputError(f"no run given: {name} {usage}")
    return run_, values
