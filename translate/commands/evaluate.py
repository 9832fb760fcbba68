"""``translate evaluate``: measure translated pictures."""

from collections.abc import Sequence
from typing import Any, NoReturn

from translate.called import title
from translate.commands import run_command
from translate.errors import InputError
from translate.options import EvaluateOptions
from translate.parsing import Parser, add_group, refuse_unknown

EPILOG = (
    "Pictures that were translated by other programs can be measured too. Metrics that are named must be taken; of a "
    "group, those are left out for which weights or pictures are missing. docs/metrics.md says what each of them is."
)


def main(arguments: Sequence[str]) -> None:
    """Measure the pictures of a folder."""
    results, values = parse_evaluate(arguments)
    from translate.measuring import evaluate_folder

    evaluate_folder(results, values)


def run(arguments: Sequence[str] | None = None) -> NoReturn:
    """The command as a process of its own."""
    run_command(main, arguments)


def parse_evaluate(arguments: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """The folder and the flags that are given.

    Raises:
        InputError: an unknown flag (with the nearest name), a missing value, no folder.
    """
    name = title("evaluate")
    parser = Parser(
        name,
        description="Measure the quality of translated pictures.",
        epilog=EPILOG,
        usage="RESULTS --dataroot FOLDER [--flag value] ...",
    )
    parser.add_argument("results", metavar="RESULTS", nargs="?", help="folder of translated pictures")
    add_group(parser, EvaluateOptions, words_follow=True)
    given, unknown = parser.parse_known_intermixed_args(list(arguments))
    values = vars(given)
    refuse_unknown(unknown, list(EvaluateOptions.__dataclass_fields__))
    if unknown:
        raise InputError(f"unknown flag {unknown[0]}: {name} --help lists those there are")
    results = values.pop("results", None)
    if not results:
        raise InputError(f"no folder of results given: {name} RESULTS --dataroot FOLDER")
    return results, values
