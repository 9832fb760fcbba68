"""Reading a run's log.jsonl at a bounded cost, however long the run has been."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WHOLE_BYTES = 4 * 2**20  # up to here a log is read as a whole
BLOCKS = 512  # beyond, so many blocks evenly spread over it, more than a curve has points to show
BLOCK_BYTES = WHOLE_BYTES // BLOCKS
RECENT = 100  # records over which the speed is averaged


@dataclass
class TrainingLog:
    """What a page needs of a log.

    Attributes:
        series: loss name -> (step, value) in order of the steps; every value that was read, also NaN.
        step, epoch: of the last record; None where there is none.
        step_s, data_s: recent seconds a step and the share of them spent waiting for data.
        times: (step, seconds of all steps up to it), in order of the steps; empty where the log tells no times.
    """

    series: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    step: int | None = None
    epoch: int | None = None
    step_s: float | None = None
    data_s: float | None = None
    times: list[tuple[int, float]] = field(default_factory=list)

    @property
    def train_s(self) -> float | None:
        """Seconds of all steps together."""
        return self.times[-1][1] if self.times else None


def read_training_log(path: Path) -> TrainingLog:
    """What a page needs of a log, see ``read_records``."""
    ordered = read_records(path)
    log = TrainingLog()
    for record in ordered:
        for name, value in record["losses"].items():
            if _is_number(value):
                log.series.setdefault(str(name), []).append((record["step"], float(value)))
    if ordered:
        log.step = ordered[-1]["step"]
        log.epoch = ordered[-1].get("epoch")
        log.step_s = _mean(ordered[-RECENT:], "step_s")
        log.data_s = _mean(ordered[-RECENT:], "data_s")
        log.times = _times(ordered)
    return log


def read_records(path: Path) -> list[dict[str, Any]]:
    """The records of a log of one JSON object a line, in order of their steps:
    ``{"step": 100, "epoch": 1, "losses": {"G": 0.5}, "step_s": 0.1}``.

    A log of more than 4 MiB is sampled: evenly spread blocks and its end. Lines that are broken (the
    last one of a run that was killed) or say nothing of losses are passed over; no file is an empty log.
    """
    records: dict[int, dict[str, Any]] = {}
    for line in bounded_lines(Path(path)):
        record = _record(line)
        if record is not None:
            records[record["step"]] = record  # a step that was run twice counts once, as it last went
    return [records[step] for step in sorted(records)]


def bounded_lines(path: Path) -> Iterator[bytes]:
    """The lines of a file, or of evenly spread blocks of one of more than 4 MiB; none where there is no file."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        size = os.fstat(file.fileno()).st_size
        if size <= WHOLE_BYTES:
            yield from file.read(WHOLE_BYTES).split(b"\n")
            return
        for block in range(BLOCKS):
            start = (size - BLOCK_BYTES) * block // (BLOCKS - 1)
            file.seek(start)
            lines = file.read(BLOCK_BYTES).split(b"\n")
            # A block starts and ends inside a line; half a line is no valid JSON but for bad luck, so drop it.
            yield from lines[1 if start else 0 : None if block == BLOCKS - 1 else -1]


def _record(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or not isinstance(record.get("losses"), dict):
        return None
    step, epoch = record.get("step"), record.get("epoch", 0)
    return record if _is_count(step) and _is_count(epoch) else None


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**53


def _is_number(value: Any) -> bool:
    return type(value) is float or (type(value) is int and abs(value) < 2**53)


def _mean(records: list[dict[str, Any]], key: str) -> float | None:
    values = [record[key] for record in records if _is_number(record.get(key))]
    return sum(values) / len(values) if values else None


def _times(records: list[dict[str, Any]]) -> list[tuple[int, float]]:
    """Each record tells the seconds a step since the one before it."""
    times: list[tuple[int, float]] = []
    last, total = 0, 0.0
    for record in records:
        if _is_number(record.get("step_s")):
            total += (record["step"] - last) * record["step_s"]
            times.append((record["step"], total))
        last = record["step"]
    return times
