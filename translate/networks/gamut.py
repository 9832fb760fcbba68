"""The quantised ab plane of colorization (Zhang, Isola, Efros, ECCV 2016, arXiv:1603.08511, section 2): its bins, soft
codes of colours, how rare colours are weighted, and the way back from a distribution over bins to a colour."""

import math
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from translate.networks.lab import rgb_to_lab

SPACING = 10  # of the grid of bins, in ab units
CHUNK_PIXELS = 2**15  # distances to all bins are kept for so many pixels at a time (40 MB)


def gamut_bins() -> Tensor:
    """Centres of the 313 bins: grid points whose surrounding square touches the convex hull of all sRGB colours.

    They are computed, not read, and are the published points in the published order.

    Returns:
        (313, 2) float64, multiples of 10, ordered by a, then b.
    """
    return _bins().clone()


@lru_cache
def _bins() -> Tensor:
    """The gamut's hull by its reach in 720 directions, from the colours of a 9 x 9 x 9 cube of sRGB values."""
    levels = torch.linspace(-1, 1, 9, dtype=torch.float64)
    cube = torch.cartesian_prod(levels, levels, levels).T.reshape(1, 3, 27, 27)
    colours = rgb_to_lab(cube)[0, 1:].flatten(1).T.numpy()  # (729, 2)
    angles = np.arange(720) * (2 * math.pi / 720)
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    reach = (colours @ directions.T).max(0)  # how far the gamut's hull extends in each direction
    steps = np.arange(-110, 111, SPACING, dtype=np.float64)
    points = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2)
    # A square and a convex hull are apart if and only if some direction tells them apart.
    beyond = points @ directions.T - SPACING * np.abs(directions).sum(1)
    return torch.from_numpy(points[(beyond <= reach + 1e-9).all(1)])


def soft_encode(ab: Tensor, bins: Tensor, neighbours: int = 5, sigma: float = 5.0) -> tuple[Tensor, Tensor]:
    r"""Colours as distributions over their nearest bins, with weights proportional to exp(-d^2 / 2 sigma^2).

    Args:
        ab: (B, 2, H, W) in ab units.
        bins: (Q, 2).
        neighbours: how many bins share a colour: 5 in the paper, 10 in its released code.
        sigma: in ab units, above 0.

    Returns:
        indices (B, K, H, W), the nearest bin first, and weights of the same shape, at least float32, whose sum over K
        is 1. The dense code would be Q/K times as large.
    """
    batch, _, height, width = ab.shape
    dtype = torch.promote_types(ab.dtype, torch.float32)
    colours = ab.to(dtype).permute(0, 2, 3, 1).reshape(-1, 2)
    centres = bins.to(colours)
    parts = [_nearest(chunk, centres, neighbours) for chunk in colours.split(CHUNK_PIXELS)]
    squares, indices = (torch.cat(column) for column in zip(*parts, strict=True))
    # A softmax of the exponents: far from all bins, exp(-d^2 / 2 sigma^2) itself would underflow.
    weights = (-squares / (2 * sigma**2)).softmax(1)
    shape = (batch, height, width, neighbours)
    return indices.view(shape).permute(0, 3, 1, 2), weights.view(shape).permute(0, 3, 1, 2)


def _nearest(colours: Tensor, centres: Tensor, neighbours: int) -> tuple[Tensor, Tensor]:
    """Squared distances (N, K), ascending, and indices of the nearest centres."""
    squares = sum((colours[:, None, axis] - centres[None, :, axis]).square() for axis in range(2))
    found = squares.topk(neighbours, dim=1, largest=False)
    return found.values, found.indices


def has_colour(ab: Tensor, threshold: float = 5.0) -> Tensor:
    """Which pictures are more than grey ones stored in colour: (B, 2, H, W) in ab units -> (B,) bool.

    As in the released code, one value of a or b beyond the threshold is enough.
    """
    return (ab.abs() > threshold).flatten(1).any(1)


def ab_histogram(ab: Tensor, side: int = 256) -> Tensor:
    """How often each colour occurs, in cells of one ab unit: fine enough to stand for the colours themselves.

    Args:
        ab: (B, 2, H, W) in ab units.
        side: cells along each axis; the middle one is grey.

    Returns:
        (side, side) int64 counts; cell (i, j) holds the colours that round to (i - side/2, j - side/2).
    """
    cells = (ab.round().long() + side // 2).clamp(0, side - 1)
    flat = (cells[:, 0] * side + cells[:, 1]).flatten()
    return torch.bincount(flat, minlength=side * side).view(side, side)


def soft_prior(histogram: Tensor, bins: Tensor, neighbours: int = 5, sigma: float = 5.0) -> Tensor:
    """The share of each bin in the colours of a histogram made by :func:`ab_histogram`, softly encoded.

    Returns:
        (Q,) float64, summing to 1.

    Raises:
        ValueError: the histogram is empty.
    """
    rows, columns = histogram.nonzero(as_tuple=True)
    if not len(rows):
        raise ValueError("the histogram is empty: there is no colour to take shares of")
    middle = histogram.shape[0] // 2
    colours = torch.stack([rows - middle, columns - middle]).double()[None, :, None]  # (1, 2, 1, N)
    indices, weights = soft_encode(colours, bins, neighbours, sigma)
    counts = histogram[rows, columns].double()
    shares = torch.zeros(len(bins), dtype=torch.float64, device=histogram.device)
    shares.index_add_(0, indices.flatten(), (weights * counts).flatten())
    return shares / counts.sum()


def class_weights(prior: Tensor, mix: float = 0.5) -> Tensor:
    r"""How much a pixel counts by its bin, so that rare colours are learned too (eq. 4):

    .. math:: w_q \propto \left((1 - \lambda)\, p_q + \lambda / Q\right)^{-1}, \qquad \sum_q p_q w_q = 1

    Args:
        prior: (Q,) shares p, summing to 1.
        mix: lambda, the share of the uniform distribution, in (0, 1]; 1 weights all bins alike.

    Returns:
        (Q,), of the prior's type.
    """
    weights = 1 / ((1 - mix) * prior + mix / len(prior))
    return weights / (prior * weights).sum()


def annealed_mean(logits: Tensor, bins: Tensor, temperature: float = 0.38) -> Tensor:
    r"""The colour that a distribution stands for (eq. 5): its mean after it was sharpened.

    .. math:: f_T(z)_q = \frac{\exp(\log z_q / T)}{\sum_r \exp(\log z_r / T)} = \mathrm{softmax}(logits / T)_q

    Args:
        logits: (B, Q, H, W).
        bins: (Q, 2) centres.
        temperature: T >= 0; 1 is the mean (dull), 0 the mode (vivid, and spotty; it has no gradient).

    Returns:
        (B, 2, H, W), at least float32, in the units of the bins.
    """
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    centres = bins.to(logits)
    if temperature == 0:
        return centres[logits.argmax(1)].permute(0, 3, 1, 2)
    shares = (logits / temperature).softmax(1)
    with torch.autocast(logits.device.type, enabled=False):
        return torch.einsum("bqhw,qc->bchw", shares, centres)
