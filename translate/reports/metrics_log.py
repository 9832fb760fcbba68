"""Reading a run's metrics.jsonl: what was measured while it was trained."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from translate.reports.training_log import bounded_lines

METRICS_LOG = "metrics.jsonl"
BEST_RECORD = "best.json"  # beside it: which checkpoint is the best
# What real pictures, the inputs, and who knows nothing would reach, in words.
LEVELS = {"floor": "real B", "ceiling": "untouched", "guessing": "guessing"}
# curve -> the group it is in where each curve needs a name of its own
CURVES = {"raw": "metrics", "ema": "metrics_ema", **{level: f"metrics_{level}" for level in LEVELS}}


def read_metrics_log(path: Path) -> list[dict[str, Any]]:
    """The lines of a file of measurements, in order of the steps, the raw weights before their average.

    A line is ``{"step": 1200, "epoch": 2, "weights": "raw", "metrics": {"domain_share": {"value": 0.4}}}`` and may hold
    more. Lines that are broken are passed over, what was measured twice counts as it last went, no file is an empty
    one, and a file of more than 4 MiB is sampled.
    """
    entries = map(_entry, bounded_lines(Path(path)))
    found = {(entry["step"], entry["weights"]): entry for entry in entries if entry is not None}
    return sorted(found.values(), key=lambda entry: (entry["step"], entry["weights"] != "raw"))


def metric_lines(entry: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """What a line of the file adds to the curves of each metric.

    Returns:
        metric -> curve -> value; the curves are ``raw`` or ``ema``, and ``floor``, ``ceiling`` and ``guessing`` where
        there are any.

    >>> metric_lines({"weights": "ema", "metrics": {"share": {"value": 0.4, "floor": 0.9, "extractor": "a1"}}})
    {'share': {'ema': 0.4, 'floor': 0.9}}
    """
    lines = {}
    for name, measured in entry["metrics"].items():
        values = {entry["weights"]: measured.get("value"), **{level: measured.get(level) for level in LEVELS}}
        lines[name] = {curve: float(value) for curve, value in values.items() if _is_number(value)}
    return {name: values for name, values in lines.items() if values}


def _entry(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, dict) or type(entry.get("step")) is not int or entry.get("weights") not in ("raw", "ema"):
        return None
    metrics = entry.get("metrics")
    return entry if isinstance(metrics, dict) and all(isinstance(each, dict) for each in metrics.values()) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
