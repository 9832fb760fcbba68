"""A page of several runs that were tested on the same inputs: their numbers in a table, their pictures in rows."""

import json
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from dominate.tags import a, div, h2, html_tag, li, main, p, section, span, ul

from translate.errors import InputError
from translate.reports.cards import card, cards, glossary
from translate.reports.common_inputs import common_inputs
from translate.reports.controls import controls
from translate.reports.figures import Figure, plain_figure
from translate.reports.page import heading, page, picture_url, save_page
from translate.reports.progress import progress
from translate.reports.runs_table import Line, runs_table
from translate.reports.tested import Tested

TRUTH = "truth_B"
FigureOf = Callable[[str, Mapping[str, Any]], Figure]
More = Mapping[str, Mapping[str, str]]  # head of a column -> metric -> what stands there


def write_compare_page(
    path: Path,
    title: str,
    runs: Sequence[Tested],
    figure_of: FigureOf = plain_figure,
    ignored: Collection[str] = (),
    more: More | None = None,
    width: int = 256,
    further: Mapping[str, Sequence[Line]] | None = None,
) -> list[str]:
    """Write a page of runs beside each other.

    Args:
        path: the HTML file; the pictures stay where they are, are linked relative to its folder, and must not move
            away from it.
        runs: at least one, each of another name.
        figure_of: (name of a metric or score, what was found) -> the words for it.
        ignored: flags that are of no interest where they differ.
        more: further columns of the table.
        width: of a picture in the page, in pixels; narrower where the window is.
        further: title -> lines of the table that stand on top of the others.

    Returns:
        What a reader must know, in sentences that the page says too.

    Raises:
        InputError: no relative path leads from the page to the pictures.
        RunError: the disk refused the write.
    """
    path = Path(path)
    common, said = common_inputs(runs)
    notes = [*(note for run in runs for note in run.notes), *said]
    made = page(title)
    content = main(heading(title, {"runs": str(len(runs)), "inputs": f"{len(common):,}"}))
    if notes:
        content.add(ul(*map(li, notes), cls="notes"))
    content.add(section(h2("Runs"), _table(path.parent, runs, figure_of, ignored, more or {}, further or {})))
    if (came_along := progress(runs, figure_of)) is not None:
        content.add(came_along)
    labels = [runs[0].source, *([TRUTH] if common and _has_truth(runs[0], common) else [])]
    if common and (meanings := glossary(labels)):
        content.add(meanings)
    scores = list(dict.fromkeys(score for run in runs for name in common for score in run.scores.get(name, {})))
    titles = [f"{score}: {run.name}" for score in scores for run in runs]
    if choices := controls(len(common), titles):
        content.add(choices)
    rows = (_card(path.parent, runs, name, scores, TRUTH in labels) for name in common)
    columns = len(labels) + len(runs)
    shown = cards(rows, width, columns) if common else p("No pictures are shown.", cls="empty")
    content.add(section(h2("Pictures"), shown))
    made.add(content)
    save_page(made, path)
    return notes


def _card(folder: Path, runs: Sequence[Tested], name: str, scores: Sequence[str], truth: bool) -> html_tag:
    """An input once, what each run made of it, and the truth where it is known."""
    first = runs[0]
    shown = [(first.source, first, first.source), *((run.name, run, run.result) for run in runs)]
    shown += [(TRUTH, first, TRUTH)] if truth and TRUTH in first.files[name] else []
    pictures = {label: relative(run.folder / run.files[name][kind], folder) for label, run, kind in shown}
    thumbnails = {
        label: relative(run.folder / small, folder)
        for label, run, kind in shown
        if (small := run.thumbnail(name, kind)) is not None
    }
    parts = {first.source: "before", **{run.name: "after" for run in runs}}
    values = [run.scores.get(name, {}).get(score) for score in scores for run in runs]
    return card(name, pictures, folder, thumbnails=thumbnails, scores=values, parts=parts)


def _has_truth(run: Tested, names: Sequence[str]) -> bool:
    return any(TRUTH in run.files[name] for name in names)


def relative(path: Path, folder: Path) -> str:
    """The way from a folder to a file, as pages have it.

    Raises:
        InputError: there is none, as from one drive to another.
    """
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:
        raise InputError(f"{path} cannot be linked from {folder}: write the page to the same drive") from None


def _table(
    folder: Path,
    runs: Sequence[Tested],
    figure_of: FigureOf,
    ignored: Collection[str],
    more: More,
    further: Mapping[str, Sequence[Line]],
) -> html_tag:
    heads = [_head(folder, run) for run in runs]
    groups = {
        **further,
        "Quality": _quality(runs, figure_of, more),
        "Training": _training(runs, more),
        "Flags that differ": [Line.of_words(flag, texts) for flag, texts in differing(runs, ignored).items()],
    }
    return div(
        runs_table(heads, groups, list(more)), cls="wide", tabindex="0", role="region", aria_label="Runs in numbers"
    )


def _head(folder: Path, run: Tested) -> html_tag:
    """A run's name, which leads to the page of its results, and its training."""
    pages = {run.name: run.folder / "index.html", "training": run.run / "web" / "index.html"}
    links = [a(text, href=picture_url(relative(path, folder))) for text, path in pages.items() if path.is_file()]
    return span(*links) if pages[run.name].is_file() else span(run.name, *links)


def figures_of(run: Tested, figure_of: FigureOf = plain_figure) -> list[Figure]:
    """A figure for each metric, and for each score that is none, whose mean over the pictures counts."""
    figures = [figure_of(name, each) for name, each in run.metrics.items()]
    known = {word for figure in figures for word in (figure.name, figure.title)}
    return figures + [figure_of(name, {"value": mean}) for name, mean in run.mean.items() if name not in known]


def _quality(runs: Sequence[Tested], figure_of: FigureOf, more: More) -> list[Line]:
    """A line for each of the figures that any of the runs has."""
    found: dict[str, list[Figure | None]] = {}
    for at, run in enumerate(runs):
        for figure in figures_of(run, figure_of):
            found.setdefault(figure.name, [None] * len(runs))[at] = figure
    return [Line.of_figures(figures, _beside(name, more)) for name, figures in found.items()]


def _training(runs: Sequence[Tested], more: More) -> list[Line]:
    tests = [run.folder.name for run in runs]
    texts = {
        "training time": [spoken_time(run.train_s) for run in runs],
        "steps": [_steps(run) for run in runs],
        "parameters of the generator": [_generator(run) for run in runs],
        "test": tests if len(set(tests)) > 1 else [],
    }
    return [Line.of_words(name, each, _beside(name, more)) for name, each in texts.items() if any(each)]


def _beside(name: str, more: More) -> list[str]:
    return [column.get(name, "") for column in more.values()]


def spoken_time(seconds: float | None) -> str:
    """How long something took.

    >>> [spoken_time(seconds) for seconds in (None, 0.4, 75, 4000)]
    ['', '0.4 s', '1 min 15 s', '1 h 06 min']
    """
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.2g} s"
    if seconds < 3600:
        return f"{int(seconds) // 60} min {int(seconds) % 60:02d} s"
    minutes = int(seconds) // 60
    return f"{minutes // 60} h {minutes % 60:02d} min"


def _steps(run: Tested) -> str:
    if run.step is None or run.step == run.last_step:
        return f"{run.last_step:,}" if run.last_step is not None else ""
    last = f" of {run.last_step:,}" if run.last_step is not None and run.last_step > run.step else ""
    return f"{run.step:,}{last}"


def _generator(run: Tested) -> str:
    sizes = [count for name, count in run.parameters.items() if name.startswith("G") and isinstance(count, int)]
    return f"{sizes[0]:,}" if sizes else ""


def differing(runs: Sequence[Tested], ignored: Collection[str]) -> dict[str, list[str]]:
    """Flags that all runs have, with other values: flag -> the value of each."""
    told = [run.options for run in runs if run.options]
    shared = [flag for flag in (told[0] if told else {}) if all(flag in options for options in told)]
    different = [flag for flag in shared if flag not in ignored and len({json.dumps(each[flag]) for each in told}) > 1]
    return {flag: [_value(run.options[flag]) if run.options else "" for run in runs] for flag in different}


def _value(value: Any) -> str:
    """A flag's value as it is typed."""
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value))
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value).lower() if isinstance(value, bool) else "none" if value is None else str(value)
