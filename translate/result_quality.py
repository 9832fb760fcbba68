"""The quality of a test's results: which pictures are compared with which, and what is found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from translate.data.deep_picture import visible
from translate.data.inputs import Input
from translate.data.part import Part
from translate.data.validation import real_parts, teaching_parts
from translate.data.value_range import ValueRange
from translate.errors import InputError
from translate.evaluation.metrics import Judged, Measured, Metric, Tools, chosen_metrics, take, versions
from translate.evaluation.picture_set import PictureSet
from translate.metric_figures import figure_of, text_table
from translate.options import TestOptions
from translate.reports.figures import Figure
from translate.reports.results import Row
from translate.translator import Translator


@dataclass(frozen=True)
class Quality:
    """What was found about the results of a test.

    Attributes:
        metrics: that were to be taken.
        names: of the pictures, in the order in which they were compared.
        found: by the names of metrics.
        left_out: why others could not be taken.
        counts: of pictures of each kind.
    """

    metrics: Sequence[Metric]
    names: Sequence[str]
    found: Mapping[str, Measured]
    left_out: Mapping[str, str]
    counts: Mapping[str, int]

    def with_per_picture(self, scores: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
        """Scores by the names of pictures, and what metrics say of each picture added by their titles."""
        result = {name: dict(found) for name, found in scores.items()}
        for metric in self.metrics:
            measured = self.found.get(metric.name)
            if measured and measured.per_picture is not None:
                for name, value in zip(self.names, measured.per_picture, strict=True):
                    result[name][metric.title] = float(value)
        return result

    def to_json(self, rows: Sequence[Row]) -> dict[str, Any]:
        """What stands in the file of scores besides them."""
        return {
            "metrics": {name: measured.as_json() for name, measured in self.found.items()},
            "left_out": dict(self.left_out),
            "counts": dict(self.counts),
            "files": {row.name: row.pictures for row in rows},
            "versions": versions(),
        }

    def figures(self) -> list[Figure]:
        """What the page shows."""
        return [figure_of(name, measured.as_json()) for name, measured in self.found.items()]

    def say(self) -> None:
        """Print what was found, and why the rest was not."""
        if self.found:
            print(text_table(self.figures()))
        for name, reason in self.left_out.items():
            print(f"note: {name} is left out: {reason}")


@dataclass(frozen=True)
class Comparison:
    """What results of a test are compared with.

    Attributes:
        metrics: that are taken where that is possible.
        tools: that they share.
        real: pictures of the domain that was translated to, of the same phase.
        teaching: training pictures of both domains.
        as_there_is: nobody asked for these metrics, so nothing is said of those for which there are no pictures.
    """

    metrics: Sequence[Metric]
    tools: Tools
    real: Sequence[Part] = ()
    teaching: tuple[Sequence[Part], Sequence[Part]] | None = None
    as_there_is: bool = False

    def measure(
        self, translator: Translator, inputs: Sequence[Input], results: Sequence[Path], is_own_truth: bool
    ) -> "Quality":
        """Take the metrics of written results.

        Args:
            is_own_truth: the network saw but a part of each input, which is the truth as a whole.
        """
        names = [each.name for each in inputs]
        if not self.metrics:
            return Quality((), names, {}, {}, {"results": len(results)})
        told = translator.size.describe()

        shown = PictureSet.of_parts([each.part for each in inputs], translator.prepare, told)
        judged = Judged(
            PictureSet.of_files(results),
            inputs=shown,
            truths=shown if is_own_truth else self._truths(translator, inputs, told),
            real=PictureSet.of_parts(self.real, translator.size.apply, told) if self.real else None,
            teaching=self.teaching and (PictureSet.of_parts(self.teaching[0]), PictureSet.of_parts(self.teaching[1])),
        )
        metrics = [each for each in self.metrics if not each.lacks(judged)] if self.as_there_is else self.metrics
        found, left_out = take(metrics, judged, self.tools, lenient=True)
        return Quality(metrics, names, found, left_out, judged.counts())

    @staticmethod
    def _truths(translator: Translator, inputs: Sequence[Input], told: str) -> PictureSet | None:
        """The truths in the sizes of the results; none unless every input has one."""
        truths = [each.truth for each in inputs]
        if not all(truths):
            return None

        def read(index: int) -> np.ndarray:
            size = translator.prepare(inputs[index].part.read(translator.input_nc)).size
            return np.asarray(visible(truths[index].read(3).resize(size, Image.Resampling.BICUBIC)))

        return PictureSet([each.name for each in inputs], read, told, [part.path for part in truths])


def compare_with(
    words: str,
    root: Path,
    phase: str,
    letters: str,
    mode: str,
    inputs: Sequence[Input],
    ranges: Sequence[ValueRange | None],
    tools: Tools,
) -> Comparison:
    """What a data set has to compare results with.

    Args:
        words: of ``--metrics``.
        letters: ``AB``, or ``BA`` where pictures of B are translated to A.
        mode: as of ``--dataset_mode``.
        ranges: of the values of both domains.

    Raises:
        InputError: an unknown metric; or one that is named needs weights that are not there.
    """
    metrics = chosen_metrics(words)
    if mode == "depth" and words not in (TestOptions.metrics, "none"):
        raise InputError(f"--metrics {words} compares pictures, and depth is measured by si-RMSE; leave it out")
    if not metrics or mode in ("singleimage", "depth"):
        return Comparison([], tools)
    named = {word.strip() for word in words.split(",")}
    for metric in metrics:
        if metric.name in named and metric.prepare:
            metric.prepare(tools)
    real = real_parts(root, phase, letters[1], mode, inputs, ranges[1])
    teaching = teaching_parts(root, letters, ranges) if mode == "unaligned" else None
    return Comparison(metrics, tools, real, teaching, as_there_is=words == TestOptions.metrics)
