"""Pairs of pictures of the same scene, as samples that are pure functions of (seed, epoch, index)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from torch.utils.data import Dataset

from translate.data.augmenting import Augment
from translate.data.cache import PictureCache
from translate.data.deep_picture import Picture
from translate.data.listing import by_name, domain_folder, list_pictures, shown
from translate.data.part import Part
from translate.data.preprocess import Preprocess
from translate.data.reading import Header
from translate.data.unpaired import Sample
from translate.errors import InputError


class Pair(NamedTuple):
    """A picture and the right answer to it."""

    a: Part
    b: Part


def find_pairs(root: Path, phase: str, letters: str = "AB") -> list[Pair]:
    """The pairs of a data set, in one of two layouts.

    - ``<root>/<phase>``: files that hold a pair side by side, A on the left;
    - ``<root>/<phase>A`` and ``<root>/<phase>B``: files of the same name, whatever their endings, at the same place.

    The first counts where there are both. Phase ``test`` is satisfied by ``val`` where only that exists.

    Args:
        root: the value of ``--dataroot``.
        phase: ``train``, ``test`` ...
        letters: ``AB``, or ``BA`` to learn the other direction.

    Raises:
        InputError: neither layout is there, or a picture has no partner.
    """
    whole = domain_folder(root, phase, "", required=False)
    if whole is not None:
        pairs = [(Part(path, "left"), Part(path, "right")) for path in list_pictures(whole)]
    else:
        pairs = _by_name(root, phase)
    return [Pair(a, b) if letters == "AB" else Pair(b, a) for a, b in pairs]


def check_pairs(pairs: Sequence[Pair], headers: Mapping[Path, Header]) -> tuple[dict[Path, Header], dict[Path, Header]]:
    """The headers of the A and of the B pictures by file, after seeing that the two of a pair have one size.

    Args:
        pairs: of which all files are in ``headers``.
        headers: of whole files, as ``translate.data.checking.check_pictures`` finds them.

    Raises:
        InputError: names the first pair whose pictures differ in size.
    """
    found_a, found_b = {}, {}
    for pair in pairs:
        a, b = (part.header(headers[part.path]) for part in pair)
        _refuse_different(pair, (a.width, a.height), (b.width, b.height))
        found_a[pair.a.path], found_b[pair.b.path] = a, b
    return found_a, found_b


class AlignedPictures(Dataset):
    """Pairs of pictures, both of a pair transformed alike: the same crop, the same flip.

    Sample ``(epoch, index)`` holds pair ``index``. It is the same in whatever process, order or run it is made.
    Nothing is opened before a sample is asked for.

    Args:
        pairs: at least one.
        channels_a, channels_b: 1 (grey) or 3 (RGB); pictures are converted.
        preprocess, late_preprocess, late_after, seed, cache: see ``translate.data.augmenting.Augment``.

    Raises:
        InputError: there are no pairs.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        channels_a: int,
        channels_b: int,
        preprocess: Preprocess,
        late_preprocess: Preprocess | None = None,
        late_after: int | None = None,
        *,
        seed: int,
        cache: PictureCache | None = None,
    ):
        if not pairs:
            raise InputError("there are no pairs to learn from; add some to the folder")
        self.pairs = list(pairs)
        self.channels = (channels_a, channels_b)
        self.augment = Augment(preprocess, seed, late_preprocess, late_after, cache)

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, key: tuple[int, int]) -> Sample:
        """The sample of (epoch, index), epochs counted from 1, indices from 0.

        Raises:
            PictureError: a picture vanished or broke since it was listed, and is not in the cache.
            InputError: a picture is smaller than what is to be cut from it, or its partner has another size.
        """
        epoch, index = key
        pair = self.pairs[index]
        both = [self.augment.scaled(part, channels, epoch) for part, channels in zip(pair, self.channels, strict=True)]
        _refuse_different(pair, *(scaled.source for scaled in both))
        # Of one size and by the same random numbers, both are cut and mirrored alike.
        a, b = (
            self.augment.cut(scaled, part.path, "augment pair", epoch, index)
            for scaled, part in zip(both, pair, strict=True)
        )
        return Sample(A=a, B=b, A_path=str(pair.a.path), B_path=str(pair.b.path), epoch=epoch, index=index)

    def files(self, key: tuple[int, int]) -> tuple[Path, ...]:
        """What the sample of (epoch, index) is read from: two files, or one with both halves."""
        pair = self.pairs[key[1]]
        return (pair.a.path,) if pair.a.half else (pair.a.path, pair.b.path)

    def inputs(self) -> int:
        """How many pictures of domain A there are."""
        return len(self.pairs)

    def read_input(self, index: int) -> Picture:
        """Picture ``index`` of domain A as it is on disk, in the channels of the run."""
        return self.pairs[index].a.read(self.channels[0])


def _by_name(root: Path, phase: str) -> list[tuple[Part, Part]]:
    folders = [domain_folder(root, phase, letter, required=False) for letter in "AB"]
    if None in folders:
        raise InputError(
            f"{shown(root)} holds no pairs: put files with A and B side by side into {shown(Path(root) / phase)}, "
            f"or files of equal names into {phase}A and {phase}B beside each other"
        )
    a, b = (by_name(folder) for folder in folders)
    lonely = [path for name, path in (*a.items(), *b.items()) if name not in a or name not in b]
    if lonely:
        more = f" (and {len(lonely) - 1} more)" if len(lonely) > 1 else ""
        raise InputError(
            f"{shown(lonely[0])} has no partner of its name in the other folder{more}; add it, or remove the picture"
        )
    return [(Part(path), Part(b[name])) for name, path in a.items()]


def _refuse_different(pair: Pair, a: tuple[int, int], b: tuple[int, int]) -> None:
    if a == b:
        return
    if pair.a.half:
        raise InputError(
            f"{shown(pair.a.path)} is {a[0] + b[0]} pixels wide, which cannot be halved; "
            "a pair side by side needs an even width"
        )
    raise InputError(
        f"{shown(pair.a.path)} ({a[0]}x{a[1]}) and {shown(pair.b.path)} ({b[0]}x{b[1]}) are a pair and need one size; "
        "scale one of them"
    )
