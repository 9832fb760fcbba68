"""A picture of more than 8 bits, with the few methods of a PIL image that pictures are scaled and cut by."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from PIL import Image

from translate.data.value_range import ValueRange

LUMA = (0.299, 0.587, 0.114)  # ITU-R 601, as Pillow converts to grey
FLIPS = {
    Image.Transpose.FLIP_LEFT_RIGHT: np.s_[:, ::-1],
    Image.Transpose.FLIP_TOP_BOTTOM: np.s_[::-1],
}


@dataclass(frozen=True, eq=False)
class DeepPicture:
    """Values that a range has mapped: ``signed`` is (H, W, C) float32 in [-1, 1], C 1 or 3."""

    signed: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray, range: ValueRange, channels: int | None = None) -> "DeepPicture":
        """A picture of the values (H, W, C) of a domain, converted to this many channels."""
        return cls(with_channels(range.to_signed(values), channels or values.shape[2]))

    @property
    def width(self) -> int:
        return self.signed.shape[1]

    @property
    def height(self) -> int:
        return self.signed.shape[0]

    @property
    def size(self) -> tuple[int, int]:
        return self.width, self.height

    def resize(
        self, size: tuple[int, int], filter: Image.Resampling, box: tuple[float, float, float, float] | None = None
    ) -> "DeepPicture":
        """As Pillow resizes floats, channel by channel; what bicubic overshoots is cut to [-1, 1], as 8 bits are."""
        channels = np.moveaxis(self.signed, 2, 0)
        images = [Image.fromarray(np.ascontiguousarray(channel)) for channel in channels]
        planes = [image.resize(size, filter, box) for image in images]
        return DeepPicture(np.stack([np.asarray(plane) for plane in planes], axis=2).clip(-1, 1))

    def crop(self, box: tuple[int, int, int, int]) -> "DeepPicture":
        """The part from left, top to right, bottom (pixels), which lies within the picture."""
        left, top, right, bottom = box
        return type(self)(self.signed[top:bottom, left:right])

    def transpose(self, method: Image.Transpose) -> "DeepPicture":
        """Mirrored left-right or top-bottom."""
        return type(self)(self.signed[FLIPS[method]])

    def tobytes(self) -> bytes:
        """float32 (H, W, C) in the machine's byte order."""
        return self.signed.tobytes()

    def values(self, range: ValueRange) -> np.ndarray:
        """The values of a domain, (H, W) or (H, W, 3), of the range's type."""
        values = range.from_signed(self.signed)
        return values[:, :, 0] if values.shape[2] == 1 else values

    def view(self) -> Image.Image:
        """What there is to see of it: mode L or RGB, the range from black to white."""
        levels = np.rint((self.signed + 1) * 127.5).clip(0, 255).astype(np.uint8)
        return Image.fromarray(levels[:, :, 0] if levels.shape[2] == 1 else levels)


Picture: TypeAlias = Image.Image | DeepPicture


def visible(picture: Picture) -> Image.Image:
    """The picture itself, or the 8-bit view of a deep one."""
    return picture.view() if isinstance(picture, DeepPicture) else picture


def with_channels(planes: np.ndarray, channels: int) -> np.ndarray:
    """Floats (H, W, C) as (H, W, ``channels``): colour to grey by its luma, grey to colour by repetition."""
    if planes.shape[2] == channels:
        return planes
    if channels == 3:
        return planes.repeat(3, axis=2)
    return (planes @ np.asarray(LUMA, planes.dtype))[:, :, None]
