"""Colorization networks (Zhang, Isola, Efros, ECCV 2016, arXiv:1603.08511): lightness in, colours out at a quarter of
its resolution, as a distribution over the bins of ``gamut`` and as a plain regression."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from translate.networks.gamut import annealed_mean, gamut_bins
from translate.networks.lab import lab_to_rgb, rgb_to_lab
from translate.networks.tracing import computed_length, is_exporting

AB_SCALE = 110.0  # the published weights are for ab divided by this, and for (L - 50) / 100


class Block(NamedTuple):
    """Convolutions of 3x3 with ReLU, the last one strided, and a norm at the end."""

    width: int  # channels, as a multiple of those of the first block
    convolutions: int
    stride: int = 1
    dilation: int = 1


ECCV16 = (
    Block(1, 2, stride=2),
    Block(2, 2, stride=2),
    Block(4, 3, stride=2),
    Block(8, 3),
    Block(8, 3, dilation=2),
    Block(8, 3, dilation=2),
    Block(8, 3),
)
SMALL = (
    Block(1, 1, stride=2),
    Block(2, 1, stride=2),
    Block(4, 2, stride=2),
    Block(8, 1),
    Block(8, 2, dilation=2),
    Block(8, 1),
)


class Prediction(NamedTuple):
    """Colours of a batch at a quarter of its resolution."""

    logits: Tensor  # (B, 313, H/4, W/4) over the bins
    ab: Tensor | None  # (B, 2, H/4, W/4) in ab units, of the regression head


class ColorizationNet(nn.Module):
    """Lightness (B, 1, H, W) in [0, 100] -> :class:`Prediction`; H and W are multiples of ``stride``.

    State-dict keys are those of the published PyTorch port (``model1.0.weight`` ... ``model8.6.bias``,
    ``model_out.weight``); the regression head adds ``model_ab``. The bin centres of ``model_out`` are a buffer: nothing
    trains them.

    Args:
        ngf: channels of the first block; 64 is published.
        blocks: the layers of the trunk, ``ECCV16`` or ``SMALL``.
        norm: ``batch``, as published, or ``none``.
        regression: with a second head that regresses ab; the published weights have none.

    Raises:
        ValueError: another norm.
    """

    stride = 8

    def __init__(self, ngf: int = 64, blocks: tuple[Block, ...] = ECCV16, norm: str = "batch", regression: bool = True):
        super().__init__()
        if norm not in ("batch", "none"):
            raise ValueError(f"a colorization network is built with norm 'batch' or 'none', not {norm!r}")
        channels = 1
        self.trunk: list[str] = []
        for number, block in enumerate(blocks, start=1):
            self.trunk.append(f"model{number}")
            self.add_module(self.trunk[-1], _block(channels, block.width * ngf, block, norm))
            channels = block.width * ngf
        self.model8 = _upsampling_block(channels, 4 * ngf, 2 if blocks is ECCV16 else 1, len(gamut_bins()))
        self.model_out = BinCentres()
        self.model_ab = nn.Conv2d(4 * ngf, 2, 1) if regression else None

    def forward(self, lightness: Tensor) -> Prediction:
        features = (lightness - 50) / 100
        for name in self.trunk:
            features = getattr(self, name)(features)
        features = self.model8[:-1](features)
        ab = None if self.model_ab is None else AB_SCALE * self.model_ab(features)
        return Prediction(self.model8[-1](features), ab)

    def decode(self, logits: Tensor, temperature: float = 0.38) -> Tensor:
        """The colours (B, 2, h, w) in ab units that distributions (B, 313, h, w) stand for: their annealed mean."""
        return annealed_mean(logits, self.model_out.centres(), temperature)

    def heads(self) -> list[nn.Conv2d]:
        """The last layers: logits, and ab where that head is there."""
        return [self.model8[-1]] if self.model_ab is None else [self.model8[-1], self.model_ab]


class BinCentres(nn.Module):
    """The buffer ``weight`` (2, 313, 1, 1): the bin centres divided by 110, in the shape of a 1x1 convolution."""

    def __init__(self):
        super().__init__()
        weight = (gamut_bins().T / AB_SCALE).to(torch.get_default_dtype())
        self.register_buffer("weight", weight[:, :, None, None].clone())

    def centres(self) -> Tensor:
        """(313, 2) in ab units."""
        return AB_SCALE * self.weight[:, :, 0, 0].T


def _block(channels: int, width: int, block: Block, norm: str) -> nn.Sequential:
    layers: list[nn.Module] = []
    for number in range(1, block.convolutions + 1):
        stride = block.stride if number == block.convolutions else 1
        layers += [nn.Conv2d(channels, width, 3, stride, padding=block.dilation, dilation=block.dilation)]
        layers += [nn.ReLU(inplace=True)]
        channels = width
    # After the ReLU, as published.
    return nn.Sequential(*layers, nn.BatchNorm2d(width)) if norm == "batch" else nn.Sequential(*layers)


def _upsampling_block(channels: int, width: int, convolutions: int, classes: int) -> nn.Sequential:
    layers = [nn.ConvTranspose2d(channels, width, 4, stride=2, padding=1), nn.ReLU(inplace=True)]
    for _ in range(convolutions):
        layers += [nn.Conv2d(width, width, 3, padding=1), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, nn.Conv2d(width, classes, 1))


def paint(lightness: Tensor, ab: Tensor) -> Tensor:
    """A picture from its own lightness and colours of a lower resolution.

    Args:
        lightness: (B, 1, H, W) in [0, 100].
        ab: (B, 2, h, w) in ab units.

    Returns:
        (B, 3, H, W) sRGB in [-1, 1]; what sRGB cannot show is clipped.
    """
    full = F.interpolate(ab.to(lightness.dtype), lightness.shape[-2:], mode="bilinear", align_corners=False)
    return lab_to_rgb(torch.cat([lightness, full], dim=1))


class Colorizer(nn.Module):
    """A trained network as a tool: pictures in, coloured pictures out, with the lightness that they came with.

    Args:
        network: a :class:`ColorizationNet`.
        classes, regression: which of its heads are trained; the result is that of the classes if they are.
        temperature: of the annealed mean.
        predict_px: pictures whose shorter side is longer are scaled to it for the network, which knows things at the
            size it was trained at; their lightness keeps its own resolution. 0: never.
    """

    input_nc = 3

    def __init__(
        self,
        network: ColorizationNet,
        classes: bool = True,
        regression: bool = True,
        temperature: float = 0.38,
        predict_px: int = 256,
    ):
        super().__init__()
        self.network = network
        self.stride = network.stride
        self.classes = classes
        self.regression = regression and network.model_ab is not None
        self.temperature = temperature
        self.predict_px = predict_px

    def forward(self, images: Tensor) -> Tensor:
        """(B, 1 or 3, H, W) in [-1, 1], sides multiples of ``stride`` -> (B, 3, H, W); their colours are ignored."""
        lightness = _lightness(images)
        return paint(lightness, self.colours(self.network(self._scaled(lightness)))["fake_B"])

    def views(self, images: Tensor) -> dict[str, Tensor]:
        """What is worth seeing side by side: ``grey_A``, ``l2_B`` if both heads are trained, ``fake_B``."""
        lightness = _lightness(images)
        colours = self.colours(self.network(self._scaled(lightness)))
        return {label: paint(lightness, ab) for label, ab in colours.items()}

    def colours(self, prediction: Prediction) -> dict[str, Tensor]:
        """The colours (B, 2, h, w) in ab units of each view."""
        decoded = self.network.decode(prediction.logits, self.temperature) if self.classes else prediction.ab
        views = {"grey_A": torch.zeros_like(decoded)}
        if self.classes and self.regression:
            views["l2_B"] = prediction.ab
        return {**views, "fake_B": decoded}

    def _scaled(self, lightness: Tensor) -> Tensor:
        height, width = lightness.shape[-2:]
        if is_exporting() and self.predict_px:
            return F.interpolate(
                lightness, self._computed_size(height, width), mode="bilinear", align_corners=False, antialias=True
            )
        shorter = min(height, width)
        if not self.predict_px or shorter <= self.predict_px:
            return lightness
        scale = self.predict_px / shorter / self.stride
        size = [max(1, round(side * scale)) * self.stride for side in (height, width)]
        return F.interpolate(lightness, size, mode="bilinear", align_corners=False, antialias=True)

    def _computed_size(self, height: int, width: int) -> list[int]:
        """The size for the network as a graph computes it, of small pictures too, which keep theirs."""
        sides = torch.stack([torch.scalar_tensor(side, dtype=torch.float64) for side in (height, width)])
        scale = self.predict_px / sides.min().clamp(min=self.predict_px) / self.stride
        counts = (sides * scale).round().clamp(min=1).long()
        return [computed_length(count, self.stride) for count in counts.unbind()]


COLORIZERS = {
    "eccv16": {"blocks": ECCV16, "regression": True},
    "eccv16_classes": {"blocks": ECCV16, "regression": False},  # exactly the published file's keys
    "colorizer_small": {"blocks": SMALL, "regression": True},
}


def build_colorizer(netG: str, ngf: int = 64, normG: str = "batch") -> ColorizationNet:
    """A colorization network described by the values of its flags: a word of ``COLORIZERS``, its width, its norm."""
    return ColorizationNet(ngf, norm=normG, **COLORIZERS[netG])


def describe_colorizer(weights: Mapping[str, Tensor]) -> dict[str, Any] | None:
    """The flags of the colorization network that has these weights, for ``build_colorizer``; None if they are of
    another kind of network."""
    first = weights.get("model1.0.weight")
    if first is None or "model_out.weight" not in weights:
        return None
    published = "eccv16" if "model_ab.weight" in weights else "eccv16_classes"
    return {
        "netG": published if "model7.0.weight" in weights else "colorizer_small",
        "input_nc": 3,  # of the pictures, whose lightness is all that the network sees
        "output_nc": 3,
        "ngf": first.shape[0],
        "normG": "batch" if any(key.endswith("running_mean") for key in weights) else "none",
    }


def _lightness(images: Tensor) -> Tensor:
    """(B, 1, H, W) in [0, 100] of grey or colour pictures."""
    return rgb_to_lab(images.expand(-1, 3, -1, -1))[:, :1]
