"""What an encoder's features tell of labelled pictures while it is trained, which never sees the labels."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from translate.data.labelled import Labelled, check_same_classes, find_labelled, split_labelled
from translate.errors import InputError
from translate.evaluation.metrics import versions
from translate.evaluation.probes import PROBES, Probed, Split
from translate.evaluation.readout import load_squares, read_out
from translate.networks.encoders import Encoder
from translate.options import DataOptions, QualityOptions
from translate.training.evaluating import EMA, RAW
from translate.training.loop import Trainer

PHASES = ("train", "val", "test")  # of a probe: learned from, chosen by, asked
MOST_VALUES = 1024  # of a layer: enough to see it rise, in seconds
MOST_PICTURES = 2000  # of a phase


def find_probed(options: QualityOptions, skip_bad: bool) -> dict[str, Labelled]:
    """The pictures that probes learn from, choose by and are asked for, at most ``MOST_PICTURES`` of each.

    Raises:
        InputError: a folder is missing, holds too few classes or a picture that cannot be read, or what is asked for
            is what is learned from.
    """
    root = Path(options.probe_data)
    if options.eval_phase == "train":
        raise InputError("--eval_phase train: probes learn from these pictures; name others, such as val or test")
    asked, train = (find_labelled(root, phase, skip_bad, "probe_data") for phase in (options.eval_phase, "train"))
    check_same_classes({"train": train, options.eval_phase: asked})
    a_class = max(2, MOST_PICTURES // len(train.classes))
    sets = zip(PHASES, (*split_labelled(train), asked), strict=True)
    return {phase: found.some(a_class) for phase, found in sets}


class Prober:
    """Reads features as ``translate transfer`` does, of fewer pictures and coarser maps, so that it takes seconds.

    The probes learn on four fifths of the folder's training pictures and choose layer and strength on the last; what is
    told is their accuracy on the pictures of ``--eval_phase``.

    Args:
        options: the flags.
        data: how large pictures are.
        channels: that the encoder reads.
        sets: what ``find_probed`` has found.
    """

    measures_start = True  # untrained features are what the others are compared with

    def __init__(self, options: QualityOptions, data: DataOptions, channels: int, sets: Mapping[str, Labelled]):
        self.options = options
        self.evaluated_step = -1
        self.sets = sets
        self.classes = len(sets["train"].classes)
        load_size = max(data.load_size, data.crop_size)
        self.pictures = {
            phase: load_squares(found.paths, channels, load_size, data.crop_size, phase)
            for phase, found in self.sets.items()
        }

    def resume(self) -> None:
        """Nothing is remembered from one time to the next."""

    def evaluate(self, trainer: Trainer) -> list[dict[str, Any]]:
        """Read the features of all encoders there are; the entries for ``metrics.jsonl``."""
        self.evaluated_step = trainer.progress.step
        encoders = {RAW: trainer.method.networks["E"]}
        if trainer.average is not None:
            encoders[EMA] = trainer.average.networks["E"]
        entries = []
        for weights, encoder in encoders.items():
            started = time.monotonic()
            found = self.probe(encoder, trainer.device)
            entries.append({**self._entry(trainer, weights, found), "seconds": round(time.monotonic() - started, 3)})
            told = ", ".join(f"{name} {100 * probed.accuracy:.1f} % ({tap})" for name, (tap, probed) in found.items())
            tqdm.write(f"features{' of the average' if weights == EMA else ''}: {told}")
        return entries

    def probe(self, encoder: Encoder, device: torch.device) -> dict[str, tuple[str, Probed]]:
        """For each probe the layer that validation prefers, and what it came to there."""
        splits: dict[str, dict[str, Split]] = {tap: {} for tap in encoder.taps}
        for phase, pictures in self.pictures.items():
            labels = torch.from_numpy(self.sets[phase].labels)
            for tap, rows in read_out(encoder, pictures, encoder.taps, MOST_VALUES, device).items():
                splits[tap][phase] = Split(rows, labels)
        best = {}
        for name, probe in PROBES.items():
            found = {tap: probe(*(split[phase] for phase in PHASES), self.classes) for tap, split in splits.items()}
            best[name] = max(found.items(), key=lambda entry: entry[1].validation)
        return best

    def _entry(self, trainer: Trainer, weights: str, found: Mapping[str, tuple[str, Probed]]) -> dict[str, Any]:
        progress = trainer.progress
        return {
            "step": progress.step,
            "epoch": progress.epoch,
            "samples": progress.samples,
            "phase": f"of {self.options.eval_phase} in {self.options.probe_data}",
            "weights": weights,
            "metrics": {
                f"{name}_accuracy": {"value": probed.accuracy, "guessing": 1 / self.classes, "note": f"layer {tap}"}
                for name, (tap, probed) in found.items()
            },
            "left_out": {},
            "counts": {phase: len(each) for phase, each in self.sets.items()},
            "seed": 0,
            "versions": versions(),
        }
