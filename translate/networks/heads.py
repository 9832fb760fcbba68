"""What stands on an encoder while it learns, and is thrown away afterwards."""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn


class ClassifierHead(nn.Module):
    """A feature map (B, C, h, w) -> logits (B, classes): its mean over the places, a hidden layer, a linear one.

    Without a hidden layer the classes must lie in the features as planes, which leaves less to the head and more to
    the encoder. The last layer starts at zero: all classes are alike, and the loss begins at ln(classes).

    Args:
        channels: of the map.
        classes: to tell apart.
        hidden: width of the hidden layer; 0: none.
    """

    def __init__(self, channels: int, classes: int, hidden: int = 0):
        super().__init__()
        layers: list[nn.Module] = [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        if hidden:
            layers += [nn.Linear(channels, hidden), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers, nn.Linear(hidden or channels, classes))

    def forward(self, features: Tensor) -> Tensor:
        return self.layers(features)

    def start_even(self) -> None:
        """The last layer at zero."""
        nn.init.zeros_(self.layers[-1].weight)
        nn.init.zeros_(self.layers[-1].bias)


class LinearHead(nn.Module):
    """A feature map (B, C, h, w) -> vectors (B, width): its mean over the places, and a linear layer without bias.

    Args:
        channels: of the map.
        width: of the vectors.
    """

    def __init__(self, channels: int, width: int):
        super().__init__()
        self.layer = nn.Linear(channels, width, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        return self.layer(features.mean((2, 3)))


class MLPHead(nn.Module):
    """A feature map (B, C, h, w), or vectors (B, C), -> vectors (B, widths[-1]): the mean over the places, then linear
    layers with a ReLU between them.

    Args:
        channels: of the map.
        widths: of each layer's result.
        norm: a batch norm behind every layer but the last, in place of its bias.
        last_norm: the same behind the last one, without scale and shift.
    """

    def __init__(self, channels: int, widths: Sequence[int], norm: bool = True, last_norm: bool = True):
        super().__init__()
        layers: list[nn.Module] = []
        for number, (before, after) in enumerate(pairwise([channels, *widths]), start=1):
            is_last = number == len(widths)
            normed = last_norm if is_last else norm
            layers.append(nn.Linear(before, after, bias=not normed))
            layers += [nn.BatchNorm1d(after, affine=not is_last)] if normed else []
            layers += [] if is_last else [nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers)

    def forward(self, features: Tensor) -> Tensor:
        return self.layers(features.mean((2, 3)) if features.ndim == 4 else features)
