"""Convolutions at the ends of a generator. The few channels of a picture fill a fraction of a CPU's vectors, so these
are computed as convolutions of more channels there."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FEW = 4  # channels


class ConvToPicture(nn.Conv2d):
    """As torch's own, without stride and padding: in channels-last on a CPU, blocks of 2x2 pixels are its channels."""

    def forward(self, x: Tensor) -> Tensor:
        sides_even = all((side - length) % 2 for side, length in zip(x.shape[2:], self.kernel_size, strict=True))
        if self.out_channels > FEW or not sides_even or not _lies_channels_last(x):
            return super().forward(x)
        return convolve_to_blocks(x, self.weight, self.bias)


class ConvFromPicture(nn.Conv2d):
    """As torch's own, without stride and padding: where a CPU is asked for the gradient of a channels-last picture,
    neighbours in a row are channels of each pixel."""

    def forward(self, x: Tensor) -> Tensor:
        if not (x.requires_grad and torch.is_grad_enabled() and _lies_channels_last(x)):
            return super().forward(x)
        return convolve_neighbours(x, self.weight, self.bias)


def convolve_to_blocks(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """(B, C, H, W) -> (B, K, H - h + 1, W - w + 1), both even, by a weight (K, C, h, w).

    The four pixels of a block of 2x2 see (h + 1) x (w + 1) pixels of the map: their weights, each moved to its corner
    of a kernel of that size, make one convolution with a stride of 2.
    """
    corners = [F.pad(weight, (right, 1 - right, down, 1 - down)) for down in (0, 1) for right in (0, 1)]
    blocks = torch.stack(corners, 1).flatten(0, 1)
    bias = None if bias is None else bias.repeat_interleave(4)
    return F.pixel_shuffle(F.conv2d(x, blocks, bias, stride=2), 2)


def convolve_neighbours(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """(B, C, H, W) -> (B, K, H - h + 1, W - w + 1), by a weight (K, C, h, w): that of w * C channels and one column."""
    width = x.shape[3] - weight.shape[3] + 1
    neighbours = torch.cat([x[..., first : first + width] for first in range(weight.shape[3])], 1)
    column = weight.permute(0, 3, 1, 2).flatten(1, 2).unsqueeze(3)
    return F.conv2d(neighbours, column.contiguous(), bias)


def _lies_channels_last(x: Tensor) -> bool:
    return (
        x.device.type == "cpu"
        and x.is_contiguous(memory_format=torch.channels_last)
        and not torch.compiler.is_compiling()
    )
