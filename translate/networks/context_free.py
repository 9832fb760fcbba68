"""The head of the context-free network: it compares tiles that the encoder saw one by one."""

import torch
from torch import Tensor, nn


class ContextFreeHead(nn.Module):
    """Feature maps of N tiles of each puzzle -> logits of which permutation it is (Noroozi, Favaro, ECCV 2016, fig. 3).

    fc6 is the same for every tile; only fc7 sees all of them, in the places where they are shown. Maps are halved by
    a max pooling before fc6, as in AlexNet, but for those of one or two pixels a side. The last layer can start at
    zero: all permutations are alike, and the loss begins at ln(classes).

    Args:
        channels, side: of the maps.
        tiles: N.
        classes: permutations.
        tile_nc: width of fc6; 512 is published.
        hidden: width of fc7; 4096 is published.
    """

    def __init__(self, channels: int, side: int, tiles: int, classes: int, tile_nc: int = 512, hidden: int = 4096):
        super().__init__()
        self.tiles = tiles
        # Of 6x6 it leaves 3x3.
        self.pool = nn.MaxPool2d(3, 2, ceil_mode=True) if side > 2 else nn.Identity()
        left = self.pool(torch.zeros(1, channels, side, side)).numel()
        self.fc6 = nn.Sequential(nn.Flatten(), nn.Linear(left, tile_nc), nn.ReLU(inplace=True))
        self.fc7 = nn.Sequential(nn.Linear(tiles * tile_nc, hidden), nn.ReLU(inplace=True))
        self.fc8 = nn.Linear(hidden, classes)

    def forward(self, features: Tensor) -> Tensor:
        """(B N, channels, side, side), the tiles of a puzzle one after the other -> (B, classes)."""
        one_by_one = self.fc6(self.pool(features))  # (B N, tile_nc)
        return self.fc8(self.fc7(one_by_one.view(-1, self.tiles * one_by_one.shape[1])))

    def start_even(self) -> None:
        """The last layer at zero."""
        nn.init.zeros_(self.fc8.weight)
        nn.init.zeros_(self.fc8.bias)
