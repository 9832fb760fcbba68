"""Train a translator: python train.py --dataroot PATH --name NAME (see --help)."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from translate.commandline import parse_train, run_command
from translate.errors import InputError
from translate.options import RunOptions
from translate.training.processes import processes_of_environment


def main(arguments: Sequence[str]) -> None:
    try:
        values = parse_train(arguments)
    except InputError as error:
        raise processes_of_environment().alone(error) from None
    from translate.training.run import train_from_flags

    result = train_from_flags(values)
    if result:
        print(f"done: {result.step} steps, {result.folder}")
        print(f"next: {_test_command(result.folder, values.get('checkpoints_dir'))}")


def _test_command(folder: Path, checkpoints_dir: str | None) -> str:
    words = ["python", "test.py", "--name", os.path.relpath(folder, checkpoints_dir or RunOptions.checkpoints_dir)]
    return shlex.join([*words, "--checkpoints_dir", checkpoints_dir] if checkpoints_dir else words)


if __name__ == "__main__":
    try:
        run_command(main)
    except SystemExit as ended:
        processes_of_environment().end(ended.code)
        raise
