"""Pictures through a network: to a tensor, padded to the stride, translated, cropped, rounded."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from translate.data.deep_picture import Picture
from translate.data.tensors import to_image, to_signed, to_tensor, to_uint8

# Below this, the reflected borders of the inner layers are wider than the maps they reflect.
SMALLEST_SIDE_PX = 16


def translate_image(
    translate: Callable[..., Tensor], image: Image.Image, stride: int, device: torch.device, **inputs: Any
) -> Image.Image:
    """Translate one picture at its own size: L or RGB in, L or RGB out, rounded to 8 bits."""
    signed = to_signed(to_tensor(image)).to(device)
    return to_image(to_uint8(translate_signed(translate, signed, stride, **inputs)))


def translate_signed(translate: Callable[..., Tensor], image: Tensor, stride: int, **inputs: Any) -> Tensor:
    """(C, H, W) in [-1, 1] -> (C', H, W) in [-1, 1]: padded to the stride by reflection, and cropped back.

    Args:
        inputs: what the translator wants besides the picture, such as a mask.
    """
    return translate_batch(translate, image.unsqueeze(0), stride, **inputs)[0]


def translate_pictures(
    translate: Callable[..., Tensor], pictures: Sequence[Picture], stride: int, device: torch.device
) -> Tensor:
    """Pictures of one size, at that size and at once: (B, C', H, W) in [-1, 1]."""
    signed = torch.stack([to_signed(to_tensor(picture)) for picture in pictures]).to(device)
    return translate_batch(translate, signed, stride)


def translate_batch(translate: Callable[..., Tensor], images: Tensor, stride: int, **inputs: Any) -> Tensor:
    """The same for pictures of one size, (B, C, H, W) -> (B, C', H, W)."""
    return _cropped(translate(_padded(images, stride), **inputs), images)


def views_of(translator: nn.Module, image: Tensor, **inputs: Any) -> dict[str, Tensor]:
    """What a page shows of a picture (C, H, W) in [-1, 1], in its order: the translation ``fake_B``, and what else
    the translator has to show (see ``translate.methods.base.Method.translator``)."""
    found = views_and_numbers_of(translator, image, **inputs)
    return {label: view for label, view in found.items() if label not in numbers_of(translator)}


def numbers_of(translator: nn.Module) -> frozenset[str]:
    """The labels of those views of a translator that are no pictures."""
    return getattr(translator, "numbers", frozenset())


def views_and_numbers_of(translator: nn.Module, image: Tensor, **inputs: Any) -> dict[str, Tensor]:
    """The same with the views that are no pictures, such as depth."""
    if not hasattr(translator, "views"):
        return {"fake_B": translate_signed(translator, image, translator.stride, **inputs)}
    views = translator.views(_padded(image.unsqueeze(0), translator.stride), **inputs)
    return {label: _cropped(view, image)[0] for label, view in views.items()}


def _padded(images: Tensor, stride: int) -> Tensor:
    """(B, C, H, W) -> (B, C, H', W') with sides that are multiples of the stride; with a stride of 1 any size is."""
    height, width = images.shape[-2:]
    smallest_px = SMALLEST_SIDE_PX if stride > 1 else 1
    bottom = max(-height % stride, smallest_px - height)
    right = max(-width % stride, smallest_px - width)
    images = images.contiguous(memory_format=torch.channels_last)
    if not (bottom or right):
        return images
    # A picture smaller than its own padding cannot be reflected; its border is repeated.
    mode = "reflect" if bottom < height and right < width else "replicate"
    return F.pad(images, (0, right, 0, bottom), mode=mode)


def _cropped(images: Tensor, like: Tensor) -> Tensor:
    height, width = like.shape[-2:]
    return images[..., :height, :width]
