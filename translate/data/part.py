"""A picture of a data set: a whole file, or the left or right half of one."""

from pathlib import Path
from typing import NamedTuple

from translate.data.deep import read_deep
from translate.data.deep_picture import Picture
from translate.data.reading import Header, read_picture
from translate.data.value_range import ValueRange


class Part(NamedTuple):
    """One picture: a whole file, or half of one that holds a pair side by side."""

    path: Path
    half: str = ""  # "left", "right" or, for a whole file, ""
    range: ValueRange | None = None  # of its domain; None for one of 8 bits

    def read(self, channels: int | None = None) -> Picture:
        """The picture: 8 bits (see ``translate.data.reading.read_picture``), or its values as the range maps them.

        Raises:
            PictureError: the file is missing, damaged or no picture, or deeper than 8 bits without a range.
        """
        image = read_picture(self.path, channels) if self.range is None else read_deep(self.path, self.range, channels)
        return image.crop(self._box(*image.size)) if self.half else image

    def header(self, file: Header) -> Header:
        """Size and channels of the picture in a file of this header."""
        if not self.half:
            return file
        left, top, right, bottom = self._box(file.width, file.height)
        return Header(right - left, bottom - top, file.channels, file.depth)

    def _box(self, width: int, height: int) -> tuple[int, int, int, int]:
        middle = width // 2
        return (0, 0, middle, height) if self.half == "left" else (middle, 0, width, height)
