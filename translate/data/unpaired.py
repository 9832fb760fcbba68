"""Two folders of pictures without pairs, as samples that are pure functions of (seed, epoch, index)."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

from torch import Tensor
from torch.utils.data import Dataset

from translate.data.augmenting import Augment
from translate.data.cache import PictureCache
from translate.data.deep_picture import Picture
from translate.data.part import Part
from translate.data.preprocess import Preprocess
from translate.data.value_range import ValueRange
from translate.errors import InputError
from translate.randomness import generator


class Sample(TypedDict, total=False):
    """One picture of each domain, (C, H, W), and where they come from; B only where there are two domains.

    Pictures are uint8, or float32 in [-1, 1] where the domain has a range of values.
    """

    A: Tensor
    B: Tensor
    A_path: str
    B_path: str
    tokens: list[int]  # ids of a text about A
    epoch: int
    index: int


class UnpairedPictures(Dataset):
    """Pictures of domain A, each with a partner from domain B that is drawn anew in every epoch.

    Sample ``(epoch, index)`` holds picture ``index`` of A (counted round if B is larger) and a random
    picture of B, or with ``serial`` picture ``index`` of B. Both are transformed with generators of
    their own, so a sample is the same in whatever process, order or run it is made. Nothing is opened
    before a sample is asked for.

    Args:
        paths_a, paths_b: the pictures of each domain, at least one.
        channels_a, channels_b: 1 (grey) or 3 (RGB); pictures are converted.
        preprocess, late_preprocess, late_after, seed, cache: see ``translate.data.augmenting.Augment``; the seed
            fixes the partners too.
        serial: pair by position instead of by chance.
        ranges: of the values of A and of B; None for 8 bits.

    Raises:
        InputError: a domain has no pictures.
    """

    def __init__(
        self,
        paths_a: Sequence[Path],
        paths_b: Sequence[Path],
        channels_a: int,
        channels_b: int,
        preprocess: Preprocess,
        late_preprocess: Preprocess | None = None,
        late_after: int | None = None,
        *,
        seed: int,
        cache: PictureCache | None = None,
        serial: bool = False,
        ranges: tuple[ValueRange | None, ValueRange | None] = (None, None),
    ):
        for letter, paths in (("A", paths_a), ("B", paths_b)):
            if not paths:
                raise InputError(f"domain {letter} has no pictures; add some to its folder")
        self.paths_a = list(paths_a)
        self.paths_b = list(paths_b)
        self.range_a, self.range_b = ranges
        self.channels_a = channels_a
        self.channels_b = channels_b
        self.augment = Augment(preprocess, seed, late_preprocess, late_after, cache)
        self.seed = seed
        self.serial = serial

    def __len__(self) -> int:
        return max(len(self.paths_a), len(self.paths_b))

    def __getitem__(self, key: tuple[int, int]) -> Sample:
        """The sample of (epoch, index), epochs counted from 1, indices from 0.

        Raises:
            PictureError: a picture vanished or broke since it was listed, and is not in the cache.
            InputError: a picture is smaller than what is to be cut from it.
        """
        epoch, index = key
        path_a, path_b = self.files(key)
        return Sample(
            A=self.augment.read(Part(path_a, range=self.range_a), self.channels_a, "augment A", epoch, index),
            B=self.augment.read(Part(path_b, range=self.range_b), self.channels_b, "augment B", epoch, index),
            A_path=str(path_a),
            B_path=str(path_b),
            epoch=epoch,
            index=index,
        )

    def files(self, key: tuple[int, int]) -> tuple[Path, Path]:
        """What the sample of (epoch, index) is read from."""
        epoch, index = key
        return self.paths_a[index % len(self.paths_a)], self.paths_b[self._partner(epoch, index)]

    def _partner(self, epoch: int, index: int) -> int:
        if self.serial:
            return index % len(self.paths_b)
        return int(generator(self.seed, "partner", epoch, index).integers(len(self.paths_b)))

    def inputs(self) -> int:
        """How many pictures of domain A there are."""
        return len(self.paths_a)

    def read_input(self, index: int) -> Picture:
        """Picture ``index`` of domain A as it is on disk, in the channels of the run."""
        return Part(self.paths_a[index], range=self.range_a).read(self.channels_a)
