"""Instance normalisation that keeps the channels-last layout and has a right gradient in every layout."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from translate.networks.tracing import is_exporting

# Batch norm's kernels sum pixel after pixel in float32. Over a million of them three digits are left; beyond this many
# pixels, which no usual training has, the statistics are joined from those of strips, in float64.
LARGEST_SUM = 2**16
STRIP = 2**14


class InstanceNorm(nn.InstanceNorm2d):
    """Each channel of each sample to mean 0 and variance 1: no affine weights, no running statistics."""

    def __init__(self, channels: int, eps: float = 1e-5):
        super().__init__(channels, eps, affine=False, track_running_stats=False)

    def forward(self, x: Tensor, rectify: bool = False) -> Tensor:
        return instance_norm(x, self.eps, rectify)


def instance_norm(x: Tensor, eps: float = 1e-5, rectify: bool = False) -> Tensor:
    """(x - mean) / sqrt(var + eps) over the pixels of each channel (Ulyanov et al. 2016, arXiv:1607.08022).

    (B, C, H, W) -> the same shape and type. Statistics are float32 at least. What lies channels-last stays so.

    Args:
        rectify: a ReLU behind it, which then needs no map of its own for the gradient.

    Raises:
        ValueError: one pixel alone has no statistics.
    """
    if x.shape[2] * x.shape[3] == 1:
        raise ValueError(f"instance norm needs more than one pixel a channel, not a map of shape {tuple(x.shape)}")
    if is_exporting():
        result = F.instance_norm(x, eps=eps)  # other programs have it as one operation
        return result.relu() if rectify else result
    if torch.compiler.is_compiling():
        return _by_formula(x, eps, rectify)  # the compiler fuses it with what is around it
    halved = x.dtype in (torch.bfloat16, torch.float16)  # torch's own would round the statistics too
    if x.device.type == "cpu" and (halved or x.is_contiguous(memory_format=torch.channels_last)):
        return _ChannelsLast.apply(x, eps, rectify)
    return _MapByMap.apply(x.contiguous(), eps, rectify)


def _by_formula(x: Tensor, eps: float, rectify: bool) -> Tensor:
    exact = x.to(torch.promote_types(x.dtype, torch.float32))
    variance, mean = torch.var_mean(exact, (2, 3), correction=0, keepdim=True)
    result = ((exact - mean) * torch.rsqrt(variance + eps)).to(x.dtype)
    return result.relu() if rectify else result


def _differentiable(x: Tensor, eps: float, rectify: bool, gradient: Tensor) -> Tensor:
    """The gradient of the map where a penalty on gradients differentiates it once more."""
    return torch.autograd.grad(_by_formula(x, eps, rectify), x, gradient, create_graph=True)[0]


class _ChannelsLast(torch.autograd.Function):
    """Batch norm's kernels, sample by sample.

    torch's own instance norm joins batch and channels into one dimension, for which channels-last maps are copied.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, eps: float, rectify: bool) -> Tensor:
        ctx.save_for_backward(x, *(statistics := _statistics_like(x)))
        ctx.eps, ctx.rectify = eps, rectify
        x = x.contiguous(memory_format=torch.channels_last)
        result = torch.empty_like(x)
        scale, shift = _unit(x)
        for sample, (mean, deviation) in enumerate(zip(*statistics, strict=True)):
            one = slice(sample, sample + 1)
            if x.shape[2] * x.shape[3] <= LARGEST_SUM:
                arguments = x[one], scale, shift, None, None, True, 0.0, eps
                torch.ops.aten.native_batch_norm.out(*arguments, out=result[one], save_mean=mean, save_invstd=deviation)
                continue
            exact_mean, variance = Moments().add(x[one]).result(mean)
            result[one] = F.batch_norm(x[one], exact_mean, variance, scale, shift, eps=eps)
            mean.copy_(exact_mean)
            torch.rsqrt(variance + eps, out=deviation)
        return result.relu_() if rectify else result

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        x, means, deviations = ctx.saved_tensors
        if torch.is_grad_enabled():
            return _differentiable(x, ctx.eps, ctx.rectify, gradient), None, None
        x, gradient = (tensor.contiguous(memory_format=torch.channels_last) for tensor in (x, gradient))
        result = torch.empty_like(x)
        scale, shift = _unit(x)
        for sample, (mean, deviation) in enumerate(zip(means, deviations, strict=True)):
            one = slice(sample, sample + 1)
            incoming = gradient[one]
            if ctx.rectify:
                # What came out, once more: a mean rounded to the map's precision would call values next to it wrongly.
                # Torch's operation itself: of some versions (2.11) the function in front of it refuses an eps of 0.
                normal = torch.batch_norm(x[one], scale, shift, mean, deviation.pow(-2), False, 0.0, 0.0, False)
                incoming = torch.ops.aten.threshold_backward(incoming, normal, 0)  # a tenth of the time of a mask
            saved = None, None, mean, deviation, True, ctx.eps, [True, False, False]
            result[one] = torch.ops.aten.native_batch_norm_backward(incoming, x[one], scale, *saved)[0]
        return result, None, None


class _MapByMap(torch.autograd.Function):
    """Batch norm's kernels with batch and channels as one dimension, as in torch's own instance norm.

    The result of that one is a view: where an activation behind it works in place, autograd copies the map of its
    gradient twice. And on a CPU its gradient is wrong where the batch is 1 and the incoming one lies channels-last
    (torch 2.15).
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, eps: float, rectify: bool) -> Tensor:
        mean, deviation = (values.flatten() for values in _statistics_like(x))
        result = torch.empty_like(x)
        arguments = _joined(x), None, None, None, None, True, 0.0, eps
        torch.ops.aten.native_batch_norm.out(*arguments, out=_joined(result), save_mean=mean, save_invstd=deviation)
        if rectify:
            result.relu_()
        ctx.save_for_backward(x, mean, deviation, result if rectify else None)
        ctx.eps = eps
        return result

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        x, mean, deviation, rectified = ctx.saved_tensors
        if torch.is_grad_enabled():
            return _differentiable(x, ctx.eps, rectified is not None, gradient), None, None
        incoming = gradient.contiguous()
        if rectified is not None:
            incoming = torch.ops.aten.threshold_backward(incoming, rectified, 0)
        saved = None, None, None, mean, deviation, True, ctx.eps, [True, False, False]
        result = torch.ops.aten.native_batch_norm_backward(_joined(incoming), _joined(x), *saved)[0]
        return result.view(x.shape), None, None


def _joined(x: Tensor) -> Tensor:
    """(B, C, H, W) -> (1, B C, H, W)"""
    return x.view(1, -1, *x.shape[2:])


class Moments:
    """Mean and variance of each channel over several parts of a map.

    Those of the parts are joined in float64 by their counts (Chan et al. 1979): no sums of large squares.
    """

    def __init__(self) -> None:
        self.count = 0
        self.mean: Tensor | float = 0.0
        self.squares: Tensor | float = 0.0  # sum of the squared distances from the mean

    def add(self, part: Tensor) -> "Moments":
        """Take in (1, C, h, w)."""
        rows = max(1, STRIP // part.shape[3])
        for strip in part.split(rows, dim=2):
            self._join(strip.shape[2] * strip.shape[3], *_mean_and_variance(strip))
        return self

    def _join(self, count: int, mean: Tensor, variance: Tensor) -> None:
        mean, variance = (values.to("cpu", torch.float64) for values in (mean, variance))
        total = self.count + count
        apart = mean - self.mean
        self.squares = self.squares + variance * count + apart.square() * (self.count * count / total)
        self.mean = self.mean + apart * (count / total)
        self.count = total

    def result(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and (biased) variance (C,), of another tensor's type, in float32 at least, where that one lies."""
        kind = torch.promote_types(like.dtype, torch.float32)
        return self.mean.to(like.device, kind), (self.squares / self.count).to(like.device, kind)


def _mean_and_variance(x: Tensor) -> tuple[Tensor, Tensor]:
    kind = torch.promote_types(x.dtype, torch.float32)
    if x.device.type == "cpu":
        # On channels-last maps a thirtieth of the time of ``var_mean``, and no copy in float32.
        unused = x.new_zeros(x.shape[1], dtype=kind)
        return torch.batch_norm_update_stats(x, unused, unused.clone(), 0.0)
    variance, mean = torch.var_mean(x.to(kind), (0, 2, 3), correction=0)
    return mean, variance


def _statistics_like(x: Tensor) -> tuple[Tensor, Tensor]:
    """Room for mean and reciprocal deviation (B, C) of each map."""
    empty = x.new_empty(x.shape[:2], dtype=torch.promote_types(x.dtype, torch.float32))
    return empty, torch.empty_like(empty)


def _unit(x: Tensor) -> tuple[Tensor, Tensor]:
    """Scale 1 and shift 0 (C,). Their type is that of the statistics, which must not be kept in half precision."""
    scale = x.new_ones(x.shape[1], dtype=torch.promote_types(x.dtype, torch.float32))
    return scale, torch.zeros_like(scale)
