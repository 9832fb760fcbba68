"""The squared hinge loss of linear support vector machines, brought to its minimum for many classes at once."""

import torch
from torch import Tensor

ENOUGH = 1e-9  # length of the gradient, of that of weights of zero
MOST_STEPS, MOST_INNER, MOST_HALVINGS = 200, 500, 40
LEAST_FALL = 1e-4  # of what a straight line would fall by


def fit_squared_hinge(features: Tensor, signs: Tensor, costs: Tensor, start: Tensor | None = None) -> Tensor:
    """The weights w of least |w|² / 2 + sum over i of c_i max(0, 1 - y_i w·x_i)², of each column by itself.

    What LIBLINEAR minimises (Fan et al., JMLR 2008, eq. 2), by Newton's method with conjugate gradients as there: the
    loss is convex and its second derivative constant between bends, so that a few steps end at the minimum.

    Args:
        features: x (N, D), a column of ones among them for a threshold; float64.
        signs: y (N, K), 1 or -1.
        costs: c (N, K), zero for rows that a column is not to learn from.
        start: weights to begin from; default: zero.

    Returns:
        (D, K).
    """
    weights = features.new_zeros(features.shape[1], signs.shape[1]) if start is None else start.clone()
    scale = (2 * features.T @ (costs * signs)).norm(dim=0)
    for _ in range(MOST_STEPS):
        slack = (1 - signs * (features @ weights)).clamp(min=0)
        gradient = weights - 2 * features.T @ (costs * signs * slack)
        length = gradient.norm(dim=0)
        left = (length > ENOUGH * scale).nonzero()[:, 0]
        if not len(left):
            break
        curved = 2 * costs[:, left] * (slack[:, left] > 0)
        exactness = (length / scale)[left].clamp(max=0.1) * length[left]
        step = _solve(features, curved, -gradient[:, left], exactness)
        parts = signs[:, left], costs[:, left], weights[:, left]
        weights[:, left] += _share(features, *parts, step, gradient[:, left]) * step
    return weights


def _solve(features: Tensor, curved: Tensor, wanted: Tensor, exactness: Tensor) -> Tensor:
    """The step s for which s + X' diag(curved) X s = wanted, of each column, by conjugate gradients."""
    step, rest = torch.zeros_like(wanted), wanted.clone()
    way, size = rest.clone(), rest.square().sum(0)
    for _ in range(MOST_INNER):
        going = size.sqrt() > exactness
        if not going.any():
            break
        bent = way + features.T @ (curved * (features @ way))
        share = torch.where(going, size / (way * bent).sum(0).clamp(min=torch.finfo(size.dtype).tiny), 0)
        step += share * way
        rest -= share * bent
        new_size = rest.square().sum(0)
        way = torch.where(going, rest + new_size / size.clamp(min=torch.finfo(size.dtype).tiny) * way, way)
        size = new_size
    return step


def _share(features: Tensor, signs: Tensor, costs: Tensor, weights: Tensor, step: Tensor, gradient: Tensor) -> Tensor:
    """How much of each step to take: all of it, or the first half, quarter ... that makes the loss fall enough."""
    scores, change = features @ weights, features @ step
    slope = (gradient * step).sum(0)

    def loss(share: Tensor) -> Tensor:
        hinge = (1 - signs * (scores + share * change)).clamp(min=0)
        return 0.5 * (weights + share * step).square().sum(0) + (costs * hinge.square()).sum(0)

    share = torch.ones_like(slope)
    before = loss(torch.zeros_like(slope))
    rounding = 1e-12 * before
    for _ in range(MOST_HALVINGS):
        short = loss(share) > before + LEAST_FALL * share * slope + rounding
        if not short.any():
            break
        share = torch.where(short, share / 2, share)
    return share
