"""Layers of StyleGAN2 without a style (Karras et al., CVPR 2020, arXiv:1912.04958): equalised weights, blur, residuals.

Names and positions of the layers are those of the CUT reference, so that its files load.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SLOPE = 0.2  # of the leaky ReLUs
FILTER = (1.0, 3.0, 3.0, 1.0)  # the rows of the blur


class EqualConv(nn.Module):
    """A convolution whose stored weights have variance one and are scaled by 1 / sqrt(fan-in) when they are used, so
    that Adam moves all layers alike (Karras et al. 2018, arXiv:1710.10196, section 4.1)."""

    def __init__(self, channels_in: int, channels_out: int, kernel_px: int, stride: int = 1, padding: int = 0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels_out, channels_in, kernel_px, kernel_px))
        self.scale = 1 / math.sqrt(channels_in * kernel_px**2)
        self.stride = stride
        self.padding = padding

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight * self.scale, stride=self.stride, padding=self.padding)


class EqualLinear(nn.Module):
    """The same for a linear layer with a bias; ``activate`` puts the scaled leaky ReLU behind it."""

    def __init__(self, features_in: int, features_out: int, activate: bool = False):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(features_out, features_in))
        self.bias = nn.Parameter(torch.zeros(features_out))
        self.scale = 1 / math.sqrt(features_in)
        self.activate = activate

    def forward(self, x: Tensor) -> Tensor:
        x = F.linear(x, self.weight * self.scale, self.bias)
        return scaled_leaky_relu(x) if self.activate else x


class BiasedLeakyReLU(nn.Module):
    """A bias for each channel and a leaky ReLU that keeps the variance. The bias is in full precision and so is the
    result, also under autocast: the last one of a generator makes the picture."""

    def __init__(self, channels: int):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return scaled_leaky_relu(x + self.bias)


class Blur(nn.Module):
    """[1, 3, 3, 1] in both directions with zeros around the map: (B, C, H, W) -> (B, C, H + a + b - 3, W + a + b - 3).

    Args:
        padding: zeros before and after each axis (a, b).
        gain: what the filter sums to; 4 behind an upsampling, which leaves every fourth place filled.
        stride: keep every so many places of the result.
    """

    def __init__(self, padding: tuple[int, int], gain: float = 1.0, stride: int = 1):
        super().__init__()
        row = torch.tensor(FILTER)
        kernel = torch.outer(row, row)
        self.register_buffer("kernel", kernel / kernel.sum() * gain)
        self.padding = padding
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        before, after = self.padding
        if before != after:
            x, before = F.pad(x, (before, after, before, after)), 0
        kernel = self.kernel.to(x.dtype).expand(x.shape[1], 1, -1, -1)
        return F.conv2d(x, kernel, stride=self.stride, padding=before, groups=x.shape[1])


class ResidualBlock(nn.Module):
    """Two activated 3x3 convolutions and a skip, added and divided by sqrt(2) so that the variance stays.

    (B, C, H, W) -> (B, C', H, W), or with ``down`` (B, C', H // 2, W // 2). The skip is the identity where nothing
    changes in size, else a 1x1 convolution.
    """

    def __init__(self, channels_in: int, channels_out: int, down: bool = False):
        super().__init__()
        self.conv1 = conv_layer(channels_in, channels_in, 3)
        self.conv2 = conv_layer(channels_in, channels_out, 3, down)
        self.skip: nn.Module = nn.Identity()
        if down:
            # The reference blurs every place and convolves every second one; the other ones are not computed here.
            self.skip = nn.Sequential(Blur((1, 1), stride=2), EqualConv(channels_in, channels_out, 1))
        elif channels_in != channels_out:
            self.skip = nn.Sequential(EqualConv(channels_in, channels_out, 1))

    def forward(self, x: Tensor) -> Tensor:
        return (self.conv2(self.conv1(x)) + self.skip(x)) / math.sqrt(2)


class NormalizedUpsample(nn.Module):
    """A transposed 3x3 convolution to twice the size, and a blur; each of its filters has length one.

    (B, C, H, W) -> (B, C', 2H, 2W). This is StyleGAN2's modulated convolution with demodulation, for a style of ones:
    the length of a stored filter has no effect. Files hold the weight as (1, C', C, 3, 3).
    """

    def __init__(self, channels_in: int, channels_out: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels_out, channels_in, 3, 3))
        self.scale = 1 / math.sqrt(channels_in * 9)
        self.blur = Blur((1, 1), gain=4)
        self.register_state_dict_post_hook(_with_sample_axis)
        self.register_load_state_dict_pre_hook(_without_sample_axis)

    def filters(self) -> Tensor:
        """The filters as they are used (C', C, 3, 3)."""
        weight = self.weight * self.scale
        return weight * torch.rsqrt(weight.square().sum((1, 2, 3), keepdim=True) + 1e-8)

    def forward(self, x: Tensor) -> Tensor:
        return self.blur(F.conv_transpose2d(x, self.filters().transpose(0, 1), stride=2))


class Noise(nn.Module):
    """Adds given noise with a learned strength, which begins at 0."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor, noise: Tensor | None) -> Tensor:
        """(B, C, H, W) and noise (B, H, W), the same for all channels; None: none is added."""
        return x if noise is None else x + self.weight * noise.unsqueeze(1)


class UpBlock(nn.Module):
    """(B, C, H, W) and noise (B, 2H, 2W) -> (B, C', 2H, 2W): upsampled, noise added if there is any, activated."""

    def __init__(self, channels_in: int, channels_out: int):
        super().__init__()
        self.conv = NormalizedUpsample(channels_in, channels_out)
        self.noise = Noise()
        self.activate = BiasedLeakyReLU(channels_out)

    def forward(self, x: Tensor, noise: Tensor | None = None) -> Tensor:
        return self.activate(self.noise(self.conv(x), noise))


def conv_layer(channels_in: int, channels_out: int, kernel_px: int, down: bool = False) -> nn.Sequential:
    """An equalised convolution with its bias and activation, of half the size with ``down``, which blurs first."""
    activation = BiasedLeakyReLU(channels_out)
    if not down:
        return nn.Sequential(EqualConv(channels_in, channels_out, kernel_px, padding=kernel_px // 2), activation)
    return nn.Sequential(Blur((2, 2)), EqualConv(channels_in, channels_out, kernel_px, stride=2), activation)


def scaled_leaky_relu(x: Tensor) -> Tensor:
    """sqrt(2) * LeakyReLU of slope 0.2."""
    return F.leaky_relu(x, SLOPE) * math.sqrt(2)


def _with_sample_axis(module: nn.Module, state: dict[str, Tensor], prefix: str, metadata: dict) -> None:
    state[f"{prefix}weight"] = state[f"{prefix}weight"].unsqueeze(0)


def _without_sample_axis(module: nn.Module, state: dict[str, Tensor], prefix: str, *_: object) -> None:
    weight = state.get(f"{prefix}weight")
    if weight is not None and weight.ndim == 5:
        state[f"{prefix}weight"] = weight.squeeze(0)
