"""How networks see many pictures: in batches, in full precision, with a progress bar where it takes a while."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from translate.evaluation.metric import Unmeasurable
from translate.evaluation.picture_set import PictureSet

MANY = 64  # from here on there is a bar
BATCH_PX = 2**20  # of each picture of a sample: 16 of 256 by 256

Sample = tuple[Tensor, ...]  # (C, H, W) each


@contextmanager
def measuring(device: torch.device) -> Iterator[None]:
    """Without gradients and in float32, whatever a training around it computes in."""
    matmul, convolutions = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    try:
        with torch.inference_mode(), torch.autocast(device.type, enabled=False):
            yield
    finally:
        torch.set_float32_matmul_precision(matmul)
        torch.backends.cudnn.allow_tf32 = convolutions


def batches(samples: Iterable[Sample]) -> Iterator[Sample]:
    """Neighbours of equal sizes together, in their order: (B, C, H, W) each.

    However large the pictures are, a batch has about the same number of pixels.
    """
    waiting: list[Sample] = []
    for sample in samples:
        shapes = [part.shape for part in sample]
        full = len(waiting) * sample[0].shape[-2:].numel() >= BATCH_PX
        if waiting and (full or shapes != [part.shape for part in waiting[0]]):
            yield tuple(map(torch.stack, zip(*waiting, strict=True)))
            waiting = []
        waiting.append(sample)
    if waiting:
        yield tuple(map(torch.stack, zip(*waiting, strict=True)))


def pairs(first: PictureSet, second: PictureSet) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Each picture with its counterpart.

    Raises:
        Unmeasurable: two are of different sizes, or there are not as many of one as of the other.
    """
    if len(first) != len(second):
        raise Unmeasurable(f"{len(first)} pictures cannot be compared with {len(second)} one by one; give one for each")
    for index, (one, other) in enumerate(zip(first, second, strict=True)):
        if one.shape != other.shape:
            sizes = " and ".join(f"{picture.shape[1]}x{picture.shape[0]}" for picture in (one, other))
            raise Unmeasurable(
                f"{first.names[index]} and {second.names[index]} are {sizes} pixels and cannot be compared; "
                "give pictures of one size"
            )
        yield one, other


def followed(items: Iterable, count: int, what: str) -> Iterable:
    """The same items, with a progress bar where they are many and somebody looks."""
    return tqdm(items, total=count, desc=what, unit="picture", disable=None if count >= MANY else True, leave=False)
