"""Which of the weights that there are a command works with."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from translate.errors import InputError
from translate.options import ApplyOptions, ExportOptions
from translate.training.run_folder import RunFolder, find_run
from translate.translator import generators_of


def find_weights(run: str | os.PathLike[str], checkpoints_dir: Path) -> Path:
    """A ``.pth`` file or a run folder: one of this path, or the run of this name in ``checkpoints_dir``.

    Raises:
        InputError: there is no such run; names the nearest.
    """
    path = Path(run)
    if path.is_file() or path.suffix == ".pth" or any(path.glob("*_net_[GE]*.pth")):
        return path
    if path.is_dir() and not (checkpoints_dir / path).is_dir():
        return path  # without weights, as loading will say
    return find_run(checkpoints_dir, os.fspath(run)).path


def refuse_without_effect(weights: Path, values: Mapping[str, Any], options: ApplyOptions | ExportOptions) -> None:
    """Refuse flags that choose among what is no choice.

    Args:
        weights: as ``find_weights`` returns them.
        values: the flags that are given.
        options: what they came to.

    Raises:
        InputError: weights of an epoch or a direction are asked for where there is but one.
    """
    if not weights.is_dir():
        for name in ("epoch", "direction"):
            if values.get(name) is not None:
                raise InputError(f"--{name} chooses among the weights of a run folder; leave it out for {weights}")
        return
    folder = RunFolder(weights)
    record = folder.read_record()
    own = record.get("options", {}).get("direction", "AtoB")
    if options.direction not in (None, own) and "BtoA" not in generators_of(folder, options.epoch, record):
        raise InputError(f"--direction {options.direction}: the run {weights} learned {own} alone; leave it out")
