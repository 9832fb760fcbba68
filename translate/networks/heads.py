"""What stands on an encoder while it learns, and is thrown away afterwards."""

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
