"""Layers run on a part of a map: what of their input a part of their output needs, and nothing more."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from translate.networks.instance_norm import InstanceNorm, Moments
from translate.networks.layers import BlurDownsample, BlurUpsample
from translate.networks.resnet import ResnetBlock, ResnetGenerator

POINTWISE = (nn.ReLU, nn.Tanh, nn.Identity, nn.Dropout, nn.BatchNorm2d)  # in evaluation mode
Span = tuple[int, int]  # first place and the one behind the last


class Window(NamedTuple):
    """A rectangle of a map."""

    rows: Span
    columns: Span

    def of(self, maps: Tensor) -> Tensor:
        """The part (B, C, h, w) of (B, C, H, W), as a view."""
        return maps[:, :, slice(*self.rows), slice(*self.columns)]

    def within(self, outer: "Window") -> "Window":
        """The same rectangle, counted from the corner of one around it."""
        return Window(*((a - start, b - start) for (a, b), (start, _) in zip(self, outer, strict=True)))


class Step:
    """A layer, or a padding and the convolution behind it.

    At a border of the map the layer's own padding is right. At a border of a window within the map it is not, and
    the places that it reaches are cut off.

    Args:
        layer: maps (B, C, H, W) to (B, C', H * up / down, W * up / down).
        kernel, stride, padding: of the convolution that reaches as far as the layer does.
        transposed: whether that is a transposed one.
        channels: of the result, where they are others than those of the input.
    """

    def __init__(
        self,
        layer: Callable[[Tensor], Tensor],
        kernel: int = 1,
        stride: int = 1,
        padding: int = 0,
        transposed: bool = False,
        channels: int | None = None,
    ):
        self.layer = layer
        self.kernel, self.stride, self.padding, self.transposed = kernel, stride, padding, transposed
        self.channels = channels
        self.up, self.down = (stride, 1) if transposed else (1, stride)

    def __call__(self, x: Tensor) -> Tensor:
        return self.layer(x)

    def needs(self, span: Span) -> Span:
        """Which places of its input make the given ones of its result; they may lie beyond its borders."""
        if self.transposed:
            first, last = span[0] + self.padding, span[1] - 1 + self.padding
            return -((self.kernel - 1 - first) // self.stride), last // self.stride + 1
        first, last = span[0] * self.stride, (span[1] - 1) * self.stride
        return first - self.padding, last - self.padding + self.kernel

    def scale(self, length: int) -> int:
        """A length, or a place that is a multiple of ``down``, in places of the result."""
        return length * self.up // self.down


class Norm(Step):
    """Instance norm whose statistics come from elsewhere, or from the first map that it sees.

    Attributes:
        statistics: mean and variance (C,) of each channel; None: not known yet.
    """

    def __init__(self, eps: float):
        super().__init__(self._normalise)
        self.eps = eps
        self.statistics: tuple[Tensor, Tensor] | None = None

    def _normalise(self, x: Tensor) -> Tensor:
        if self.statistics is None:
            self.statistics = Moments().add(x).result(x)
        mean, variance = self.statistics
        return F.batch_norm(x, mean, variance, torch.ones_like(mean), torch.zeros_like(mean), eps=self.eps)


class Block(Step):
    """A residual block: steps whose result is added to their input."""

    def __init__(self, steps: "list[Step]"):
        super().__init__(self._add)
        self.steps = steps

    def _add(self, x: Tensor) -> Tensor:
        result = x
        for step in self.steps:
            result = step(result)
        return x + result

    def needs(self, span: Span) -> Span:
        return _needed_by(self.steps, span)


def steps_of(layers: Iterable[nn.Module]) -> list[Step]:
    """The layers of a ResNet generator in evaluation mode, with norms of their own that know no statistics yet.

    Raises:
        TypeError: a layer whose reach is not known.
    """
    steps: list[Step] = []
    pad = None
    for layer in layers:
        if isinstance(layer, nn.ReflectionPad2d):
            pad = layer
            continue
        steps.append(_step_of(layer, pad))
        pad = None
    return steps


def _step_of(layer: nn.Module, pad: nn.ReflectionPad2d | None) -> Step:
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        (kernel, _), (stride, _), (padding, _) = layer.kernel_size, layer.stride, layer.padding
        padded = layer if pad is None else nn.Sequential(pad, layer)
        padding += 0 if pad is None else pad.padding[0]
        return Step(padded, kernel, stride, padding, isinstance(layer, nn.ConvTranspose2d), layer.out_channels)
    if isinstance(layer, BlurDownsample):
        return Step(layer, kernel=3, stride=2, padding=1)
    if isinstance(layer, BlurUpsample):
        return Step(layer, kernel=4, stride=2, padding=1, transposed=True)
    if isinstance(layer, InstanceNorm):
        return Norm(layer.eps)
    if isinstance(layer, ResnetBlock):
        return Block(steps_of(layer.conv_block))
    if isinstance(layer, POINTWISE):
        return Step(layer)
    raise TypeError(f"how far a {type(layer).__name__} reaches is not known")


def receptive_radius(generator: ResnetGenerator) -> int:
    """How many pixels away, along either axis, the picture can still change a pixel of the translation, apart from
    the statistics of instance norms."""
    steps = steps_of(generator.model)
    radius = 0
    for place in range(generator.stride):  # places within a stride differ by a pixel or two
        first, behind = _needed_by(steps, (place, place + 1))
        radius = max(radius, place - first, behind - 1 - place)
    return radius


def _needed_by(steps: Sequence[Step], span: Span) -> Span:
    for step in reversed(steps):
        span = step.needs(span)
    return span


def run_window(steps: Sequence[Step], source: Tensor, wanted: Window, device: torch.device) -> Tensor:
    """A window of the steps' result, from as much of the source as it takes: the values of the whole map there.

    Args:
        source: (1, C, H, W), the input of the first step as a whole.
        wanted: in places of the result; a multiple of what the steps halve, or the border.
        device: where to compute; what is returned lies there.
    """
    rows = _spans(steps, wanted.rows, source.shape[2])
    columns = _spans(steps, wanted.columns, source.shape[3])
    windows = [Window(*spans) for spans in zip(rows, columns, strict=True)]
    at = windows[0]
    x = _laid_out(at.of(source).to(device))
    for step, needed in zip(steps, windows[1:], strict=True):
        x = step(x)
        at = Window(*(tuple(step.scale(place) for place in span) for span in at))
        if isinstance(step, Block):  # here lies most of the work, and each needs a little less than the one before
            x, at = _laid_out(needed.within(at).of(x)), needed
    return _laid_out(wanted.within(at).of(x))


def _spans(steps: Sequence[Step], wanted: Span, length: int) -> list[Span]:
    """What is needed before each step, within the map's borders, and at last what is wanted.

    Before a step that halves, a span begins and ends at an even place: what is kept of the map depends on it.
    """
    lengths = list(_lengths(steps, length))
    spans, align = [wanted], 1
    for step, length in zip(reversed(steps), reversed(lengths), strict=True):
        align = max(1, align * step.down // step.up)
        first, behind = step.needs(spans[-1])
        spans.append((max(0, first - first % align), min(length, behind + -behind % align)))
    return spans[::-1]


def _lengths(steps: Sequence[Step], length: int) -> Iterator[int]:
    """The length of a map before each step."""
    for step in steps:
        yield length
        length = step.scale(length)


def _laid_out(x: Tensor) -> Tensor:
    """Channels-last and without gaps, as the quick kernels want it."""
    return x.contiguous(memory_format=torch.channels_last)
