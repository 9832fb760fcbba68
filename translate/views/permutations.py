"""Sets of permutations that are far from each other, for jigsaw puzzles (Noroozi, Favaro, ECCV 2016)."""

from collections.abc import Callable
from functools import lru_cache
from itertools import chain, permutations
from math import factorial

import numpy as np

from translate.randomness import generator

MOST_TILES = 9  # of more there are too many permutations to look at all of them


def _spread(sums: np.ndarray, nearest: np.ndarray) -> np.ndarray:
    """The largest minimum, and among these the largest sum."""
    return nearest.astype(np.int32) * (int(sums.max()) + 1) + sums


def _middle(sums: np.ndarray, nearest: np.ndarray) -> np.ndarray:
    """Best where the sum is the lower median of the sums of those that can still be chosen."""
    counts = np.bincount(sums[nearest > 0])
    median = np.searchsorted(counts.cumsum(), (counts.sum() + 1) // 2)
    return -np.abs(sums - int(median))


# How good each candidate is, the more the better, from its Hamming distances to the chosen ones: their sum (int32) and
# their minimum (uint8, 0 for those that are chosen).
RULES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "max_min": _spread,
    "max_mean": lambda sums, nearest: sums,
    "middle": _middle,
    "min": lambda sums, nearest: -sums,
}


@lru_cache(maxsize=8)
def permutation_set(count: int, rule: str = "max_min", seed: int = 0, tiles: int = 9) -> np.ndarray:
    """``count`` different permutations of the tiles, chosen one after the other from all that there are.

    The first is drawn. Then the rule says which comes next, by the Hamming distances (the number of places in which
    two permutations differ) of every candidate to those that are chosen already; chance decides between equals.

    ========  ==============================================================================================
    max_min   the largest minimum, and among these the largest mean: no two are near each other
    max_mean  the largest mean: the paper's algorithm 1
    middle    the mean that is the lower median of all candidates'
    min       the smallest mean: nearly the same puzzle each time
    ========  ==============================================================================================

    No set of N has a larger mean distance than 8 N / (N - 1) for nine tiles, which both of the first come to, so it is
    the minimum that tells sets apart. 1000 of nine tiles take some seconds.

    Returns:
        (count, tiles) int64, not to be written to: row p says that place i shows tile ``p[i]``.

    Raises:
        ValueError: no such rule, too many tiles, or fewer permutations than are asked for.
    """
    if rule not in RULES:
        raise ValueError(f"permutations are chosen by one of {', '.join(RULES)}, not by {rule!r}")
    if not 1 <= tiles <= MOST_TILES:
        raise ValueError(f"permutations are listed of 1 to {MOST_TILES} tiles, not of {tiles}")
    if not 1 <= count <= factorial(tiles):
        raise ValueError(f"{tiles} tiles have {factorial(tiles)} permutations, not {count}")
    chosen = _choose(_all_permutations(tiles), count, RULES[rule], generator(seed, "permutations"))
    chosen.setflags(write=False)
    return chosen


def _choose(
    candidates: np.ndarray,
    count: int,
    rule: Callable[[np.ndarray, np.ndarray], np.ndarray],
    rng: np.random.Generator,
) -> np.ndarray:
    """Sum and minimum of the distances grow with every choice: no distance is computed twice."""
    sums = np.zeros(candidates.shape[1], dtype=np.int32)
    nearest = np.full(candidates.shape[1], len(candidates) + 1, dtype=np.uint8)
    places = [int(rng.integers(candidates.shape[1]))]
    while len(places) < count:
        distances = _distances(candidates, candidates[:, places[-1]])
        sums += distances
        np.minimum(nearest, distances, out=nearest)
        goodness = np.where(nearest > 0, rule(sums, nearest), np.iinfo(np.int32).min)
        best = np.flatnonzero(goodness == goodness.max())
        places.append(int(best[rng.integers(len(best))]))
    return candidates[:, places].T.astype(np.int64)


@lru_cache(maxsize=1)
def _all_permutations(tiles: int) -> np.ndarray:
    """(tiles, tiles!) uint8, in lexicographic order."""
    numbers = chain.from_iterable(permutations(range(tiles)))
    listed = np.fromiter(numbers, dtype=np.uint8, count=tiles * factorial(tiles))
    return np.ascontiguousarray(listed.reshape(-1, tiles).T)


def _distances(candidates: np.ndarray, one: np.ndarray) -> np.ndarray:
    """Of each candidate to one permutation (tiles,), uint8."""
    distances = np.zeros(candidates.shape[1], dtype=np.uint8)
    for row, tile in zip(candidates, one, strict=True):
        distances += row != tile
    return distances


def hamming_distances(chosen: np.ndarray) -> tuple[float, int]:
    """Mean and minimum over all pairs of permutations in a set (N, tiles) of the number of places where they differ.

    Raises:
        ValueError: fewer than two permutations.
    """
    if len(chosen) < 2:
        raise ValueError("a distance is between two permutations; give at least two")
    counts = np.zeros(chosen.shape[1] + 1, dtype=np.int64)
    for place in range(1, len(chosen)):
        counts += np.bincount((chosen[:place] != chosen[place]).sum(1), minlength=len(counts))
    return float(counts @ np.arange(len(counts)) / counts.sum()), int(np.flatnonzero(counts)[0])
