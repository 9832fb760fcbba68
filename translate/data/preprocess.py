"""A picture of any size -> a training picture: scaled, cropped, rounded to a multiple of 4, mirrored.

The words of ``--preprocess`` are joined by ``_and_``, as in ``scale_width_and_crop``. Whatever their order
in the text they act in this one, and each that is present draws its numbers in this order:

==================  ============================================================  =====================
word                what it does                                                  draws
==================  ============================================================  =====================
resize              to load_size x load_size, whatever the aspect                 nothing
scale_width         width to load_size, height with it but not below crop_size    nothing
scale_shortside     enlarges until the shorter side is load_size; never shrinks   nothing
scale_aspect        shorter side to load_size, enlarged or shrunk, aspect kept    nothing
zoom                each axis by U(zoom_min, 1), not below crop_size              width, height factor
crop                a random square of crop_size                                  left, top
patch               a random cell of a grid of crop_size cells, randomly offset   left, top, cell
trim                cuts to crop_size the axes that are longer                    left, top
(always)            both sides to the nearest multiple of 4 (*)                      nothing
(unless flip off)   mirrors left-right in half of the cases                       one number
==================  ============================================================  =====================

(*) or of another number, for a network that takes pictures of one size which is none.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from translate.data.cutting import FILTERS, Box, Cut, Size, needed_part, zoomed_part
from translate.data.deep_picture import Picture
from translate.data.listing import shown
from translate.errors import InputError
from translate.registry import did_you_mean

SCALINGS = ("resize", "scale_width", "scale_shortside", "scale_aspect")
CUTS = ("crop", "patch", "trim")
WORDS = ("none", *SCALINGS, "zoom", *CUTS)
BASE_PX = 4  # the networks halve a picture twice


@lru_cache
def parse_words(text: str) -> frozenset[str]:
    """The words of a ``--preprocess`` value, without ``none``.

    >>> sorted(parse_words("scale_width_and_crop"))
    ['crop', 'scale_width']
    >>> parse_words("none")
    frozenset()

    Raises:
        InputError: a word is unknown, or two of them exclude each other.
    """
    words = text.split("_and_")
    for word in words:
        if word not in WORDS:
            raise InputError(f"--preprocess {text!r} has an unknown part {word!r}: {did_you_mean(word, WORDS)}")
    _refuse_together(text, [word for word in words if word in SCALINGS])
    if "none" in words and len(words) > 1:
        raise InputError(f"--preprocess {text!r} joins none with other words; leave none out")
    return frozenset(words) - {"none"}


def _refuse_together(text: str, scalings: Iterable[str]) -> None:
    scalings = sorted(set(scalings))
    if len(scalings) > 1:
        raise InputError(f"--preprocess {text!r} scales in more than one way; keep one of {', '.join(scalings)}")


@dataclass(frozen=True)
class Preprocess:
    """The transform of one domain; equal values give equal pictures for equal generators.

    Attributes:
        words: the value of ``--preprocess``.
        load_size: pixels that the scaling words aim at.
        crop_size: pixels that zoom, crop, patch and trim aim at.
        flip: mirror left-right with probability 1/2.
        filter: ``bicubic`` or ``bilinear``, as Pillow computes them.
        zoom_min: smallest factor of zoom; each axis draws its own from [zoom_min, 1).
        multiple_px: what comes out has sides that are multiples of it.

    Raises:
        InputError: unknown words or filter, or a size that is not positive.
    """

    words: str = "resize_and_crop"
    load_size: int = 286
    crop_size: int = 256
    flip: bool = True
    filter: str = "bicubic"
    zoom_min: float = 0.8
    multiple_px: int = BASE_PX

    def __post_init__(self) -> None:
        parse_words(self.words)
        if self.filter not in FILTERS:
            raise InputError(f"unknown filter {self.filter!r}: {did_you_mean(self.filter, FILTERS)}")
        for flag in ("load_size", "crop_size"):
            if getattr(self, flag) < 1:
                raise InputError(f"--{flag} is {getattr(self, flag)}; give a positive number of pixels")

    @property
    def parsed(self) -> frozenset[str]:
        """The words, taken apart."""
        return parse_words(self.words)

    def scaled_size(self, width: int, height: int) -> Size:
        """The size after the scaling word, before zoom and cuts."""
        words = self.parsed
        if "resize" in words:
            return self.load_size, self.load_size
        if "scale_width" in words:
            return self._scaled_by_width(width, height)
        shorter = min(width, height)
        if "scale_aspect" in words or ("scale_shortside" in words and shorter < self.load_size):
            scale = self.load_size / shorter
            return round(width * scale), round(height * scale)
        return width, height

    def output_size(self, width: int, height: int) -> Size | None:
        """The size that comes out, or None where zoom without a cut makes it random.

        Raises:
            InputError: the picture is smaller than what is to be cut from it.
        """
        words = self.parsed
        size = self.scaled_size(width, height)
        if "zoom" in words and words.isdisjoint(CUTS):
            return None
        if "zoom" in words:
            return self._rounded((self.crop_size, self.crop_size))
        if words & {"crop", "patch"}:
            self._require_room(size)
            return self._rounded((self.crop_size, self.crop_size))
        if "trim" in words:
            size = min(size[0], self.crop_size), min(size[1], self.crop_size)
        return self._rounded(size)

    def fits(self, width: int, height: int) -> bool:
        """Whether a picture of this size is large enough for what is to be cut from it."""
        words = self.parsed
        return "zoom" in words or words.isdisjoint({"crop", "patch"}) or self._has_room(self.scaled_size(width, height))

    def too_small(self, name: Path | str, width: int, height: int) -> str:
        """What to tell the user about a picture that does not fit: the file and flags that would help."""
        room_px = min(self.scaled_size(width, height)) // self.multiple_px * self.multiple_px
        smaller = f" or --crop_size {room_px}" if room_px else ""
        enlarge_px = self.crop_size * Preprocess.load_size // Preprocess.crop_size  # the paper's 286 for 256
        if self.parsed.isdisjoint(SCALINGS):
            larger = f"--preprocess scale_shortside_and_{self.words} --load_size {enlarge_px}"
        else:
            larger = f"--load_size {enlarge_px}"
        return f"crop_size {self.crop_size} is larger than {shown(name)} ({width}x{height}); use {larger}{smaller}"

    def shrinking(self) -> str:
        """The flags that make what comes out smaller, in words."""
        if self.parsed & set(CUTS):
            return "a smaller --crop_size"
        if self.parsed & {"resize", "scale_width", "scale_aspect"}:
            return "a smaller --load_size"
        words = f"{self.words}_and_trim" if self.parsed else "trim"
        return f"--preprocess {words} with a smaller --crop_size"

    @property
    def scaling(self) -> tuple:
        """What :meth:`scaled` depends on: transforms that agree in this scale every picture alike."""
        word = self.parsed & set(SCALINGS)
        return (*word, self.load_size, self.crop_size, self.filter) if word else ()

    def describe(self) -> str:
        """What it does, in words and in its order, such as ``scaled to 286x286, cut to 256x256 at random``."""
        load, crop = self.load_size, self.crop_size
        done = {
            "resize": f"scaled to {load}x{load}",
            "scale_width": f"scaled to a width of {load}",
            "scale_shortside": f"enlarged to a shorter side of {load} where it is less",
            "scale_aspect": f"scaled to a shorter side of {load}",
            "zoom": f"each axis scaled by {self.zoom_min:g} to 1 at random",
            "crop": f"cut to {crop}x{crop} at random",
            "patch": f"cut to a random cell of {crop}x{crop}",
            "trim": f"cut to at most {crop}x{crop} at random",
        }
        fits = "resize" in self.parsed and load == crop
        steps = [text for word, text in done.items() if word in self.parsed and not (fits and word in CUTS)]
        return ", ".join([*(steps or ["not scaled"]), "half of them mirrored" if self.flip else "not mirrored"])

    def __call__(self, image: Picture, rng: np.random.Generator) -> Picture:
        """Transform one picture, with every random number taken from ``rng`` in the documented order.

        Raises:
            InputError: the picture is smaller than what is to be cut from it.
        """
        image = self.scaled(image)
        return self.cut(image, self.draw(image.size, rng))

    def scaled(self, image: Picture) -> Picture:
        """The picture after the scaling word, before anything that chance has a part in."""
        return self._resized(image, self.scaled_size(*image.size))

    def draw(self, size: Size, rng: np.random.Generator) -> Cut:
        """What becomes of a scaled picture of this size, by the numbers that ``rng`` gives.

        Raises:
            InputError: the picture is smaller than what is to be cut from it.
        """
        zoomed = self.zoomed(size, rng)
        return self.finish(zoomed, self.box(zoomed, rng), rng)

    def finish(self, zoomed: Size, box: Box, rng: np.random.Generator) -> Cut:
        """What becomes of a box of the zoomed picture."""
        cut = Cut(zoomed, box, self._rounded((box[2] - box[0], box[3] - box[1])), False)
        return cut._replace(mirrored=bool(self.flip and rng.random() < 0.5))

    def cut(self, image: Picture, cut: Cut) -> Picture:
        """A scaled picture as :meth:`draw` has decided."""
        if cut.zoomed != image.size:
            needed = needed_part(image.size, cut, self.filter)
            image = zoomed_part(image.crop(needed), needed, image.size, cut, self.filter)
        elif cut.box != (0, 0, *image.size):
            image = image.crop(cut.box)
        return self.end(image, cut)

    def end(self, image: Picture, cut: Cut) -> Picture:
        """What is left of the zoomed picture, as :meth:`draw` has decided."""
        image = self._resized(image, cut.size)
        return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if cut.mirrored else image

    def _scaled_by_width(self, width: int, height: int) -> Size:
        if width == self.load_size and height >= self.crop_size:
            return width, height
        return self.load_size, int(max(self.load_size * height / width, self.crop_size))

    def _resized(self, image: Picture, size: Size) -> Picture:
        return image if image.size == size else image.resize(size, FILTERS[self.filter])

    def zoomed(self, size: Size, rng: np.random.Generator) -> Size:
        """What zoom, if it is among the words, makes of the size of a scaled picture."""
        if "zoom" not in self.parsed:
            return size
        factors = rng.uniform(self.zoom_min, 1.0, size=2)
        width, height = (max(self.crop_size, side * factor) for side, factor in zip(size, factors, strict=True))
        return round(width), round(height)

    def box(self, size: Size, rng: np.random.Generator) -> Box:
        """What the cutting words leave of a picture; each cuts from what the one before it has left."""
        left, top = 0, 0
        for word, corner in (("crop", self._crop), ("patch", self._patch), ("trim", self._trim)):
            if word in self.parsed:
                right, down = corner(size, rng)
                left, top = left + right, top + down
                size = min(size[0], self.crop_size), min(size[1], self.crop_size)
        return left, top, left + size[0], top + size[1]

    def _crop(self, size: Size, rng: np.random.Generator) -> Size:
        self._require_room(size)
        left, top = (int(rng.integers(side - self.crop_size + 1)) for side in size)
        return left, top

    def _patch(self, size: Size, rng: np.random.Generator) -> Size:
        self._require_room(size)
        left, top = (int(rng.integers(side % self.crop_size + 1)) for side in size)
        columns, rows = (side // self.crop_size for side in size)
        column, row = divmod(int(rng.integers(columns * rows)), rows)
        return left + column * self.crop_size, top + row * self.crop_size

    def _trim(self, size: Size, rng: np.random.Generator) -> Size:
        left, top = (int(rng.integers(max(side - self.crop_size, 0) + 1)) for side in size)
        return left, top

    def _rounded(self, size: Size) -> Size:
        """Each side to the nearest multiple (half-way to the multiple of twice as much), and at least one."""
        base = self.multiple_px
        width, height = (max(base, round(side / base) * base) for side in size)
        return width, height

    def _has_room(self, size: Size) -> bool:
        return min(size) >= self.crop_size

    def _require_room(self, size: Size) -> None:
        if not self._has_room(size):
            raise InputError(self.too_small("a picture", *size))


def test_time(words: str, load_size: int, crop_size: int, multiple_px: int = BASE_PX) -> Preprocess:
    """The transform of a test: the same words, without mirroring."""
    return Preprocess(words=words, load_size=load_size, crop_size=crop_size, flip=False, multiple_px=multiple_px)
