"""How good are an encoder's features on pictures of several classes each, with boxes and maps: those of PASCAL VOC."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from translate.data.voc import ONLY_DIFFICULT, PRESENT, Annotated, Mapped, find_annotated, find_mapped, some
from translate.evaluation.average_precision import (
    average_precision,
    eleven_point_average_precision,
    mean_over_classes,
)
from translate.evaluation.detecting import detect
from translate.evaluation.detection import detection_precisions
from translate.evaluation.probes import Scored
from translate.evaluation.readout import load_squares, read_out, refuse_lost
from translate.evaluation.segmenting import segment
from translate.evaluation.svm import learn_machines
from translate.evaluation.tuning import Tuning
from translate.options import TransferOptions
from translate.pretrained import PretrainedEncoder
from translate.randomness import generator
from translate.training.precision import choose_precision
from translate.transfer_table import WHOLE

VOC_PROTOCOLS = ("svm", "segmentation", "detection")
MEASURED = {"svm": "mean average precision", "segmentation": "mean IoU", "detection": "mean average precision"}
FORMS = (average_precision, eleven_point_average_precision)


@dataclass(frozen=True)
class VocAsked:
    """What every encoder is asked on a folder in VOC's format."""

    root: Path
    protocols: Sequence[str]
    options: TransferOptions
    device: torch.device

    @cached_property
    def annotated(self) -> dict[str, Annotated]:
        """Pictures to learn from and to be tested on, with their objects."""
        sets = find_annotated(self.root)
        return self._fewer(sets, sets["train"].truth() == PRESENT)

    @cached_property
    def mapped(self) -> dict[str, Mapped]:
        """Pictures to learn from and to be tested on, with their maps."""
        sets = find_mapped(self.root)
        return self._fewer(sets, sets["train"].present[:, 1:])

    def _fewer(self, sets: dict, present: np.ndarray) -> dict:
        if not self.options.shots:
            return sets
        rng = generator(self.options.seed, "shots")
        return {**sets, "train": sets["train"].at(some(present, self.options.shots, rng))}

    def read(self) -> None:
        """Look at all pictures that are needed, so that nothing fails late.

        Raises:
            InputError: one is missing or wrong.
        """
        self.described()

    def measure(self, encoder: PretrainedEncoder, both: Any = None) -> dict[str, dict[str, Scored]]:
        """For each protocol and layer what is found; nothing here is asked of an encoder of texts beside it."""
        encoder.network.to(self.device, memory_format=torch.channels_last)
        ways = {"svm": self._svm, "segmentation": self._segmentation, "detection": self._detection}
        return {word: ways[word](encoder) for word in self.protocols}

    def _svm(self, encoder: PretrainedEncoder) -> dict[str, Scored]:
        taps = encoder.network.taps
        rows = {}
        for phase, found in self.annotated.items():
            squares = _squares(found.paths, encoder.input_nc, encoder.load_size, encoder.crop_size)
            rows[phase] = read_out(encoder.network, squares, taps, self.options.most_values, self.device)
            refuse_lost(rows[phase], encoder.name, phase)
        phases = "train", "test"
        sets = [self.annotated[phase] for phase in phases]
        return {tap: score_machines(*(rows[phase][tap].to(self.device) for phase in phases), *sets) for tap in taps}

    def _segmentation(self, encoder: PretrainedEncoder) -> dict[str, Scored]:
        confusion = segment(encoder.network, self.mapped["train"], self.mapped["test"], self._tuning(encoder))
        names = ["background", *map(str, range(1, len(confusion.counts)))]
        return {WHOLE: _scored(names, confusion.ious(), self.options.epochs)}

    def _detection(self, encoder: PretrainedEncoder) -> dict[str, Scored]:
        train, test = self.annotated["train"], self.annotated["test"]
        found = detect(encoder.network, train, test, self._tuning(encoder))
        area, eleven = (detection_precisions(found, test.objects, len(test.classes), form) for form in FORMS)
        return {WHOLE: _scored(train.classes, area, self.options.epochs, None, eleven)}

    def _tuning(self, encoder: PretrainedEncoder) -> Tuning:
        options = self.options
        how = choose_precision("auto", self.device), options.epochs, options.lr, options.seed, options.rescale
        return Tuning(encoder.load_size, encoder.crop_size, *how)

    def note(self) -> str:
        """What the figures of the table are."""
        measured = ", ".join(f"{word}: {MEASURED[word]}" for word in self.protocols)
        told = self.described()
        counts = "; ".join(
            f"{task}: {len(told['classes'][task])} classes, {numbers['train']} train, {numbers['test']} test"
            for task, numbers in told["counts"].items()
        )
        best = "; the best layer by cross validation" if "svm" in self.protocols else ""
        return f"Of the test pictures, in percent. {measured}. {counts}{best}."

    def described(self) -> dict[str, Any]:
        """Classes and counts of pictures, by what is told of them."""
        classes: dict[str, list[str]] = {}
        counts: dict[str, dict[str, int]] = {}
        if "svm" in self.protocols or "detection" in self.protocols:
            classes["objects"] = list(self.annotated["train"].classes)
            counts["objects"] = {phase: len(found) for phase, found in self.annotated.items()}
        if "segmentation" in self.protocols:
            classes["pixels"] = ["background", *map(str, range(1, self.mapped["train"].classes))]
            counts["pixels"] = {phase: len(found) for phase, found in self.mapped.items()}
        return {"classes": classes, "counts": counts}


def score_machines(train_rows: torch.Tensor, test_rows: torch.Tensor, train: Annotated, test: Annotated) -> Scored:
    """Learn a machine for each class on the features (N, D) of some pictures, and rank others by it.

    As published: a picture whose objects of a class are all difficult speaks against the class in training, and is not
    asked in the test.
    """
    machines = learn_machines(train_rows, torch.from_numpy(train.truth() == PRESENT))
    columns = [
        (scores[truth != ONLY_DIFFICULT], truth[truth != ONLY_DIFFICULT] == PRESENT)
        for scores, truth in zip(machines.scores(test_rows).cpu().numpy().T, test.truth().T, strict=True)
    ]
    area, eleven = ([form(*column) for column in columns] for form in FORMS)
    chosen = dict(zip(train.classes, machines.costs, strict=True))
    return _scored(train.classes, area, chosen, mean_over_classes(machines.validation), eleven)


@cache
def _squares(paths: tuple[Path, ...], channels: int, load_size: int, crop_size: int) -> torch.Tensor:
    """Read once for all encoders that see pictures of one size."""
    return load_squares(paths, channels, load_size, crop_size)


def _scored(
    names: Sequence[str],
    values: Sequence[float],
    chosen: Any,
    validation: float | None = None,
    eleven: Sequence[float] | None = None,
) -> Scored:
    by_class = {name: _known(value) for name, value in zip(names, values, strict=True)}
    told = None if eleven is None else _known(mean_over_classes(eleven))
    validation = None if validation is None else _known(validation)
    return Scored(mean_over_classes(values), validation, by_class, chosen, told)


def _known(value: float) -> float | None:
    """JSON has no word for what is not a number."""
    return None if np.isnan(value) else value
