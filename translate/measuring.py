"""``translate evaluate``: metrics of translated pictures, whoever translated them."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from translate.data.checking import check_pictures
from translate.data.dataroot import resolve_dataroot
from translate.data.inputs import name_results
from translate.data.listing import domain_folder, list_pictures, shown
from translate.data.part import Part
from translate.data.validation import teaching_parts
from translate.errors import InputError
from translate.evaluation.metrics import Judged, Measured, Tools, chosen_metrics, take, versions
from translate.evaluation.picture_set import PictureSet
from translate.files import append_line
from translate.flags import build
from translate.metric_figures import figure_of, text_table
from translate.options import EvaluateOptions
from translate.training.device import choose_device
from translate.training.memory import keep_freed_memory


@dataclass(frozen=True)
class Evaluation:
    """What was found, by the names of metrics; why others could not be taken; how many pictures there were."""

    measured: dict[str, Measured]
    left_out: dict[str, str]
    counts: dict[str, int]


def evaluate_folder(results: str | os.PathLike[str], values: Mapping[str, Any]) -> Evaluation:
    """Measure the pictures of a folder; prints a table.

    Metrics that are named must be taken; of a group, those are left out for which something is missing.

    Args:
        results: folder of translated pictures.
        values: flags of ``translate evaluate``.

    Raises:
        InputError: folders or pictures are missing, or a metric that is named cannot be taken.
    """
    options = build(EvaluateOptions, values)
    metrics = chosen_metrics(options.metrics)
    if not metrics:
        raise InputError("--metrics names no metric: there is nothing to measure")
    judged = _find(Path(results), options)
    weights = Path(options.metrics_weights) if options.metrics_weights else None
    device = choose_device(options.gpu_ids)
    keep_freed_memory(device)
    found, left_out = take_chosen(options.metrics, judged, Tools(device, weights))
    print(text_table([figure_of(name, measured.as_json()) for name, measured in found.items()]))
    for name, reason in left_out.items():
        print(f"note: {name} is left out: {reason}")
    if options.output:
        line = _line(Path(results), found, left_out, judged.counts())
        append_line(Path(options.output), json.dumps(line), "--output")
    return Evaluation(found, left_out, judged.counts())


def take_chosen(words: str, judged: Judged, tools: Tools) -> tuple[dict[str, Measured], dict[str, str]]:
    """Take the metrics of ``--metrics``: those that are named must be taken, those of a group may be left out.

    Raises:
        Unmeasurable: one that is named cannot be taken.
    """
    metrics = chosen_metrics(words)
    named = {word.strip() for word in words.split(",")}
    found, left_out = take([metric for metric in metrics if metric.name in named], judged, tools)
    more, left_out = take([metric for metric in metrics if metric.name not in named], judged, tools, lenient=True)
    found |= more
    return {metric.name: found[metric.name] for metric in metrics if metric.name in found}, left_out


def _find(results: Path, options: EvaluateOptions) -> Judged:
    paths = _pictures(results, "the results")
    names = name_results(paths, results)
    letters = "AB" if options.direction == "AtoB" else "BA"
    root = Path(resolve_dataroot(options.dataroot, "unaligned", partners=False)) if options.dataroot else None
    inputs = _folder(options.inputs, root, options.phase, letters[0])
    truths = _folder(options.truths, root, options.phase, f"{letters[0]}_truth")
    real = _folder(options.real, root, options.phase, letters[1])
    teaching = None if root is None else teaching_parts(root, letters)
    return Judged(
        PictureSet.of_files(paths),
        inputs=None if inputs is None else _partners(inputs, names, "--inputs"),
        truths=None if truths is None else _partners(truths, names, "--truths"),
        real=None if real is None else PictureSet.of_files(_pictures(real, "real pictures")),
        teaching=teaching and (PictureSet.of_parts(teaching[0]), PictureSet.of_parts(teaching[1])),
    )


def _folder(told: str | None, root: Path | None, phase: str, ending: str) -> Path | None:
    """The folder that is named, or that of the data set if it is there."""
    if told:
        return Path(told)
    return None if root is None else domain_folder(root, phase, ending, required=False)


def _pictures(folder: Path, what: str) -> list[Path]:
    if not folder.is_dir():
        raise InputError(f"{shown(folder)} is no folder; name the one with {what}")
    paths = list_pictures(folder)
    if not paths:
        raise InputError(f"{shown(folder)} holds no pictures; name the folder with {what}")
    report = check_pictures(paths, label=what)
    for path, reason in report.bad.items():
        raise InputError(f"{shown(path)}: {reason}; remove it, or make it anew")
    return paths


def _partners(folder: Path, names: Mapping[Path, str], flag: str) -> PictureSet:
    """The pictures of a folder that belong to results, each scaled to the size of its result."""
    known = {name: path for path, name in name_results(_pictures(folder, f"the pictures of {flag}"), folder).items()}
    missing = [name for name in names.values() if name not in known]
    if missing:
        raise InputError(f"{shown(folder)} has no picture {missing[0]!r}, of which there is a result; check {flag}")
    pairs = [(known[name], result) for result, name in names.items()]

    def read(index: int) -> np.ndarray:
        path, result = pairs[index]
        picture, size = Part(path).read(3), Part(result).read().size
        return np.asarray(picture if picture.size == size else picture.resize(size, Image.Resampling.BICUBIC))

    return PictureSet(list(names.values()), read, "as large as the results", [path for path, _ in pairs])


def _line(
    results: Path, found: Mapping[str, Measured], left_out: Mapping[str, str], counts: Mapping[str, int]
) -> dict[str, Any]:
    return {
        "results": str(results),
        "metrics": {name: measured.as_json() for name, measured in found.items()},
        "left_out": dict(left_out),
        "counts": dict(counts),
        "seed": 0,
        "versions": versions(),
    }
