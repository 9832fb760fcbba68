"""Features of pictures by a frozen encoder, as rows that a probe can learn from."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from translate.data.reading import read_picture
from translate.data.tensors import to_signed, to_tensor
from translate.errors import InputError
from translate.evaluation.computing import measuring
from translate.networks.encoders import Encoder

BATCH = 64


def square_of(image: Image.Image, load_size: int, crop_size: int) -> Image.Image:
    """The middle ``crop_size`` pixels of a picture whose shorter side is scaled to ``load_size``."""
    scale = load_size / min(image.size)
    width, height = (max(crop_size, round(side * scale)) for side in image.size)
    left, top = (width - crop_size) // 2, (height - crop_size) // 2
    scaled = image if (width, height) == image.size else image.resize((width, height), Image.Resampling.BICUBIC)
    return scaled.crop((left, top, left + crop_size, top + crop_size))


def load_squares(paths: Sequence[Path], channels: int, load_size: int, crop_size: int, label: str = "") -> Tensor:
    """The pictures as uint8 (N, C, crop_size, crop_size)."""
    bar = tqdm(paths, label or "reading", unit="pic", leave=False, delay=1, disable=None)
    squares = [np.asarray(to_tensor(square_of(read_picture(path, channels), load_size, crop_size))) for path in bar]
    return torch.from_numpy(np.stack(squares))


def read_out(
    encoder: Encoder, pictures: Tensor, taps: Sequence[str], most_values: int, device: torch.device
) -> dict[str, Tensor]:
    """Rows of features (N, D) in float32 on the CPU, by the name of the map.

    A map is pooled by its mean to the finest square grid that leaves at most ``most_values`` of a picture, so that maps
    of all depths have about as many: 9,216 of them in the layers of AlexNet (Zhang et al., ECCV 2016).

    Args:
        encoder: is left as it is, and read in evaluation mode and float32.
        pictures: uint8 (N, C, S, S).
        taps: names of maps.
        most_values: at least the channels of each map are left.
    """
    training = encoder.training
    encoder.eval()
    rows: dict[str, list[Tensor]] = {tap: [] for tap in taps}
    with measuring(device):
        for batch in tqdm(pictures.split(BATCH), "features", unit="batch", leave=False, delay=1, disable=None):
            signed = to_signed(batch.to(device).contiguous(memory_format=torch.channels_last))
            for tap, features in encoder.features(signed, taps).items():
                rows[tap].append(pooled(features, most_values).cpu())
    encoder.train(training)
    return {tap: torch.cat(parts) for tap, parts in rows.items()}


def refuse_lost(rows: Mapping[str, Tensor], name: str, phase: str) -> None:
    """Refuse rows that no probe can learn from.

    Args:
        rows: features (N, D), by the name of the map.
        name: of the encoder.
        phase: whose pictures these are.

    Raises:
        InputError: a map is not finite.
    """
    if lost := [tap for tap, features in rows.items() if not features.isfinite().all()]:
        raise InputError(
            f"{name}: its {lost[0]} is not finite for every picture of {phase}; the training that made these weights "
            "went wrong, so take others"
        )


def pooled(features: Tensor, most_values: int) -> Tensor:
    """(B, C, h, w) -> (B, C * g * g), the means over a grid of g by g."""
    _, channels, height, width = features.shape
    grid = max(1, int((most_values / channels) ** 0.5))
    return F.adaptive_avg_pool2d(features, (min(grid, height), min(grid, width))).flatten(1)
