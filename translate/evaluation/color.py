"""How near the colours of a coloured picture are to the truth, and how colourful it is."""

from typing import NamedTuple

import numpy as np
from skimage.color import rgb2lab


class ColourError(NamedTuple):
    """Distances between colours in the ab plane of CIE Lab; less is better."""

    rms: float  # root of the mean squared distance over the pixels
    mean: float  # mean distance


def ab_error(truth: np.ndarray, result: np.ndarray | None = None) -> ColourError:
    """Distance of a result's colours to the true ones, whatever its lightness.

    Args:
        truth, result: uint8 (H, W, 3); without a result, the error of the grey picture, which is the baseline.

    Raises:
        ValueError: other types, or shapes that differ.

    >>> ab_error(np.full((2, 2, 3), 128, np.uint8))
    ColourError(rms=0.0, mean=0.0)
    """
    _check(truth)
    colours = _ab(truth)
    if result is not None:
        _check(result)
        if result.shape != truth.shape:
            raise ValueError(f"truth {truth.shape} and result {result.shape} are of different sizes")
        colours = colours - _ab(result)
    squares = np.square(colours).sum(-1)
    return ColourError(float(np.sqrt(squares.mean())), float(np.sqrt(squares).mean()))


def colourfulness(picture: np.ndarray) -> float:
    r"""How colourful people find a picture (Hasler & Suesstrunk, "Measuring colourfulness in natural images", 2003):

    .. math:: \sqrt{\sigma_{rg}^2 + \sigma_{yb}^2} + 0.3 \sqrt{\mu_{rg}^2 + \mu_{yb}^2}, \quad
              rg = R - G, \quad yb = (R + G)/2 - B

    Args:
        picture: uint8 (H, W, 3).

    Returns:
        0 for grey; about 15 is slightly, 45 quite, 82 highly and 109 extremely colourful.
    """
    _check(picture)
    red, green, blue = picture.astype(np.float64).transpose(2, 0, 1)
    opponents = np.stack([red - green, (red + green) / 2 - blue]).reshape(2, -1)
    spread, centre = opponents.std(1), opponents.mean(1)
    return float(np.hypot(*spread) + 0.3 * np.hypot(*centre))


def _ab(picture: np.ndarray) -> np.ndarray:
    """(H, W, 2); exactly 0 where the picture is grey, which the rounded constants of Lab give but almost."""
    ab = rgb2lab(picture)[..., 1:]
    ab[(picture == picture[..., :1]).all(-1)] = 0
    return ab


def _check(picture: np.ndarray) -> None:
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or not picture.size:
        raise ValueError(f"pictures are uint8 (H, W, 3), not {picture.dtype} {picture.shape}")
