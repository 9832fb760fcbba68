"""A picture file -> a training picture: read, transformed with its own random generator, a tensor."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from translate.data.cache import PictureCache, Scaled
from translate.data.cutting import Cut, needed_part, zoomed_part
from translate.data.part import Part
from translate.data.preprocess import Preprocess
from translate.data.tensors import to_picture, to_pixels
from translate.errors import InputError
from translate.randomness import generator


@dataclass(frozen=True)
class Augment:
    """The transform of a run, which may change once, as a pure function of (seed, purpose, epoch, index).

    Attributes:
        preprocess: the transform.
        seed: of the run.
        late_preprocess: the transform of epochs after ``late_after``; CUT stops its size jitter when the learning
            rate starts to decay.
        late_after: last epoch of ``preprocess``; None never changes.
        cache: where scaled pictures are kept; None decodes each time. It changes no sample.
    """

    preprocess: Preprocess
    seed: int
    late_preprocess: Preprocess | None = None
    late_after: int | None = None
    cache: PictureCache | None = None

    def describe(self) -> str:
        """What is done to the pictures of an epoch, in words, and the flag that leaves out the mirroring."""
        early, late, last = self.preprocess, self.late_preprocess, self.late_after
        if late is None or last is None or late.describe() == early.describe():
            done = early.describe()
        else:
            done = late.describe() if last < 1 else f"{early.describe()}; from epoch {last + 1} {late.describe()}"
        return f"{done} (--no_flip: none)" if early.flip else done

    def read(self, part: Part, channels: int, purpose: str, epoch: int, index: int) -> Tensor:
        """The training picture of a file, channels last in memory: uint8 (C, H, W), float32 where its part has a range.

        Raises:
            PictureError: the file vanished or broke since it was listed, and is not in the cache.
            InputError: it is smaller than what is to be cut from it.
        """
        return self.cut(self.scaled(part, channels, epoch), part.path, purpose, epoch, index)

    def scaled(self, part: Part, channels: int, epoch: int) -> Scaled:
        """The picture as far as it is the same in every epoch of a transform.

        Raises:
            PictureError: the file vanished or broke since it was listed, and is not in the cache.
        """
        transform = self.transform(epoch)
        kept = self.cache.get(transform, (part, channels)) if self.cache else None
        if kept is not None:
            return kept
        image = part.read(channels)
        scaled = Scaled(transform.scaled(image), image.size)
        if self.cache:
            self.cache.put(transform, (part, channels), scaled)
        return scaled

    def cut(self, scaled: Scaled, path: Path, purpose: str, epoch: int, index: int) -> Tensor:
        """The rest of :meth:`read`; ``path`` is what errors call the picture."""
        transform = self.transform(epoch)
        if not transform.fits(*scaled.source):
            raise InputError(transform.too_small(path, *scaled.source))
        cut = transform.draw(scaled.size, generator(self.seed, purpose, epoch, index))
        return self.apply(scaled, cut, epoch)

    def apply(self, scaled: Scaled, cut: Cut, epoch: int) -> Tensor:
        """A cut of a picture, uint8 (C, H, W), channels last in memory."""
        transform = self.transform(epoch)
        if isinstance(scaled.pixels, Tensor):
            pixels = _cut_kept(scaled.pixels, transform, cut)
        else:
            pixels = to_pixels(transform.cut(scaled.pixels, cut))
        return pixels.permute(2, 0, 1)  # (C, H, W)

    def transform(self, epoch: int) -> Preprocess:
        """The transform of an epoch."""
        late = self.late_preprocess is not None and self.late_after is not None and epoch > self.late_after
        return self.late_preprocess if late else self.preprocess


def _cut_kept(pixels: Tensor, transform: Preprocess, cut: Cut) -> Tensor:
    """What ``Preprocess.cut`` makes of an image, from pixels (H, W, C); a copy where there is nothing to resize."""
    whole = (pixels.shape[1], pixels.shape[0])
    if cut.zoomed != whole:
        needed = left, top, right, bottom = needed_part(whole, cut, transform.filter)
        part = to_picture(pixels[top:bottom, left:right])
        return to_pixels(transform.end(zoomed_part(part, needed, whole, cut, transform.filter), cut))
    if cut.size != cut.box_size:
        return to_pixels(transform.cut(to_picture(pixels), cut))
    left, top, right, bottom = cut.box
    pixels = pixels[top:bottom, left:right]
    return pixels.flip(1) if cut.mirrored else pixels.clone(memory_format=torch.contiguous_format)
