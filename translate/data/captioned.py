"""One folder of pictures and what is written about each."""

from collections.abc import Sequence

from torch.utils.data import Dataset

from translate.data.augmenting import Augment
from translate.data.deep_picture import Picture
from translate.data.single import SinglePictures
from translate.data.unpaired import Sample
from translate.randomness import generator


class CaptionedPictures(Dataset):
    """Pictures, each with the ids of one of its captions, which chance chooses anew in each epoch.

    Sample ``(epoch, index)`` is a pure function of seed, epoch and index.

    Args:
        pictures: without their captions.
        tokens: of each picture the ids of each of its captions.
        seed: fixes the choices.
    """

    def __init__(self, pictures: SinglePictures, tokens: Sequence[Sequence[list[int]]], seed: int):
        self.pictures = pictures
        self.tokens = tokens
        self.seed = seed

    @property
    def augment(self) -> Augment:
        """What becomes of the pictures."""
        return self.pictures.augment

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, key: tuple[int, int]) -> Sample:
        """The sample of (epoch, index); raises what the pictures raise."""
        captions = self.tokens[key[1]]
        chosen = int(generator(self.seed, "caption", *key).integers(len(captions)))
        return Sample(**self.pictures[key], tokens=captions[chosen])

    def files(self, key: tuple[int, int]) -> tuple:
        """What the sample of (epoch, index) is read from."""
        return self.pictures.files(key)

    def inputs(self) -> int:
        """How many pictures there are."""
        return self.pictures.inputs()

    def read_input(self, index: int) -> Picture:
        """Picture ``index`` as it is on disk, in the channels of the run."""
        return self.pictures.read_input(index)
