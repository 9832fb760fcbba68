"""``translate apply``: translate any pictures into a folder."""

from collections.abc import Sequence
from typing import Any, NoReturn

from translate.called import title
from translate.commands import run_command
from translate.errors import InputError
from translate.method_options import TEST_OPTIONS
from translate.options import ApplyOptions
from translate.parsing import Parser, add_group, refuse_unknown

EPILOG = (
    "Folders are searched, and their sub-folders kept. No result is overwritten unless --overwrite says so, and no "
    "picture that is translated ever is. jpg is written without chroma subsampling."
)


def main(arguments: Sequence[str]) -> None:
    """Translate the pictures that are named."""
    run_, pictures, values = parse_apply(arguments)
    from translate.applying import apply_to_files

    apply_to_files(run_, pictures, values)


def run(arguments: Sequence[str] | None = None) -> NoReturn:
    """The command as a process of its own."""
    run_command(main, arguments)


def parse_apply(arguments: Sequence[str]) -> tuple[str, list[str], dict[str, Any]]:
    """The run, the pictures, and the flags that are given; their values stay text until they are used.

    Raises:
        InputError: an unknown flag (with the nearest name), a missing value, no run or no pictures.
    """
    name = title("apply")
    parser = Parser(
        name,
        description="Translate pictures with a trained run, into a folder.",
        epilog=EPILOG,
        usage="RUN PICTURES ... -o FOLDER [--flag value] ...",
    )
    parser.add_argument("run", metavar="RUN", nargs="?", help="a run folder, a .pth file, or the name of a run")
    parser.add_argument("pictures", metavar="PICTURES", nargs="*", help="files, folders, or patterns in quotes")
    groups = ApplyOptions, *TEST_OPTIONS.values()
    for group in groups:
        add_group(parser, group, short={"output": "-o"}, words_follow=True)
    given, unknown = parser.parse_known_intermixed_args(list(arguments))
    values = vars(given)
    refuse_unknown(
        unknown, [name for group in (ApplyOptions, *TEST_OPTIONS.values()) for name in group.__dataclass_fields__]
    )
    run, pictures = values.pop("run", None), values.pop("pictures", [])
    if unknown:
        raise InputError(f"unknown flag {unknown[0]}: {name} --help lists those there are")
    if not run or not pictures:
        missing = "pictures to translate" if run else "run"
        raise InputError(f"no {missing} given: {name} RUN PICTURES ... -o FOLDER")
    return run, pictures, values
