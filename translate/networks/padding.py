"""Borders for maps: reflected and repeated, with a gradient that is the same each time where that is asked for."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from translate.networks.tracing import is_exporting


class ReflectionPad(nn.ReflectionPad2d):
    """As torch's own, whose gradient on a GPU adds up in no particular order."""

    def forward(self, x: Tensor) -> Tensor:
        return reflect(x, self.padding[0])


def reflect(x: Tensor, px: int) -> Tensor:
    """(B, C, H, W) -> (B, C, H + 2 px, W + 2 px), mirrored at the outermost pixels."""
    if torch.compiler.is_compiling():
        if is_exporting():
            for side in x.shape[2:]:
                torch._check(side > px)  # or the exporter of torch 2.11 asks whether a map is wider than a pixel
        return F.pad(x, (px, px, px, px), mode="reflect")
    if not _wants_order(x):
        return _Reflected.apply(x, px)
    for dim in (2, 3):
        before = x.narrow(dim, 1, px).flip(dim)
        after = x.narrow(dim, x.shape[dim] - px - 1, px).flip(dim)
        x = torch.cat([before, x, after], dim)
    return x


class _Reflected(torch.autograd.Function):
    """torch's own kernels, without what surrounds them: a copy in float32 on a CPU that computes in half precision
    (autocast), and the map, which its gradient would keep though it needs no more than its size."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, px: int) -> Tensor:
        ctx.px = px
        with torch.autocast("cpu", enabled=False):
            return F.pad(x, (px, px, px, px), mode="reflect")

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        px = ctx.px
        like_input = gradient[:, :, px:-px, px:-px]  # in size and layout
        return torch.ops.aten.reflection_pad2d_backward(gradient, like_input, [px] * 4), None


def replicate(x: Tensor, px: int) -> Tensor:
    """(B, C, H, W) -> (B, C, H + 2 px, W + 2 px), the outermost pixels repeated."""
    if not _wants_order(x):
        return F.pad(x, (px, px, px, px), mode="replicate")
    for dim in (2, 3):
        before, after = x.narrow(dim, 0, 1), x.narrow(dim, x.shape[dim] - 1, 1)
        x = torch.cat([before] * px + [x] + [after] * px, dim)
    return x


def _wants_order(x: Tensor) -> bool:
    return x.is_cuda and torch.are_deterministic_algorithms_enabled()
