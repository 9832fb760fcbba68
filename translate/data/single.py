"""One folder of pictures, for methods that make their own task of each picture."""

from collections.abc import Sequence
from pathlib import Path

from torch.utils.data import Dataset

from translate.data.augmenting import Augment
from translate.data.cache import PictureCache
from translate.data.deep_picture import Picture
from translate.data.part import Part
from translate.data.preprocess import Preprocess
from translate.data.unpaired import Sample
from translate.errors import InputError


class SinglePictures(Dataset):
    """Pictures of domain A alone; sample ``(epoch, index)`` is a pure function of seed, epoch and index.

    Args:
        paths: at least one picture.
        channels: 1 (grey) or 3 (RGB); pictures are converted.
        preprocess, late_preprocess, late_after, seed, cache: see ``translate.data.augmenting.Augment``.

    Raises:
        InputError: there are no pictures.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        channels: int,
        preprocess: Preprocess,
        late_preprocess: Preprocess | None = None,
        late_after: int | None = None,
        *,
        seed: int,
        cache: PictureCache | None = None,
    ):
        if not paths:
            raise InputError("there are no pictures to learn from; add some to the folder")
        self.paths = list(paths)
        self.channels = channels
        self.augment = Augment(preprocess, seed, late_preprocess, late_after, cache)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, key: tuple[int, int]) -> Sample:
        """The sample of (epoch, index), epochs counted from 1, indices from 0.

        Raises:
            PictureError: the picture vanished or broke since it was listed, and is not in the cache.
            InputError: it is smaller than what is to be cut from it.
        """
        epoch, index = key
        (path,) = self.files(key)
        picture = self.augment.read(Part(path), self.channels, "augment A", epoch, index)
        return Sample(A=picture, A_path=str(path), epoch=epoch, index=index)

    def files(self, key: tuple[int, int]) -> tuple[Path]:
        """What the sample of (epoch, index) is read from."""
        return (self.paths[key[1]],)

    def inputs(self) -> int:
        """How many pictures of domain A there are."""
        return len(self.paths)

    def read_input(self, index: int) -> Picture:
        """Picture ``index`` of domain A as it is on disk, in the channels of the run."""
        return Part(self.paths[index]).read(self.channels)
