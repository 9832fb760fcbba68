"""The files of a run: the state it resumes from, exports with the reference's names, and the record beside them."""

import glob
import json
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from translate.called import title
from translate.errors import InputError
from translate.files import replace_atomically, write_json, write_text
from translate.networks.weights import load_file
from translate.registry import did_you_mean

STATE = "latest_state.pth"
RECORD = "run.json"
LAUNCHES = ".launch"  # which calls of torchrun train the run, one a line
STATE_PARTS = {"progress", "method", "optimizers", "log_sizes"}


class RunFolder:
    """``checkpoints/<name>``: every file in it is replaced atomically."""

    def __init__(self, path: Path):
        self.path = Path(path)

    @property
    def state_path(self) -> Path:
        return self.path / STATE

    @property
    def record_path(self) -> Path:
        return self.path / RECORD

    def network_path(self, epoch: str | int, name: str) -> Path:
        return self.path / f"{epoch}_net_{name}.pth"

    def weights(self, epoch: str | int) -> dict[str, Path]:
        """The files of an epoch's networks, by the names of the networks."""
        found = self.path.glob(f"{glob.escape(str(epoch))}_net_*.pth")
        return {path.stem.removeprefix(f"{epoch}_net_"): path for path in sorted(found)}

    def save_state(self, state: dict[str, Any]) -> None:
        replace_atomically(self.state_path, lambda file: torch.save(state, file))

    def load_state(self) -> dict[str, Any] | None:
        """The state on the CPU, or None if there is none yet.

        Raises:
            InputError: the state is damaged.
        """
        if not self.state_path.exists():
            return None
        state = load_file(self.state_path)
        if not isinstance(state, dict) or not state.keys() >= STATE_PARTS:
            raise InputError(f"{self.state_path} is not the state of a run; restore it, or delete it to go on without")
        return state

    def state_mark(self) -> tuple[int, int] | None:
        """Another one whenever a state was saved; None where there is none."""
        try:
            status = self.state_path.stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns

    def export(self, epoch: str | int, networks: nn.ModuleDict) -> None:
        """Write ``<epoch>_net_<name>.pth`` for every network that has weights, as plain state dicts on the CPU."""
        for name, network in networks.items():
            weights = {key: value.detach().cpu().contiguous() for key, value in network.state_dict().items()}
            if weights:
                replace_atomically(self.network_path(epoch, name), lambda file, w=weights: torch.save(w, file))

    def belongs_to(self, launches: Collection[str]) -> bool:
        """Whether one of these calls of torchrun has trained the run, and saved a state of it."""
        path = self.path / LAUNCHES
        if not launches or not self.state_path.exists() or not path.exists():
            return False
        return not set(launches).isdisjoint(path.read_text(encoding="utf-8").splitlines())

    def write_launches(self, launches: Collection[str]) -> None:
        write_text(self.path / LAUNCHES, "".join(f"{launch}\n" for launch in sorted(launches)))

    def write_texts(self, texts: Mapping[str, str]) -> None:
        """Files of text that belong beside the weights, by their names."""
        for name, text in texts.items():
            write_text(self.path / name, text)

    def write_record(self, record: dict[str, Any]) -> None:
        write_json(self.record_path, record)

    def read_record(self) -> dict[str, Any]:
        """The record, or an empty dict if the folder has none (a run of the reference).

        Raises:
            InputError: the record is damaged.
        """
        if not self.record_path.exists():
            return {}
        try:
            record = json.loads(self.record_path.read_text(encoding="utf-8"))
            if not isinstance(record, dict) or not isinstance(record.get("options"), dict):
                raise ValueError("it holds no options")
            return record
        except (ValueError, OSError) as error:
            raise InputError(f"{self.record_path} is damaged ({error}); restore it or delete it") from None

    def write_options(self, phase: str, values: dict[str, Any], defaults: dict[str, Any]) -> None:
        """``train_opt.txt``: the options in the reference's framed list."""
        lines = ["----------------- Options ---------------"]
        for name, value in sorted(values.items()):
            note = "" if value == defaults.get(name) else f"\t[default: {defaults.get(name)}]"
            lines.append(f"{name:>25}: {value!s:<30}{note}")
        lines.append("----------------- End -------------------")
        write_text(self.path / f"{phase}_opt.txt", "\n".join(lines) + "\n")

    def begin(self) -> Path | None:
        """Make the folder for a new run. A former run of this name is set aside; returns where it is now.

        Raises:
            InputError: the folder cannot be made.
        """
        try:
            aside = self._set_aside()
            self.path.mkdir(parents=True, exist_ok=True)
            return aside
        except OSError as error:
            why = error.strerror or error
            raise InputError(f"cannot make the folder {self.path} ({why}); change --checkpoints_dir") from None

    def _set_aside(self) -> Path | None:
        """Rename the folder if it holds anything of a trained run, so that a new one costs nothing old."""
        if not any(self.path.glob("*_net_*.pth")) and not self.state_path.exists():
            return None
        stamp = time.strftime("%Y%m%d-%H%M%S")
        target = self.path.with_name(f"{self.path.name}.before-{stamp}")
        counter = 1
        while target.exists():
            counter += 1
            target = self.path.with_name(f"{self.path.name}.before-{stamp}-{counter}")
        self.path.rename(target)
        return target


def find_run(checkpoints_dir: Path, name: str) -> RunFolder:
    """The folder of a run that exists.

    Raises:
        InputError: no such run; names the nearest.
    """
    folder = Path(checkpoints_dir) / name
    if folder.is_dir():
        return RunFolder(folder)
    known = [path.name for path in list_runs(checkpoints_dir, "[GE]")]
    hint = did_you_mean(name, known) if known else f"there are no runs in it; train one with {title('train')}"
    raise InputError(f"no run {name!r} in {checkpoints_dir}: {hint}")


def list_runs(checkpoints_dir: Path, networks: str = "G") -> list[Path]:
    """Folders with generator weights, the newest first; those set aside for a newer run are left out.

    Args:
        networks: a pattern of the first letters of networks' names; with ``[GE]`` runs that trained an encoder too.
    """
    root = Path(checkpoints_dir)
    if not root.is_dir():
        return []
    newest = {}
    for folder in root.iterdir():
        weights = list(folder.glob(f"*_net_{networks}*.pth")) if folder.is_dir() else []
        if weights and ".before-" not in folder.name:
            newest[folder] = max(path.stat().st_mtime for path in weights)
    return sorted(newest, key=lambda folder: newest[folder], reverse=True)
