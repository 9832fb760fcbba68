"""The picture files of a training page: fixed previews over time, and the newest pictures of each epoch."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from translate.files import remove_leftovers, replace_atomically

PREVIEW = re.compile(r"preview_step(\d+)_([\w.-]+)\.png")
CURRENT = re.compile(r"epoch(\d+)_([\w.-]+)\.png")
LABEL = re.compile(r"[\w.-]+", re.ASCII)
PNG_MODES = {"1", "L", "LA", "P", "RGB", "RGBA", "I;16"}


@dataclass(frozen=True)
class Moment:
    """The fixed previews as they were at one step: label -> file name; epoch is None where unknown."""

    step: int
    epoch: int | None
    files: dict[str, str]


class PictureFiles:
    """The folder ``images`` of a training page.

    Args:
        folder: created when the first picture is written; what lies there already is picked up.
        max_moments: most moments of which previews are kept, at least 2.
    """

    def __init__(self, folder: Path, max_moments: int):
        if max_moments < 2:
            raise ValueError(f"max_previews is {max_moments}; the first and the newest need at least 2")
        self.folder = Path(folder)
        self.max_moments = max_moments
        remove_leftovers(self.folder)
        self.moments: list[Moment] = _found_moments(self.folder)
        self.epochs: dict[int, dict[str, str]] = _found(self.folder, CURRENT)

    def add_preview(self, step: int, epoch: int, pictures: Mapping[str, Image.Image]) -> None:
        files = {label: f"preview_step{step:07d}_{_checked(label)}.png" for label in pictures}
        for label, picture in pictures.items():
            _save(picture, self.folder / files[label], epoch)
        others = [moment for moment in self.moments if moment.step != step]
        self.moments = sorted([*others, Moment(step, epoch, files)], key=lambda moment: moment.step)
        while len(self.moments) > self.max_moments:
            self._thin()

    def add_current(self, epoch: int, pictures: Mapping[str, Image.Image]) -> None:
        files = {label: f"epoch{epoch:03d}_{_checked(label)}.png" for label in pictures}
        for label, picture in pictures.items():
            _save(picture, self.folder / files[label], epoch)
        self.epochs[epoch] = {**self.epochs.get(epoch, {}), **files}

    def cut_back(self, step: int, epoch: int) -> None:
        """Remove what is later than ``step`` (previews) and ``epoch`` (current pictures)."""
        self._keep([moment for moment in self.moments if moment.step <= step])
        for later in [number for number in self.epochs if number > epoch]:
            self._remove(self.epochs.pop(later))

    def _thin(self) -> None:
        """Drop every other moment, never the first or the newest: old ones grow sparse, new ones stay dense."""
        self._keep([*self.moments[:-1:2], self.moments[-1]])

    def _keep(self, kept: list[Moment]) -> None:
        for moment in self.moments:
            if moment not in kept:
                self._remove(moment.files)
        self.moments = kept

    def _remove(self, files: Mapping[str, str]) -> None:
        for name in files.values():
            (self.folder / name).unlink(missing_ok=True)


def _checked(label: str) -> str:
    if not LABEL.fullmatch(label):
        raise ValueError(f"picture label {label!r} must consist of letters, digits, '_', '-' and '.'")
    return label


def _save(picture: Image.Image, path: Path, epoch: int) -> None:
    """Write a PNG that remembers its epoch, which its name need not tell."""
    if picture.mode not in PNG_MODES:
        picture = picture.convert("RGB")
    notes = PngInfo()
    notes.add_text("epoch", str(epoch))
    replace_atomically(path, lambda file: picture.save(file, format="PNG", pnginfo=notes))


def _found(folder: Path, pattern: re.Pattern[str]) -> dict[int, dict[str, str]]:
    """number -> label -> file name, of the files whose name fits, both in order."""
    found: dict[int, dict[str, str]] = {}
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    for name in names:
        if match := pattern.fullmatch(name):
            found.setdefault(int(match[1]), {})[match[2]] = name
    return dict(sorted(found.items()))


def _found_moments(folder: Path) -> list[Moment]:
    return [
        Moment(step, _epoch_of(folder / next(iter(files.values()))), files)
        for step, files in _found(folder, PREVIEW).items()
    ]


def _epoch_of(path: Path) -> int | None:
    try:
        with Image.open(path) as picture:
            return int(picture.info["epoch"])
    except (OSError, ValueError, SyntaxError, KeyError):
        return None
