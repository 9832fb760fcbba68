"""Cityscapes as the reference prepares it: photographs and label maps of one size, in pairs and as two domains."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from PIL import Image
from tqdm import tqdm

from translate.data.listing import shown
from translate.data.reading import read_picture
from translate.errors import InputError
from translate.files import replacing_folder

SIDE = 256
PHASES = {"val": "test", "train": "train"}  # those of Cityscapes, which keeps the answers of its test set to itself
FILTERS = {"bicubic": Image.Resampling.BICUBIC, "nearest": Image.Resampling.NEAREST}
PHOTOGRAPH, LABELS = "_leftImg8bit", "_gtFine_color"


class _Pair(NamedTuple):
    photograph: Path
    labels: Path


def prepare_cityscapes(gt_fine: Path, left_img: Path, output: Path, filter: str = "bicubic") -> dict[str, int]:
    """Make ``train`` and ``test`` (pairs side by side, photograph left) and ``trainA``, ``trainB``, ``testA``,
    ``testB`` (photographs, label maps), all pictures scaled to 256x256 and numbered in the order of their paths.

    JPEG of quality 100 without chroma subsampling, as the reference writes it.

    Args:
        gt_fine: the unpacked gtFine, with ``train/<city>/*_gtFine_color.png``; the folder above it is fine too.
        left_img: the unpacked leftImg8bit, with ``train/<city>/*_leftImg8bit.png``; likewise.
        output: the folder to make; it appears complete or not at all.
        filter: ``bicubic``, or ``nearest``, which the reference's code did with Pillow before 7.0.

    Returns:
        How many pairs each of ``train`` and ``test`` has.

    Raises:
        InputError: folders or partners are missing, or the output is there already.
        RunError: the disk refuses.
    """
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise InputError(f"{shown(output)} is there already; remove it, or give another --output_dir")
    gt_fine = _root(gt_fine, "gtFine", "--gtFine_dir")
    left_img = _root(left_img, "leftImg8bit", "--leftImg8bit_dir")
    pairs = {PHASES[phase]: _find_pairs(gt_fine / phase, left_img / phase) for phase in PHASES}
    with replacing_folder(output, "--output_dir") as folder:
        for phase, found in pairs.items():
            _write_phase(found, folder, phase, FILTERS[filter])
    return {phase: len(found) for phase, found in pairs.items()}


def _root(folder: Path, name: str, flag: str) -> Path:
    """The folder that holds the phases: the one that was named, or what the archive has put into it."""
    for root in (folder, folder / name):
        if all((root / phase).is_dir() for phase in PHASES):
            return root
    raise InputError(f"{flag} {shown(folder)} has no folders train and val; give the unpacked {name}")


def _find_pairs(gt_fine: Path, left_img: Path) -> list[_Pair]:
    photographs = {_identity(path, PHOTOGRAPH): path for path in sorted(left_img.glob(f"*/*{PHOTOGRAPH}.png"))}
    labels = {_identity(path, LABELS): path for path in sorted(gt_fine.glob(f"*/*{LABELS}.png"))}
    if not photographs or not labels:
        empty, ending = (left_img, PHOTOGRAPH) if not photographs else (gt_fine, LABELS)
        raise InputError(f"{shown(empty)} holds no <city>/*{ending}.png; unpack the archive again")
    lonely = sorted(photographs.keys() ^ labels.keys())
    if lonely:
        path = photographs.get(lonely[0]) or labels[lonely[0]]
        more = f" (and {len(lonely) - 1} more)" if len(lonely) > 1 else ""
        raise InputError(f"{shown(path)} has no partner in the other folder{more}; unpack both archives again")
    return [_Pair(photographs[identity], labels[identity]) for identity in photographs]


def _identity(path: Path, ending: str) -> str:
    """What a photograph and its label map have in common: ``aachen/aachen_000000_000019``."""
    return f"{path.parent.name}/{path.stem.removesuffix(ending)}"


def _write_phase(pairs: list[_Pair], folder: Path, phase: str, filter: Image.Resampling) -> None:
    for name in (phase, f"{phase}A", f"{phase}B"):
        (folder / name).mkdir()
    for index, pair in enumerate(tqdm(pairs, desc=phase, unit="pair", disable=None)):
        photograph, labels = _scaled(pair, filter)
        both = Image.new("RGB", (2 * SIDE, SIDE))
        both.paste(photograph, (0, 0))
        both.paste(labels, (SIDE, 0))
        _save(both, folder / phase / f"{index}.jpg")
        _save(photograph, folder / f"{phase}A" / f"{index}_A.jpg")
        _save(labels, folder / f"{phase}B" / f"{index}_B.jpg")


def _scaled(pair: _Pair, filter: Image.Resampling) -> Iterator[Image.Image]:
    return (read_picture(path, 3).resize((SIDE, SIDE), filter) for path in pair)


def _save(picture: Image.Image, path: Path) -> None:
    picture.save(path, format="JPEG", subsampling=0, quality=100)
