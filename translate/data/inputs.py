"""The pictures of a test: where they lie, what their results are called, and where their truth is if it is known."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from translate.data.aligned import find_pairs
from translate.data.listing import by_name, domain_folder, list_pictures, single_folder
from translate.data.part import Part
from translate.data.planes import PlaneFile, ScenePart
from translate.data.scenes import find_planes, scene_part
from translate.errors import InputError


class Input(NamedTuple):
    """A picture to be translated, the name of its results, and its known true translation.

    Where depth is predicted the truth is that of ``depth``, and ``people`` is a mask of them.
    """

    name: str
    part: Part | ScenePart
    truth: Part | None = None
    depth: PlaneFile | None = None
    people: PlaneFile | None = None


def find_inputs(
    root: Path, phase: str, letters: str, mode: str, limit: int | None = None, layers: Sequence[str] = ()
) -> tuple[Path, list[Input]]:
    """The folder of the pictures to be translated, and the pictures in it.

    Args:
        root: the data set's folder.
        phase: ``test``, ``val`` ...
        letters: ``AB``, or ``BA`` where pictures of B are translated to A.
        mode: as of ``--dataset_mode``; ``singleimage`` takes the picture of the training where there is no other;
            pairs bring their truth, elsewhere it may lie in ``<folder>_truth``, in PNG
            files of the results' names.
        limit: at most so many.
        layers: kinds of planes that are read with each picture.

    Raises:
        InputError: there are none.
    """
    if mode == "aligned":
        return _pairs(root, phase, letters, limit)
    if mode == "depth":
        return _scenes(root, phase, letters, layers, limit)
    if mode == "singleimage" and domain_folder(root, phase, letters[0], required=False) is None:
        phase = "train"
    find = single_folder if mode == "single" else domain_folder
    folder = find(root, phase, letters[0])
    return folder, _whole_files(folder, limit)


def _pairs(root: Path, phase: str, letters: str, limit: int | None) -> tuple[Path, list[Input]]:
    try:
        pairs = find_pairs(root, phase, letters)[:limit]
    except InputError:
        folder = domain_folder(root, phase, letters[0], required=False)
        if folder is None:
            raise
        return folder, _whole_files(folder, limit)  # without partners there is no truth, and none is needed
    folder = Path(os.path.commonpath({pair.a.path.parent for pair in pairs}))
    names = name_results([pair.a.path for pair in pairs], folder)
    return folder, [Input(names[pair.a.path], pair.a, pair.b) for pair in pairs]


def _scenes(root: Path, phase: str, letters: str, layers: Sequence[str], limit: int | None) -> tuple[Path, list[Input]]:
    """Pictures, and their depth and people where these are known; both may be known of some."""
    folder = domain_folder(root, phase, letters[0])
    pictures = by_name(folder)
    planes = find_planes(folder, pictures, layers)
    truths = domain_folder(folder.parent, folder.name[:-1], letters[1], required=False)
    depth = {name: PlaneFile(path, "depth") for name, path in (by_name(truths) if truths else {}).items()}
    masks = folder.with_name(f"{folder.name}_mask")
    people = {name: PlaneFile(path, "mask") for name, path in (by_name(masks) if masks.is_dir() else {}).items()}
    names = name_results(list(pictures.values())[:limit], folder)
    return folder, [
        Input(names[path], scene_part(path, planes, layers, name), None, depth.get(name), people.get(name))
        for name, path in list(pictures.items())[:limit]
    ]


def _whole_files(folder: Path, limit: int | None) -> list[Input]:
    inputs = []
    for path, name in name_results(list_pictures(folder)[:limit], folder).items():
        truth = folder.with_name(f"{folder.name}_truth") / f"{name}.png"
        inputs.append(Input(name, Part(path), Part(truth) if truth.is_file() else None))
    return inputs


def name_results(paths: list[Path], folder: Path) -> dict[Path, str]:
    """Each picture with the name of its results: its path below the folder without the ending, which stays where two
    results would bear the same name."""
    full = {path: path.relative_to(folder).as_posix() for path in paths}
    names = {path: path.relative_to(folder).with_suffix("").as_posix() for path in paths}
    while True:
        counts = Counter(os.path.normcase(name) for name in names.values())
        clashing = [path for path in paths if counts[os.path.normcase(names[path])] > 1 and names[path] != full[path]]
        if not clashing:
            return names
        names |= {path: full[path] for path in clashing}
