"""Pictures that are measured together: read anew each time one goes through them, so that any number of them fits."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from translate.data.deep_picture import Picture, visible
from translate.data.part import Part

Prepare = Callable[[Picture], Picture]


class PictureSet:
    """Pictures in a fixed order, as uint8 arrays (H, W, 3); grey ones have three equal channels.

    Args:
        names: one a picture, for tables and pages.
        read: gives a picture by its place.
        told: what besides the pictures' files decides how they look, for ``fingerprint``.
        files: of the pictures; none where they are in memory.
    """

    def __init__(
        self, names: Sequence[str], read: Callable[[int], np.ndarray], told: str = "", files: Sequence[Path] = ()
    ):
        self.names = list(names)
        self.files = list(files)
        self._read = read
        self._told = told

    @classmethod
    def of_files(cls, paths: Sequence[Path], prepare: Prepare | None = None, told: str = "") -> "PictureSet":
        """Pictures on disk of 8 bits; see ``of_parts``."""
        return cls.of_parts([Part(path) for path in paths], prepare, told)

    @classmethod
    def of_parts(cls, parts: Sequence[Part], prepare: Prepare | None = None, told: str = "") -> "PictureSet":
        """Pictures on disk; deep ones as they are shown.

        Args:
            prepare: what is done to each, such as scaling.
            told: says in words what ``prepare`` does.
        """

        def read(index: int) -> np.ndarray:
            picture = parts[index].read(3)
            return _colour(np.asarray(visible(prepare(picture) if prepare else picture)))

        told = f"{told} {[(part.half, str(part.range)) for part in parts if part.half or part.range]}"
        return cls([part.path.stem for part in parts], read, told, [part.path for part in parts])

    @classmethod
    def in_memory(cls, pictures: Sequence[np.ndarray], names: Sequence[str] | None = None) -> "PictureSet":
        """Pictures that are there: uint8 (H, W, 3), (H, W, 1) or (H, W)."""
        kept = [_colour(picture) for picture in pictures]
        return cls(names or [str(index) for index in range(len(kept))], kept.__getitem__)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> np.ndarray:
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self._read(index)

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self._read(index) for index in range(len(self)))

    def part(self, places: Sequence[int]) -> "PictureSet":
        """Those of some places, in that order."""
        places = list(places)
        files = [self.files[place] for place in places] if self.files else []
        names = [self.names[place] for place in places]
        return PictureSet(names, lambda index: self._read(places[index]), self._told, files)

    @cached_property
    def fingerprint(self) -> str:
        """A name for exactly these pictures in this order (SHA-256, 32 hex digits)."""
        digest = hashlib.sha256(f"{len(self)} {self._told}".encode())
        for index in range(len(self)):
            if self.files:
                digest.update(hashlib.sha256(self.files[index].read_bytes()).digest())
            else:
                picture = self._read(index)
                digest.update(f"{picture.shape}".encode() + np.ascontiguousarray(picture).tobytes())
        return digest.hexdigest()[:32]


def _colour(picture: np.ndarray) -> np.ndarray:
    """Any 8-bit picture as (H, W, 3)."""
    if picture.dtype != np.uint8 or picture.ndim not in (2, 3):
        raise ValueError(f"pictures are uint8 (H, W) or (H, W, C), not {picture.dtype} {picture.shape}")
    planes = picture if picture.ndim == 3 else picture[:, :, None]
    return np.repeat(planes, 3, axis=2) if planes.shape[2] == 1 else planes
