"""Contrastive losses: one InfoNCE; the methods differ in what they take for positives and negatives."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def info_nce(similarity: Tensor, positive: Tensor, temperature: float | Tensor = 0.07) -> Tensor:
    r"""InfoNCE (van den Oord et al. 2018, arXiv:1807.03748, eq. 4), one value for each query.

    .. math:: \ell_i = -\log \frac{\exp(s_{i,p_i}/\tau)}{\sum_j \exp(s_{ij}/\tau)}

    Args:
        similarity: (..., N, K) similarities of N queries with K keys; ``-inf`` takes a key out.
        positive: (..., N) or (N,) integer index of each query's positive key.
        temperature: tau > 0; a tensor where it is learned.

    Returns:
        (..., N) losses, at least float32. With equal similarities each is ln K.
    """
    # Divided by a small temperature, similarities in half precision would lose what tells them apart.
    logits = similarity.to(torch.promote_types(similarity.dtype, torch.float32)) / temperature
    target = positive.expand(logits.shape[:-1])
    return F.cross_entropy(logits.flatten(0, -2), target.flatten(), reduction="none").view(logits.shape[:-1])


def patch_nce(query: Tensor, key: Tensor, temperature: float = 0.07, negatives: str = "image") -> Tensor:
    r"""PatchNCE (Park et al., ECCV 2020, arXiv:2007.15651, eq. 3): a patch of the output must pick out the patch of
    the input at its own position among the input's other patches.

    .. math:: \ell_i = -\log \frac{\exp(q_i \cdot k_i/\tau)}{\sum_j \exp(q_i \cdot k_j/\tau)}

    The key is a target: no gradient reaches it. (The reference adds a term exp(-10/tau) to the denominator; at
    tau 0.07 it is below the rounding of float64.)

    Args:
        query: (..., B, P, C) unit vectors of the output's patches.
        key: (..., B, P, C) unit vectors of the input's patches at the same positions.
        temperature: tau > 0.
        negatives: ``image`` takes the P - 1 other patches of the same image, ``batch`` those of the whole batch too.

    Returns:
        (..., B, P) losses, at least float32. With equal features each is ln P (``batch``: ln B*P).
    """
    if negatives not in ("image", "batch"):
        raise ValueError(f"negatives come from 'image' or 'batch', not {negatives!r}")
    shape = query.shape[:-1]
    if negatives == "batch":
        query, key = query.flatten(-3, -2), key.flatten(-3, -2)
    own = torch.arange(query.shape[-2], device=query.device)
    return info_nce(products(query, key.detach()), own, temperature).view(shape)


def multilayer_patch_nce(
    queries: Sequence[Tensor],
    keys: Sequence[Tensor],
    temperature: float = 0.07,
    negatives: str = "image",
    domains: int = 1,
) -> Tensor:
    """The mean of ``patch_nce`` over the patches of each tapped layer, and over the layers (the same paper, eq. 4).

    Layers whose patches are of one shape are computed together.

    Args:
        queries, keys: (domains * B, P_i, C_i) unit vectors of each layer.
        temperature, negatives: see ``patch_nce``.
        domains: so many parts of the samples, of equal length and one behind the other, with a mean of their own each.

    Returns:
        (domains,) means, at least float32.
    """
    if len({vectors.shape for vectors in queries}) > 1:
        pairs = zip(queries, keys, strict=True)
        means = [multilayer_patch_nce([query], [key], temperature, negatives, domains) for query, key in pairs]
        return torch.stack(means).mean(0)
    query, key = (torch.stack(list(vectors)).unflatten(1, (domains, -1)) for vectors in (queries, keys))
    return patch_nce(query, key, temperature, negatives).mean((0, 2, 3))


def products(query: Tensor, key: Tensor) -> Tensor:
    """Every query's product with every key, at least in float32 whatever autocast says: (..., N, D), (..., K, D) ->
    (..., N, K)."""
    dtype = torch.promote_types(query.dtype, torch.float32)
    with torch.autocast(query.device.type, enabled=False):
        return query.to(dtype) @ key.to(dtype).transpose(-2, -1)


def unit(features: Tensor) -> Tensor:
    """Vectors (..., D) at length 1, at least in float32."""
    return F.normalize(features.to(torch.promote_types(features.dtype, torch.float32)), dim=-1)


def among_views(views: Tensor, every: Tensor | None = None, first: int = 0) -> tuple[Tensor, Tensor]:
    """Similarities of SimCLR, for ``info_nce``: each view must pick out the other view of its picture among all others.

    Args:
        views: (2, N, D) unit vectors of the two views of N pictures.
        every: (2, M, D) those of all pictures among which these N are, where they are only a part; none: themselves.
        first: which of them is the first of these N.

    Returns:
        similarities (2 N, 2 M) of views with all views, -inf with themselves, and the index (2 N,) of the positives.
    """
    count = views.shape[1]
    every = views if every is None else every
    all_count = every.shape[1]
    similarity = products(views.flatten(0, 1), every.flatten(0, 1))
    place = first + torch.arange(count, device=views.device)
    own, positive = torch.cat([place, place + all_count]), torch.cat([place + all_count, place])
    itself = own.unsqueeze(1) == torch.arange(2 * all_count, device=views.device)
    return similarity.masked_fill(itself, -torch.inf), positive


def nt_xent(first_view: Tensor, second_view: Tensor, temperature: float = 0.1) -> Tensor:
    r"""NT-Xent (SimCLR; Chen et al., ICML 2020, arXiv:2002.05709, eq. 1), as the mean over the 2 N views:

    .. math:: \ell_{ij} = -\log \frac{\exp(s_{ij}/\tau)}{\sum_{k \neq i} \exp(s_{ik}/\tau)}

    s is the cosine similarity, j the other view of picture i. (The published code returns the sum of the means over
    the first and over the second views, which is twice as much.)

    Args:
        first_view, second_view: (N, D) features of N pictures, of any length.
        temperature: tau > 0.

    Returns:
        a scalar, at least float32. With equal features it is ln(2 N - 1).
    """
    return info_nce(*among_views(torch.stack([unit(first_view), unit(second_view)])), temperature).mean()


def among_queue(query: Tensor, key: Tensor, queue: Tensor) -> tuple[Tensor, Tensor]:
    """Similarities of MoCo, for ``info_nce``: each query must pick out its own key among those of former batches (He
    et al., CVPR 2020, arXiv:1911.05722, eq. 1). With equal features the loss is ln(K + 1).

    Args:
        query: (N, D) unit vectors.
        key: (N, D) those of the same pictures; no gradient reaches them.
        queue: (K, D) former keys.

    Returns:
        similarities (N, 1 + K), the own key first, and the index (N,) of the positives, which is 0.
    """
    own = products(query.unsqueeze(1), key.detach().unsqueeze(1)).squeeze(1)  # (N, 1)
    return torch.cat([own, products(query, queue)], dim=1), query.new_zeros(len(query), dtype=torch.long)


def among_keys(query: Tensor, keys: Tensor, first: int = 0) -> tuple[Tensor, Tensor]:
    """Similarities within a batch, for ``info_nce``: each query must pick out its own key among those of all pictures.
    With equal features the loss is ln M.

    Args:
        query: (N, D) unit vectors.
        keys: (M, D) of all pictures, among which these N are.
        first: which of them is the first of these N.

    Returns:
        similarities (N, M) and the index (N,) of the positives.
    """
    return products(query, keys), first + torch.arange(len(query), device=query.device)


def moco_v3(query: Tensor, keys: Tensor, temperature: float = 1.0, first: int = 0) -> Tensor:
    r"""One half of the loss of MoCo v3 (Chen, Xie, He, ICCV 2021, arXiv:2104.02057, algorithm 1), which adds that of
    the queries of one view with the keys of the other and that of the reverse:

    .. math:: L = -2 \tau \, \frac1N \sum_i \log \frac{\exp(q_i \cdot k_i/\tau)}{\sum_j \exp(q_i \cdot k_j/\tau)}

    The factor keeps the size of the gradient where the temperature is another.

    Args:
        query, keys, first: see ``among_keys``; no gradient reaches the keys.
        temperature: tau > 0.

    Returns:
        a scalar, at least float32. With equal features it is 2 tau ln M.
    """
    return 2 * temperature * info_nce(*among_keys(query, keys.detach(), first), temperature).mean()


def clip(
    image: Tensor,
    text: Tensor,
    temperature: float | Tensor = 0.07,
    every_image: Tensor | None = None,
    every_text: Tensor | None = None,
    first: int = 0,
) -> Tensor:
    r"""The loss of CLIP (Radford et al., ICML 2021, arXiv:2103.00020, figure 3): each picture must pick out its own
    text among all, and each text its picture; the mean of the two:

    .. math:: L = -\frac{1}{2N} \sum_i \left( \log \frac{\exp(u_i \cdot v_i/\tau)}{\sum_j \exp(u_i \cdot v_j/\tau)}
              + \log \frac{\exp(u_i \cdot v_i/\tau)}{\sum_j \exp(u_j \cdot v_i/\tau)} \right)

    Args:
        image, text: (N, D) unit vectors of N pictures and of the texts that belong to them.
        temperature: tau > 0, the reciprocal of the published scale exp(t).
        every_image, every_text: (M, D) those of all among which these N are, where they are only a part; none:
            themselves.
        first: which of them is the first of these N.

    Returns:
        a scalar, at least float32. With equal features it is ln M.
    """
    every_image = image if every_image is None else every_image
    every_text = text if every_text is None else every_text
    by_image = info_nce(*among_keys(image, every_text, first), temperature)
    by_text = info_nce(*among_keys(text, every_image, first), temperature)
    return (by_image.mean() + by_text.mean()) / 2
