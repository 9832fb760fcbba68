"""What was measured, in the words of pages and tables: where metrics, of which reports know nothing, meet them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from translate.evaluation.metrics import METRICS, Metric
from translate.evaluation.scores import UNITS, in_words
from translate.reports.figures import Figure, plain_figure

# What probes read from the features of an encoder while it is trained.
PROBED = {
    "linear_accuracy": ("Linear accuracy", "Share of labelled pictures whose class logistic regression tells from the "
                        "frozen features of the best layer; dashed: guessing."),
    "knn_accuracy": ("Neighbours' accuracy", "Share of labelled pictures whose class the nearest training pictures "
                     "tell, by the frozen features of the best layer; dashed: guessing."),
}  # fmt: skip
# In which direction the scores of single pictures are better, where one is.
BETTER = {"hole PSNR": "higher", "hole SSIM": "higher", "ab error": "lower"}


def figure_of(name: str, found: Mapping[str, Any]) -> Figure:
    """A figure for what was found by a metric or, as a mean over pictures, by a score.

    Args:
        name: of the metric or the score, which may be one that is not known here.
        found: ``value``, and ``low``, ``high``, ``floor``, ``ceiling``, ``extractor``, ``note`` where there are any, as
            in ``scores.json`` and ``metrics.jsonl``.
    """
    figure = replace(plain_figure(name, found), note=str(found.get("note", "")))
    if name in METRICS.names():
        return _of_metric(METRICS[name], figure, found)
    if name in PROBED:
        title, about = PROBED[name]
        return replace(figure, title=title, about=about, better="higher")
    if name in UNITS and figure.number is not None:
        return replace(figure, value=in_words(name, figure.number), better=BETTER.get(name, ""))
    return figure


def described() -> dict[str, Figure]:
    """All metrics by name: their titles, directions and protocols, without numbers."""
    return {name: figure_of(name, {}) for name in (*METRICS.names(), *PROBED)}


def text_table(figures: Sequence[Figure]) -> str:
    """Lines for people: value, interval, and what real B and untouched inputs have."""
    rows = [("", "value", "95 %", "real B", "untouched")]
    rows += [(f"{each.title} ({each.name})", each.value, each.interval, each.floor, each.ceiling) for each in figures]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]).rstrip()
        for row in rows
    )


def _of_metric(metric: Metric, figure: Figure, found: Mapping[str, Any]) -> Figure:
    shown = {key: metric.shown(value) for key, value in found.items() if type(value) in (int, float)}
    extractor = f" Features of {found['extractor']}." if found.get("extractor") else ""
    return replace(
        figure,
        title=metric.title,
        value=shown.get("value", ""),
        interval=f"{shown['low']} to {shown['high']}" if figure.interval else "",
        floor=shown.get("floor", ""),
        ceiling=shown.get("ceiling", ""),
        better=metric.better,
        about=f"{metric.about}{extractor}",
    )
