"""FID, KID, precision and recall of translated pictures against real ones of domain B."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from translate.evaluation import frechet, kernel, manifold
from translate.evaluation.inception import CLEAN, PYTORCH, Protocol, inception_features, load_inception
from translate.evaluation.means import mean_measured
from translate.evaluation.metric import Judged, Measured, Metric, Tools, Unmeasurable, register
from translate.evaluation.resampling import frechet_interval, kernel_interval
from translate.randomness import generator

FEW = 1000  # below this there are intervals, and FID's bias is worth a warning
FEWEST_FOR_INTERVAL = 4  # of either; half of them have a covariance
FEWEST_TO_HALVE = 20  # real pictures; fewer give no floor
INCEPTION = "of FID's Inception network"

Compare = Callable[[np.ndarray, np.ndarray], float]


class _Features:
    """The features that a metric compares, each (N, 2048), and what else it compares them for."""

    def __init__(self, name: str, judged: Judged, protocol: Protocol, tools: Tools, fewest: int):
        counts = len(judged.results), len(judged.real)
        if min(counts) < fewest:
            raise Unmeasurable(
                f"{name} needs at least {fewest} results and {fewest} real pictures, and there are {counts[0]} and "
                f"{counts[1]}"
            )
        self.extractor = load_inception(tools).name
        self.real = inception_features(judged.real, protocol, tools, keep=True)
        self.results = inception_features(judged.results, protocol, tools)
        has_inputs = judged.inputs is not None and len(judged.inputs) >= fewest
        self.inputs = inception_features(judged.inputs, protocol, tools, keep=True) if has_inputs else None
        self._seed = tools.seed

    @property
    def fewest(self) -> int:
        """How many there are of what there are fewer."""
        return min(len(self.results), len(self.real))

    @property
    def few(self) -> bool:
        """Whether there are too few of either for a number without an interval."""
        return self.fewest < FEW

    def bounds(self, compare: Compare) -> dict[str, float | None]:
        """Floor and ceiling: half of the real against the other half, and the inputs against the real."""
        floor = None
        if len(self.real) >= FEWEST_TO_HALVE:
            order = generator(self._seed, "halves of real B").permutation(len(self.real))
            half = len(order) // 2
            floor = compare(self.real[order[:half]], self.real[order[half : 2 * half]])
        return {"floor": floor, "ceiling": None if self.inputs is None else compare(self.inputs, self.real)}


def _fid(protocol: Protocol) -> Callable[[Judged, Tools], Measured]:
    name = f"fid_{protocol.name}"

    def measure(judged: Judged, tools: Tools) -> Measured:
        found = _Features(name, judged, protocol, tools, frechet.FEWEST)
        value = frechet.frechet_distance(found.results, found.real)
        low = high = None
        note = ""
        if found.few:
            if found.fewest >= FEWEST_FOR_INTERVAL:
                rng = generator(tools.seed, f"resampling {name}")
                low, high = frechet_interval(found.results, found.real, value, rng)
            note = (
                f"{len(found.results)} results and {len(found.real)} real pictures: with fewer than {FEW} of either, "
                "FID is biased upwards; compare it only between equal counts, and read KID beside it"
            )
        bounds = found.bounds(frechet.frechet_distance)
        return Measured(value, low=low, high=high, **bounds, extractor=found.extractor, note=note)

    return measure


def _kid(protocol: Protocol) -> Callable[[Judged, Tools], Measured]:
    name = f"kid_{protocol.name}"

    def measure(judged: Judged, tools: Tools) -> Measured:
        found = _Features(name, judged, protocol, tools, kernel.FEWEST + 1)
        bounds = found.bounds(kernel.kernel_distance)
        if not found.few:
            rng = generator(tools.seed, f"subsets {name}")
            value, deviation = kernel.subsets_distance(found.results, found.real, rng)
            return Measured(value, **bounds, more={"deviation of subsets": deviation}, extractor=found.extractor)
        sums = kernel.kernel_sums(found.results, found.real)
        low, high = kernel_interval(sums)
        return Measured(kernel.distance_of_sums(sums), low=low, high=high, **bounds, extractor=found.extractor)

    return measure


def _precision(judged: Judged, tools: Tools) -> Measured:
    found = _Features("precision_clean", judged, CLEAN, tools, manifold.NEIGHBOURS + 1)
    precise = manifold.improved_precision_recall(found.results, found.real).precise.astype(float)
    bounds = found.bounds(lambda x, y: float(manifold.improved_precision_recall(x, y).precise.mean()))
    return replace(mean_measured(precise, "precision_clean", tools, found.extractor), **bounds)


def _recall(judged: Judged, tools: Tools) -> Measured:
    found = _Features("recall_clean", judged, CLEAN, tools, manifold.NEIGHBOURS + 1)
    recalled = manifold.improved_precision_recall(found.results, found.real).recalled.astype(float)
    bounds = found.bounds(lambda x, y: float(manifold.improved_precision_recall(x, y).recalled.mean()))
    measured = mean_measured(recalled, "recall_clean", tools, found.extractor)
    return replace(measured, per_picture=None, **bounds)  # its parts are those of the real pictures


for _protocol in (PYTORCH, CLEAN):
    register(
        Metric(
            f"fid_{_protocol.name}",
            f"FID ({_protocol.name})",
            "lower",
            f"Frechet distance of the features {INCEPTION}, all results against all real pictures of B, "
            f"{_protocol.words}.",
            ("real",),
            _fid(_protocol),
            decimals=1,
            prepare=load_inception,
        )
    )
    register(
        Metric(
            f"kid_{_protocol.name}",
            f"KID ({_protocol.name})",
            "lower",
            f"Unbiased kernel distance of the features {INCEPTION}, {_protocol.words}: over all pictures, or from "
            f"{FEW} of each on the mean of {kernel.SUBSETS} subsets of {kernel.SUBSET_SIZE}.",
            ("real",),
            _kid(_protocol),
            decimals=4,
            prepare=load_inception,
        )
    )
register(
    Metric(
        "precision_clean",
        "precision",
        "higher",
        f"Share of the results that lie among the real pictures of B, by the features {INCEPTION}, {CLEAN.words}, and "
        f"balls that reach to the neighbour number {manifold.NEIGHBOURS}.",
        ("real",),
        _precision,
        is_share=True,
        prepare=load_inception,
    )
)
register(
    Metric(
        "recall_clean",
        "recall",
        "higher",
        f"Share of the real pictures of B that lie among the results, by the features {INCEPTION}, {CLEAN.words}, and "
        f"balls that reach to the neighbour number {manifold.NEIGHBOURS}.",
        ("real",),
        _recall,
        is_share=True,
        prepare=load_inception,
    )
)
