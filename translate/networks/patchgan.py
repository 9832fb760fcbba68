"""Patch discriminators (Isola et al., CVPR 2017): one logit for each overlapping patch of a picture."""

from torch import Tensor, nn

from translate.networks.layers import BlurDownsample, conv_has_bias, norm_layer


class PatchDiscriminator(nn.Module):
    """4x4 convolutions with leaky ReLU, downsampled ``layers`` times: (B, C, H, W) -> raw logits (B, 1, h, w).

    With the default three layers a logit sees 84x84 pixels (70x70 without anti-aliasing); 256x256 gives 30x30
    logits. State-dict keys are those of the reference (``model.0.weight``, ``model.2.filt`` ...).

    Args:
        input_nc: channels of the picture.
        ndf: channels after the first convolution; doubled a layer, at most eightfold.
        layers: number of downsamplings.
        norm: ``instance``, ``batch`` or ``none``.
        antialias: fixed blur filters instead of strided convolutions.
    """

    def __init__(
        self, input_nc: int = 3, ndf: int = 64, layers: int = 3, norm: str = "instance", antialias: bool = True
    ):
        super().__init__()
        modules: list[nn.Module] = []
        channels_in, channels_out = input_nc, ndf
        for layer in range(layers):
            # The first layer sees the pixels: no norm, so that colour and contrast are judged.
            modules += _conv_layer(channels_in, channels_out, norm if layer else None, stride=1 if antialias else 2)
            if antialias:
                modules.append(BlurDownsample(channels_out))
            channels_in, channels_out = channels_out, ndf * min(2 ** (layer + 1), 8)
        modules += _conv_layer(channels_in, channels_out, norm, stride=1)
        modules.append(nn.Conv2d(channels_out, 1, 4, padding=1))
        self.model = nn.Sequential(*modules)

    def forward(self, image: Tensor) -> Tensor:
        return self.model(image)


class PixelDiscriminator(nn.Module):
    """1x1 convolutions: judges every pixel's colour alone. (B, C, H, W) -> raw logits (B, 1, H, W)."""

    def __init__(self, input_nc: int = 3, ndf: int = 64, norm: str = "instance"):
        super().__init__()
        bias = conv_has_bias(norm)
        self.net = nn.Sequential(
            nn.Conv2d(input_nc, ndf, 1),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(ndf, 2 * ndf, 1, bias=bias),
            norm_layer(norm, 2 * ndf),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(2 * ndf, 1, 1, bias=bias),
        )

    def forward(self, image: Tensor) -> Tensor:
        return self.net(image)


def _conv_layer(channels_in: int, channels_out: int, norm: str | None, stride: int) -> list[nn.Module]:
    bias = norm is None or conv_has_bias(norm)
    conv = nn.Conv2d(channels_in, channels_out, 4, stride=stride, padding=1, bias=bias)
    activation = nn.LeakyReLU(0.2, inplace=True)
    return [conv, activation] if norm is None else [conv, norm_layer(norm, channels_out), activation]
