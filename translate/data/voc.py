"""Folders in the format of PASCAL VOC: pictures with several classes each, their boxes, and maps of classes.

    VOC2007/JPEGImages/000005.jpg
            Annotations/000005.xml
            SegmentationClass/000005.png
            ImageSets/Main/trainval.txt, test.txt          000005 in a line
            ImageSets/Segmentation/trainval.txt, test.txt

See Everingham et al., IJCV 2015. Other data sets in this form are read alike: classes are those that the files name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from translate.data.annotation import Named, read_annotation
from translate.data.checking import check_pictures, raise_or_skip
from translate.data.listing import EXTENSIONS, shown
from translate.data.objects import Objects
from translate.data.opening import PictureError, open_image, opened
from translate.data.ranges import without_deep
from translate.data.reading import Header, open_header
from translate.errors import InputError

PICTURES, ANNOTATIONS, MAPS, LISTS = "JPEGImages", "Annotations", "SegmentationClass", "ImageSets"
PRESENT, ONLY_DIFFICULT, ABSENT = 1, 0, -1  # as in VOC's own files, ImageSets/Main/CLASS_train.txt
VOID = 255  # a pixel that belongs to no class and is not asked


@dataclass(frozen=True, eq=False)
class Annotated:
    """Pictures and what lies in them.

    Attributes:
        paths: of N pictures.
        objects: of each picture.
        classes: the names that the annotations use, sorted.
    """

    paths: tuple[Path, ...]
    objects: tuple[Objects, ...]
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.paths)

    def truth(self) -> np.ndarray:
        """(N, classes) int8: whether a class is present (1), absent (-1), or has only difficult objects (0)."""
        found = np.full((len(self), len(self.classes)), ABSENT, dtype=np.int8)
        for row, objects in zip(found, self.objects, strict=True):
            row[objects.labels[objects.difficult]] = ONLY_DIFFICULT
            row[objects.labels[~objects.difficult]] = PRESENT
        return found

    def at(self, places: Sequence[int]) -> "Annotated":
        """Those pictures alone."""
        paths, objects = (tuple(of[place] for place in places) for of in (self.paths, self.objects))
        return Annotated(paths, objects, self.classes)


@dataclass(frozen=True, eq=False)
class Mapped:
    """Pictures and the files of their maps of classes.

    Attributes:
        paths, maps: of N pictures.
        classes: how many there are, the background among them.
        present: (N, classes) bool, which of them a map holds.
    """

    paths: tuple[Path, ...]
    maps: tuple[Path, ...]
    classes: int
    present: np.ndarray

    def __len__(self) -> int:
        return len(self.paths)

    def at(self, places: Sequence[int]) -> "Mapped":
        """Those pictures alone."""
        paths, maps = (tuple(of[place] for place in places) for of in (self.paths, self.maps))
        return Mapped(paths, maps, self.classes, self.present[list(places)])


def is_voc(root: Path) -> bool:
    """Whether a folder is in VOC's format, by the names of its folders.

    Raises:
        InputError: it holds one that is.
    """
    root = Path(root)
    if _looks_so(root):
        return True
    if not root.is_dir() or (root / "train").is_dir():
        return False
    if nested := [each for each in sorted(root.iterdir()) if _looks_so(each)]:
        raise InputError(f"{shown(root)} holds a folder in VOC's format: give it as --dataroot {shown(nested[0])}")
    return False


def find_annotated(root: Path) -> dict[str, Annotated]:
    """Pictures with annotations to learn from, and those to be tested on: ``train`` and ``test``.

    Learned is on ``trainval`` and tested on ``test``, as on VOC2007; without a ``test.txt``, on ``train`` and ``val``.

    Raises:
        InputError: a list, a picture or an annotation is missing or wrong.
    """
    names = find_names(root, "Main")
    paths = {phase: _pictures(root, found, phase) for phase, found in names.items()}
    told: dict[str, list[list[Named]]] = {}
    for phase, found in names.items():
        files = [Path(root) / ANNOTATIONS / f"{name}.xml" for name in found]
        told[phase] = [read_annotation(file, open_header(path)) for file, path in zip(files, paths[phase], strict=True)]
    for phase, of in told.items():
        if all(each.difficult for picture in of for each in picture):
            where = shown(Path(root) / ANNOTATIONS)
            raise InputError(
                f"of the {phase} pictures no annotation in {where} names an object that is not difficult; add one"
            )
    classes = sorted({each.name for phase in told.values() for picture in phase for each in picture})
    return {
        phase: Annotated(paths[phase], tuple(_objects(each, classes) for each in told[phase]), tuple(classes))
        for phase in names
    }


def find_mapped(root: Path) -> dict[str, Mapped]:
    """Pictures with maps of classes, of the phases of ``find_annotated``.

    Raises:
        InputError: a list, a picture or a map is missing or wrong.
    """
    names = find_names(root, "Segmentation")
    paths = {phase: _pictures(root, found, phase) for phase, found in names.items()}
    maps = {phase: tuple(Path(root) / MAPS / f"{name}.png" for name in found) for phase, found in names.items()}
    values = {phase: [_values(*pair) for pair in zip(maps[phase], paths[phase], strict=True)] for phase in names}
    for phase, of in values.items():
        if not any(value for found in of for value in found):
            where = shown(Path(root) / MAPS)
            raise InputError(
                f"of the {phase} pictures no map in {where} holds a class beside 0, the background; draw one"
            )
    classes = 1 + max(value for phase in values.values() for found in phase for value in found)
    return {
        phase: Mapped(paths[phase], maps[phase], classes, _presence(values[phase], classes))
        for phase in names
    }  # fmt: skip


def find_names(root: Path, task: str) -> dict[str, list[str]]:
    """The names of the pictures to learn from and of those to be tested on, by the lists in ``ImageSets/<task>``.

    Raises:
        InputError: a list is missing or empty, or a line of it is no name.
    """
    folder = Path(root) / LISTS / task
    lists = {file.stem: file for file in folder.glob("*.txt")} if folder.is_dir() else {}
    if "test" in lists:
        learned, asked = (["trainval"] if "trainval" in lists else ["train", "val"]), "test"
    else:
        learned, asked = ["train"], "val"
    if learned == ["train", "val"] and "val" not in lists:
        learned = ["train"]
    if missing := [name for name in (*learned, asked) if name not in lists]:
        file = folder / f"{missing[0]}.txt"
        raise InputError(
            f"{shown(file)} does not exist; list in trainval.txt and test.txt, or in train.txt and val.txt there, "
            "the names of the pictures, one a line"
        )
    train = [name for phase in learned for name in read_names(lists[phase])]
    return {"train": list(dict.fromkeys(train)), "test": read_names(lists[asked])}


def read_names(file: Path) -> list[str]:
    """The names in a list of pictures, each once.

    Raises:
        InputError: it cannot be read, holds none, or one that is a path.
    """
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{shown(file)} cannot be read as a list of names; write it anew as plain text") from error
    names = [line.strip() for line in lines if line.strip()]
    for name in names:
        if name.startswith(".") or set(name) & set("/\\:") or not name.isprintable():
            raise InputError(
                f"{shown(file)} names {shown(name)[:80]}, which is a path; "
                "give names such as 000005, without folder and ending"
            )
    if not names:
        raise InputError(f"{shown(file)} names no pictures; write their names into it, one a line")
    return list(dict.fromkeys(names))


def read_map(path: Path, size: tuple[int, int] | None = None) -> np.ndarray:
    """A map of classes as uint8 (H, W): the entries of its palette, of which 255 is no class.

    Args:
        size: width and height that it must have.

    Raises:
        PictureError: it cannot be read, holds colours rather than entries, or is of another size.
    """
    with opened(path) as (file, _):
        image = open_image(path, file)
        if image.mode not in ("P", "L"):
            raise PictureError(
                path, f"holds {image.mode} values, not classes", "save it with a palette, whose entries are the classes"
            )
        if size is not None and image.size != size:
            told = "{}x{}".format(*image.size), "{}x{}".format(*size)
            raise PictureError(path, f"is {told[0]} and its picture {told[1]}", "make them of one size")
        return np.array(image)


def _looks_so(root: Path) -> bool:
    return (root / PICTURES).is_dir() and any((root / name).is_dir() for name in (ANNOTATIONS, MAPS, LISTS))


def _pictures(root: Path, names: Sequence[str], phase: str) -> tuple[Path, ...]:
    """The files of these pictures, checked."""
    folder = Path(root) / PICTURES
    paths = []
    for name in names:
        files = (folder / f"{name}.{ending}" for each in EXTENSIONS for ending in (each, each.upper()))
        found = next((file for file in files if file.is_file()), None)
        if found is None:
            raise InputError(
                f"{shown(folder / name)}.jpg does not exist, though a list in {shown(Path(root) / LISTS)} names it; "
                "put it there, or correct the list: a name in each line, without ending, and nothing else"
            )
        paths.append(found)
    raise_or_skip(without_deep(check_pictures(paths, label=phase)), None)
    return tuple(paths)


def _objects(told: Sequence[Named], classes: Sequence[str]) -> Objects:
    return Objects(
        np.array([each.box for each in told], dtype=np.float64).reshape(-1, 4),
        np.array([classes.index(each.name) for each in told], dtype=np.int64),
        np.array([each.difficult for each in told], dtype=bool),
    )


def _values(file: Path, picture: Path) -> list[int]:
    """The classes that a map holds."""
    header: Header = open_header(picture)
    return [int(value) for value in np.unique(read_map(file, (header.width, header.height))) if value != VOID]


def _presence(values: Sequence[Sequence[int]], classes: int) -> np.ndarray:
    present = np.zeros((len(values), classes), dtype=bool)
    for row, found in zip(present, values, strict=True):
        row[list(found)] = True
    return present


def some(present: np.ndarray, a_class: int, rng: np.random.Generator) -> np.ndarray:
    """Places of pictures drawn until each class is in ``a_class`` of them, or in all that there are; sorted.

    Args:
        present: (N, classes) bool.
    """
    drawn = [rng.permutation(np.flatnonzero(column))[:a_class] for column in present.T]
    return np.unique(np.concatenate(drawn))
