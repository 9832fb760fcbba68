"""What is known of a picture pixel by pixel beside its colours: depth, people, and what was measured before.

All of them are read as float32 planes and scaled without interpolation: between two depths there is nothing.

============== ============================================================== =====================================
kind           in the file                                                    as a plane
============== ============================================================== =====================================
``depth``      integers in mm (16-bit PNG, TIFF) or floats in m (``.npy``,    metres; 0 where there is no value
               TIFF); not above 0 or not finite: no value
``mask``       a picture that is white where people are                       0 or 1
``keypoints``  a grey picture of 8 or 16 bits, or floats from 0 to 1          0 to 1
``initial``    depth of all that stands still, as ``depth``                   its logarithm less the median of these;
                                                                              0 where there is no value
``confidence`` as ``keypoints``                                               0 to 1
============== ============================================================== =====================================
"""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from translate.data.deep import read_values
from translate.data.deep_picture import DeepPicture, Picture
from translate.data.mask_files import WHITE_FROM
from translate.data.opening import PictureError
from translate.data.reading import Header, read_picture
from translate.data.value_range import ValueRange

MILLIMETRE = 0.001
ROUNDING = 0.01  # how far shares may reach beyond 0 and 1, as they do where they were interpolated


class Planes(DeepPicture):
    """Numbers (H, W, C) of any size in ``signed``; what is scaled takes the nearest of them."""

    def resize(
        self, size: tuple[int, int], filter: Image.Resampling, box: tuple[float, float, float, float] | None = None
    ) -> "Planes":
        channels = np.moveaxis(self.signed, 2, 0)
        images = [Image.fromarray(np.ascontiguousarray(channel)) for channel in channels]
        planes = [image.resize(size, Image.Resampling.NEAREST, box) for image in images]
        return type(self)(np.stack([np.asarray(plane) for plane in planes], axis=2))


class PictureAndPlanes(DeepPicture):
    """Colours (H, W, 3) in [-1, 1] and planes behind them; what people see of it are the colours."""

    @classmethod
    def joined(cls, picture: Image.Image, planes: np.ndarray) -> "PictureAndPlanes":
        """An RGB picture and planes (H, W, C) of its size."""
        colours = np.asarray(picture, np.float32) / 127.5 - 1
        return cls(np.concatenate([colours, planes], axis=2))

    def resize(
        self, size: tuple[int, int], filter: Image.Resampling, box: tuple[float, float, float, float] | None = None
    ) -> "PictureAndPlanes":
        colours = DeepPicture(self.signed[:, :, :3]).resize(size, filter, box)
        planes = Planes(self.signed[:, :, 3:]).resize(size, filter, box)
        return PictureAndPlanes(np.concatenate([colours.signed, planes.signed], axis=2))

    def view(self) -> Image.Image:
        return DeepPicture(self.signed[:, :, :3]).view()


@dataclass(frozen=True)
class PlaneFile:
    """A file of one kind of plane."""

    path: Path
    kind: str

    def read(self) -> np.ndarray:
        """The plane (H, W, 1).

        Raises:
            PictureError: it cannot be read, or holds something else.
        """
        values = _READERS[self.kind](self.path)
        if values.shape[2] != 1:
            raise PictureError(self.path, "is in colour", f"save {self.kind} with one number a pixel")
        return np.ascontiguousarray(values, np.float32)


class PlaneStack(NamedTuple):
    """Planes of one picture, read as one; takes the place of a ``translate.data.part.Part``."""

    files: tuple[PlaneFile, ...]

    @property
    def path(self) -> Path:
        return self.files[0].path

    def read(self, channels: int | None = None) -> Planes:
        """All planes (H, W, C).

        Raises:
            PictureError: one cannot be read, or has another size than the first.
        """
        return Planes(stacked(self.files))


class ScenePart(NamedTuple):
    """A picture with planes that the network sees besides; takes the place of a ``translate.data.part.Part``."""

    path: Path
    planes: tuple[PlaneFile, ...]
    half: str = ""
    range: ValueRange | None = None

    def read(self, channels: int | None = None) -> Picture:
        """The picture, and the planes behind it.

        Raises:
            PictureError: one cannot be read, or has another size than the picture.
        """
        picture = read_picture(self.path, 3)
        return PictureAndPlanes.joined(picture, stacked(self.planes, picture.size, self.path))

    def header(self, file: Header) -> Header:
        """Size and channels of the picture in a file of this header."""
        return file


def read_depth(path: Path) -> np.ndarray:
    """Depth (H, W, 1) in metres, 0 where there is no value.

    Raises:
        PictureError: it cannot be read, or has 8 bits.
    """
    values = read_values(path, finite=False)
    if values.dtype == np.uint8:
        raise PictureError(
            path, "has 8 bits, too few for depth", "save it as a 16-bit PNG in millimetres or as .npy in metres"
        )
    metres = values.astype(np.float64) * (MILLIMETRE if values.dtype.kind in "iu" else 1)
    return np.where(np.isfinite(metres) & (metres > 0), metres, 0).astype(np.float32)


def _read_initial(path: Path) -> np.ndarray:
    depth = read_depth(path)
    known = depth > 0
    if not known.any():
        return depth
    logarithm = np.log(np.where(known, depth, 1))
    return np.where(known, logarithm - np.median(logarithm[known]), 0)


def _read_mask(path: Path) -> np.ndarray:
    grey = np.asarray(read_picture(path, 1))[:, :, None]
    brightest = int(grey.max())
    if 0 < brightest < WHITE_FROM:
        # Numbers of persons, or a palette: what is not black would be lost without a word.
        raise PictureError(
            path, f"has no white, though it is not black (its brightest is {brightest} of 255)", "save people as 255"
        )
    return grey >= WHITE_FROM


def _read_share(path: Path) -> np.ndarray:
    values = read_values(path)
    if values.dtype in (np.uint8, np.uint16):
        return values / np.float32(np.iinfo(values.dtype).max)
    low, high = float(values.min()), float(values.max())
    if low < -ROUNDING or high > 1 + ROUNDING:
        raise PictureError(
            path, f"holds values from {low:g} to {high:g}", "save a grey picture, or .npy floats from 0 to 1"
        )
    return values.clip(0, 1)


_READERS = {
    "depth": read_depth,
    "mask": _read_mask,
    "keypoints": _read_share,
    "initial": _read_initial,
    "confidence": _read_share,
}
KINDS = tuple(_READERS)


def stacked(files: tuple[PlaneFile, ...], size: tuple[int, int] | None = None, of: Path | None = None) -> np.ndarray:
    """Planes of one picture (H, W, C).

    Args:
        size: width and height that they are to have; None takes those of the first.
        of: what they belong to, for errors; None is the first.

    Raises:
        PictureError: one cannot be read, or has another size.
    """
    planes = [file.read() for file in files]
    size = size or (planes[0].shape[1], planes[0].shape[0])
    for file, plane in zip(files, planes, strict=True):
        found = plane.shape[1], plane.shape[0]
        if found != size:
            raise PictureError(
                file.path,
                f"({found[0]}x{found[1]}) is the {file.kind} of {of or files[0].path} ({size[0]}x{size[1]})",
                "bring both to one size",
            )
    return np.concatenate(planes, axis=2)
