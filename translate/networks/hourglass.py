"""The hourglass that predicts depth (Chen, Fu, Yang, Deng, NIPS 2016, arXiv:1604.03901), as Li et al. (CVPR 2019,
arXiv:1904.11111) use it, whose files it loads."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

PUBLISHED_WIDTH = 128
UNIT = 8  # the width is a multiple of it: the narrowest branches have an eighth of it


class DepthPrediction(NamedTuple):
    """What the network says of each pixel: the logarithm of its depth, and a confidence in (0, 1), (B, 1, H, W)."""

    log_depth: Tensor
    confidence: Tensor


class Block(NamedTuple):
    """An inception block in units of an eighth of the network's width.

    Attributes:
        inputs: channels that come in.
        branch: channels of each of its four branches, which are put one behind the other.
        kernels: of the three branches that look around; the first one does not.
        within: channels between the two convolutions of such a branch.
    """

    inputs: int
    branch: int
    kernels: tuple[int, int, int]
    within: int


NEAR, FAR = (3, 5, 7), (3, 7, 11)
A, H, LAST = Block(8, 1, FAR, 4), Block(8, 2, NEAR, 4), Block(8, 1, FAR, 2)
B, C, D = Block(8, 2, NEAR, 2), Block(8, 2, FAR, 4), Block(8, 4, NEAR, 2)
E, F, G = Block(16, 4, NEAR, 2), Block(16, 4, FAR, 4), Block(16, 2, NEAR, 2)
# Each level adds two ways: one at its own resolution, and one at half of it that leads through the next level (NEXT).
NEXT = None
LEVELS = (  # from the outermost; (way around below, way at its own size), and which of them comes first in files
    ((B, B, NEXT, H, LAST), (A,), "below"),
    ((B, D, NEXT, E, G), (B, C), "below"),
    ((E, E, NEXT, E, F), (E, F), "own"),
    ((E, E, E), (E, E), "own"),
)


class Hourglass(nn.Module):
    """Pictures (B, C, H, W) in [-1, 1], sides multiples of 16 -> ``DepthPrediction`` of the same size.

    Four levels, each half as large as the one around it, with averages down and bilinear interpolation up; what comes
    back is added to what stayed. Published: 5,357,730 parameters with three channels.

    Args:
        input_nc: channels of the pictures.
        width: of the first layer, a multiple of 8; 128 is published.

    Raises:
        ValueError: another width.
    """

    stride = 2 ** len(LEVELS)

    def __init__(self, input_nc: int = 3, width: int = PUBLISHED_WIDTH):
        super().__init__()
        if width % UNIT:
            raise ValueError(f"the width of an hourglass is a multiple of {UNIT}, not {width}")
        self.input_nc = input_nc
        unit = width // UNIT
        stem = [nn.Conv2d(input_nc, width, 7, padding=3), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
        self.seq = nn.Sequential(*stem, Level(0, unit))
        self.pred_layer = nn.Conv2d(4 * unit, 1, 3, padding=1)
        self.uncertainty_layer = nn.Sequential(nn.Conv2d(4 * unit, 1, 3, padding=1), nn.Sigmoid())

    def forward(self, images: Tensor) -> DepthPrediction:
        # As published, pictures go in as [0, 1].
        features = self.seq((images + 1) / 2)
        return DepthPrediction(self.pred_layer(features), self.uncertainty_layer(features))


class Level(nn.Module):
    """A level of ``LEVELS``, with all that lie within it: (B, C, H, W) -> (B, C', H, W)."""

    def __init__(self, number: int, unit: int):
        super().__init__()
        below, own, first = LEVELS[number]
        inner = [Level(number + 1, unit) if block is NEXT else Inception(block, unit) for block in below]
        around = nn.Sequential(nn.AvgPool2d(2), *inner, nn.UpsamplingBilinear2d(scale_factor=2))
        straight = nn.Sequential(*(Inception(block, unit) for block in own))
        self.list = nn.ModuleList([around, straight] if first == "below" else [straight, around])

    def forward(self, x: Tensor) -> Tensor:
        return self.list[0](x) + self.list[1](x)


class Inception(nn.Module):
    """Four branches side by side, one of which looks at the pixel alone, the others at 3 to 11 pixels around it."""

    def __init__(self, block: Block, unit: int):
        super().__init__()
        inputs, branch, within = (count * unit for count in (block.inputs, block.branch, block.within))
        self.convs = nn.ModuleList([nn.Sequential(*_convolution(inputs, branch, 1))])
        for kernel in block.kernels:
            self.convs.append(nn.Sequential(*_convolution(inputs, within, 1), *_convolution(within, branch, kernel)))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.convs], dim=1)


def _convolution(inputs: int, outputs: int, kernel: int) -> list[nn.Module]:
    conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
    return [conv, nn.BatchNorm2d(outputs, affine=False), nn.ReLU(inplace=True)]


def describe_hourglass(weights: Mapping[str, Tensor]) -> dict[str, Any] | None:
    """The flags of the hourglass that has these weights; None if they are of another kind of network."""
    first = weights.get("seq.0.weight")
    if first is None or "pred_layer.weight" not in weights:
        return None
    return {"netG": "hourglass", "input_nc": first.shape[1], "output_nc": 1, "ngf": first.shape[0]}
