"""``translate train``: train a translator, or another method."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from translate.called import spoken
from translate.commandline import parse_train
from translate.commands import run_command
from translate.errors import InputError
from translate.options import RunOptions
from translate.training.processes import processes_of_environment


def main(arguments: Sequence[str]) -> None:
    """Train with these flags, and say where the run is and what is next."""
    processes = processes_of_environment()
    try:
        with processes.one_speaks():
            values = parse_train(arguments)
    except InputError as error:
        raise processes.alone(error) from None
    from translate.training.run import train_from_flags

    result = train_from_flags(values)
    if result:
        print(f"done: {result.step} steps, {result.folder}")
        print(f"next: {_next_command(result.folder, values.get('checkpoints_dir'))}")


def run(arguments: Sequence[str] | None = None) -> NoReturn:
    """The command as a process of its own, one of several under torchrun."""
    try:
        run_command(main, arguments)
    except SystemExit as ended:
        processes_of_environment().end(ended.code)
        raise


def _next_command(folder: Path, checkpoints_dir: str | None) -> str:
    """A test of what translates; of an encoder, what can be read from its features."""
    name = os.path.relpath(folder, checkpoints_dir or RunOptions.checkpoints_dir)
    if next(folder.glob("*_net_E.pth"), None):
        words = [name, *(["--checkpoints_dir", checkpoints_dir] if checkpoints_dir else [])]
        return f"{spoken('transfer')} {shlex.join(words)} --dataroot FOLDER_OF_LABELLED_PICTURES"
    words = ["--name", name]
    words += ["--checkpoints_dir", checkpoints_dir] if checkpoints_dir else []
    return f"{spoken('test')} {shlex.join(words)}"
