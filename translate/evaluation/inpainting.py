"""How well a hole was filled, where the truth is known."""

import math
from typing import NamedTuple

import numpy as np
from skimage.metrics import structural_similarity


class HoleQuality(NamedTuple):
    """Both are taken inside the hole alone; more is better."""

    psnr: float  # dB; infinite for a perfect fill
    ssim: float  # at most 1


def hole_quality(truth: np.ndarray, fill: np.ndarray, mask: np.ndarray) -> HoleQuality:
    """PSNR and SSIM of a filled picture inside its hole.

    PSNR = 10 log10(255^2 / MSE) over the hole's pixels and channels. SSIM is scikit-image's map (Wang et al. 2004,
    uniform 7x7 windows, mean over the channels), averaged over the hole's pixels; the windows at its border see known
    pixels too.

    Args:
        truth, fill: uint8 (H, W) or (H, W, C), at least 3 pixels on a side.
        mask: boolean (H, W), True inside the hole.

    Raises:
        ValueError: other types, shapes that do not fit, a mask without a hole.
    """
    if truth.dtype != np.uint8 or fill.dtype != np.uint8 or mask.dtype != bool:
        raise ValueError(f"pictures are uint8 and masks boolean, not {truth.dtype}, {fill.dtype} and {mask.dtype}")
    if truth.shape != fill.shape or truth.shape[:2] != mask.shape or min(mask.shape) < 3:
        raise ValueError(f"truth {truth.shape}, fill {fill.shape} and mask {mask.shape} do not fit, or are too small")
    if not mask.any():
        raise ValueError("the mask has no hole")
    error = np.mean((truth[mask].astype(np.float64) - fill[mask]) ** 2)
    psnr = 10 * math.log10(255**2 / error) if error else math.inf
    window = min(7, (min(mask.shape) - 1) // 2 * 2 + 1)  # an odd side that fits
    channel_axis = 2 if truth.ndim == 3 else None
    _, map_ = structural_similarity(truth, fill, win_size=window, channel_axis=channel_axis, data_range=255, full=True)
    return HoleQuality(psnr, float(map_[mask].mean()))
