"""Pictures with the depth of what they show, as samples that are pure functions of (seed, epoch, index)."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from torch.utils.data import Dataset
from tqdm import tqdm

from translate.data.augmenting import Augment
from translate.data.cache import PictureCache
from translate.data.checking import PROGRESS_AFTER_S
from translate.data.deep_picture import Picture
from translate.data.listing import by_name, domain_folder, shown
from translate.data.loading import default_workers
from translate.data.part import Part
from translate.data.planes import PlaneFile, PlaneStack, ScenePart
from translate.data.preprocess import Preprocess
from translate.data.reading import Header
from translate.data.unpaired import Sample
from translate.errors import InputError

Layers = Mapping[str, Sequence[str]]  # kinds of planes behind the colours of A, and behind the depth of B


class Scene(NamedTuple):
    """A picture, what the network sees of it besides, and its depth with what the losses need besides."""

    a: Part | ScenePart
    b: PlaneStack


def find_scenes(root: Path, phase: str, letters: str, layers: Layers) -> list[Scene]:
    """The pictures in ``<root>/<phase>A``, their depth in ``<phase>B`` and planes of a kind in ``<phase>A_<kind>``, all
    under the same names, whatever their endings.

    Args:
        letters: ``AB``, or ``BA`` where the pictures are in B and their depth in A.

    Raises:
        InputError: a folder is missing, or a file has no partner.
    """
    folder = domain_folder(root, phase, letters[0])
    pictures = by_name(folder)
    depth = _partners(pictures, domain_folder(root, phase, letters[1]), "depth")
    planes = find_planes(folder, pictures, {kind for kinds in layers.values() for kind in kinds})
    return [
        Scene(
            scene_part(path, planes, layers.get("A", ()), name),
            PlaneStack((depth[name], *(planes[kind][name] for kind in layers.get("B", ())))),
        )
        for name, path in pictures.items()
    ]


def scene_part(
    path: Path, planes: Mapping[str, Mapping[str, PlaneFile]], kinds: Sequence[str], name: str
) -> Part | ScenePart:
    """A picture with planes of these kinds, of which there may be none."""
    return ScenePart(path, tuple(planes[kind][name] for kind in kinds)) if kinds else Part(path)


def find_planes(folder: Path, pictures: Mapping[str, Path], kinds: Iterable[str]) -> dict[str, dict[str, PlaneFile]]:
    """The planes of pictures by kind and by the pictures' names, beside the folder of the pictures.

    Raises:
        InputError: a folder is missing, or a picture has no plane.
    """
    return {kind: _partners(pictures, folder.with_name(f"{folder.name}_{kind}"), kind) for kind in kinds}


def check_scenes(scenes: Sequence[Scene], headers: Mapping[Path, Header]) -> None:
    """Read all planes once, with a bar if that takes long, and see that they fit their pictures.

    Args:
        headers: of the pictures.

    Raises:
        PictureError, InputError: one cannot be read, or has another size than its picture; or none has any depth.
    """
    with ThreadPoolExecutor(default_workers()) as pool:
        looked_at = pool.map(lambda scene: _check(scene, headers[scene.a.path]), scenes)
        bar = tqdm(looked_at, total=len(scenes), desc="depth", unit="picture", delay=PROGRESS_AFTER_S)
        has_depth = list(bar)
    if scenes and not any(has_depth):
        raise InputError(
            f"{shown(scenes[0].b.path.parent)} has no value above 0 in any file: save depth as integers in "
            "millimetres, or as floats in metres"
        )


class DepthScenes(Dataset):
    """Pictures and their depth, both transformed alike: the same crop, the same flip.

    Sample ``(epoch, index)`` holds scene ``index``: A is the picture, uint8 (3, H, W), or float32 (3 + C, H, W) where
    the network sees planes besides; B is float32 (1 + C', H, W), of which the first is depth in metres, 0 where it has
    no value.

    Args:
        scenes: at least one.
        preprocess, late_preprocess, late_after, seed, cache: see ``translate.data.augmenting.Augment``.

    Raises:
        InputError: there are no scenes.
    """

    def __init__(
        self,
        scenes: Sequence[Scene],
        preprocess: Preprocess,
        late_preprocess: Preprocess | None = None,
        late_after: int | None = None,
        *,
        seed: int,
        cache: PictureCache | None = None,
    ):
        if not scenes:
            raise InputError("there are no pictures to learn from; add some to the folder")
        self.scenes = list(scenes)
        self.augment = Augment(preprocess, seed, late_preprocess, late_after, cache)

    def __len__(self) -> int:
        return len(self.scenes)

    def __getitem__(self, key: tuple[int, int]) -> Sample:
        """The sample of (epoch, index), epochs counted from 1, indices from 0.

        Raises:
            PictureError: a file vanished or broke since it was listed.
            InputError: a picture is smaller than what is to be cut from it, or its depth has another size.
        """
        epoch, index = key
        scene = self.scenes[index]
        both = [self.augment.scaled(part, 3, epoch) for part in scene]
        _refuse_different(scene, *(scaled.source for scaled in both))
        # Of one size and by the same random numbers, both are cut and mirrored alike.
        a, b = (
            self.augment.cut(scaled, part.path, "augment scene", epoch, index)
            for scaled, part in zip(both, scene, strict=True)
        )
        return Sample(A=a, B=b, A_path=str(scene.a.path), B_path=str(scene.b.path), epoch=epoch, index=index)

    def files(self, key: tuple[int, int]) -> tuple[Path, ...]:
        """What the sample of (epoch, index) is read from."""
        scene = self.scenes[key[1]]
        planes = scene.a.planes if isinstance(scene.a, ScenePart) else ()
        return (scene.a.path, *dict.fromkeys(file.path for file in (*planes, *scene.b.files)))

    def inputs(self) -> int:
        """How many pictures there are."""
        return len(self.scenes)

    def read_input(self, index: int) -> Picture:
        """Picture ``index`` as the network sees it, of the size on disk."""
        return self.scenes[index].a.read(3)


def _partners(pictures: Mapping[str, Path], folder: Path, kind: str) -> dict[str, PlaneFile]:
    if not folder.is_dir():
        raise InputError(
            f"{shown(folder)} does not exist: it is to hold the {kind} of each picture under the picture's name"
        )
    files = by_name(folder)
    missing = [path for name, path in pictures.items() if name not in files]
    if missing:
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        raise InputError(
            f"{shown(missing[0])}{more} has no {kind} of its name in {shown(folder)}; add it, or remove the picture"
        )
    return {name: PlaneFile(files[name], kind) for name in pictures}


def _check(scene: Scene, header: Header) -> bool:
    """Whether there is any depth."""
    if isinstance(scene.a, ScenePart):
        scene.a.read()
    planes = scene.b.read()
    _refuse_different(scene, (header.width, header.height), planes.size)
    return bool(planes.signed[:, :, 0].any())


def _refuse_different(scene: Scene, a: tuple[int, int], b: tuple[int, int]) -> None:
    if a != b:
        raise InputError(
            f"{shown(scene.b.path)} ({b[0]}x{b[1]}) is the depth of {shown(scene.a.path)} ({a[0]}x{a[1]}) and needs "
            "its size; scale one of them"
        )
