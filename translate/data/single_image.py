"""One picture in each of two folders, as an endless supply of crops (single-picture translation)."""

from pathlib import Path

import numpy as np
from torch import Tensor
from torch.utils.data import Dataset

from translate.data.augmenting import Augment
from translate.data.cache import PictureCache
from translate.data.cutting import Box, Cut, Size
from translate.data.deep_picture import Picture
from translate.data.listing import list_pictures, shown
from translate.data.part import Part
from translate.data.preprocess import CUTS, Preprocess
from translate.data.unpaired import Sample
from translate.errors import InputError
from translate.randomness import generator


def find_single_image(folder: Path, limit: int | None = None) -> Path:
    """The one picture of a folder.

    Args:
        limit: look at the first so many alone.

    Raises:
        InputError: there is another number of them.
    """
    paths = list_pictures(folder)[:limit]
    if len(paths) != 1:
        raise InputError(
            f"{shown(folder)} holds {len(paths)} pictures, and single-picture translation learns from one of each "
            "domain: leave one in it, or take the first with --max_dataset_size 1"
        )
    return paths[0]


class SingleImageCrops(Dataset):
    """Crops of one picture of domain A beside crops of one of domain B.

    Sample ``(epoch, index)`` is a pure function of the seed. Consecutive indices make a batch, so index and batch size
    tell the batch and the place in it. A batch shares what is drawn for zoom, so that its crops, which are each
    other's negatives, are of one scale, and its crops are different cells of one grid that lies at random: no two show
    the same place, unless there are fewer cells than crops. Then another grid serves for the rest.

    Args:
        picture_a, picture_b: the pictures, with the ranges of their values.
        channels_a, channels_b: 1 (grey) or 3 (RGB); pictures are converted.
        preprocess, late_preprocess, late_after, seed, cache: see ``translate.data.augmenting.Augment``.
        batch_size: crops of each domain in a batch, over all processes.
        length: crops that count as an epoch.
    """

    def __init__(
        self,
        picture_a: Part,
        picture_b: Part,
        channels_a: int,
        channels_b: int,
        preprocess: Preprocess,
        late_preprocess: Preprocess | None = None,
        late_after: int | None = None,
        *,
        seed: int,
        batch_size: int,
        length: int,
        cache: PictureCache | None = None,
    ):
        self.parts = {"A": picture_a, "B": picture_b}
        self.channels = {"A": channels_a, "B": channels_b}
        self.augment = Augment(preprocess, seed, late_preprocess, late_after, cache)
        self.seed = seed
        self.batch_size = batch_size
        self.length = length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, key: tuple[int, int]) -> Sample:
        """The sample of (epoch, index), epochs counted from 1, indices from 0.

        Raises:
            PictureError: a picture vanished or broke since it was listed, and is not in the cache.
        """
        epoch, index = key
        a, b = (self._crop(domain, epoch, index) for domain in "AB")
        paths = {f"{domain}_path": str(part.path) for domain, part in self.parts.items()}
        return Sample(A=a, B=b, **paths, epoch=epoch, index=index)

    def _crop(self, domain: str, epoch: int, index: int) -> Tensor:
        scaled = self.augment.scaled(self.parts[domain], self.channels[domain], epoch)
        return self.augment.apply(scaled, self.draw(domain, scaled.size, epoch, index), epoch)

    def draw(self, domain: str, size: Size, epoch: int, index: int) -> Cut:
        """Which crop of a domain's picture, which is (width, height) pixels after the scaling word, a sample is."""
        transform = self.augment.transform(epoch)
        batch, place = divmod(index, self.batch_size)
        shared = generator(self.seed, f"batch {domain}", epoch, batch)
        own = generator(self.seed, f"crop {domain}", epoch, index)
        zoomed = transform.zoomed(size, shared)
        if transform.parsed & set(CUTS) == {"patch"}:
            box = grid_cell(zoomed, transform.crop_size, place, shared)
        else:
            box = transform.box(zoomed, own)
        return transform.finish(zoomed, box, own)

    def files(self, key: tuple[int, int]) -> tuple[Path, ...]:
        """What sample (epoch, index) is read from."""
        return tuple(part.path for part in self.parts.values())

    def inputs(self) -> int:
        """How many pictures of domain A there are."""
        return 1

    def read_input(self, index: int) -> Picture:
        """The picture of domain A as it is on disk, in the channels of the run."""
        return self.parts["A"].read(self.channels["A"])


def grid_cell(size: Size, cell_px: int, place: int, rng: np.random.Generator) -> Box:
    """Cell number ``place`` of a grid of square cells that lies at random in a picture, in random order.

    Behind the last cell comes another grid, in another order.

    Args:
        size: width, height of the picture, at least one cell.
        rng: of all places alike.
    """
    columns, rows = (side // cell_px for side in size)
    grid, number = divmod(place, columns * rows)
    for _ in range(grid + 1):
        left, top = (int(rng.integers(side % cell_px + 1)) for side in size)
        order = rng.permutation(columns * rows)
    column, row = divmod(int(order[number]), rows)
    left, top = left + column * cell_px, top + row * cell_px
    return left, top, left + cell_px, top + cell_px
