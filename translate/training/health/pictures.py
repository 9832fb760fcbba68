"""What a few pictures and their translations tell of a generator, in a handful of numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from PIL import Image

SIDE_PX = 32  # to which pictures are shrunk: what is alike and what is bright shows in their large forms
BRIGHTNESS = np.array([0.299, 0.587, 0.114])  # of red, green and blue, ITU-R BT.601
OPPONENTS = np.array([[1.0, -0.5], [-1.0, -0.5], [0.0, 1.0]])  # red against green, blue against both
ALIKE = 0.1  # difference of pictures, measured by their contrast; for unlike ones it is about 1.1
LEAST_CONTRAST = 0.01  # of the whole range; below, what varies is mostly noise


@dataclass(frozen=True)
class Look:
    """Inputs and their translations, compared. Differences are means over pixels and channels, black to white being 1.

    Attributes:
        spread_in: how much one input differs from another; None where there is only one.
        spread_out: the same of the translations.
        contrast_in: standard deviation of the pixels within an input.
        contrast_out: the same of the translations.
        change: how much a translation differs from its input.
        explained: share of what varies within a translation that the colours at the same places of its input explain,
            by linear regression over all pictures; 0 where the translations are plain.
        order: correlation of the brightness of a translation's places with that of its input's; None where there is
            hardly any to compare.
        hues: the same of their two opponent colours.
    """

    spread_in: float | None
    spread_out: float | None
    contrast_in: float
    contrast_out: float
    change: float
    explained: float
    order: float | None
    hues: float | None

    @property
    def distinct(self) -> float | None:
        """How much the translations differ from each other, measured by their contrast; for the inputs it is 1. None
        where the inputs themselves are alike, or there is only one."""
        if self.spread_in is None or self.spread_in < ALIKE * self.contrast_in or not self.contrast_out:
            return None
        return (self.spread_out / self.contrast_out) / (self.spread_in / self.contrast_in)

    @property
    def relative_change(self) -> float | None:
        """How much the translations differ from their inputs, whose contrast is 1; None where the inputs are plain."""
        return self.change / self.contrast_in if self.contrast_in >= LEAST_CONTRAST else None

    def numbers(self) -> dict[str, float]:
        """Those that signs of trouble are told from, as far as there are any."""
        named = {
            "change": self.relative_change,
            "explained": self.explained,
            "distinct": self.distinct,
            "order": self.order,
            "hues": self.hues,
            "contrast": self.contrast_out,
        }
        return {name: round(value, 4) for name, value in named.items() if value is not None}


def look_at(pictures: Mapping[str, Image.Image]) -> Look | None:
    """Numbers of previews, which are labelled ``0_real_A``, ``0_fake_B``, ``1_real_A``, ...; other labels are passed
    over. None where there is no input with its translation."""
    names = [label.removesuffix("_real_A") for label in pictures if label.endswith("_real_A")]
    pairs = [(pictures[f"{name}_real_A"], pictures[f"{name}_fake_B"]) for name in names if f"{name}_fake_B" in pictures]
    if not pairs:
        return None
    inputs, outputs = (np.stack([_shrunk(picture) for picture in side]) for side in zip(*pairs, strict=True))
    return compare(inputs, outputs)


def compare(inputs: np.ndarray, outputs: np.ndarray) -> Look:
    """The numbers of inputs (N, H, W, 3) and their translations, both in [0, 1]."""
    return Look(
        spread_in=_spread(inputs),
        spread_out=_spread(outputs),
        contrast_in=_contrast(inputs),
        contrast_out=_contrast(outputs),
        change=float(np.abs(outputs - inputs).mean()),
        explained=_explained(inputs, outputs),
        order=_correlation(inputs @ BRIGHTNESS, outputs @ BRIGHTNESS),
        hues=_correlation(inputs @ OPPONENTS, outputs @ OPPONENTS),
    )


def _shrunk(picture: Image.Image) -> np.ndarray:
    """(SIDE_PX, SIDE_PX, 3) in [0, 1], whatever the shape of the picture."""
    small = picture.convert("RGB").resize((SIDE_PX, SIDE_PX), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float64) / 255


def _spread(pictures: np.ndarray) -> float | None:
    pairs = list(combinations(pictures, 2))
    return float(np.mean([np.abs(one - other).mean() for one, other in pairs])) if pairs else None


def _centred(pictures: np.ndarray) -> np.ndarray:
    """Without the mean of each picture (N, H, W, ...), which says nothing of the order of its places."""
    return pictures - pictures.mean((1, 2), keepdims=True)


def _contrast(pictures: np.ndarray) -> float:
    return float(np.sqrt(np.square(_centred(pictures)).mean()))


def _correlation(inputs: np.ndarray, outputs: np.ndarray) -> float | None:
    """Of all values (N, H, W, ...), each less the mean of its picture; None where one side hardly varies."""
    a, b = _centred(inputs), _centred(outputs)
    size = min(_contrast(inputs), _contrast(outputs))
    return float((a * b).mean() / (_contrast(inputs) * _contrast(outputs))) if size >= LEAST_CONTRAST else None


def _explained(inputs: np.ndarray, outputs: np.ndarray) -> float:
    """R squared of the outputs (N, H, W, 3) on the inputs at the same places, both less the means of their pictures."""
    a, b = (_centred(pictures).reshape(-1, pictures.shape[-1]) for pictures in (inputs, outputs))
    varies = np.square(b).sum()
    if varies < LEAST_CONTRAST**2 * b.size:
        return 0.0
    weights, *_ = np.linalg.lstsq(a, b, rcond=1e-6)
    return float(1 - np.square(b - a @ weights).sum() / varies)
