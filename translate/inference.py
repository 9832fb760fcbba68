"""One picture through a network: to a tensor, padded to the stride, translated, cropped, rounded."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from translate.data.tensors import to_image, to_signed, to_tensor, to_uint8

# Below this, the reflected borders of the inner layers are wider than the maps they reflect.
SMALLEST_SIDE_PX = 16


def translate_image(
    translate: Callable[[Tensor], Tensor], image: Image.Image, stride: int, device: torch.device
) -> Image.Image:
    """Translate one picture at its own size: L or RGB in, L or RGB out, rounded to 8 bits."""
    return to_image(to_uint8(translate_signed(translate, to_signed(to_tensor(image)).to(device), stride)))


def translate_signed(translate: Callable[[Tensor], Tensor], image: Tensor, stride: int) -> Tensor:
    """(C, H, W) in [-1, 1] -> (C', H, W) in [-1, 1]: padded to the stride by reflection, and cropped back."""
    height, width = image.shape[-2:]
    bottom = max(-height % stride, SMALLEST_SIDE_PX - height)
    right = max(-width % stride, SMALLEST_SIDE_PX - width)
    images = image.unsqueeze(0)
    if bottom or right:
        # A picture smaller than its own padding cannot be reflected; its border is repeated.
        mode = "reflect" if bottom < height and right < width else "replicate"
        images = F.pad(images, (0, right, 0, bottom), mode=mode)
    return translate(images)[0, :, :height, :width]
