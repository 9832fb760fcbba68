"""What a few pictures and their translations tell of a generator, in a handful of numbers."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image

SIDE_PX = 32  # to which pictures are shrunk: what goes where and what is bright shows in their large forms
BRIGHTNESS = np.array([0.299, 0.587, 0.114])  # of red, green and blue, ITU-R BT.601
OPPONENTS = np.array([[1.0, -0.5], [-1.0, -0.5], [0.0, 1.0]])  # red against green, blue against both
LEAST_CONTRAST = 0.01  # of the whole range; below, what varies is mostly noise
UNLIKE = 0.5  # inputs of which the others explain more than this are too much alike to tell whose a translation is


@dataclass(frozen=True)
class Look:
    """Inputs and their translations, compared. Black to white is 1; a contrast is a standard deviation within pictures.

    Attributes:
        contrast_in: of the inputs.
        contrast_out: of the translations.
        change: mean difference between a translation and its input, the contrast of the inputs being 1; None where they
            are plain.
        explained: share of a translation that its own input explains and the other inputs do not (see ``_explained``),
            the mean of that of its colours and that of its detail; None where there are no others, or where the inputs
            are alike.
        order: correlation of the brightness of a translation's places with that of its input's; None where there is
            hardly any to compare.
        hues: the same of their two opponent colours.
    """

    contrast_in: float
    contrast_out: float
    change: float | None
    explained: float | None
    order: float | None
    hues: float | None

    def numbers(self) -> dict[str, float]:
        """Those that troubles are told from, as far as there are any."""
        named = {
            "change": self.change,
            "explained": self.explained,
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
    inputs, outputs = zip(*pairs, strict=True)
    colours_in, colours_out = _colours(inputs), _colours(outputs)
    contrast_in, contrast_out = _contrast(colours_in), _contrast(colours_out)
    return Look(
        contrast_in=contrast_in,
        contrast_out=contrast_out,
        change=float(np.abs(colours_out - colours_in).mean()) / contrast_in if contrast_in >= LEAST_CONTRAST else None,
        explained=_explained(inputs, outputs),
        order=_correlation(colours_in @ BRIGHTNESS, colours_out @ BRIGHTNESS),
        hues=_correlation(colours_in @ OPPONENTS, colours_out @ OPPONENTS),
    )


def _colours(pictures: tuple[Image.Image, ...]) -> np.ndarray:
    """(N, SIDE_PX, SIDE_PX, 3) in [0, 1], whatever the shapes of the pictures."""
    shrunk = [picture.convert("RGB").resize((SIDE_PX, SIDE_PX), Image.Resampling.BOX) for picture in pictures]
    return np.stack([np.asarray(picture, dtype=np.float64) / 255 for picture in shrunk])


def _detail(pictures: tuple[Image.Image, ...]) -> np.ndarray:
    """(N, SIDE_PX, SIDE_PX, 1): how much neighbouring pixels of the whole pictures differ, which is where their edges
    and textures are."""
    maps = []
    for picture in pictures:
        grey = np.asarray(picture.convert("L"), dtype=np.float32)
        steps = np.abs(np.diff(grey, axis=0, append=grey[-1:])) + np.abs(np.diff(grey, axis=1, append=grey[:, -1:]))
        shrunk = Image.fromarray(steps).resize((SIDE_PX, SIDE_PX), Image.Resampling.BOX)
        maps.append(np.asarray(shrunk, dtype=np.float64) / 255)
    return np.stack(maps)[..., None]


def _centred(pictures: np.ndarray) -> np.ndarray:
    """Without the mean of each picture (N, H, W, ...), which says nothing of its places."""
    return pictures - pictures.mean((1, 2), keepdims=True)


def _contrast(pictures: np.ndarray) -> float:
    return float(np.sqrt(np.square(_centred(pictures)).mean()))


def _correlation(inputs: np.ndarray, outputs: np.ndarray) -> float | None:
    """Of all values (N, H, W, ...), each less the mean of its picture; None where one side hardly varies."""
    a, b = _centred(inputs), _centred(outputs)
    size = min(_contrast(inputs), _contrast(outputs))
    return float((a * b).mean() / (_contrast(inputs) * _contrast(outputs))) if size >= LEAST_CONTRAST else None


def _explained(inputs: tuple[Image.Image, ...], outputs: tuple[Image.Image, ...]) -> float | None:
    """The mean of what inputs explain of the colours and of the detail of their translations, by linear regression on
    both; less what the other inputs explain of them, since all pictures have much in common (dark below, bright above).

    A translation may be new in its colours, or in its textures, but hardly in both.
    """
    colours = _colours(inputs)
    known = np.concatenate([colours, _detail(inputs)], axis=-1)  # (N, H, W, 4)
    if len(inputs) == 1 or _own_share(known, colours) < UNLIKE:
        return None
    return (_own_share(known, _colours(outputs)) + _own_share(known, _detail(outputs))) / 2


def _own_share(known: np.ndarray, wanted: np.ndarray) -> float:
    """R squared of ``wanted`` (N, H, W, C) on what is known of the pictures of the same numbers, less the mean of that
    on what is known of each other one."""
    own, *others = (_r_squared(np.roll(known, shift, axis=0), wanted) for shift in range(len(known)))
    return own - float(np.mean(others))


def _r_squared(known: np.ndarray, wanted: np.ndarray) -> float:
    """Of a regression of the values at all places on what is known there, both less the means of their pictures; 0
    where there is hardly anything to explain."""
    a, b = (_centred(values).reshape(-1, values.shape[-1]) for values in (known, wanted))
    varies = np.square(b).sum()
    if varies < 1e-6 * b.size:
        return 0.0
    weights, *_ = np.linalg.lstsq(a, b, rcond=1e-6)
    return float(1 - np.square(b - a @ weights).sum() / varies)
