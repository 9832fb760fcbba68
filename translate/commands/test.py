"""``translate test``: translate the test pictures of a trained run, and write a page of them."""

from collections.abc import Sequence
from typing import NoReturn

from translate.commandline import parse_test
from translate.commands import run_command


def main(arguments: Sequence[str]) -> None:
    """Test with these flags."""
    values, recorded = parse_test(arguments)
    from translate.testing import run_test

    run_test(values, recorded)


def run(arguments: Sequence[str] | None = None) -> NoReturn:
    """The command as a process of its own."""
    run_command(main, arguments)
