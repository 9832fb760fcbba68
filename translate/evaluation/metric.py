"""What a metric is, what it measures, and how metrics are known by name."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch

from translate import __version__
from translate.errors import InputError
from translate.evaluation.picture_set import PictureSet
from translate.registry import Registry, did_you_mean

Made = TypeVar("Made")

# Why a metric needs what it needs, in the words of a message.
KINDS = {
    "inputs": "the pictures that were translated",
    "real": "real pictures of domain B",
    "truths": "the known true translations",
    "teaching": "training pictures of both domains",
}


@dataclass(frozen=True)
class Judged:
    """The pictures of one translator, and what they are compared with; None is what is not at hand.

    Attributes:
        results: translations into domain B.
        inputs: what they were made from, in the same order and of the same sizes.
        truths: the true translations, in the same order and of the same sizes.
        real: pictures of B that no training has seen, which are nobody's partners.
        teaching: training pictures of A and of B, which a classifier may learn from.
    """

    results: PictureSet
    inputs: PictureSet | None = None
    truths: PictureSet | None = None
    real: PictureSet | None = None
    teaching: tuple[PictureSet, PictureSet] | None = None

    def counts(self) -> dict[str, int]:
        """How many pictures there are of each kind."""
        sets = {"results": self.results, "inputs": self.inputs, "truths": self.truths, "real": self.real}
        counts = {name: len(pictures) for name, pictures in sets.items() if pictures is not None}
        if self.teaching:
            counts |= {f"teaching_{letter}": len(part) for letter, part in zip("AB", self.teaching, strict=True)}
        return counts


@dataclass(frozen=True)
class Measured:
    """What a metric found.

    Attributes:
        value: the number that is reported.
        per_picture: what it says of each result, in their order: what it adds to a mean; for a share, how sure it is.
        low, high: a 95 % interval of the value, where few pictures make it uncertain.
        floor: the value that real pictures of B would reach.
        ceiling: the value of the untranslated inputs.
        more: other numbers that stand beside it, by name.
        extractor: which network's features were compared, with the hash of its weights.
        note: what a reader must know, in a sentence.
    """

    value: float
    per_picture: tuple[float, ...] | None = None
    low: float | None = None
    high: float | None = None
    floor: float | None = None
    ceiling: float | None = None
    more: Mapping[str, float] = field(default_factory=dict)
    extractor: str = ""
    note: str = ""

    def as_json(self) -> dict[str, Any]:
        """The value and what stands beside it, as files have them."""
        kept = {key: value for key, value in asdict(self).items() if key != "per_picture"}
        return {key: value for key, value in kept.items() if value not in (None, "", {})}


class Tools:
    """What metrics share: a device, places of weights, a seed, and whatever is made but once.

    Args:
        device: where networks compute.
        weights: a file or folder in which weights of extractors are looked for first.
        download: whether weights that are nowhere may be fetched.
        seed: of resampling and of the classifier; not the translator's.
    """

    def __init__(
        self,
        device: torch.device | str = "cpu",
        weights: Path | None = None,
        download: bool = True,
        seed: int = 0,
    ):
        self.device = torch.device(device)
        self.weights = weights
        self.download = download
        self.seed = seed
        self._made: dict[Hashable, Any] = {}

    def once(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """What ``make`` returns, made at the first call with this key and remembered."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]


class Unmeasurable(InputError):
    """A metric cannot be taken here; the message says in a sentence why, and what would help."""


@dataclass(frozen=True)
class Metric:
    """One number about translations, whose name says the protocol.

    Attributes:
        name: as in ``--metrics``, e.g. ``fid_pytorch``.
        title: as in tables and pages.
        better: ``higher`` or ``lower``; empty where neither is.
        about: the protocol in a sentence: what is compared, with which features, over how many pictures.
        needs: fields of ``Judged`` without which it cannot be taken.
        measure: takes it.
        decimals: shown in tables.
        unit: behind the number.
        is_share: whether it is shown as a percentage.
        prepare: gets what it needs besides pictures, such as weights, or raises ``Unmeasurable``.
    """

    name: str
    title: str
    better: str
    about: str
    needs: tuple[str, ...]
    measure: Callable[[Judged, Tools], Measured]
    decimals: int = 3
    unit: str = ""
    is_share: bool = False
    prepare: Callable[[Tools], object] | None = None

    def shown(self, value: float) -> str:
        """A value as people read it."""
        return f"{value:.1%}" if self.is_share else f"{value:.{self.decimals}f}{self.unit}"

    def lacks(self, judged: Judged) -> str:
        """What it needs and is not there, in words; empty where nothing is missing."""
        missing = (kind for kind in self.needs if not getattr(judged, kind))
        return next((f"{self.name} needs {KINDS[kind]}, and there are none" for kind in missing), "")


def versions() -> dict[str, str]:
    """Of what takes the metrics."""
    return {"translate": __version__, "torch": torch.__version__}


METRICS: Registry[Metric] = Registry("metric (--metrics)")
GROUPS: dict[str, tuple[str, ...]] = {}


def register(metric: Metric) -> Metric:
    """Make a metric known by its name."""
    METRICS.register(metric.name)(metric)
    return metric


def chosen_metrics(words: str) -> list[Metric]:
    """The metrics of a comma-separated list of names and of groups of them, each once.

    Raises:
        InputError: an unknown word.
    """
    names: list[str] = []
    for word in (each.strip() for each in words.split(",")):
        if not word or word == "none":
            continue
        if word not in GROUPS and word not in METRICS.names():
            hint = did_you_mean(word, [*GROUPS, *METRICS.names()])
            raise InputError(f"--metrics {word}: no such metric; {hint}")
        names.extend(GROUPS.get(word, (word,)))
    return [METRICS[name] for name in dict.fromkeys(names)]


def take(
    metrics: Sequence[Metric], judged: Judged, tools: Tools, lenient: bool = False
) -> tuple[dict[str, Measured], dict[str, str]]:
    """Take metrics, one after the other.

    Args:
        lenient: go on without those that cannot be taken.

    Returns:
        what was found, by the metrics' names, and why others could not be taken.

    Raises:
        Unmeasurable: one cannot be taken, unless ``lenient``.
    """
    found: dict[str, Measured] = {}
    left_out: dict[str, str] = {}
    for metric in metrics:
        try:
            if missing := metric.lacks(judged):
                raise Unmeasurable(missing)
            found[metric.name] = metric.measure(judged, tools)
        except Unmeasurable as error:
            if not lenient:
                raise
            left_out[metric.name] = str(error)
    return found, left_out
