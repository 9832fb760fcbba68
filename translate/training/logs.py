"""The logs of a run: ``loss_log.txt`` as the reference writes it, ``log.jsonl`` for programs, ``metrics.jsonl`` where
the quality is measured, and ``health.jsonl`` of what looked wrong."""

import json
import os
import time
from pathlib import Path
from typing import Any

from translate.errors import RunError
from translate.reports.metrics_log import METRICS_LOG

TEXT_LOG = "loss_log.txt"
JSON_LOG = "log.jsonl"
HEALTH_LOG = "health.jsonl"  # warnings, their ends, and the numbers of previews
ALL_LOGS = (TEXT_LOG, JSON_LOG, METRICS_LOG, HEALTH_LOG)


class Logs:
    """Append-only files in the run's folder. ``sizes`` says how long they are at a saved state; resuming from it
    cuts them back to that length, so that no step is logged twice."""

    def __init__(self, folder: Path):
        self.folder = Path(folder)

    def begin(self) -> None:
        self._append(TEXT_LOG, f"================ Training Loss ({time.strftime('%c')}) ================\n")

    def write(self, entry: dict[str, Any], epoch_samples: int, batch_size: int) -> str:
        """Append one entry (step, epoch, losses, step_s, data_s) to both logs; returns its line for people."""
        seconds, waiting = entry["step_s"] / batch_size, entry["data_s"] / batch_size
        line = f"(epoch: {entry['epoch']}, iters: {epoch_samples}, time: {seconds:.3f}, data: {waiting:.3f}) "
        line += " ".join(f"{name}: {value:.3f}" for name, value in entry["losses"].items())
        self._append(TEXT_LOG, line + " \n")
        self._append(JSON_LOG, json.dumps(entry) + "\n")
        return line

    def write_metrics(self, entry: dict[str, Any]) -> None:
        """Append what one evaluation found (see ``translate.training.evaluating``)."""
        self._append(METRICS_LOG, json.dumps(entry) + "\n")

    def write_health(self, entry: dict[str, Any]) -> None:
        """Append a warning, the end of one, or the numbers of the previews (see ``translate.training.health``)."""
        self._append(HEALTH_LOG, json.dumps(entry) + "\n")

    def sizes(self) -> dict[str, int]:
        """Lengths in bytes, after the files have reached the disk.

        Raises:
            RunError: they did not.
        """
        try:
            return {name: self._synced_size(name) for name in ALL_LOGS}
        except OSError as error:
            raise RunError(f"cannot write the logs in {self.folder}: {error}; free some space") from error

    def cut_back(self, sizes: dict[str, int]) -> None:
        for name, size in sizes.items():
            path = self.folder / name
            if path.exists() and path.stat().st_size > size:
                os.truncate(path, size)

    @property
    def json_path(self) -> Path:
        return self.folder / JSON_LOG

    @property
    def health_path(self) -> Path:
        return self.folder / HEALTH_LOG

    def _append(self, name: str, text: str) -> None:
        try:
            with open(self.folder / name, "a", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise RunError(f"cannot write {self.folder / name}: {error}; free some space") from error

    def _synced_size(self, name: str) -> int:
        path = self.folder / name
        if not path.exists():
            return 0
        with open(path, "rb") as file:
            os.fsync(file.fileno())
            return os.fstat(file.fileno()).st_size
