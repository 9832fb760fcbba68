"""The ResNet generator of CycleGAN and CUT (Johnson et al., ECCV 2016; Park et al., ECCV 2020)."""

from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from translate.networks.checkpointing import frozen_statistics
from translate.networks.layers import (
    BlurDownsample,
    BlurUpsample,
    FullPrecisionTanh,
    conv_has_bias,
    norm_layer,
    run_layers,
)
from translate.networks.padding import ReflectionPad
from translate.networks.picture_convs import ConvFromPicture, ConvToPicture
from translate.networks.taps import Tapped, resolve_taps


class ResnetBlock(nn.Module):
    """Two reflect-padded 3x3 convolutions added to their input; no activation after the sum."""

    def __init__(self, channels: int, norm: str = "instance", dropout: bool = False):
        super().__init__()
        bias = conv_has_bias(norm)
        layers = [
            ReflectionPad(1),
            nn.Conv2d(channels, channels, 3, bias=bias),
            norm_layer(norm, channels),
            nn.ReLU(inplace=True),
        ]
        if dropout:
            layers.append(nn.Dropout(0.5))
        layers += [
            ReflectionPad(1),
            nn.Conv2d(channels, channels, 3, bias=bias),
            norm_layer(norm, channels),
        ]
        self.conv_block = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return x + run_layers(self.conv_block, x)


class ResnetGenerator(Tapped):
    """Image to image: 7x7 stem, two downsamplings, residual blocks, two upsamplings, 7x7 head with tanh.

    (B, input_nc, H, W) in [-1, 1] -> (B, output_nc, H', W') in [-1, 1], where H' and W' are H and W rounded up
    to a multiple of ``stride``. The layers stand in one ``nn.Sequential``, so a state dict has the keys of the
    reference (``model.1.weight``, ``model.12.conv_block.1.weight`` ...).

    Features can be tapped by module index or by name: ``pixels`` (the padded input), ``down1`` and ``down2`` (the
    raw convolution of each downsampling, before its norm), ``res1`` ... ``resN`` (after each residual block). Names
    mean the same place in every variant; indices do not.

    Args:
        input_nc, output_nc: channels of the input and the output picture.
        ngf: channels after the stem.
        blocks: number of residual blocks (9, 6 and 4 are published).
        norm: ``instance``, ``batch`` or ``none``.
        dropout: dropout of 0.5 inside the residual blocks.
        antialias_down, antialias_up: fixed blur filters instead of strided and transposed convolutions.
    """

    stride = 4

    def __init__(
        self,
        input_nc: int = 3,
        output_nc: int = 3,
        ngf: int = 64,
        blocks: int = 9,
        norm: str = "instance",
        dropout: bool = False,
        antialias_down: bool = True,
        antialias_up: bool = True,
    ):
        super().__init__()
        layers: list[nn.Module] = [ReflectionPad(3)]
        self.tap_names = {"pixels": 0}
        layers += _conv_norm_relu(ConvFromPicture(input_nc, ngf, 7, bias=conv_has_bias(norm)), norm)
        stage_ends = [len(layers) - 1]
        for level, channels in enumerate((ngf, 2 * ngf), start=1):
            self.tap_names[f"down{level}"] = len(layers)
            layers += _downsampling(channels, norm, antialias_down)
            stage_ends.append(len(layers) - 1)
        for block in range(1, blocks + 1):
            self.tap_names[f"res{block}"] = len(layers)
            layers.append(ResnetBlock(4 * ngf, norm, dropout))
            stage_ends.append(len(layers) - 1)
        for channels in (4 * ngf, 2 * ngf):
            layers += _upsampling(channels, norm, antialias_up)
            stage_ends.append(len(layers) - 1)
        layers += [ReflectionPad(3), ConvToPicture(ngf, output_nc, 7), FullPrecisionTanh()]
        self.model = nn.Sequential(*layers)
        self.checkpoints = False  # keep no maps for the gradient but those between stages (--grad_checkpointing)
        self._stage_ends = stage_ends
        self._has_dropout = dropout
        # Statistics over one sample only and no random mask: then features of a sample do not depend on what else is
        # in the batch, nor on which pass computed them, and a method may reuse them.
        self.features_are_reusable = norm != "batch" and not dropout

    def forward(self, image: Tensor) -> Tensor:
        last = len(self.model) - 1
        return self._run(image, [last], stop=last)[0]

    def resolve_taps(self, taps: Sequence[int | str]) -> list[int]:
        """Module indices, ascending and without repetition, of taps given by index or name (-1: the output).

        Raises:
            ValueError: no such tap.
        """
        return resolve_taps(taps, self.tap_names, len(self.model))

    def tap_sizes(self, height: int, width: int, taps: Sequence[int]) -> list[tuple[int, int]]:
        """Height and width of the feature maps at ascending module indices, for a picture of the given size."""
        sizes = []
        for index in range(taps[-1] + 1):
            height, width = (_output_length(self.model[index], length) for length in (height, width))
            if index in taps:
                sizes.append((height, width))
        return sizes

    def tap_channels(self, taps: Sequence[int]) -> list[int]:
        """Channels of the feature maps at ascending module indices."""
        counts, channels = [], self.model[1].in_channels
        for index in range(taps[-1] + 1):
            channels = getattr(self.model[index], "out_channels", channels)
            if index in taps:
                counts.append(channels)
        return counts

    def features(self, image: Tensor, taps: Sequence[int]) -> list[Tensor]:
        """The features (B, C, h, w) at ascending module indices; layers behind the last one are not run."""
        return self._run(image, taps, stop=taps[-1])[1]

    def forward_with_features(self, image: Tensor, taps: Sequence[int]) -> tuple[Tensor, list[Tensor]]:
        """The translated image and the features on the way to it, in one pass."""
        return self._run(image, taps, stop=len(self.model) - 1)

    def _run(self, x: Tensor, taps: Sequence[int], stop: int) -> tuple[Tensor, list[Tensor]]:
        found = []
        first = 0
        for last in self._steps(taps, stop):
            x = self._through(x, first, last)
            first = last + 1
            if last in taps:
                found.append(x)
            if last == taps[-1] and last < stop and self._is_overwritten(last):
                # ``features`` runs nothing behind the last tap, so nothing may change what was found here either.
                x = x.clone()
        return x, found

    def _steps(self, taps: Sequence[int], stop: int) -> list[int]:
        """The last layer of each stretch whose result is kept for the gradient, be it for its inner maps or not."""
        ends = self._stage_ends if self.checkpoints else []
        return sorted({*(end for end in ends if end < stop), *(tap for tap in taps if tap < stop), stop})

    def _through(self, x: Tensor, first: int, last: int) -> Tensor:
        """The layers from ``first`` to ``last``."""
        run = partial(run_layers, self.model, first=first, last=last)
        if self.checkpoints and torch.is_grad_enabled():
            again = partial(frozen_statistics, self.model[first : last + 1])
            return checkpoint(
                run,
                x,
                use_reentrant=False,
                preserve_rng_state=self._has_dropout,
                context_fn=lambda: (nullcontext(), again()),
            )
        return run(x)

    def _is_overwritten(self, index: int) -> bool:
        """Whether the map behind a layer is changed in place by the activation after it."""
        following = next((m for m in self.model[index + 1 :] if not isinstance(m, nn.Identity)), None)
        return getattr(following, "inplace", False)


def _conv_norm_relu(conv: nn.Module, norm: str) -> list[nn.Module]:
    return [conv, norm_layer(norm, conv.out_channels), nn.ReLU(inplace=True)]


def _downsampling(channels: int, norm: str, antialias: bool) -> list[nn.Module]:
    stride = 1 if antialias else 2
    conv = nn.Conv2d(channels, 2 * channels, 3, stride=stride, padding=1, bias=conv_has_bias(norm))
    return _conv_norm_relu(conv, norm) + ([BlurDownsample(2 * channels)] if antialias else [])


def _upsampling(channels: int, norm: str, antialias: bool) -> list[nn.Module]:
    bias = conv_has_bias(norm)
    if antialias:
        conv = nn.Conv2d(channels, channels // 2, 3, padding=1, bias=bias)
        return [BlurUpsample(channels), *_conv_norm_relu(conv, norm)]
    conv = nn.ConvTranspose2d(channels, channels // 2, 3, stride=2, padding=1, output_padding=1, bias=bias)
    return _conv_norm_relu(conv, norm)


def _output_length(module: nn.Module, length: int) -> int:
    """Height (or width) behind a layer of the generator."""
    if isinstance(module, nn.ReflectionPad2d):
        return length + 2 * module.padding[0]
    if isinstance(module, nn.ConvTranspose2d):
        return length * module.stride[0]
    if isinstance(module, nn.Conv2d):
        return (length + 2 * module.padding[0] - module.kernel_size[0]) // module.stride[0] + 1
    if isinstance(module, BlurDownsample):
        return -(-length // 2)
    if isinstance(module, BlurUpsample):
        return 2 * length
    return length
