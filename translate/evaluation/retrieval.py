"""How often the right one is among the first that are found: pictures by texts, and texts by pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

from torch import Tensor

COUNTS = (1, 5)


@dataclass(frozen=True)
class Retrieved:
    """Recall by how many of the most similar ones are looked at, in both directions."""

    image_to_text: dict[int, float]
    text_to_image: dict[int, float]


def retrieve(images: Tensor, texts: Tensor, relevant: Tensor, counts: Sequence[int] = COUNTS) -> Retrieved:
    """Recall among unit vectors.

    Args:
        images: (N, D).
        texts: (M, D).
        relevant: (N, M) boolean, which texts belong to which pictures; some to each.
        counts: see :func:`recall`.
    """
    similarity = images @ texts.T
    return Retrieved(recall(similarity, relevant, counts), recall(similarity.T, relevant.T, counts))


def recall(similarity: Tensor, relevant: Tensor, counts: Sequence[int] = COUNTS) -> dict[int, float]:
    """The share of queries that have one of their own keys among the k most similar, for each k.

    Of keys that are equally similar the own one counts as the last, so that equal features find nothing; nor do those
    that are no numbers.

    Args:
        similarity: (Q, K) of queries with keys.
        relevant: (Q, K) boolean, some for each query.
        counts: the values of k.
    """
    best = similarity.masked_fill(~relevant, -float("inf")).amax(1, keepdim=True)
    before = (~(similarity < best) & ~relevant).sum(1)
    return {count: (before < count).float().mean().item() for count in counts}


def chance(relevant: Tensor, counts: Sequence[int] = COUNTS) -> dict[int, float]:
    """The same of keys in random order: a query with r own keys among K misses them with C(K - r, k) / C(K, k)."""
    keys = relevant.shape[1]
    own = relevant.sum(1).tolist()
    return {
        count: sum(1 - comb(keys - each, min(count, keys)) / comb(keys, min(count, keys)) for each in own) / len(own)
        for count in counts
    }
