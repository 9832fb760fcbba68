"""Pictures as tensors: stored and sent as uint8, seen by the networks as floats in [-1, 1]. Deep ones are float32 in
[-1, 1] from the start."""

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from translate.data.deep_picture import DeepPicture, Picture


def to_tensor(image: Picture) -> Tensor:
    """A picture of mode L or RGB as a uint8 tensor (C, H, W), 0-255, a deep one as float32 in [-1, 1], with memory of
    its own.

    Raises:
        ValueError: the picture has another mode.
    """
    return to_pixels(image).permute(2, 0, 1).contiguous()


def to_pixels(image: Picture) -> Tensor:
    """The same as (H, W, C).

    Raises:
        ValueError: the picture has another mode.
    """
    if isinstance(image, DeepPicture):
        return torch.from_numpy(image.signed.copy())
    if image.mode not in ("L", "RGB"):
        raise ValueError(f"picture of mode {image.mode}, not L or RGB")
    pixels = torch.from_numpy(np.array(image, dtype=np.uint8))  # (H, W) or (H, W, C)
    return pixels.unsqueeze(-1) if pixels.ndim == 2 else pixels


def to_image(pixels: Tensor) -> Image.Image:
    """A uint8 tensor (1, H, W) or (3, H, W) as a picture of mode L or RGB.

    Raises:
        ValueError: another type or shape.
    """
    if pixels.dtype != torch.uint8 or pixels.ndim != 3 or pixels.shape[0] not in (1, 3):
        raise ValueError(f"tensor of {pixels.dtype} and shape {tuple(pixels.shape)}, not uint8 (1 or 3, H, W)")
    array = pixels.detach().cpu().permute(1, 2, 0).contiguous().numpy()  # (H, W, C)
    return Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array)


def to_picture(pixels: Tensor) -> Picture:
    """What ``to_pixels`` returned, (H, W, C), as a picture again; a deep one shares its memory."""
    if pixels.is_floating_point():
        return DeepPicture(pixels.numpy())
    return to_image(pixels.permute(2, 0, 1))


def to_signed(pixels: Tensor) -> Tensor:
    """uint8 0-255 -> float32 in [-1, 1], any shape: (x/255 - 0.5)/0.5. Floats are in [-1, 1] already.

    The operations and their order are those of torchvision's ToTensor and Normalize, so the result
    is the reference's to the last bit.
    """
    if pixels.is_floating_point():
        return pixels
    return pixels.to(torch.float32).div_(255).sub_(0.5).div_(0.5)


def to_uint8(signed: Tensor) -> Tensor:
    """Floats, clamped to [-1, 1] -> uint8 0-255, any shape: (x+1)/2*255, rounded to the nearest level.

    Every level comes back from :func:`to_signed` as it was. The reference truncates instead, which
    returns 63 of the 256 levels one too dark.
    """
    return signed.to(torch.float32).clamp(-1, 1).add(1).div(2).mul(255).round().to(torch.uint8)
