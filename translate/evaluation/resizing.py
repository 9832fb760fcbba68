"""Pictures of a fixed size for what compares them."""

import numpy as np
from PIL import Image


def bicubic(picture: np.ndarray, side_px: int) -> np.ndarray:
    """A picture scaled to a square as clean-fid does it (Parmar et al. 2022, https://arxiv.org/abs/2104.11222).

    Pillow's bicubic filter, which is widened where it makes pictures smaller, so that nothing is skipped; each channel
    by itself in floating point, so that nothing is rounded; what overshoots is cut.

    Args:
        picture: uint8 (H, W, 3).

    Returns:
        float32 (side_px, side_px, 3) from 0 to 255.
    """
    channels = [
        np.asarray(
            Image.fromarray(picture[:, :, channel].astype(np.float32)).resize(
                (side_px, side_px), Image.Resampling.BICUBIC
            )
        )
        for channel in range(3)
    ]
    return np.stack(channels, axis=2).clip(0, 255)
