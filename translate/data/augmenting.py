"""A picture file -> a training picture: read, transformed with its own random generator, a tensor."""

from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from torch import Tensor

from translate.data.preprocess import Preprocess
from translate.data.reading import read_picture
from translate.data.tensors import to_tensor
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
    """

    preprocess: Preprocess
    seed: int
    late_preprocess: Preprocess | None = None
    late_after: int | None = None

    def read(self, path: Path, channels: int, purpose: str, epoch: int, index: int) -> Tensor:
        """The training picture of a file, uint8 (C, H, W).

        Raises:
            PictureError: the file vanished or broke since it was listed.
            InputError: it is smaller than what is to be cut from it.
        """
        return self.apply(read_picture(path, channels), path, purpose, epoch, index)

    def apply(self, image: Image.Image, path: Path, purpose: str, epoch: int, index: int) -> Tensor:
        """The same from a picture that is read already; ``path`` is what errors call it."""
        transform = self._transform(epoch)
        if not transform.fits(*image.size):
            raise InputError(transform.too_small(path, *image.size))
        return to_tensor(transform(image, generator(self.seed, purpose, epoch, index)))

    def _transform(self, epoch: int) -> Preprocess:
        late = self.late_preprocess is not None and self.late_after is not None and epoch > self.late_after
        return self.late_preprocess if late else self.preprocess
