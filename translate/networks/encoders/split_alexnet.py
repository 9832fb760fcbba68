"""The two halves of a split-brain autoencoder (Zhang, Isola, Efros, CVPR 2017, arXiv:1611.09842): an AlexNet of which
one half sees lightness alone and the other colour alone."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from translate.networks.encoders.encoder import Encoder, norm_of
from translate.networks.lab import rgb_to_lab

# About the mean and the deviation of L, a and b over photographs.
LAB_MEAN, LAB_DEVIATION = (50.0, 0.0, 0.0), (25.0, 15.0, 15.0)


class SplitAlexNet(Encoder):
    """AlexNet with 96, 256, 384, 384 and 256 channels, the first half of which come from L and the others from ab.

    The maps ``conv1`` ... ``conv5`` are taken behind their ReLUs; ``halves`` takes them apart. Pictures come in as RGB
    and are converted inside, so that it is used like any other encoder. The value (y, x) of the deepest map is centred
    on the pixel (16 y, 16 x), and there are as many of them as there are such pixels.

    Args:
        width: 64 gives the channels above; others are in proportion. A multiple of 4.
        norm: ``batch``, ``batch_plain`` or ``none`` behind every convolution.
    """

    stride = 16
    input_nc = 3

    def __init__(self, width: int = 64, norm: str = "batch"):
        super().__init__()
        widths = (3 * width // 2, 4 * width, 6 * width, 6 * width, 4 * width)
        self.channels = {f"conv{number}": channels for number, channels in enumerate(widths, start=1)}
        before = 0
        for (name, after), kernel in zip(self.channels.items(), (11, 5, 3, 3, 3), strict=True):
            bias = norm == "none"
            # Two groups of a convolution are two convolutions side by side: nothing passes from one half to the other.
            conv = nn.Conv2d(before, after, kernel, padding=kernel // 2, groups=2, bias=bias) if before else None
            first = conv or SplitConv(after, kernel, bias)
            self.add_module(name, nn.Sequential(first, norm_of(norm, after), nn.ReLU(inplace=True)))
            before = after
        self.pool = nn.MaxPool2d(3, 2, padding=1)
        for name, values in (("mean", LAB_MEAN), ("deviation", LAB_DEVIATION)):
            self.register_buffer(name, torch.tensor(values).view(1, 3, 1, 1), persistent=False)

    def _run(self, images: Tensor) -> Iterable[tuple[str, Tensor]]:
        return self.run_lab(rgb_to_lab(images))

    def run_lab(self, lab: Tensor) -> Iterable[tuple[str, Tensor]]:
        """The maps by name, one after the other, of pictures (B, 3, H, W) in Lab."""
        x = self.normalized(lab)
        for name in self.channels:
            x = getattr(self, name)(self.pool(x) if name in ("conv2", "conv3") else x)
            yield name, x

    def normalized(self, lab: Tensor) -> Tensor:
        """Lab (B, 3, h, w) with a mean of about 0 and a deviation of about 1."""
        return (lab - self.mean) / self.deviation

    @staticmethod
    def halves(features: Tensor) -> tuple[Tensor, Tensor]:
        """A map (B, C, h, w) taken apart: (B, C/2, h, w) of lightness, and as much of colour."""
        return features.chunk(2, dim=1)


class SplitConv(nn.Module):
    """The first layer: half of the channels from L, the others from ab, (B, 3, H, W) -> (B, channels, H/4, W/4)."""

    def __init__(self, channels: int, kernel: int, bias: bool):
        super().__init__()
        self.L = nn.Conv2d(1, channels // 2, kernel, stride=4, padding=kernel // 2, bias=bias)
        self.ab = nn.Conv2d(2, channels // 2, kernel, stride=4, padding=kernel // 2, bias=bias)

    def forward(self, lab: Tensor) -> Tensor:
        return torch.cat([self.L(lab[:, :1]), self.ab(lab[:, 1:])], dim=1)
