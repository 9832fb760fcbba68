"""Quality measured while a training runs: on pictures it does not learn from, with the weights as they are and with
their average."""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from translate.batching import Batches
from translate.data.deep_picture import Picture
from translate.data.inputs import Input
from translate.data.part import Part
from translate.data.tensors import to_image, to_uint8
from translate.data.validation import Validation
from translate.errors import InputError
from translate.evaluation.metrics import Judged, Measured, Metric, Tools, chosen_metrics, take, versions
from translate.evaluation.picture_set import PictureSet
from translate.files import write_json
from translate.inference import translate_pictures
from translate.options import QualityOptions
from translate.pipelining import overlapped
from translate.reports.metrics_log import BEST_RECORD
from translate.sizing import TestSize
from translate.training.loop import Trainer
from translate.training.memory import naming_what_does_not_fit
from translate.training.run_folder import RunFolder

BEST = "best"
PREFERRED = "domain_distance"  # for choosing the best, where it can be taken
RAW, EMA = "raw", "ema"
LESS_MEMORY = "--eval_every 0, with which nothing is measured while training, or a smaller --crop_size"


@dataclass(frozen=True)
class Best:
    """The best moment so far: by which metric, its value, when, and with which weights."""

    metric: str
    value: float
    step: int
    epoch: int
    weights: str


class _Ready(NamedTuple):
    """A picture that has been read, as the network gets to see it."""

    path: Path
    prepared: Picture


class Evaluator:
    """Measures the translations of a training's validation pictures and keeps the best weights.

    Args:
        options: the flags.
        validation: the pictures.
        size: how pictures are scaled before they are translated or compared.
        channels: that the generator reads.
        folder: of the run.
        tools: what metrics share.
    """

    measures_start = False  # an untrained generator says nothing

    def __init__(
        self,
        options: QualityOptions,
        validation: Validation,
        size: TestSize,
        channels: int,
        folder: RunFolder,
        tools: Tools,
    ):
        self.options = options
        self.validation = validation
        self.size = size
        self.channels = channels
        self.folder = folder
        self.tools = tools
        self.metrics = chosen_metrics(options.metrics)
        self.best: Best | None = None
        self.evaluated_step = -1
        self._told: set[str] = set()  # reasons why a metric is left out, each said once
        self._sets = self._real_sets()

    def resume(self) -> None:
        """Know the best of before."""
        with suppress(OSError, ValueError, TypeError):
            self.best = Best(**json.loads((self.folder.path / BEST_RECORD).read_text(encoding="utf-8")))

    def evaluate(self, trainer: Trainer) -> list[dict[str, Any]]:
        """Measure all weights there are; the entries for ``metrics.jsonl``. The best of them are exported."""
        self.evaluated_step = trainer.progress.step
        entries = []
        for weights, translator in self._translators(trainer).items():
            started = time.monotonic()
            found, left_out = self._measure(translator, trainer)
            entry = self._entry(trainer, weights, found, left_out)
            entries.append({**entry, "seconds": round(time.monotonic() - started, 3)})
            self._say(weights, found, left_out)
            self._keep_if_best(trainer, weights, found)
        return entries

    def _translators(self, trainer: Trainer) -> dict[str, nn.Module]:
        method = trainer.method
        found = {RAW: method.trained_translator()}
        if trainer.average is not None:
            averaged = trainer.average.networks[method.generators["AtoB"]]
            found[EMA] = method.translator(averaged, method.options)
        return found

    def _measure(self, translator: nn.Module, trainer: Trainer) -> tuple[dict[str, Measured], dict[str, str]]:
        results = PictureSet.in_memory(self._translated(translator, trainer), self._sets["inputs"].names)
        judged = Judged(results, **self._sets)
        asked = self.options.metrics != QualityOptions.metrics
        metrics = [metric for metric in self.metrics if asked or not metric.lacks(judged)]
        return take(metrics, judged, self.tools, lenient=True)

    def _translated(self, translator: nn.Module, trainer: Trainer) -> list[np.ndarray]:
        """The translations of the validation's pictures; they are read while others are translated."""
        device, inputs = trainer.device, self.validation.inputs
        batches = Batches(translator, device)
        training = trainer.method.training
        trainer.method.eval()

        def read(each: Input) -> _Ready:
            return _Ready(each.part.path, self.size.apply(each.part.read(self.channels)))

        def together(pictures: Sequence[Picture]) -> list[np.ndarray]:
            results = to_uint8(translate_pictures(translator, pictures, translator.stride, device)).cpu()
            return [np.asarray(to_image(result)) for result in results]

        def alone(ready: _Ready) -> np.ndarray:
            with naming_what_does_not_fit(ready.path, device, LESS_MEMORY):
                return together([ready.prepared])[0]

        def compute(batch: list[_Ready]) -> Iterable[np.ndarray]:
            return batches.compute(batch, together, alone)

        with torch.inference_mode(), trainer.precision.autocast():
            done = overlapped(inputs, read, compute, lambda _, result: result, batches.fits, ahead=batches.ahead)
            results = list(tqdm(done, "measuring", total=len(inputs), unit="pic", leave=False, disable=None))
        trainer.method.train(training)
        return results

    def _real_sets(self) -> dict[str, Any]:
        validation = self.validation
        truths = [each.truth for each in validation.inputs]
        return {
            "inputs": self._set([each.part for each in validation.inputs]),
            "truths": self._set(truths) if all(truths) else None,
            "real": self._set(validation.real),
            # As they are, so that the classifier is that of a test at whatever size.
            "teaching": validation.teaching and tuple(PictureSet.of_parts(side) for side in validation.teaching),
        }

    def _set(self, parts: Sequence[Part]) -> PictureSet:
        return PictureSet.of_parts(parts, self.size.apply, self.size.describe())

    def _entry(
        self, trainer: Trainer, weights: str, found: Mapping[str, Measured], left_out: Mapping[str, str]
    ) -> dict[str, Any]:
        progress = trainer.progress
        sets = {name: pictures for name, pictures in self._sets.items() if name != "teaching" and pictures is not None}
        return {
            "step": progress.step,
            "epoch": progress.epoch,
            "samples": progress.samples,
            "phase": self.validation.where,
            "weights": weights,
            "metrics": {name: measured.as_json() for name, measured in found.items()},
            "left_out": dict(left_out),
            "counts": {name: len(pictures) for name, pictures in sets.items()},
            "seed": self.tools.seed,
            "versions": versions(),
        }

    def _say(self, weights: str, found: Mapping[str, Measured], left_out: Mapping[str, str]) -> None:
        by_name = {metric.name: metric for metric in self.metrics}
        said = ", ".join(f"{by_name[name].title} {by_name[name].shown(m.value)}" for name, m in found.items())
        if said:
            tqdm.write(f"quality{' of the average' if weights == EMA else ''}: {said}")
        for name, reason in left_out.items():
            if reason not in self._told:
                self._told.add(reason)
                tqdm.write(f"note: {name} is left out: {reason}")

    def _keep_if_best(self, trainer: Trainer, weights: str, found: Mapping[str, Measured]) -> None:
        metric = self._deciding(found)
        if metric is None:
            return
        value, progress = found[metric.name].value, trainer.progress
        if self.best is not None and self.best.metric == metric.name and not _is_better(value, self.best.value, metric):
            return
        self.best = Best(metric.name, value, progress.step, progress.epoch, weights)
        self.folder.export(BEST, trainer.method.networks)
        if weights == EMA:
            self.folder.export(BEST, trainer.average.networks)
        write_json(self.folder.path / BEST_RECORD, asdict(self.best))

    def _deciding(self, found: Mapping[str, Measured]) -> Metric | None:
        """The metric that decides which weights are best; None if it could not be taken."""
        if self.options.best_metric:
            (metric,) = chosen_metrics(self.options.best_metric)
            return metric if metric.name in found else None
        candidates = [metric for metric in self.metrics if metric.better and metric.name in found]
        preferred = [metric for metric in candidates if metric.name == PREFERRED]
        return next(iter([*preferred, *candidates]), None)


def check_quality(options: QualityOptions, translates: bool = True) -> None:
    """Refuse words that name no metric, a best by what is not measured, and to measure where nothing is translated.

    Raises:
        InputError: says which.
    """
    measured = chosen_metrics(options.metrics)
    if options.probe_data is not None and translates:
        raise InputError("--probe_data is for methods that learn an encoder; leave it out")
    if not translates:
        if bool(options.eval_every) != (options.probe_data is not None):
            raise InputError(
                "an encoder is measured while it is trained by --eval_every N with --probe_data FOLDER, which holds "
                "train/CLASS/ and val/CLASS/: give both, or neither"
            )
        if options.metrics != QualityOptions.metrics or options.best_metric is not None:
            raise InputError(
                "--metrics and --best_metric are of translations, which an encoder does not make; leave them out"
            )
        return
    if options.eval_every and not measured:
        raise InputError("--eval_every measures nothing: name metrics by --metrics, such as --metrics offline")
    if options.best_metric is None:
        return
    best = chosen_metrics(options.best_metric)
    if len(best) != 1 or not best[0].better:
        raise InputError(f"--best_metric {options.best_metric}: name one metric that has a better and a worse")
    if best[0] not in measured:
        raise InputError(f"--best_metric {options.best_metric} is not measured: add it to --metrics")


def make_tools(options: QualityOptions, device: torch.device) -> Tools:
    """What metrics share in a training. Their seed is not the run's, so that runs of other seeds can be compared."""
    return Tools(device, Path(options.metrics_weights) if options.metrics_weights else None, seed=0)


def _is_better(value: float, other: float, metric: Metric) -> bool:
    return value > other if metric.better == "higher" else value < other
