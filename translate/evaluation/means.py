"""Metrics that are a mean over the results."""

from collections.abc import Sequence

import numpy as np

from translate.evaluation.metric import Measured, Tools, Unmeasurable
from translate.evaluation.resampling import mean_interval
from translate.randomness import generator


def mean_measured(values: Sequence[float] | np.ndarray, name: str, tools: Tools, extractor: str = "") -> Measured:
    """The mean, each picture's part in it, and the interval of a mean where there are two or more.

    Args:
        values: one a result, in their order.
        name: of the metric; its interval has random numbers of its own.

    Raises:
        Unmeasurable: there are no results.
    """
    values = np.asarray(values, np.float64)
    if not len(values):
        raise Unmeasurable(f"{name} needs results, and there are none")
    interval = mean_interval(values, generator(tools.seed, f"resampling {name}")) if len(values) > 1 else (None, None)
    return Measured(float(values.mean()), tuple(values.tolist()), *interval, extractor=extractor)
