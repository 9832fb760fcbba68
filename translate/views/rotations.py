"""Pictures turned by right angles, without a pixel being computed anew."""

import torch
from torch import Tensor

ANGLES = (0, 90, 180, 270)


def rotations(images: Tensor) -> Tensor:
    """All four of every picture: (B, C, S, S) -> (4 B, C, S, S), first all as they are, then all turned by 90 degrees
    counter-clockwise, and so on.

    Flips and transpositions only (Gidaris et al., ICLR 2018, arXiv:1803.07728): interpolation would leave traces by
    which the angle could be told.

    Raises:
        ValueError: pictures are not square, so that their shape would tell.
    """
    if images.shape[-2] != images.shape[-1]:
        raise ValueError(f"pictures to be turned are square, not {images.shape[-1]}x{images.shape[-2]}")
    layout = torch.channels_last if images.is_contiguous(memory_format=torch.channels_last) else torch.contiguous_format
    turned = torch.cat([torch.rot90(images, quarter, (2, 3)) for quarter in range(len(ANGLES))])
    return turned.contiguous(memory_format=layout)
