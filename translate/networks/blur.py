"""Resampling with a binomial blur; for channels-last maps on the CPU by other means than depthwise convolutions, which
are slow there."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from translate.networks.padding import reflect, replicate
from translate.networks.tracing import is_exporting


def blur_downsample(x: Tensor, kernel: Tensor) -> Tensor:
    """Every second pixel of the [1, 2, 1] blur with reflected borders. (B, C, H, W) -> (B, C, ceil(H/2), ceil(W/2)).

    Args:
        kernel: (C, 1, 3, 3), that blur as weights of a depthwise convolution, which is computed elsewhere.
    """
    if _is_channels_last(x) and min(x.shape[2:]) > 1 and not torch.compiler.is_compiling():
        return _Down.apply(x)
    return F.conv2d(reflect(x, 1), kernel, stride=2, groups=x.shape[1])


def blur_upsample(x: Tensor, kernel: Tensor) -> Tensor:
    """Twice the pixels, by a [1, 3, 3, 1] filter with replicated borders. (B, C, H, W) -> (B, C, 2H, 2W).

    This is bilinear interpolation between pixel centres.

    Args:
        kernel: (C, 1, 4, 4), that filter as weights of a depthwise transposed convolution, which is computed elsewhere:
            on a GPU the gradient of interpolation is not deterministic.
    """
    if is_exporting():  # no question of layout, and one operation that other programs have
        return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    if _is_channels_last(x):
        if x.dtype == torch.bfloat16 and len(x) == 1 and not x.requires_grad and not torch.compiler.is_compiling():
            return _doubled(_doubled(x, 3), 2)  # interpolation of a sample alone would run on one core
        with torch.autocast("cpu", enabled=False):  # it would go to float32 and back
            return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    padded = replicate(x, 1)
    # The transposed convolution of the padded map reaches three pixels past either side of the doubled picture:
    # padding=3 trims them.
    return F.conv_transpose2d(padded, kernel, stride=2, padding=3, groups=x.shape[1])


def _is_channels_last(x: Tensor) -> bool:
    return x.device.type == "cpu" and x.is_contiguous(memory_format=torch.channels_last)


class _Down(torch.autograd.Function):
    """A linear map; its gradient is its transpose."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.size = x.shape[2:]
        return _halve(_halve(x, 2), 3)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return _DownTransposed.apply(gradient, *ctx.size)


class _DownTransposed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, height: int, width: int) -> Tensor:
        return _unhalve(_unhalve(x, 3, width), 2, height)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return _Down.apply(gradient), None, None


def _halve(x: Tensor, dim: int) -> Tensor:
    """[1/4, 1/2, 1/4] at every even place of a dimension of at least two places."""
    length = x.shape[dim]
    odd = _every_second(x, dim, 1)
    result = _every_second(x, dim, 0) * 0.5
    after, before = result.narrow(dim, 0, odd.shape[dim]), result.narrow(dim, 1, result.shape[dim] - 1)
    after.add_(odd, alpha=0.25)  # even place i and the odd one behind it
    before.add_(odd.narrow(dim, 0, before.shape[dim]), alpha=0.25)
    result.select(dim, 0).add_(odd.select(dim, 0), alpha=0.25)  # place -1 is place 1
    if length % 2:
        result.select(dim, -1).add_(odd.select(dim, -1), alpha=0.25)  # place n is place n - 2
    return result


def _unhalve(x: Tensor, dim: int, length: int) -> Tensor:
    """The transpose of ``_halve``: as many places of it as there were."""
    shape = list(x.shape)
    shape[dim] = length
    layout = torch.channels_last if x.is_contiguous(memory_format=torch.channels_last) else torch.contiguous_format
    result = torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=layout)
    even, odd = _every_second(result, dim, 0), _every_second(result, dim, 1)
    torch.mul(x, 0.5, out=even)
    torch.mul(x.narrow(dim, 0, odd.shape[dim]), 0.25, out=odd)
    behind = x.narrow(dim, 1, x.shape[dim] - 1)
    odd.narrow(dim, 0, behind.shape[dim]).add_(behind, alpha=0.25)
    odd.select(dim, 0).add_(x.select(dim, 0), alpha=0.25)
    if length % 2:
        odd.select(dim, -1).add_(x.select(dim, -1), alpha=0.25)
    return result


def _doubled(x: Tensor, dim: int) -> Tensor:
    """Twice the places of a dimension: each old one's neighbours on either side, a quarter of the way to the next."""
    shape = list(x.shape)
    shape[dim] *= 2
    result = torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=torch.channels_last)
    even, odd = _every_second(result, dim, 0), _every_second(result, dim, 1)
    gaps = x.shape[dim] - 1
    before, after = x.narrow(dim, 0, gaps), x.narrow(dim, 1, gaps)
    torch.lerp(before, after, 0.25, out=odd.narrow(dim, 0, gaps))
    torch.lerp(after, before, 0.25, out=even.narrow(dim, 1, gaps))
    even.select(dim, 0).copy_(x.select(dim, 0))
    odd.select(dim, -1).copy_(x.select(dim, -1))
    return result


def _every_second(x: Tensor, dim: int, first: int) -> Tensor:
    places = [slice(None)] * x.ndim
    places[dim] = slice(first, None, 2)
    return x[tuple(places)]
