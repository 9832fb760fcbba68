"""Pictures without what a lens does to colours.

Lenses bend colours differently, which makes fringes that grow towards the edges of a photograph: a network can read
from them where a patch was, and learns little else (Doersch, Gupta, Efros, ICCV 2015, section 3.1). Two remedies.
"""

import torch
from torch import Tensor

ABERRATIONS = ("projection", "dropping", "none")
GREEN_MAGENTA = torch.tensor([-1.0, 2.0, -1.0], dtype=torch.float64)  # the axis along which fringes differ most
NOISE = 0.01  # deviation of the noise in dropped channels, as a share of that of the kept one


def without_green_magenta(images: Tensor) -> Tensor:
    r"""Colours projected onto the plane across the green-magenta axis:

    .. math:: x' = B x, \qquad B = I - \frac{a a^T}{a^T a}, \qquad a = (-1, 2, -1)

    Greys stay what they are, so that it is the same in [-1, 1] as in [0, 1].

    Args:
        images: (N, 3, H, W) in [-1, 1].

    Returns:
        the same shape, within -4/3 ... 4/3.
    """
    axis = GREEN_MAGENTA.to(images.device, images.dtype, non_blocking=True).view(3, 1, 1)
    along = (images * axis).sum(1, keepdim=True) / axis.square().sum()
    return images - along * axis


def one_channel_left(images: Tensor, kept: Tensor, noise: Tensor) -> Tensor:
    """One channel of each picture; the other two are faint noise.

    Args:
        images: (N, 3, H, W) in [-1, 1].
        kept: (N,) integers, the channel that stays.
        noise: (N, 3, H, W) or what broadcasts to it, of mean 0 and deviation 1.

    Returns:
        (N, 3, H, W); the noise has a hundredth of the deviation of the channel that is kept.
    """
    stays = torch.arange(3, device=images.device) == kept.unsqueeze(1)  # (N, 3)
    of_kept = images[torch.arange(len(images), device=images.device), kept]  # (N, H, W)
    deviation = of_kept.std((1, 2), correction=0).view(-1, 1, 1, 1)
    return torch.where(stays[..., None, None], images, NOISE * deviation * noise)
