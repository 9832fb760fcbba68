"""The quality of a run while it is trained: its metrics over the steps, and which checkpoint is the best."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dominate import tags
from dominate.tags import html_tag
from dominate.util import raw

from translate.reports.figures import Figure, direction
from translate.reports.metric_panel import Band, Mark, metric_panel_svg
from translate.reports.metrics_log import BEST_RECORD, LEVELS, METRICS_LOG, metric_lines, read_metrics_log
from translate.reports.series import Points, number

BEST_WEIGHTS = "best_net_G.pth"
OF_WEIGHTS = {"raw": "the raw weights", "ema": "the averaged weights (ema)"}
Entry = Mapping[str, Any]


def quality(run: Path, described: Mapping[str, Figure] | None = None) -> html_tag | None:
    """A panel for each metric of ``<run>/metrics.jsonl``, the best checkpoint of ``best.json``, and what was left out.

    Args:
        described: metric -> what it is called, which direction is better, and its protocol; its numbers do not count.

    Returns:
        The section; None where nothing has been measured.
    """
    entries = read_metrics_log(Path(run) / METRICS_LOG)
    if not entries:
        return None
    described = described or {}
    names = list(dict.fromkeys(name for entry in entries for name in entry["metrics"]))
    best = _read_best(Path(run) / BEST_RECORD)
    content = tags.section(tags.h2("Quality"))
    if best:
        content.add(tags.p(*_best_in_words(best, entries, described), cls="best-words"))
    panels = [panel for name in names if (panel := _panel(name, entries, best, described)) is not None]
    if panels:
        content.add(tags.div(*panels, cls="curves"))
    content.add(*(tags.p(line, cls="note") for line in (_counts(entries[-1]), _left_out(entries)) if line))
    if about := [(described[name].title, described[name].about) for name in names if name in described]:
        listed = tags.ul(*(tags.li(f"{title}: {text}") for title, text in about if text))
        content.add(tags.details(tags.summary("How they are measured"), listed))
    return content


def _panel(name: str, entries: Sequence[Entry], best: Entry | None, described: Mapping[str, Figure]) -> html_tag | None:
    curves: dict[str, Points] = {}
    bands: dict[str, list[tuple[int, float, float]]] = {}
    levels: dict[str, float] = {}
    for entry in entries:
        lines = metric_lines(entry).get(name, {})
        if entry["weights"] not in lines:
            continue
        curves.setdefault(entry["weights"], []).append((entry["step"], lines[entry["weights"]]))
        bands.setdefault(entry["weights"], []).extend(_interval(entry, name))
        levels |= {said: lines[level] for level, said in LEVELS.items() if level in lines}  # the newest ones stay
    chosen = best is not None and best["metric"] == name
    mark = Mark(best["step"], best["value"] if chosen else None) if best else None
    drawn = metric_panel_svg(curves, levels, bands, mark)
    if not drawn:
        return None
    figure = described.get(name)
    head = tags.h3(figure.title if figure else name)
    better = direction(figure.better) if figure else ""
    said = [tags.span(better, " is better", cls="note")] if better else []
    return tags.article(tags.div(head, *said, cls="metric-head"), raw(drawn), cls="metric")


def _interval(entry: Entry, name: str) -> Band:
    low, high = (entry["metrics"][name].get(end) for end in ("low", "high"))
    return [(entry["step"], float(low), float(high))] if _is_number(low) and _is_number(high) else []


def _read_best(path: Path) -> Entry | None:
    """What ``best.json`` says; None where it is missing or says too little."""
    try:
        best = json.loads(path.read_bytes())
        best = {**best, "step": int(best["step"]), "value": float(best["value"]), "metric": str(best["metric"])}
    except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None
    return best


def _best_in_words(best: Entry, entries: Sequence[Entry], described: Mapping[str, Figure]) -> list[html_tag | str]:
    name = best["metric"]
    title = described[name].title if name in described else name
    epoch = f" (epoch {best['epoch']})" if "epoch" in best else ""
    weights = OF_WEIGHTS.get(best.get("weights"), "the weights")
    newest = ", ".join(
        f"{number(value)} with {OF_WEIGHTS[entry['weights']]}"
        for entry in entries
        if entry["step"] == entries[-1]["step"]
        if (value := metric_lines(entry).get(name, {}).get(entry["weights"])) is not None
    )
    said: list[html_tag | str] = [
        "Best so far by ", tags.b(title), f": {number(best['value'])} at step {best['step']:,}{epoch} with {weights}, "
        "kept in ", tags.code(BEST_WEIGHTS), ".",
    ]  # fmt: skip
    return [*said, f" The newest, at step {entries[-1]['step']:,}: {newest}."] if newest else said


def _counts(entry: Entry) -> str:
    """How many pictures the newest line was measured on."""
    counts = entry.get("counts")
    if not isinstance(counts, dict) or not counts:
        return ""
    parts = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())
    where = f" ({entry['phase']})" if entry.get("phase") else ""
    return f"Measured on {parts}{where}."


def _left_out(entries: Sequence[Entry]) -> str:
    """Why metrics could not be taken the last time, those of one reason together."""
    reasons = entries[-1].get("left_out")
    if not isinstance(reasons, dict) or not reasons:
        return ""
    by_reason: dict[str, list[str]] = {}
    for name, why in reasons.items():
        by_reason.setdefault(str(why), []).append(str(name))
    return "Left out: " + "; ".join(f"{', '.join(names)}: {why}" for why, names in by_reason.items()) + "."


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
