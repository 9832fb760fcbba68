"""Contrastive losses: one InfoNCE; the methods differ in what they take for positives and negatives."""

import torch
import torch.nn.functional as F
from torch import Tensor


def info_nce(similarity: Tensor, positive: Tensor, temperature: float = 0.07) -> Tensor:
    r"""InfoNCE (van den Oord et al. 2018, arXiv:1807.03748, eq. 4), one value for each query.

    .. math:: \ell_i = -\log \frac{\exp(s_{i,p_i}/\tau)}{\sum_j \exp(s_{ij}/\tau)}

    Args:
        similarity: (..., N, K) similarities of N queries with K keys; ``-inf`` takes a key out.
        positive: (..., N) or (N,) integer index of each query's positive key.
        temperature: tau > 0.

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
        query: (B, P, C) unit vectors of the output's patches.
        key: (B, P, C) unit vectors of the input's patches at the same positions.
        temperature: tau > 0.
        negatives: ``image`` takes the P - 1 other patches of the same image, ``batch`` those of the whole batch too.

    Returns:
        (B, P) losses, at least float32. With equal features each is ln P (``batch``: ln B*P).
    """
    if negatives not in ("image", "batch"):
        raise ValueError(f"negatives come from 'image' or 'batch', not {negatives!r}")
    shape = query.shape[:2]
    if negatives == "batch":
        query, key = query.flatten(0, 1).unsqueeze(0), key.flatten(0, 1).unsqueeze(0)
    dtype = torch.promote_types(query.dtype, torch.float32)
    with torch.autocast(query.device.type, enabled=False):
        similarity = query.to(dtype) @ key.detach().to(dtype).transpose(1, 2)  # (B, P, P)
    own = torch.arange(query.shape[1], device=query.device)
    return info_nce(similarity, own, temperature).view(shape)
