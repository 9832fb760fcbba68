"""The squared hinge loss of linear support vector machines, brought to its minimum for many classes at once."""

import torch
from torch import Tensor

ENOUGH = 1e-9  # length of the gradient, of that of weights of zero
MOST_STEPS, MOST_INNER, MOST_HALVINGS = 200, 1000, 40
LEAST_FALL = 1e-4  # of what a straight line would fall by


def fit_squared_hinge(
    kernel: Tensor, signs: Tensor, costs: Tensor, start: Tensor | None = None, enough: float = ENOUGH
) -> Tensor:
    """The weights w of least |w|² / 2 + sum over i of c_i max(0, 1 - y_i w·x_i)², of each column by itself.

    What LIBLINEAR minimises (Fan et al., JMLR 2008, eq. 2), by Newton's method with conjugate gradients as there: the
    loss is convex and its second derivative constant between bends, so that a few steps end at the minimum. All
    directions lie in what the rows span (Chapelle, Neural Computation 2007): each is told by what it takes of every
    row, and one product with the kernel then is all that a step of conjugate gradients costs.

    Args:
        kernel: X X' (N, N) of the features x (N, D), a column of ones among them for a threshold; float64.
        signs: y (N, K), 1 or -1.
        costs: c (N, K), zero for rows that a column is not to learn from.
        start: a result to begin from; default: zero.
        enough: the length of the gradient to end at, of that of weights of zero.

    Returns:
        b (N, K): the weights are X' b, and the scores of the rows ``kernel @ b``.
    """
    found = kernel.new_zeros(signs.shape) if start is None else start.clone()
    scores = kernel @ found
    pull = 2 * costs * signs
    scale = _length(pull, kernel @ pull)
    for _ in range(MOST_STEPS):
        slack = (1 - signs * scores).clamp(min=0)
        gradient = found - pull * slack
        length = _length(gradient, kernel @ gradient)
        left = (length > enough * scale).nonzero()[:, 0]
        if not len(left):
            break
        curved = 2 * costs[:, left] * (slack[:, left] > 0)
        exactness = (length / scale)[left].clamp(max=0.1)
        step = _solve(kernel, curved, -gradient[:, left] / length[left], exactness) * length[left]
        change = kernel @ step
        parts = signs[:, left], costs[:, left], found[:, left], scores[:, left]
        share = _share(*parts, step, change, gradient[:, left])
        found[:, left] += share * step
        scores[:, left] += share * change
    return found


def _length(rows: Tensor, seen: Tensor) -> Tensor:
    """The length of X' r for each column r of ``rows``, of which ``seen`` is the product with the kernel."""
    return (rows * seen).sum(0).clamp(min=0).sqrt()


def _solve(kernel: Tensor, curved: Tensor, wanted: Tensor, exactness: Tensor) -> Tensor:
    """The step s for which s + diag(curved) K s = wanted, of each column, by conjugate gradients.

    Args:
        wanted: of length 1.
        exactness: the length of what may be left of it, of each column; one that is done is not worked on any more.
    """
    solved, places = torch.zeros_like(wanted), torch.arange(wanted.shape[1], device=wanted.device)
    step, rest, way, seen = torch.zeros_like(wanted), wanted.clone(), wanted, kernel @ wanted  # seen: K way
    size = (rest * seen).sum(0)
    for _ in range(MOST_INNER):
        going = size > exactness**2
        if not going.all():
            solved[:, places[~going]] = step[:, ~going]
            state = places, exactness, curved, step, rest, way, seen, size
            places, exactness, curved, step, rest, way, seen, size = (part[..., going] for part in state)
            if not len(places):
                break
        bent = way + curved * seen
        share = size / (seen * bent).sum(0)
        step += share * way
        rest -= share * bent
        fresh = kernel @ rest
        new_size = (rest * fresh).sum(0)
        turn = new_size / size
        way, seen, size = rest + turn * way, fresh + turn * seen, new_size
    solved[:, places] = step
    return solved


def _share(
    signs: Tensor, costs: Tensor, found: Tensor, scores: Tensor, step: Tensor, change: Tensor, gradient: Tensor
) -> Tensor:
    """How much of each step to take: all of it, or the first half, quarter ... that makes the loss fall enough.

    Args:
        scores, change: of the rows, by what is found and by the step.
    """
    slope = (gradient * change).sum(0)
    square, mixed, own = (found * scores).sum(0), (found * change).sum(0), (step * change).sum(0)

    def loss(share: Tensor) -> Tensor:
        hinge = (1 - signs * (scores + share * change)).clamp(min=0)
        return 0.5 * (square + share * (2 * mixed + share * own)) + (costs * hinge.square()).sum(0)

    share = torch.ones_like(slope)
    before = loss(torch.zeros_like(slope))
    rounding = 1e-12 * before
    for _ in range(MOST_HALVINGS):
        short = loss(share) > before + LEAST_FALL * share * slope + rounding
        if not short.any():
            break
        share = torch.where(short, share / 2, share)
    return share
