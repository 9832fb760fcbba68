"""Reconstruction losses: a prediction against what is known to be right, everywhere or where weights say so."""

import torch
import torch.nn.functional as F
from torch import Tensor


def l1(prediction: Tensor, target: Tensor) -> Tensor:
    r"""The mean absolute difference over all values, a scalar, at least float32.

    .. math:: L = \frac1N \sum_i |\hat x_i - x_i|

    The cycle and identity losses of CycleGAN (Zhu et al. 2017, arXiv:1703.10593, eq. 2) and the L1 term of pix2pix
    (Isola et al. 2017, arXiv:1611.07004, eq. 3).
    """
    return _difference(prediction, target).abs().mean()


def l2(prediction: Tensor, target: Tensor) -> Tensor:
    r"""The mean squared difference over all values, a scalar, at least float32.

    .. math:: L = \frac1N \sum_i (\hat x_i - x_i)^2
    """
    return _difference(prediction, target).square().mean()


def masked_l2(prediction: Tensor, target: Tensor, weight: Tensor, count: Tensor | None = None) -> Tensor:
    r"""The weighted mean squared difference over the values that count, those of a positive weight:

    .. math:: L = \frac{\sum_i w_i (\hat x_i - x_i)^2}{|\{i : w_i > 0\}|}

    With weights of 0 and 1 this is L_rec of context encoders (Pathak et al. 2016, arXiv:1604.07379, eq. 1) divided by
    the number of values inside the holes, which makes it comparable between masks. A weight above 1 is not divided
    out, as in the published code. The prediction gets no gradient where the weight is 0.

    Args:
        prediction, target: (B, C, H, W).
        weight: at least 0, of a shape that broadcasts to theirs, e.g. (B, 1, H, W).
        count: a scalar above 0 to divide by instead of the number of values that count. For a piece of a batch it is
            the mean of that number over all pieces: then the mean of their losses is the loss of the batch.

    Returns:
        a scalar, at least float32; 0 where nothing counts.
    """
    return _mean_where_counted(_difference(prediction, target).square(), weight, count)


def masked_l1(prediction: Tensor, target: Tensor, weight: Tensor, count: Tensor | None = None) -> Tensor:
    r"""Like :func:`masked_l2`, with absolute differences: sum w \|x' - x\| / number of values with w > 0."""
    return _mean_where_counted(_difference(prediction, target).abs(), weight, count)


def overlap_weights(hole: Tensor, band_px: int, factor: float = 10.0) -> Tensor:
    """Weights for a prediction that overlaps what is known around its hole (Pathak et al. 2016, section 3.2).

    1 inside the hole; ``factor`` in the band, the known pixels up to ``band_px`` from it (along the longer axis, so
    that a square hole has a square band); 0 elsewhere. The factor is constant, there is no taper: that of the published
    code is 10, in a band of 4 pixels, so that a hole of 56x56 gives the 64x64 predicted pixels the values 1 and 10.

    Args:
        hole: (..., H, W) boolean, True inside.
        band_px: width of the band; 0 for none.

    Returns:
        (..., H, W) float32.
    """
    inside = hole.to(torch.float32)
    flat = inside.reshape(-1, 1, *hole.shape[-2:])
    reached = F.max_pool2d(flat, 2 * band_px + 1, stride=1, padding=band_px).view(hole.shape)
    return inside + factor * (reached - inside)


def _difference(prediction: Tensor, target: Tensor) -> Tensor:
    dtype = torch.promote_types(torch.promote_types(prediction.dtype, target.dtype), torch.float32)
    return prediction.to(dtype) - target.to(dtype)


def _mean_where_counted(values: Tensor, weight: Tensor, count: Tensor | None) -> Tensor:
    if count is None:
        count = (weight > 0).expand_as(values).sum().clamp(min=1)
    return (weight.to(values.dtype) * values).sum() / count
