"""Classification with soft targets and weighted classes."""

import torch
import torch.nn.functional as F
from torch import Tensor


def multinomial_loss(
    logits: Tensor,
    indices: Tensor,
    shares: Tensor,
    class_weights: Tensor | None = None,
    counted: Tensor | None = None,
    count: Tensor | None = None,
) -> Tensor:
    r"""Cross entropy of every pixel with a soft target, rare classes weighted up (Zhang, Isola, Efros, ECCV 2016,
    arXiv:1603.08511, eq. 2), as the mean over pixels:

    .. math:: L = -\frac1N \sum_i v_i \sum_q Z_{iq} \log \hat Z_{iq}, \qquad v_i = w_{\arg\max_q Z_{iq}}

    N is the number of pixels in the pictures that are counted; weights are not divided out, so that those of mean 1
    over a data set leave L at the size of an unweighted loss.

    Args:
        logits: (B, Q, H, W) of the prediction.
        indices: (B, K, H, W) classes in which the target Z is not zero, each once.
        shares: (B, K, H, W) of the target in these classes, summing to 1 over K.
        class_weights: w (Q,); none: all 1.
        counted: (B,) bool, the pictures that take part; none: all.
        count: a scalar above 0 to take for their number. For a piece of a batch it is the mean over all pieces: then
            the mean of their losses is the loss of the batch.

    Returns:
        a scalar, at least float32; 0 if no picture takes part. With equal logits and without weights it is ln Q.
    """
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    surprise = -F.log_softmax(logits, dim=1).gather(1, indices)  # (B, K, H, W)
    values = (shares.to(logits.dtype) * surprise).sum(1)
    if class_weights is not None:
        likeliest = indices.gather(1, shares.argmax(1, keepdim=True)).squeeze(1)
        values = class_weights.to(logits.dtype)[likeliest] * values
    if counted is None:
        return values.mean()
    # Not selected but multiplied: how many there are is not known to the host, and need not be.
    return (values.mean((1, 2)) * counted).sum() / (counted.sum().clamp(min=1) if count is None else count)


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    r"""Mean of :math:`-\log \mathrm{softmax}(x)_{t}` over a batch.

    Args:
        logits: (B, K).
        target: (B,) integer class of each row.

    Returns:
        a scalar, at least float32. With equal logits it is ln K.
    """
    return F.cross_entropy(logits.to(torch.promote_types(logits.dtype, torch.float32)), target)


def accuracy(logits: Tensor, target: Tensor) -> Tensor:
    """The share of a batch whose largest logit is that of its class; a tie, as at the start, counts as its share of
    the classes that are alike. (B, K), (B,) -> a scalar."""
    largest = logits == logits.max(1, keepdim=True).values
    hit = largest.gather(1, target.unsqueeze(1)).squeeze(1)
    return (hit.float() / largest.sum(1)).mean()
