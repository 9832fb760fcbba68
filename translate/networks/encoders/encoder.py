"""What encoders have in common: pictures in, feature maps with names out."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

# Of the pictures of ImageNet in [0, 1], by which nearly all published encoders normalise theirs.
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
NORMS = ("batch", "batch_plain", "lrn", "none")


class Encoder(nn.Module):
    """Pictures (B, C, H, W) in [-1, 1] -> feature maps, each with a name, from shallow to deep.

    A subclass runs its layers in ``_run`` and names its maps in ``channels``.

    Attributes:
        channels: of each map, by its name, from shallow to deep.
        stride: pixels of the picture that a step in the deepest map is.
    """

    channels: Mapping[str, int]
    stride: int

    @property
    def input_nc(self) -> int:
        """Channels of the pictures."""
        return next(self.parameters()).shape[1]

    @property
    def taps(self) -> tuple[str, ...]:
        """The names of the maps, from shallow to deep."""
        return tuple(self.channels)

    @property
    def width(self) -> int:
        """Channels of the deepest map."""
        return self.channels[self.taps[-1]]

    def forward(self, images: Tensor) -> Tensor:
        """The deepest map (B, width, h, w)."""
        return self.features(images, self.taps[-1:])[self.taps[-1]]

    def features(self, images: Tensor, taps: Iterable[str]) -> dict[str, Tensor]:
        """The maps of these names; layers behind the deepest of them are not run.

        Raises:
            ValueError: no such map.
        """
        wanted = set(taps)
        if unknown := wanted - set(self.taps):
            raise ValueError(f"no map {sorted(unknown)[0]!r} in the encoder; choose from {', '.join(self.taps)}")
        found = {}
        for name, features in self._run(images):
            if name in wanted:
                found[name] = features
            if len(found) == len(wanted):
                break
        return found

    def _run(self, images: Tensor) -> Iterable[tuple[str, Tensor]]:
        """The maps one after the other, as they are computed."""
        raise NotImplementedError


class Normalization(nn.Module):
    """Pictures in [-1, 1] to mean 0 and deviation 1 over the pictures of ImageNet; grey ones by the means of both."""

    def __init__(self, channels: int):
        super().__init__()
        mean, deviation = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, DEVIATION))
        if channels == 1:
            mean, deviation = mean.mean(1, keepdim=True), deviation.mean(1, keepdim=True)
        # In no state dict: published weights come without them.
        self.register_buffer("scale", 0.5 / deviation, persistent=False)
        self.register_buffer("shift", (0.5 - mean) / deviation, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        return images * self.scale + self.shift

    def undo(self, values: Tensor) -> Tensor:
        """The pictures of which these are the normalised values."""
        return (values - self.shift) / self.scale


def norm_of(kind: str, channels: int) -> nn.Module:
    """A norm by name: ``batch``, ``batch_plain`` (without learned scale and shift), ``none``.

    Raises:
        ValueError: another name. ``lrn`` stands at two places of its own in CaffeNet, and nowhere else.
    """
    if kind == "none":
        return nn.Identity()
    if kind not in ("batch", "batch_plain"):
        raise ValueError(f"the norm of an encoder is batch, batch_plain or none, not {kind!r}")
    return nn.BatchNorm2d(channels, affine=kind == "batch")
