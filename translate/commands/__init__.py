"""The command ``translate``, whose own commands are files here."""

import importlib
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from translate.errors import InputError, TranslateError
from translate.registry import did_you_mean

COMMANDS = {
    "train": "learn from two folders of pictures; python train.py is the same",
    "test": "translate a dataset's test pictures and write a page of them; python test.py is the same",
    "apply": "translate any pictures into a folder",
    "evaluate": "measure translated pictures: FID, KID, LPIPS, SSIM, how near they are to domain B, and more",
    "export": "write a trained generator as a file for other programs, such as ONNX",
    "transfer": "measure what can be read from the features of trained encoders",
    "download": "fetch a known dataset, such as horse2zebra",
}


def main() -> NoReturn:
    """``translate COMMAND ...``: hand the other words to the command, which is imported when it is known."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name in COMMANDS:
        importlib.import_module(f"translate.commands.{name}").run(sys.argv[2:])
    run_command(_without_command)


def run_command(command: Callable[[Sequence[str]], None], arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command and leave with its exit code; a known failure is one sentence on stderr.

    Args:
        arguments: what stands behind the command; default: all of ``sys.argv``.
    """
    # A log that a run is redirected to stays up to date, and no path is one that its encoding cannot print.
    sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")
    try:
        command(sys.argv[1:] if arguments is None else arguments)
    except TranslateError as error:
        print(f"error: {error}" if error.exit_code in (1, 2) else str(error), file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except BrokenPipeError:
        raise SystemExit(1) from None
    raise SystemExit(0)


def _without_command(words: Sequence[str]) -> None:
    """What may stand there instead of the name of a command."""
    first = words[0] if words else ""
    if first in ("-h", "--help"):
        print(_help())
    elif first == "--version":
        print(_version())
    elif not first or first.startswith("-"):
        what = f"unknown flag {first}" if first else "no command"
        raise InputError(f"{what}: say translate {', translate '.join(COMMANDS)} or translate --help")
    else:
        raise InputError(f"unknown command {first!r}: {did_you_mean(first, COMMANDS)}")


def _help() -> str:
    lines = [f"  {name:<10}{text}" for name, text in COMMANDS.items()]
    return "\n".join(
        [
            "usage: translate COMMAND [--flag value] ...",
            "",
            "Unpaired image-to-image translation.",
            "",
            *lines,
            "",
            "translate COMMAND --help lists the flags of a command; translate --version says which version this is.",
        ]
    )


def _version() -> str:
    from translate import __version__

    return f"translate {__version__}"
