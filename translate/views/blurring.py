"""Gaussian blur, of each picture by its own width."""

import torch
import torch.nn.functional as F
from torch import Tensor


def gaussian_blur(images: Tensor, sigma_px: Tensor, radius_px: int) -> Tensor:
    """Pictures convolved with a Gaussian that is cut off at ``radius_px``; what lies outside is mirrored at the edge.

    Args:
        images: (B, C, H, W), sides larger than ``radius_px``.
        sigma_px: (B,) above 0.

    Returns:
        (B, C, H, W).

    Raises:
        ValueError: a side is not larger than the radius.
    """
    count, channels, height, width = images.shape
    if radius_px >= min(height, width):
        raise ValueError(f"a blur of radius {radius_px} does not suit a picture of {width}x{height}")
    steps = torch.arange(-radius_px, radius_px + 1, device=images.device, dtype=images.dtype)
    taps = torch.softmax(-0.5 * (steps / sigma_px.to(images.dtype).unsqueeze(1)) ** 2, dim=1)  # (B, 2 radius + 1)
    taps = taps.repeat_interleave(channels, dim=0)
    padded = F.pad(images, [radius_px] * 4, mode="reflect")
    # Every channel of every picture is one of a single picture, which has a filter for each of its channels.
    planes = padded.reshape(1, count * channels, *padded.shape[2:])
    with torch.autocast(images.device.type, enabled=False):
        planes = F.conv2d(planes, taps[:, None, None, :], groups=count * channels)
        planes = F.conv2d(planes, taps[:, None, :, None], groups=count * channels)
    return planes.view(images.shape)
