"""How near results are to the truth or to their inputs, pixel by pixel; no network is needed."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from translate.evaluation.computing import pairs
from translate.evaluation.means import mean_measured
from translate.evaluation.metric import Judged, Measured, Metric, Tools, Unmeasurable, register
from translate.evaluation.picture_set import PictureSet

WINDOW_PX = 11  # of SSIM's Gaussian

Compare = Callable[[np.ndarray, np.ndarray], float]


def ssim(truth: np.ndarray, result: np.ndarray) -> float:
    """Structural similarity with the constants of its paper (Wang et al. 2004): a Gaussian of 1.5 pixels in windows of
    11, mean over pixels and channels; scikit-image's.

    Args:
        truth, result: uint8 (H, W, 3).

    Returns:
        at most 1, for equal pictures.

    Raises:
        Unmeasurable: a side is shorter than the window.
    """
    from skimage.metrics import structural_similarity

    if min(truth.shape[:2]) < WINDOW_PX:
        raise Unmeasurable(
            f"a picture of {truth.shape[1]}x{truth.shape[0]} pixels is too small for SSIM, which needs {WINDOW_PX} on "
            "each side"
        )
    # The paper's constants, which scikit-image's defaults are not.
    paper = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    return float(structural_similarity(truth, result, channel_axis=2, data_range=255, **paper))


def psnr(truth: np.ndarray, result: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB, 10 log10(255^2 / MSE); scikit-image's.

    An equal picture, whose ratio is infinite, counts as one in which a single value is off by one, so that means stay
    finite: 101 dB at 256x256.

    Args:
        truth, result: uint8 (H, W, 3).
    """
    from skimage.metrics import peak_signal_noise_ratio

    if np.array_equal(truth, result):
        return 10 * math.log10(255**2 * truth.size)
    return float(peak_signal_noise_ratio(truth, result, data_range=255))


def rms_difference(first: np.ndarray, second: np.ndarray) -> float:
    """Root of the mean squared difference of two uint8 pictures, in grey levels.

    >>> rms_difference(np.full((2, 2, 3), 7, np.uint8), np.full((2, 2, 3), 10, np.uint8))
    3.0
    """
    return float(np.sqrt(np.square(first.astype(np.float64) - second).mean()))


def _compared(first: PictureSet, second: PictureSet, compare: Compare, name: str, tools: Tools) -> Measured:
    """The mean over a comparison of each picture with its counterpart.

    Args:
        name: of the metric.
    """
    return mean_measured([compare(one, other) for one, other in pairs(first, second)], name, tools)


def _to_truth(name: str, compare: Compare) -> Callable[[Judged, Tools], Measured]:
    def measure(judged: Judged, tools: Tools) -> Measured:
        measured = _compared(judged.truths, judged.results, compare, name, tools)
        if judged.inputs is None or not len(judged.inputs):
            return measured
        untranslated = _compared(judged.truths, judged.inputs, compare, name, tools)
        return replace(measured, ceiling=untranslated.value)

    return measure


def _changed(judged: Judged, tools: Tools) -> Measured:
    return _compared(judged.results, judged.inputs, rms_difference, "changed_rms", tools)


register(
    Metric(
        "ssim_truth",
        "SSIM to the truth",
        "higher",
        "Structural similarity of each result and its known truth, with the constants of Wang et al. 2004 in each of "
        "the three channels; mean over all results.",
        ("truths",),
        _to_truth("ssim_truth", ssim),
    )
)
register(
    Metric(
        "psnr_truth",
        "PSNR to the truth",
        "higher",
        "Peak signal-to-noise ratio of each result and its known truth over pixels and channels; mean over all "
        "results.",
        ("truths",),
        _to_truth("psnr_truth", psnr),
        decimals=2,
        unit=" dB",
    )
)
register(
    Metric(
        "changed_rms",
        "change",
        "",
        "Root of the mean squared difference of each result and its input over pixels and channels, in grey levels of "
        "0 to 255; mean over all results: how much was changed at all.",
        ("inputs",),
        _changed,
        decimals=1,
    )
)
