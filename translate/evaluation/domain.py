"""Domain measures, which need no download: what a classifier that has learned A and B takes translations for, and how
far they are from real B in its features."""

import hashlib
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from translate.data.known import default_cache_folder
from translate.data.validation import spread
from translate.errors import InputError, RunError
from translate.evaluation.domain_classifier import PROTOCOL, DomainClassifier, Verdict, load_small
from translate.evaluation.frechet import frechet_distance
from translate.evaluation.metric import Judged, Measured, Metric, Tools, Unmeasurable, register
from translate.evaluation.picture_set import PictureSet
from translate.evaluation.resampling import frechet_interval
from translate.files import replace_atomically
from translate.networks.weights import load_file
from translate.randomness import generator

LEAST_ACCURACY = 0.9
FEWEST_TEACHING = 16  # pictures of each domain, from which to learn
MOST_TEACHING = 2000  # evenly spread over those there are; more would only take longer
# The unseen pictures of both domains say whether it has learned.
FEWEST = {"inputs": 8, "real": 8, "results": 4}
WORDS = {"inputs": "inputs", "real": "real pictures of B", "results": "results"}
HALVINGS = 8
NORMAL = 1.959964  # standard errors to each side of a mean that hold 95 %


@dataclass(frozen=True)
class Judgement:
    """What the classifier says of all pictures of an evaluation, and how often it is right on real ones."""

    results: Verdict
    inputs: Verdict
    real: Verdict
    name: str

    @property
    def accuracy(self) -> float:
        """Share of real pictures taken for what they are; both domains count the same."""
        return ((1 - self.inputs.share) + self.real.share) / 2


def judgement(judged: Judged, tools: Tools) -> Judgement:
    """The verdicts on all pictures.

    Raises:
        Unmeasurable: too few pictures, or the classifier cannot tell the domains apart.
    """
    for kind, fewest in FEWEST.items():
        count = len(getattr(judged, kind))
        if count < fewest:
            raise Unmeasurable(f"the domain measures need at least {fewest} {WORDS[kind]}, and there are {count}")
    classifier, name = _classifier(judged.teaching, tools)
    known = tools.once(("verdicts", name), weakref.WeakKeyDictionary)

    def verdict(pictures: PictureSet) -> Verdict:
        if pictures not in known:
            known[pictures] = classifier.judge(load_small(pictures))
        return known[pictures]

    found = Judgement(verdict(judged.results), verdict(judged.inputs), verdict(judged.real), name)
    if found.accuracy < LEAST_ACCURACY:
        raise Unmeasurable(
            f"the domain classifier takes only {found.accuracy:.0%} of the unseen real pictures for what they are (A "
            f"{1 - found.inputs.share:.0%}, B {found.real.share:.0%}), and must reach {LEAST_ACCURACY:.0%}: without "
            "their hues the domains look too much alike, or there are too few training pictures"
        )
    return found


def domain_share(judged: Judged, tools: Tools) -> Measured:
    """Share of the results that are taken for B, with Wilson's 95 % interval."""
    found = judgement(judged, tools)
    share = found.results.share
    low, high = wilson_interval(share, len(judged.results))
    return Measured(
        share,
        per_picture=tuple((1 / (1 + np.exp(-found.results.logits.astype(np.float64)))).tolist()),
        low=low,
        high=high,
        floor=found.real.share,
        ceiling=found.inputs.share,
        more={"accuracy": found.accuracy},
        extractor=found.name,
    )


def domain_distance(judged: Judged, tools: Tools) -> Measured:
    """Frechet distance of the results to real B, the mean over the judges."""
    found = judgement(judged, tools)
    value = _mean_distance(found.results.features, found.real.features)
    low, high = _interval(found, value, tools.seed)
    return Measured(
        value,
        low=low,
        high=high,
        floor=_halves_distance(found.real.features, tools.seed),
        ceiling=_mean_distance(found.inputs.features, found.real.features),
        more={"accuracy": found.accuracy},
        extractor=found.name,
    )


def wilson_interval(share: float, count: int) -> tuple[float, float]:
    """The 95 % interval of a share of ``count`` (Wilson 1927), which holds also where it is 0 or 1.

    >>> [round(end, 3) for end in wilson_interval(1.0, 10)]
    [0.722, 1.0]
    """
    weight = NORMAL**2 / count
    middle = (share + weight / 2) / (1 + weight)
    half = NORMAL * np.sqrt(share * (1 - share) / count + weight / (4 * count)) / (1 + weight)
    return float(np.clip(middle - half, 0.0, share)), float(np.clip(middle + half, share, 1.0))  # but for rounding


def _mean_distance(first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> float:
    return float(np.mean([frechet_distance(x, y) for x, y in zip(first, second, strict=True)]))


def _interval(found: Judgement, value: float, seed: int) -> tuple[float, float]:
    """As of the mean of intervals that are drawn alike for each judge, since all look at the same pictures."""
    ends = [
        frechet_interval(x, y, frechet_distance(x, y), generator(seed, "resampling domain_distance"))
        for x, y in zip(found.results.features, found.real.features, strict=True)
    ]
    low, high = np.mean(ends, axis=0)
    return float(min(low, value)), float(max(high, value))


def _halves_distance(features: Sequence[np.ndarray], seed: int) -> float:
    """Half of the pictures against the other half, the mean over several ways to halve them."""
    count = len(features[0])
    found = []
    for number in range(HALVINGS):
        order = generator(seed, "halves of real B", index=number).permutation(count)
        halves = order[: count // 2], order[count // 2 : 2 * (count // 2)]
        found.append(_mean_distance(*([judge[half] for judge in features] for half in halves)))
    return float(np.mean(found))


def _classifier(teaching: tuple[PictureSet, PictureSet], tools: Tools) -> tuple[DomainClassifier, str]:
    """The classifier of two sets of real pictures, learned once and kept in the cache folder, and its name."""
    fewest = min(len(pictures) for pictures in teaching)
    if fewest < FEWEST_TEACHING:
        raise Unmeasurable(
            f"the domain classifier learns from at least {FEWEST_TEACHING} training pictures of each domain, and there "
            f"are {fewest}"
        )
    teaching = tuple(pictures.part(spread(range(len(pictures)), MOST_TEACHING)) for pictures in teaching)
    prints = [pictures.fingerprint for pictures in teaching]
    key = hashlib.sha256(f"{PROTOCOL} {tools.seed} {prints}".encode()).hexdigest()[:16]

    def make() -> DomainClassifier:
        path = default_cache_folder() / "judges" / f"{key}.pth"
        known = _load(path)
        if known is None:
            tqdm.write("networks learn to tell the domains apart, once for these training pictures")
            known = DomainClassifier.learn(
                tuple(load_small(pictures) for pictures in teaching), tools.seed, tools.device
            )
            _keep(known, path)
        return known.to(tools.device)

    return tools.once(("classifier", key), make), f"domain classifier {key[:8]}"


def _load(path: Path) -> DomainClassifier | None:
    """A classifier that was kept; None where there is none that is whole."""
    try:
        state = load_file(path) if path.exists() else None
        if state is None:
            return None
        classifier = DomainClassifier()
        classifier.load_state_dict(state)
        return classifier
    except (InputError, RuntimeError, TypeError, AttributeError):
        return None


def _keep(classifier: DomainClassifier, path: Path) -> None:
    state = {name: value.cpu() for name, value in classifier.state_dict().items()}
    try:
        replace_atomically(path, lambda file: torch.save(state, file))
    except RunError:
        return  # it only saves time


ABOUT = (
    "by three small networks that learned A from B on the training pictures (central squares at 48 pixels, half of "
    "them recoloured), which counts only where they are right on 90 % of unseen real pictures"
)
register(
    Metric(
        "domain_share",
        "taken for B",
        "higher",
        f"Share of the results that are taken for B {ABOUT}.",
        ("inputs", "real", "teaching"),
        domain_share,
        is_share=True,
    )
)
register(
    Metric(
        "domain_distance",
        "distance to B",
        "lower",
        f"Frechet distance of all results to all real pictures of B, in 64 features {ABOUT}.",
        ("inputs", "real", "teaching"),
        domain_distance,
        decimals=2,
    )
)
