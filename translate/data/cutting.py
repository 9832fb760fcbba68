"""A part of a resized picture, from the few pixels that it depends on."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from PIL import Image

from translate.data.deep_picture import Picture

Size = tuple[int, int]
Box = tuple[int, int, int, int]
FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
REACH_PX = {"bicubic": 2, "bilinear": 1}  # of the filters, in pixels of the coarser picture


class Cut(NamedTuple):
    """What chance does to a scaled picture, in this order. Sizes are width, height; pixels."""

    zoomed: Size  # the whole picture is resized to this
    box: Box  # of which left, top, right, bottom remain
    size: Size  # and are resized to this
    mirrored: bool  # left-right

    @property
    def box_size(self) -> Size:
        return self.box[2] - self.box[0], self.box[3] - self.box[1]


def zoomed_part(part: Picture, place: Box, whole: Size, cut: Cut, filter: str) -> Picture:
    """``cut.box`` of a picture that is resized to ``cut.zoomed``, equal to rounding, in the time that the box takes.

    (Where bicubic overshoots black or white, Pillow clips between its two passes, whose order depends on the sizes.)

    Args:
        part: what :func:`needed_part` says of the picture; with another one, results would be rounded otherwise.
        place: where in the picture it lies.
        whole: size of the picture.
    """
    source = [side - begin for side, begin in zip(_source(whole, cut), place[:2] * 2, strict=True)]
    inside = [min(max(side, 0), limit) for side, limit in zip(source, part.size * 2, strict=True)]
    return part.resize(cut.box_size, FILTERS[filter], box=tuple(inside))


def needed_part(whole: Size, cut: Cut, filter: str) -> Box:
    """The pixels of a picture of that size on which :func:`zoomed_part` depends."""
    left, top, right, bottom = _source(whole, cut)
    reach = [
        math.ceil(REACH_PX[filter] * max(side / target, 1)) + 1 for side, target in zip(whole, cut.zoomed, strict=True)
    ]
    return (
        max(math.floor(left) - reach[0], 0),
        max(math.floor(top) - reach[1], 0),
        min(math.ceil(right) + reach[0], whole[0]),
        min(math.ceil(bottom) + reach[1], whole[1]),
    )


def _source(whole: Size, cut: Cut) -> Sequence[float]:
    """The box in pixels of the picture before it is resized."""
    return [place * side / target for place, side, target in zip(cut.box, whole * 2, cut.zoomed * 2, strict=True)]
