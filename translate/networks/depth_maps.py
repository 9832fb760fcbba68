"""Depths as pictures in [-1, 1], and in colours."""

import torch
from torch import Tensor, nn

from translate.networks.hourglass import Hourglass

# From far to near: dark blue, violet, red, orange, light yellow. Lightness rises all the way, so that it reads in grey
# too.
COLOURS = ((0.05, 0.03, 0.30), (0.42, 0.05, 0.50), (0.80, 0.20, 0.35), (0.98, 0.55, 0.15), (0.99, 0.95, 0.65))
UNKNOWN = (0.5, 0.5, 0.5)
NEAREST_SHARE = 0.02  # of the known pixels may be nearer than what gets the last colour


class DepthEstimator(nn.Module):
    """A trained hourglass as a tool: pictures in, relative depths out, the farthest pixel of each at 1."""

    def __init__(self, network: Hourglass):
        super().__init__()
        self.network = network
        self.stride = network.stride
        self.input_nc = network.input_nc

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) in [-1, 1] -> (B, 1, H, W), depth over the largest of the picture, (0, 1] as (-1, 1]."""
        return relative_depth(self.network(images).log_depth.float())

    def views(self, images: Tensor) -> dict[str, Tensor]:
        """The depth, and the same in colours."""
        depth = self(images)
        return {"fake_B": depth, "coloured_B": warm(depth)}


def relative_depth(log_depth: Tensor) -> Tensor:
    """(B, 1, H, W), a depth over the largest of its picture, as a picture in (-1, 1]."""
    return 2 * (log_depth - log_depth.amax((2, 3), keepdim=True)).exp() - 1


def depth_of(pictures: Tensor) -> Tensor:
    """What a picture in [-1, 1] says of depth: 0 (not known) to 1 (the end of its range)."""
    return (pictures.float() + 1) / 2


def warm(pictures: Tensor) -> Tensor:
    """Depths (B, 1, H, W) as pictures in [-1, 1] in colours (B, 3, H, W) in [-1, 1]: near is light and warm, far dark
    and cold, what is not known grey. Even steps of colour are even steps of 1 / depth, between the farthest and almost
    the nearest of each picture."""
    depth = depth_of(pictures)
    known = depth > 0
    nearness = torch.where(known, 1 / depth.clamp(min=1e-6), 0)
    places = torch.stack([_place(one, there) for one, there in zip(nearness, known, strict=True)])
    stops = places.new_tensor(COLOURS)
    scaled = places * (len(COLOURS) - 1)
    first = scaled.floor().clamp(0, len(COLOURS) - 2)
    share = scaled - first
    index = first.long().squeeze(1)
    mixed = stops[index] + share.squeeze(1).unsqueeze(-1) * (stops[index + 1] - stops[index])
    colours = torch.where(known, mixed.movedim(-1, 1), places.new_tensor(UNKNOWN).view(1, 3, 1, 1))
    return 2 * colours - 1


def _place(nearness: Tensor, known: Tensor) -> Tensor:
    """(1, H, W) in [0, 1] between the least and almost the largest of what is known."""
    values = nearness[known]
    if not values.numel():
        return nearness
    ordered = values.sort().values
    low, high = ordered[0], ordered[int((1 - NEAREST_SHARE) * (len(ordered) - 1))]
    return ((nearness - low) / (high - low).clamp(min=1e-12)).clamp(0, 1)
