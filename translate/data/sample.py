"""The sample dataset: heather grows in the shadows of five photographs that come with scikit-image.

Domain A holds small grey crops of photographs; domain B holds crops of other regions of the same
photographs in which every dark neighbourhood is overgrown with heather. The change is known,
so a translator trained on the two unpaired folders can be measured against the truth. Grey, because
what a translator does to the hues of the unchanged parts is not determined by unpaired pictures, and
ten minutes on a CPU do not settle it.
"""

import json
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from scipy import ndimage

from translate.errors import InputError, RunError
from translate.files import write_json
from translate.randomness import generator

PHOTOGRAPHS = ("astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png", "rocket.jpg")
SETTINGS_FILE = "sample.json"
LUMINANCE = (0.299, 0.587, 0.114)

# A cell is a square of a photograph that belongs to one region alone; crops never leave it.
CELL_PX = 72
SMALLEST_CROP_PX = 54
# Of five cells that are alike, two are for A, two for B and one for the test.
REGIONS = ("A", "A", "B", "B", "test")
# What makes a cell or a crop worth showing, in both domains: its shadows take this share of the
# pixels, and they are not empty black (mean absolute detail, of a luminance 0-1).
SHADOW_SHARE = (0.15, 0.6)
SHADOW_DETAIL = 0.007
CROP_TRIES = 20

TONE_MEAN, TONE_SPREAD = 115.0, 60.0  # grey levels: mean and standard deviation of every picture

NEIGHBOURHOOD_PX = 3.0  # sigma of the blur that says how dark a neighbourhood is
SHADOW = (0.24, 0.32)  # neighbourhoods darker than the first are overgrown, those lighter than the second bare
DETAIL_PX = 1.2  # sigma of the blur whose difference to the picture is its detail
RICHNESS_PX = 2.0  # sigma of the blur over which detail is summed up
# Heather is as bright as: a level, more in lighter shadows, blossoms (amplified detail), more where detail is rich.
# Blossoms and richness are limited softly, so that little of their order is lost at either end.
HEATHER_LEVEL, HEATHER_SLOPE = 0.38, 0.7
BLOSSOM_GAIN, BLOSSOM_LIMIT = 7.0, 0.45
RICHNESS_GAIN, RICHNESS_LIMIT = 3.0, 0.35
# Its colours from brightness 0 to 0.5 to 1: dark purple, violet, pink. Darker to the eye than what is not overgrown, so
# that the order of brightness is kept; but red and blue rise, which no map of colours alone can do to the dark only.
HEATHER_COLOURS = ((0.20, 0.0, 0.30), (0.68, 0.10, 0.72), (1.0, 0.55, 1.0))


class Cell(NamedTuple):
    """One square region of a photograph, in pixels of that photograph."""

    photograph: str
    top: int
    left: int
    side: int


def true_translation(picture: np.ndarray) -> np.ndarray:
    """The picture of domain A with heather in its shadows: what a perfect translator answers.

    A pixel depends on its neighbourhood alone (blurs of at most 3 px), never on its position; what is not in shadow
    stays as it is.

    Args:
        picture: uint8 (H, W, 3), 0-255.

    Returns:
        uint8 (H, W, 3), 0-255.

    Raises:
        InputError: the picture is not uint8 with three channels.
    """
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise InputError(f"a picture must be uint8 (H, W, 3), got {picture.dtype} {picture.shape}; convert it to RGB")
    colours = picture.astype(np.float64) / 255.0
    luminance = colours @ LUMINANCE  # (H, W)
    neighbourhood = _blur(luminance, NEIGHBOURHOOD_PX)
    cover = 1.0 - _smoothstep(neighbourhood, *SHADOW)  # (H, W), 1 where overgrown
    mixed = colours + cover[..., None] * (_heather(luminance, neighbourhood) - colours)
    return np.rint(mixed.clip(0.0, 1.0) * 255.0).astype(np.uint8)


def _heather(luminance: np.ndarray, neighbourhood: np.ndarray) -> np.ndarray:
    """The colours (H, W, 3) of heather: its blossoms are the picture's own detail, amplified."""
    detail = luminance - _blur(luminance, DETAIL_PX)
    blossoms = _soft_limit(BLOSSOM_GAIN * detail, BLOSSOM_LIMIT)
    richness = _soft_limit(RICHNESS_GAIN * np.sqrt(_blur(detail**2, RICHNESS_PX)), RICHNESS_LIMIT)
    brightness = HEATHER_LEVEL + HEATHER_SLOPE * neighbourhood + blossoms + richness
    stops = np.linspace(0.0, 1.0, len(HEATHER_COLOURS))
    return np.stack([np.interp(brightness, stops, channel) for channel in zip(*HEATHER_COLOURS, strict=True)], axis=-1)


def _soft_limit(values: np.ndarray, limit: float) -> np.ndarray:
    return limit * np.tanh(values / limit)


def _blur(plane: np.ndarray, sigma_px: float) -> np.ndarray:
    return ndimage.gaussian_filter(plane, sigma_px, mode="mirror")


def _smoothstep(values: np.ndarray, start: float, stop: float) -> np.ndarray:
    t = ((values - start) / (stop - start)).clip(0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def shadow_share(picture: np.ndarray) -> float:
    """The share (0-1) of the pixels of a uint8 (H, W, 3) picture that lie in a dark neighbourhood."""
    return _shadows(picture)[0]


def _shadows(picture: np.ndarray) -> tuple[float, float]:
    """How large the shadows are (share of the pixels), and how much detail is in them (mean absolute, 0-1)."""
    luminance = picture @ LUMINANCE / 255.0
    dark = _blur(luminance, NEIGHBOURHOOD_PX) < sum(SHADOW) / 2
    detail = np.abs(luminance - _blur(luminance, DETAIL_PX))
    return float(dark.mean()), float(detail[dark].mean()) if dark.any() else 0.0


def _is_worth_showing(picture: np.ndarray) -> bool:
    share, detail = _shadows(picture)
    return SHADOW_SHARE[0] <= share <= SHADOW_SHARE[1] and detail >= SHADOW_DETAIL


def regions(photographs: dict[str, np.ndarray], seed: int = 0) -> dict[str, list[Cell]]:
    """Divide photographs into disjoint cells and hand them to "A", "B" and "test", alike in content.

    Cells are sorted by photograph and by how dark they are; of each five in a row, chance gives two to A, two to B
    and one to the test.

    Args:
        photographs: name -> uint8 (H, W, 3).
    """
    sorted_cells = []
    for name, pixels in photographs.items():
        useful = [cell for cell in _grid(name, *pixels.shape[:2]) if _is_worth_showing(_toned(cut(pixels, cell)))]
        sorted_cells += sorted(useful, key=lambda cell: shadow_share(_toned(cut(photographs[cell.photograph], cell))))
    by_region: dict[str, list[Cell]] = {"A": [], "B": [], "test": []}
    for start in range(0, len(sorted_cells), len(REGIONS)):
        order = generator(seed, "sample regions", 0, start).permutation(len(REGIONS))
        for cell, place in zip(sorted_cells[start : start + len(REGIONS)], order, strict=False):
            by_region[REGIONS[place]].append(cell)
    return by_region


def cut(photograph: np.ndarray, cell: Cell) -> np.ndarray:
    """The pixels (side, side, 3) of a cell."""
    return photograph[cell.top : cell.top + cell.side, cell.left : cell.left + cell.side]


def _grid(name: str, height: int, width: int) -> list[Cell]:
    rows, columns = height // CELL_PX, width // CELL_PX
    tops = [(height - rows * CELL_PX) // 2 + row * CELL_PX for row in range(rows)]
    lefts = [(width - columns * CELL_PX) // 2 + column * CELL_PX for column in range(columns)]
    return [Cell(name, top, left, CELL_PX) for top in tops for left in lefts]


def crop(cell_pixels: np.ndarray, size_px: int, random: np.random.Generator) -> np.ndarray:
    """A random square of a cell that has shadows with detail, brought to ``size_px``: uint8 (size, size, 3)."""
    for _ in range(CROP_TRIES):
        picture = _any_crop(cell_pixels, size_px, random)
        if _is_worth_showing(picture):
            break
    return picture


def _any_crop(cell_pixels: np.ndarray, size_px: int, random: np.random.Generator) -> np.ndarray:
    """A random square of a cell, scaled, toned, and mirrored half of the time."""
    cell_side = cell_pixels.shape[0]
    side = int(random.integers(SMALLEST_CROP_PX, cell_side, endpoint=True))
    top, left = random.integers(0, cell_side - side, size=2, endpoint=True)
    square = Image.fromarray(np.ascontiguousarray(cell_pixels[top : top + side, left : left + side]))
    pixels = _toned(np.asarray(square.resize((size_px, size_px), Image.Resampling.BICUBIC)))
    return np.ascontiguousarray(pixels[:, ::-1]) if random.random() < 0.5 else pixels


def _toned(picture: np.ndarray) -> np.ndarray:
    """The picture at the mean and contrast that all pictures have here.

    A generator with instance norm does not see how bright a picture is as a whole, and could not give it back.
    """
    centred = picture - picture.mean()
    return np.rint(TONE_MEAN + centred * (TONE_SPREAD / max(centred.std(), 1.0))).clip(0, 255).astype(np.uint8)


def read_photographs() -> dict[str, np.ndarray]:
    """The five photographs of the installed scikit-image, in grey, without a download: name -> uint8 (H, W, 3).

    Raises:
        InputError: scikit-image or one of its photographs is missing.
    """
    package = find_spec("skimage")
    if package is None or package.origin is None:
        raise InputError("the sample is made from photographs of scikit-image; install it: pip install scikit-image")
    folder = Path(package.origin).parent / "data"
    missing = [name for name in PHOTOGRAPHS if not (folder / name).is_file()]
    if missing:
        raise InputError(f"{folder / missing[0]} is missing; install again: pip install --force-reinstall scikit-image")
    return {name: _grey(Image.open(folder / name).convert("RGB")) for name in PHOTOGRAPHS}


def _grey(photograph: Image.Image) -> np.ndarray:
    """The luminance of a photograph in three equal channels."""
    luminance = np.rint(np.asarray(photograph) @ LUMINANCE).astype(np.uint8)
    return np.repeat(luminance[..., None], 3, axis=2)


def make_sample(folder: Path, seed: int = 0, n_train: int = 240, n_test: int = 48, size: int = 72) -> None:
    """Write the sample dataset: trainA, trainB, testA, testB and testA_truth, the answers to testA.

    The pictures are written beside ``folder`` and renamed when all are there, so ``folder`` is never half-written. A
    complete sample with the same settings is left as it is.

    Args:
        n_train, n_test: pictures in each training and test folder.
        size: side of a picture in pixels.

    Raises:
        InputError: a number is too small, or ``folder`` holds something else.
        RunError: the disk refused a file.
    """
    folder = Path(folder)
    settings = {"seed": seed, "n_train": n_train, "n_test": n_test, "size": size}
    _check_settings(settings)
    if _is_made(folder, settings):
        print(f"{folder} is complete: {n_train} + {n_train} pictures for training, {n_test} + {n_test} for testing")
        return
    photographs = read_photographs()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", suffix=".tmp", dir=folder.parent) as temporary:
            written = Path(temporary) / folder.name
            _write(written, photographs, settings)
            if folder.is_dir():
                folder.rmdir()  # it is empty, and not every system renames over an empty folder
            written.rename(folder)
    except OSError as error:
        raise RunError(f"cannot write {folder}: {error}; free some space or choose another --out") from error
    print(f"{folder}: {n_train} + {n_train} pictures for training, {n_test} + {n_test} for testing")


def _check_settings(settings: dict[str, int]) -> None:
    for name, smallest in (("seed", 0), ("n_train", 1), ("n_test", 1), ("size", 8)):
        if settings[name] < smallest:
            raise InputError(f"--{name} {settings[name]} is too small; use {smallest} or more")


def _is_made(folder: Path, settings: dict[str, int]) -> bool:
    """Whether the folder holds this very sample, complete."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    try:
        found = json.loads((folder / SETTINGS_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise InputError(f"{folder} exists and is not a sample dataset; choose another --out") from None
    if found != settings:
        raise InputError(f"{folder} is a sample made with other settings ({found}); choose another --out or delete it")
    for name, count in _counts(settings).items():
        if len(list((folder / name).glob("*.png"))) != count:
            raise InputError(f"{folder / name} does not hold its {count} pictures any more; delete {folder} and repeat")
    return True


def _counts(settings: dict[str, int]) -> dict[str, int]:
    train, test = settings["n_train"], settings["n_test"]
    return {"trainA": train, "trainB": train, "testA": test, "testB": test, "testA_truth": test}


def _write(folder: Path, photographs: dict[str, np.ndarray], settings: dict[str, int]) -> None:
    """Fill a folder; the test pictures of A and B are different random crops of the same test cells."""
    cells = regions(photographs, settings["seed"])
    for phase, region_a, region_b in (("train", "A", "B"), ("test", "test", "test")):
        wanted = (settings[f"n_{phase}"], settings["size"], settings["seed"])
        pictures_a = _crops(photographs, cells[region_a], f"sample {phase}A", *wanted)
        pictures_b = _crops(photographs, cells[region_b], f"sample {phase}B", *wanted)
        _save(folder / f"{phase}A", pictures_a)
        _save(folder / f"{phase}B", _translated(pictures_b))
        if phase == "test":
            _save(folder / "testA_truth", _translated(pictures_a))
    write_json(folder / SETTINGS_FILE, settings)


def _crops(
    photographs: dict[str, np.ndarray], cells: list[Cell], purpose: str, count: int, size_px: int, seed: int
) -> dict[str, np.ndarray]:
    """File name -> crop; every cell gets its turn, each picture its own random generator."""
    pictures = {}
    for index in range(count):
        cell = cells[index % len(cells)]
        name = f"{index:04d}_{Path(cell.photograph).stem}.png"
        random = generator(seed, purpose, 0, index)
        pictures[name] = crop(cut(photographs[cell.photograph], cell), size_px, random)
    return pictures


def _translated(pictures: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: true_translation(picture) for name, picture in pictures.items()}


def _save(folder: Path, pictures: dict[str, np.ndarray]) -> None:
    folder.mkdir(parents=True)
    for name, picture in pictures.items():
        Image.fromarray(picture).save(folder / name)
