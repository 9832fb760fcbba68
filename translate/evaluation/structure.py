"""Whether a result keeps the shapes of its input, whatever became of its colours.

A picture's self-similarity, that is, how alike its parts are among each other, stays when its looks change as a whole
(Shechtman & Irani, "Matching local self-similarities across images and videos", 2007). As a measure of what a
translation keeps it was taken up with a network's deep features by Tumanyan et al., "Splicing ViT features for semantic
appearance transfer", 2022 (https://arxiv.org/abs/2201.00424), there with DINO's.
"""

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from translate.evaluation.computing import batches, followed, measuring, pairs
from translate.evaluation.means import mean_measured
from translate.evaluation.metric import Judged, Measured, Metric, Tools, register
from translate.evaluation.perceptual import load_lpips
from translate.evaluation.resizing import bicubic
from translate.evaluation.weights import Extractor

GRADIENTS_PX = 128  # of the side that pictures are scaled to
CELL_PX = 8
BINS = 9  # of orientations from 0 to 180 degrees
FLAT = 2.0  # grey levels a pixel; where gradients are no stronger than that, there is little to compare
ALEXNET_PX = 224  # what AlexNet was trained on

Described = tuple[np.ndarray, np.ndarray]


def self_similarity_distance(first: np.ndarray, second: np.ndarray) -> float:
    r"""The mean squared difference of two self-similarities:

    .. math:: \frac{1}{P^2} \sum_{i, j} (a_i \cdot a_j - b_i \cdot b_j)^2

    Args:
        first, second: (P, D), a row for each place of a picture, at most of length 1.

    Returns:
        from 0 to 4; 0 also for features that are turned as a whole.
    """
    return float(np.square(first @ first.T - second @ second.T).mean())


def gradient_cells(picture: np.ndarray) -> np.ndarray:
    """Histograms of the orientations of gradients (Dalal & Triggs 2005), one a cell.

    At each of 128x128 pixels the channel with the strongest gradient counts; its orientation, without a sign, so that
    light on dark is as dark on light, is shared between the two nearest of 9 bins. A cell of 8x8 pixels is divided by
    its length, but for flat ones, whose gradients are noise and which stay near 0.

    Args:
        picture: uint8 (H, W, 3).

    Returns:
        float64 (256, 9), rows shorter than 1.
    """
    padded = np.pad(bicubic(picture, GRADIENTS_PX).astype(np.float64), ((1, 1), (1, 1), (0, 0)), mode="edge")
    down = (padded[2:, 1:-1] - padded[:-2, 1:-1]) / 2  # (128, 128, 3)
    right = (padded[1:-1, 2:] - padded[1:-1, :-2]) / 2
    strength = np.hypot(down, right)
    strongest = strength.argmax(2)[:, :, None]
    down, right, strength = (np.take_along_axis(each, strongest, 2)[:, :, 0] for each in (down, right, strength))
    place = np.arctan2(down, right) % math.pi / math.pi * BINS
    lower = np.floor(place)
    share = place - lower
    bins = np.arange(BINS)[:, None, None]
    histograms = strength * (
        (1 - share) * (lower % BINS == bins) + share * ((lower + 1) % BINS == bins)
    )  # (9, 128, 128)
    cells = GRADIENTS_PX // CELL_PX
    pooled = histograms.reshape(BINS, cells, CELL_PX, cells, CELL_PX).mean((2, 4)).reshape(BINS, -1).T  # (256, 9)
    return pooled / (np.linalg.norm(pooled, axis=1, keepdims=True) + FLAT)


def structure_gradients(judged: Judged, tools: Tools) -> Measured:
    """The self-similarity distance of the gradients of each result and its input."""
    described = (tuple(map(gradient_cells, pair)) for pair in pairs(judged.results, judged.inputs))
    return _compared(described, "structure_gradients", tools)


def structure_alex(judged: Judged, tools: Tools) -> Measured:
    """The self-similarity distance of AlexNet's last convolutional features of each result and its input."""
    extractor = load_lpips(tools)
    samples = (
        tuple(torch.from_numpy(bicubic(picture, ALEXNET_PX) / 127.5 - 1).permute(2, 0, 1) for picture in pair)
        for pair in pairs(judged.results, judged.inputs)
    )
    watched = followed(samples, len(judged.results), "structure")
    with measuring(tools.device):
        described = (
            pair
            for batch in batches(watched)
            for pair in zip(*(_alexnet_places(part.to(tools.device), extractor) for part in batch), strict=True)
        )
        return _compared(described, "structure_alex", tools, extractor.name)


def _alexnet_places(pictures: Tensor, extractor: Extractor) -> np.ndarray:
    """(B, 3, 224, 224) in [-1, 1] -> (B, 169, 256), rows of length 1."""
    maps = extractor.network.net(extractor.network.scaling_layer(pictures))[-1]  # (B, 256, 13, 13)
    return F.normalize(maps.flatten(2), dim=1).transpose(1, 2).double().cpu().numpy()


def _compared(described: Iterable[Described], name: str, tools: Tools, extractor: str = "") -> Measured:
    """The mean distance of each result to its input, and beside it that to the input before, which is chance.

    Args:
        described: the rows (P, D) of each result and of its input.
        name: of the metric.
    """
    values, by_chance, former = [], [], None
    for result, source in described:
        values.append(self_similarity_distance(result, source))
        if former is not None:
            by_chance.append(self_similarity_distance(result, former))
        former = source
    measured = mean_measured(values, name, tools, extractor)
    return replace(measured, more={"to another input": float(np.mean(by_chance))}) if by_chance else measured


register(
    Metric(
        "structure_gradients",
        "structure lost (gradients)",
        "lower",
        "Mean squared difference of the self-similarities of each result and its input, by the orientations of "
        f"gradients in 16x16 cells of the picture scaled to {GRADIENTS_PX}x{GRADIENTS_PX}; mean over all results.",
        ("inputs",),
        structure_gradients,
        decimals=4,
    )
)
register(
    Metric(
        "structure_alex",
        "structure lost (AlexNet)",
        "lower",
        "Mean squared difference of the self-similarities of each result and its input, by AlexNet's last "
        f"convolutional features at 13x13 places of the picture scaled to {ALEXNET_PX}x{ALEXNET_PX}; mean over all "
        "results.",
        ("inputs",),
        structure_alex,
        decimals=4,
        prepare=load_lpips,
    )
)
