"""What stands on an encoder that compares patches of a picture two by two."""

import torch.nn.functional as F
from torch import Tensor, nn


class PairHead(nn.Module):
    """Maps of patches -> logits of pairs of them (Doersch, Gupta, Efros, ICCV 2015, section 3.2).

    A layer on each patch by itself (the paper's fc6), two on both of a pair side by side (fc7, fc8), and a linear one.
    The first layer on pairs is a sum over its two patches, so that it is computed once a patch and not once a pair. The
    last layer starts at zero with ``start_even``: the loss begins at ln(classes).

    Args:
        values: of the map of a patch, over all its channels and places.
        classes: to tell apart.
        width: of the three layers; 4096 is published.
    """

    def __init__(self, values: int, classes: int, width: int = 4096):
        super().__init__()
        self.patch = nn.Sequential(nn.Linear(values, width), nn.ReLU(inplace=True))
        self.pair = nn.Linear(2 * width, width)
        self.layers = nn.Sequential(
            nn.ReLU(inplace=True), nn.Linear(width, width), nn.ReLU(inplace=True), nn.Linear(width, classes)
        )

    def forward(self, maps: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """The logits (B, pairs, classes) of pairs out of each picture's P patches.

        Args:
            maps: (B, P, C, h, w).
            first, second: (pairs,) integers, which patches make a pair.
        """
        patches = self.patch(maps.flatten(2))  # (B, P, width)
        of_first, of_second = self.pair.weight.chunk(2, dim=1)
        pairs = F.linear(patches, of_first, self.pair.bias)[:, first] + F.linear(patches, of_second)[:, second]
        return self.layers(pairs)

    def start_even(self) -> None:
        """The last layer at zero."""
        nn.init.zeros_(self.layers[-1].weight)
        nn.init.zeros_(self.layers[-1].bias)
