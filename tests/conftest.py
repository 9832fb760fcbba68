"""What the tests of every room share: small data sets made on the spot and one tiny trained run."""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import hypothesis
import numpy as np
import pytest
import torch
from PIL import Image

import translate
from translate.applying import ApplyResult
from translate.commands import run_command
from translate.data.download import Unreachable
from translate.networks import build_generator
from translate.networks.resnet import ResnetGenerator
from translate.testing import run_test

# Shared machines stall for seconds; how long an example took says nothing about it. What guards main tries the same
# examples each time, so that a change is not refused for what it did not touch; everywhere else they are new ones.
hypothesis.settings.register_profile("patient", deadline=None, derandomize=bool(os.environ.get("CI")))
hypothesis.settings.load_profile("patient")

REPOSITORY = Path(__file__).resolve().parent.parent
MakeDomains = Callable[..., Path]

TINY = {
    "ngf": 2,
    "ndf": 2,
    "netG": "resnet_4blocks",
    "load_size": 36,
    "crop_size": 32,
    "num_patches": 16,
    "netF_nc": 8,
    "n_epochs": 1,
    "n_epochs_decay": 0,
    "num_threads": 0,
    "gpu_ids": "-1",
}


@pytest.fixture(scope="session", autouse=True)
def no_rehearsal() -> Iterator[None]:
    """Hundreds of tiny runs do without the step that only tells the memory; tests/training/test_estimate.py has it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("translate.training.words.estimate_step", lambda *_: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def fsync() -> Iterator[Callable[[int], None]]:
    """The real ``os.fsync``, in whose place one stands that waits for no disk: it guards against a power cut, which no
    test makes, and would be a fifth of the time of every tiny run. Started processes sync as users' do, and what is
    synced when, tests/test_files.py has."""
    real = os.fsync
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", os.fstat)  # which refuses what is not open all the same
        yield real


def _write_domains(
    root: Path,
    count_a: int = 4,
    count_b: int = 4,
    size: tuple[int, int] = (40, 40),
    channels: int = 3,
    phases: Sequence[str] = ("train", "test"),
) -> Path:
    """Folders trainA, trainB, ... below ``root`` with pictures of random pixels; ``size`` is width, height."""
    width, height = size
    shape = (height, width) if channels == 1 else (height, width, channels)
    for at, phase in enumerate(phases):
        for letter, count in (("A", count_a), ("B", count_b)):
            folder = Path(root) / f"{phase}{letter}"
            folder.mkdir(parents=True, exist_ok=True)
            for index in range(count):
                rng = np.random.default_rng((at, ord(letter), index))
                pixels = rng.integers(0, 256, shape, dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{letter.lower()}{index}.png")
    return Path(root)


@pytest.fixture(scope="session", autouse=True)
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One thread, a cache that neither reads nor fills the user's own, nothing is sent to the user's account at
    Weights & Biases, and a terminal that is closed is heard, also where the tests themselves were started with nohup;
    started processes inherit all of it."""
    before = torch.get_num_threads()
    hang_up = getattr(signal, "SIGHUP", None)  # which Windows lacks
    former = hang_up and signal.signal(hang_up, signal.SIG_DFL)
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setenv("WANDB_MODE", "offline")
        patch.setenv("TRANSLATE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
    torch.set_num_threads(before)
    if hang_up:
        signal.signal(hang_up, former)


@pytest.fixture(scope="session")
def make_domains() -> MakeDomains:
    """make_domains(root, count_a=4, count_b=4, size=(40, 40), channels=3, phases=("train", "test")) -> root"""
    return _write_domains


@pytest.fixture(scope="session")
def deep_picture() -> Callable[..., np.ndarray]:
    """deep_picture(low, high, dtype, channels=1, seed=0): 44 by 40 values from low to high, each of both there."""

    def make(low: float, high: float, dtype: str, channels: int = 1, seed: int = 0) -> np.ndarray:
        y, x, c = np.mgrid[:40, :44, :channels]
        waves = np.sin(x / (5 + seed) + c) * np.cos(y / 7 + seed)
        values = low + (high - low) * (waves - waves.min()) / np.ptp(waves)
        return (np.rint(values) if np.dtype(dtype).kind in "ui" else values).astype(dtype).squeeze()

    return make


@pytest.fixture(scope="session")
def make_deep_domains(deep_picture: Callable[..., np.ndarray]) -> Callable[..., Path]:
    """make_deep_domains(root, A=(low, high, dtype, ending), B=..., channels=1): three pictures a folder."""

    def write(root: Path, channels: int = 1, **domains: tuple[float, float, str, str]) -> Path:
        for letter, (low, high, dtype, ending) in domains.items():
            for phase in ("train", "test"):
                folder = Path(root) / f"{phase}{letter}"
                folder.mkdir(parents=True, exist_ok=True)
                for index in range(3):
                    seed = index + 3 * (phase == "test") + 6 * (letter == "B")
                    values = deep_picture(low, high, dtype, channels, seed)
                    if ending == "npy":
                        np.save(folder / f"{index}.npy", values)
                    else:
                        Image.fromarray(values).save(folder / f"{index}.{ending}")
        return Path(root)

    return write


@pytest.fixture(scope="session")
def make_depth() -> Callable[..., Path]:
    """make_depth(root, source) -> root: the pictures of ``source``'s domain A with depth in millimetres in B, and all
    kinds of planes beside A."""
    return _write_depth


@pytest.fixture(scope="session")
def tiniest() -> Mapping[str, Any]:
    """Flags of the tiniest run: fractions of a second a step on one core."""
    return MappingProxyType(TINY)


@pytest.fixture
def tiny_flags(tiniest: Mapping[str, Any]) -> dict[str, Any]:
    """The same, yours to change."""
    return dict(tiniest)


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of two steps, in .../checkpoints/tiny, on .../data (trainA, trainB, testA, testB)."""
    home = tmp_path_factory.mktemp("home")
    root = _write_domains(home / "data")
    result = translate.train(**TINY, dataroot=root, checkpoints_dir=home / "checkpoints", name="tiny", max_steps=2)
    return result.folder


@pytest.fixture(scope="session")
def main_of() -> Callable[[str], Callable[[Sequence[str]], None]]:
    """main_of("train") is what ``python train.py`` calls with its arguments."""

    def load(script: str) -> Callable[[Sequence[str]], None]:
        spec = importlib.util.spec_from_file_location(f"script_{script}", REPOSITORY / f"{script}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.main

    return load


@pytest.fixture(scope="session")
def run_script() -> Callable[..., subprocess.CompletedProcess]:
    """run_script(folder, "train", "--lr", "1") runs ``python .../train.py --lr 1`` in a folder of its own."""

    def run(folder: Path, script: str, *arguments: object, **environment: str) -> subprocess.CompletedProcess:
        words = [sys.executable, str(REPOSITORY / f"{script}.py"), *map(str, arguments)]
        return subprocess.run(
            words, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, encoding="utf-8"
        )

    return run


@pytest.fixture
def call_main(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """call_main(script.main, "--lr", "1"): what run_script gives, from this process, which starts none and waits for
    no imports. That a script can be started, one test of it shows."""

    def call(main: Callable[[Sequence[str]], None], *arguments: object) -> subprocess.CompletedProcess:
        words = ["script.py", *map(str, arguments)]
        monkeypatch.setattr(sys, "argv", words)
        capfd.readouterr()
        with pytest.raises(SystemExit) as left:
            run_command(main)
        return subprocess.CompletedProcess(words, left.value.code, *capfd.readouterr())

    return call


@pytest.fixture(scope="session")
def random_picture() -> Callable[..., Image.Image]:
    """random_picture(width=21, height=18, mode="RGB", seed=0)"""

    def make(width: int = 21, height: int = 18, mode: str = "RGB", seed: int = 0) -> Image.Image:
        shape = (height, width) if mode == "L" else (height, width, 3)
        return Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8))

    return make


@pytest.fixture(scope="session")
def make_generator() -> Callable[..., ResnetGenerator]:
    """make_generator(input_nc=3, output_nc=3, **flags): a tiny one whose output is far from flat."""

    def make(input_nc: int = 3, output_nc: int = 3, **flags: Any) -> ResnetGenerator:
        torch.manual_seed(input_nc * 10 + output_nc)
        generator = build_generator("resnet_4blocks", input_nc, output_nc, ngf=2, **flags)
        with torch.no_grad():
            generator.model[-2].weight.mul_(3)
        return generator

    return make


@pytest.fixture
def copied_run(trained_run: Path, tmp_path: Path) -> Callable[..., Path]:
    """copied_run(name, **options): a copy of the trained run with other options in its record."""

    def copy(name: str, **options: Any) -> Path:
        folder = tmp_path / "checkpoints" / name
        shutil.copytree(trained_run, folder, ignore=shutil.ignore_patterns("web", "latest_state.pth"))
        record = json.loads((folder / "run.json").read_text())
        record["options"] |= options
        record["pixel_scale"] |= {key: value for key, value in options.items() if key in record["pixel_scale"]}
        (folder / "run.json").write_text(json.dumps(record))
        return folder

    return copy


@pytest.fixture
def tested_data(tmp_path: Path, random_picture: Callable[..., Image.Image]) -> Path:
    """A folder with testA alone: a square, a tall and a wide picture."""
    folder = tmp_path / "data/testA"
    folder.mkdir(parents=True)
    for seed, (name, size) in enumerate({"square.png": (40, 40), "tall.png": (20, 41), "wide.bmp": (60, 33)}.items()):
        random_picture(*size, seed=seed).save(folder / name)
    return folder.parent


@pytest.fixture
def tested(trained_run: Path, tmp_path: Path, tested_data: Path) -> Callable[..., Path]:
    """tested(recorded_flags=None, **flags): test the trained run on ``tested_data``; gives the results' folder."""

    def test(recorded_flags: dict[str, Any] | None = None, **flags: Any) -> Path:
        usual = {"name": "tiny", "checkpoints_dir": trained_run.parent}
        usual |= {"dataroot": tested_data, "results_dir": tmp_path / "out"}
        result = run_test({**usual, **flags}, recorded_flags)
        assert result.read == result.written
        return result.page.parent

    return test


@pytest.fixture
def photos(tmp_path: Path, random_picture: Callable[..., Image.Image]) -> Path:
    """A folder with a square, a tall picture in a sub-folder, and a wide one."""
    folder = tmp_path / "photos"
    (folder / "deep").mkdir(parents=True)
    for seed, (name, size) in enumerate({"a.png": (40, 40), "deep/b.png": (20, 41), "c.bmp": (60, 33)}.items()):
        random_picture(*size, seed=seed).save(folder / name)
    return folder


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where results go; not made yet."""
    return tmp_path / "out"


@pytest.fixture
def applied(trained_run: Path, photos: Path, out: Path) -> Callable[..., ApplyResult]:
    """applied(*pictures, run=the tiny one, **flags): translate, by default all of ``photos`` into ``out``."""

    def run(*pictures: Path, run: Path = trained_run, **flags: Any) -> ApplyResult:
        return translate.apply(run, pictures or photos, **{"output": out, "gpu_ids": "-1", **flags})

    return run


@pytest.fixture
def no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights of extractors are nowhere on this machine, and there is no network."""

    def unreachable(*_: Any) -> None:
        raise Unreachable("no network")

    monkeypatch.setenv("TRANSLATE_CACHE", str(tmp_path / "no weights"))
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path / "no hub"))
    monkeypatch.setattr("translate.evaluation.weights.download", unreachable)


VOC_OBJECT = """  <object>
    <name>{}</name>
    <difficult>{}</difficult>
    <bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox>
  </object>
"""
VOC_CLASSES, VOC_COLORS = ("box", "disc"), ((220, 30, 30), (30, 60, 220))


def _write_voc(root: Path, counts: Mapping[str, int] = MappingProxyType({"trainval": 12, "test": 6})) -> Path:
    """Pictures in VOC's format: a red rectangle, a blue disc or both on noise, with edges that are void in the maps."""
    for folder in ("JPEGImages", "Annotations", "SegmentationClass", "ImageSets/Main", "ImageSets/Segmentation"):
        (root / folder).mkdir(parents=True)
    for phase, count in counts.items():
        names = [f"{phase}{index}" for index in range(count)]
        for task in ("Main", "Segmentation"):
            (root / "ImageSets" / task / f"{phase}.txt").write_text("".join(f"{name}\n" for name in names))
        for index, name in enumerate(names):
            kinds = ((0,), (1,), (0, 1))[index % 3]
            _write_voc_picture(root, name, kinds, np.random.default_rng((count, index, len(phase))))
    return root


def _write_voc_picture(root: Path, name: str, kinds: Sequence[int], rng: np.random.Generator) -> None:
    height, width = 64, int(rng.choice([80, 96]))
    pixels = rng.integers(90, 160, (height, width, 3), dtype=np.uint8)
    classes = np.zeros((height, width), dtype=np.uint8)
    y, x = np.mgrid[:height, :width]
    told = ""
    for place, kind in enumerate(kinds):
        side = int(rng.integers(26, 36))
        top = int(rng.integers(1, height - side))
        left = (
            int(rng.integers(1, width // 2 - side + 1)) if place == 0 else int(rng.integers(width // 2, width - side))
        )
        inside = (y >= top) & (y < top + side) & (x >= left) & (x < left + side)
        if kind == 1:
            inside &= (y - top - (side - 1) / 2) ** 2 + (x - left - (side - 1) / 2) ** 2 <= (side / 2) ** 2
        edge = inside & ~(
            np.roll(inside, 1, 0) & np.roll(inside, -1, 0) & np.roll(inside, 1, 1) & np.roll(inside, -1, 1)
        )
        pixels[inside] = VOC_COLORS[kind]
        classes[inside], classes[edge] = kind + 1, 255
        told += VOC_OBJECT.format(VOC_CLASSES[kind], 0, left + 1, top + 1, left + side, top + side)
    Image.fromarray(pixels).save(root / "JPEGImages" / f"{name}.jpg", quality=95)
    size = f"  <size><width>{width}</width><height>{height}</height><depth>3</depth></size>\n"
    (root / "Annotations" / f"{name}.xml").write_text(f"<annotation>\n{size}{told}</annotation>\n")
    mask = Image.fromarray(classes)
    mask.putpalette([0, 0, 0, 128, 0, 0, 0, 0, 128] + [0] * 756 + [224, 224, 192])
    mask.save(root / "SegmentationClass" / f"{name}.png")


@pytest.fixture(scope="session")
def write_voc() -> Callable[..., Path]:
    """write_voc(folder, counts): twelve pictures to learn from and six to be tested on, of boxes and discs."""
    return _write_voc


def _write_depth(root: Path, source: Path) -> Path:
    for pictures in sorted(source.glob("*A")):
        phase = pictures.name[:-1]
        for index, path in enumerate(sorted(pictures.glob("*.png"))):
            with Image.open(path) as picture:
                grey = np.asarray(picture.convert("L")).astype(np.uint16)
            depth = 1000 + 20 * grey  # millimetres
            depth[:3] = 0  # not known
            people = np.zeros(grey.shape, np.uint8)
            people[4 : grey.shape[0] // 2, 4 + index % 3 : grey.shape[1] // 2] = 255
            planes = {"mask": people, "initial": np.where(people, 0, depth), "confidence": 255 - people}
            planes |= {"keypoints": people // 2}
            for folder, values in {"B": depth, **{f"A_{kind}": plane for kind, plane in planes.items()}}.items():
                (root / f"{phase}{folder}").mkdir(parents=True, exist_ok=True)
                Image.fromarray(values).save(root / f"{phase}{folder}" / path.name)
            (root / f"{phase}A").mkdir(exist_ok=True)
            shutil.copy(path, root / f"{phase}A" / path.name)
    return root
