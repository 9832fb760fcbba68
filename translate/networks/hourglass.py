"""The hourglass of inception blocks (Chen, Fu, Yang, Deng, NeurIPS 2016, arXiv:1604.03901) that predicts depth, with
the two heads of Li et al. (CVPR 2019, arXiv:1904.11111): log depth and how sure it is."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

LEVELS = 4  # a map is halved so many times
PUBLISHED_NGF = 64


class Block(NamedTuple):
    """Four branches side by side: 1x1 to ``width``, and three times 1x1 to ``inner`` and k x k to ``width``."""

    width: int
    inner: int
    kernels: tuple[int, int, int]


class Level(NamedTuple):
    """What stands around the next inner level, at half the resolution, and what bridges both at the full one."""

    before: Sequence[Block]
    after: Sequence[Block]
    skip: Sequence[Block]
    skip_first: bool  # in the state dict


NARROW, WIDE = (3, 5, 7), (3, 7, 11)
OUTER, MIDDLE = Block(32, 32, NARROW), Block(64, 32, NARROW)
# From the outermost to the innermost, which has nothing within.
PUBLISHED = (
    Level([OUTER] * 2, [Block(32, 64, NARROW), Block(16, 32, WIDE)], [Block(16, 64, WIDE)], False),
    Level([OUTER, MIDDLE], [MIDDLE, OUTER], [OUTER, Block(32, 64, WIDE)], False),
    Level([MIDDLE] * 2, [MIDDLE, Block(64, 64, WIDE)], [MIDDLE, Block(64, 64, WIDE)], True),
    Level([MIDDLE] * 3, [], [MIDDLE] * 2, True),
)


class DepthPrediction(NamedTuple):
    """What is predicted of each pixel, both (B, 1, H, W)."""

    log_depth: Tensor
    confidence: Tensor  # in [0, 1]


class Hourglass(nn.Module):
    """Pictures (B, C, H, W) in [0, 1], more channels behind the three of colour -> :class:`DepthPrediction`.

    H and W are multiples of ``stride``. State-dict keys are those of the published weights of the Mannequin Challenge.

    Args:
        input_nc: C; 3, 6 and 7 are published.
        ngf: channels that the heads see, a multiple of 4; all others go with them. 64 is published.
    """

    stride = 2**LEVELS

    def __init__(self, input_nc: int = 3, ngf: int = PUBLISHED_NGF):
        super().__init__()
        if ngf < 4 or ngf % 4:
            raise ValueError(f"ngf is {ngf}, not a multiple of 4")
        self.input_nc = input_nc
        stem_nc = 2 * ngf
        stem = [nn.Conv2d(input_nc, stem_nc, 7, padding=3), nn.BatchNorm2d(stem_nc), nn.ReLU(True)]
        self.seq = nn.Sequential(*stem, _HourglassLevel(stem_nc, PUBLISHED, ngf))
        self.uncertainty_layer = nn.Sequential(nn.Conv2d(ngf, 1, 3, padding=1), nn.Sigmoid())
        self.pred_layer = nn.Conv2d(ngf, 1, 3, padding=1)

    def forward(self, images: Tensor) -> DepthPrediction:
        features = self.seq(images)  # (B, ngf, H, W)
        return DepthPrediction(self.pred_layer(features), self.uncertainty_layer(features))


class _HourglassLevel(nn.Module):
    """Halved, seen by all that lies within, doubled, and added to what stayed at full resolution."""

    def __init__(self, channels: int, levels: Sequence[Level], ngf: int):
        super().__init__()
        level, *inner = levels
        deep: list[nn.Module] = [nn.AvgPool2d(2)]
        width = _extend(deep, channels, level.before, ngf)
        if inner:
            deep.append(_HourglassLevel(width, inner, ngf))
            # What an inner level returns is as wide as its own last blocks.
            width = _out_channels(inner[0], ngf)
        _extend(deep, width, level.after, ngf)
        deep.append(nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True))
        skip: list[nn.Module] = []
        _extend(skip, channels, level.skip, ngf)
        both = [nn.Sequential(*skip), nn.Sequential(*deep)]
        self.list = nn.ModuleList(both if level.skip_first else both[::-1])

    def forward(self, x: Tensor) -> Tensor:
        return self.list[0](x) + self.list[1](x)


class _Inception(nn.Module):
    def __init__(self, channels: int, block: Block, ngf: int):
        super().__init__()
        width, inner = (_scaled(each, ngf) for each in (block.width, block.inner))
        branches = [_convolution(channels, width, 1)]
        branches += [[*_convolution(channels, inner, 1), *_convolution(inner, width, k)] for k in block.kernels]
        self.convs = nn.ModuleList(nn.Sequential(*layers) for layers in branches)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.convs], dim=1)


def _extend(layers: list[nn.Module], channels: int, blocks: Sequence[Block], ngf: int) -> int:
    """Append blocks to layers; the channels of what comes out."""
    for block in blocks:
        layers.append(_Inception(channels, block, ngf))
        channels = 4 * _scaled(block.width, ngf)
    return channels


def _convolution(channels: int, width: int, kernel: int) -> list[nn.Module]:
    convolution = nn.Conv2d(channels, width, kernel, padding=kernel // 2)
    return [convolution, nn.BatchNorm2d(width, affine=False), nn.ReLU(True)]


def _out_channels(level: Level, ngf: int) -> int:
    return 4 * _scaled(level.skip[-1].width, ngf)


def _scaled(width: int, ngf: int) -> int:
    return width * ngf // PUBLISHED_NGF


def describe_hourglass(weights: Mapping[str, Tensor]) -> dict[str, Any] | None:
    """The flags of the hourglass that has these weights; None if they are of another kind of network."""
    stem = weights.get("seq.0.weight")
    if stem is None or "uncertainty_layer.0.weight" not in weights:
        return None
    return {
        "netG": "hourglass",
        "input_nc": stem.shape[1],
        "output_nc": 1,
        "ngf": stem.shape[0] // 2,
        "normG": "batch",
    }
