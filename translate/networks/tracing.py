"""What networks need to know while they are written down as a graph for other programs (``torch.export``)."""

import torch
from torch import Tensor

LONGEST_PX = 2**20  # of a side, for the exporter, which wants a bound


def is_exporting() -> bool:
    """Whether the operations at hand are being written down by ``torch.export``."""
    told = getattr(torch.compiler, "is_exporting", torch.compiler.is_compiling)  # torch 2.6 does not tell them apart
    return told()


def computed_length(value: Tensor, multiple: int = 1) -> int:
    """A length that a graph computes from the size of its input.

    The exporter gets to know no more of it than is said here. From the formula itself it would derive guards, such as
    that the traced picture was padded, which refuse other pictures.

    Args:
        value: a single whole number of at least 1.
        multiple: the length is so many times the value.
    """
    count = value.item()
    torch._check(count >= 1)
    torch._check(count <= LONGEST_PX)
    return count * multiple
