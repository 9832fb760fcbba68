"""A picture of a data set: a whole file, or the left or right half of one."""

from pathlib import Path
from typing import NamedTuple

from PIL import Image

from translate.data.reading import Header, read_picture


class Part(NamedTuple):
    """One picture: a whole file, or half of one that holds a pair side by side."""

    path: Path
    half: str = ""  # "left", "right" or, for a whole file, ""

    def read(self, channels: int | None = None) -> Image.Image:
        """The picture; see ``translate.data.reading.read_picture``.

        Raises:
            PictureError: the file is missing, damaged or no picture.
        """
        image = read_picture(self.path, channels)
        return image.crop(self._box(*image.size)) if self.half else image

    def header(self, file: Header) -> Header:
        """Size and channels of the picture in a file of this header."""
        if not self.half:
            return file
        left, top, right, bottom = self._box(file.width, file.height)
        return Header(right - left, bottom - top, file.channels)

    def _box(self, width: int, height: int) -> tuple[int, int, int, int]:
        middle = width // 2
        return (0, 0, middle, height) if self.half == "left" else (middle, 0, width, height)
