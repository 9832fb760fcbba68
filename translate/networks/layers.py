"""Building blocks of the translation networks: fixed blur filters and normalisation."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from translate.networks.blur import blur_downsample, blur_upsample
from translate.networks.instance_norm import InstanceNorm

NORMS = ("instance", "batch", "none")


def binomial_filter(taps: int) -> Tensor:
    """The outer product of a row of Pascal's triangle, summing to one. Shape (taps, taps).

    >>> binomial_filter(3)[1]
    tensor([0.1250, 0.2500, 0.1250])
    """
    row = torch.ones(1)
    for _ in range(taps - 1):
        row = F.pad(row, (1, 0)) + F.pad(row, (0, 1))
    kernel = torch.outer(row, row)
    return kernel / kernel.sum()


class BlurDownsample(nn.Module):
    """Halve the resolution behind a [1, 2, 1] blur with reflected borders (Zhang, ICML 2019).

    (B, C, H, W) -> (B, C, ceil(H/2), ceil(W/2)). The filter is the buffer ``filt`` (C, 1, 3, 3).
    """

    def __init__(self, channels: int):
        super().__init__()
        self.register_buffer("filt", binomial_filter(3).repeat(channels, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return blur_downsample(x, self.filt)


class BlurUpsample(nn.Module):
    """Double the resolution with a [1, 3, 3, 1] interpolation filter and replicated borders.

    (B, C, H, W) -> (B, C, 2H, 2W). The filter is the buffer ``filt`` (C, 1, 4, 4).
    """

    def __init__(self, channels: int):
        super().__init__()
        # Times four: each output pixel sees a quarter of the filter's weight.
        self.register_buffer("filt", (binomial_filter(4) * 4).repeat(channels, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return blur_upsample(x, self.filt)


class FullPrecisionTanh(nn.Tanh):
    """tanh in float32 at least: pictures leave a network in more than the eight bits of bfloat16."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.to(torch.promote_types(x.dtype, torch.float32)))


def run_layers(layers: nn.Sequential, x: Tensor, first: int = 0, last: int | None = None) -> Tensor:
    """The layers from ``first`` to ``last`` (default: all), an instance norm and the ReLU behind it in one.

    So the gradient of the two keeps one map instead of two. What somebody listens to is run by itself.
    """
    stop = len(layers) if last is None else last + 1
    index = first
    while index < stop:
        layer = layers[index]
        following = layers[index + 1] if index + 1 < stop else None
        pair = isinstance(layer, InstanceNorm) and isinstance(following, nn.ReLU)
        if pair and not (_has_hooks(layer) or _has_hooks(following)):
            x = layer(x, rectify=True)
            index += 2
        else:
            x = layer(x)
            index += 1
    return x


def _has_hooks(module: nn.Module) -> bool:
    kinds = module._forward_hooks, module._forward_pre_hooks, module._backward_hooks, module._backward_pre_hooks
    return any(kinds)


def norm_layer(kind: str, channels: int) -> nn.Module:
    """Normalisation by name: ``instance`` (no affine, no running statistics), ``batch`` or ``none``."""
    if kind == "instance":
        return InstanceNorm(channels)
    if kind == "batch":
        return nn.BatchNorm2d(channels, affine=True, track_running_stats=True)
    return nn.Identity()


def conv_has_bias(norm: str) -> bool:
    """Convolutions carry a bias only before instance norm, as in the published weights.

    The bias is without effect there (the norm removes it), but its presence is part of the file format.
    """
    return norm == "instance"
