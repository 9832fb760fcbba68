"""Translate pictures with a trained run: python test.py [--name NAME] (see --help)."""

from collections.abc import Sequence

from translate.commandline import parse_test, run_command


def main(arguments: Sequence[str]) -> None:
    values, recorded = parse_test(arguments)
    from translate.testing import run_test

    run_test(values, recorded)


if __name__ == "__main__":
    run_command(main)
