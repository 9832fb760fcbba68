"""``test.py``: translate a folder of pictures with a trained run and write a page of the results."""

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from tqdm import tqdm

from translate.data.checking import check_geometry, check_pictures, raise_or_skip
from translate.data.listing import domain_folder, list_pictures
from translate.data.preprocess import test_time
from translate.data.reading import read_picture
from translate.errors import InputError, RunError
from translate.options import TestOptions, build
from translate.reports.results import Row, write_results_page
from translate.sizing import TestSize
from translate.training.device import choose_device, describe_device
from translate.training.run_folder import RunFolder, find_run, list_runs
from translate.translator import Translator


@dataclass(frozen=True)
class TestResult:
    """Where the results are, and how many pictures went in and came out."""

    __test__ = False  # not a test case, whatever its name begins with

    page: Path
    read: int
    written: int


def run_test(values: Mapping[str, Any], recorded_flags: Mapping[str, Any] | None = None) -> TestResult:
    """Translate the pictures that the flags name (all of the newest run's test pictures by default).

    Args:
        values: flags of ``test.py``.
        recorded_flags: flags of ``train.py`` given along; the run's own record counts, and differences are said.

    Raises:
        InputError: no run, no pictures, or pictures that cannot be read; nothing was written.
        RunError: fewer pictures came out than went in, or the disk is full; former results are intact.
    """
    options = build(TestOptions, values)
    folder = _choose_run(options)
    record = folder.read_record()
    _compare_flags(recorded_flags or {}, record)
    size = _choose_size(options, record)
    translator = Translator.load(folder.path, options.epoch, size, choose_device(options.gpu_ids))
    source = _source_folder(options, record)
    paths = _check(list_pictures(source)[: _limit(options)], options, size)
    target = Path(options.results_dir) / folder.path.name / f"{options.phase}_{options.epoch}"
    facts = {
        "pictures from": str(source),
        "weights": str(folder.network_path(options.epoch, "G")),
        "size": size.describe(),
        "device": describe_device(translator.device),
    }
    written = _translate_all(translator, paths, source, target, facts, options.display_winsize)
    print(f"{len(paths)} in, {written} written")
    print(f"results: {target / 'index.html'}")
    if written != len(paths):
        raise RunError(f"{len(paths)} pictures in, but {written} written to {target}")
    return TestResult(target / "index.html", len(paths), written)



def _choose_run(options: TestOptions) -> RunFolder:
    if options.name:
        return find_run(Path(options.checkpoints_dir), options.name + (f"_{options.suffix}" if options.suffix else ""))
    runs = list_runs(Path(options.checkpoints_dir))
    if not runs:
        raise InputError(f"no run to test in {options.checkpoints_dir}; train one with train.py, or give --checkpoints_dir")
    print(f"testing the newest run, {runs[0].name}")
    return RunFolder(runs[0])


def _compare_flags(given: Mapping[str, Any], record: Mapping[str, Any]) -> None:
    recorded = record.get("options", {})
    different = [
        f"--{name} {value} (the run has {recorded[name]})"
        for name, value in given.items()
        if name in recorded and str(value).lower() != str(recorded[name]).lower()
    ]
    if different:
        print(f"note: flags of training do not change a trained run: {', '.join(different)}")


def _choose_size(options: TestOptions, record: Mapping[str, Any]) -> TestSize:
    crop = options.crop_size or record.get("pixel_scale", {}).get("crop_size", 256)
    if options.preprocess:
        if options.size:
            raise InputError("--size and --preprocess both say how pictures are scaled; give one of them")
        words = test_time(options.preprocess, options.load_size or crop, crop)
        return TestSize("crop", crop, words)
    if options.load_size and options.load_size != crop:
        # Users of the reference set the test size with --load_size and --crop_size alone.
        crop = options.load_size
    scale = record.get("pixel_scale", {}).get("preprocess", "resize_and_crop")
    if not options.size and scale in ("crop", "none", "trim", "patch"):
        print(f"note: the run was trained at the pictures' own scale (--preprocess {scale}); --size original keeps it")
    return TestSize(options.size or "crop", crop)


def _source_folder(options: TestOptions, record: Mapping[str, Any]) -> Path:
    recorded = record.get("options", {})
    root = options.dataroot or record.get("dataset", {}).get("root")
    if not root:
        raise InputError("--dataroot is missing: this run has no record of its dataset; name the folder with testA")
    direction = options.direction or recorded.get("direction", "AtoB")
    return domain_folder(Path(root), options.phase, "A" if direction == "AtoB" else "B")


def _limit(options: TestOptions) -> int | None:
    limits = [limit for limit in (options.num_test, options.max_dataset_size) if limit is not None]
    return min(limits) if limits else None


def _check(paths: list[Path], options: TestOptions, size: TestSize) -> list[Path]:
    report = check_pictures(paths, label="pictures")
    good = raise_or_skip(report, options.skip_bad_images)
    if size.preprocess is not None:
        check_geometry({path: report.headers[path] for path in good}, size.preprocess, batch_size=1)
    return good


def _translate_all(
    translator: Translator, paths: list[Path], source: Path, target: Path, facts: dict[str, str], width: int
) -> int:
    """Write into a new folder beside the target and put it in its place when it is complete."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        rows = [
            _translate_one(translator, path, name, source, partial)
            for path, name in tqdm(_named(paths, source), unit="pic", disable=None)
        ]
        written = sum((partial / row.pictures["fake_B"]).is_file() for row in rows)
        facts = {**facts, "pictures": f"{len(paths)} in, {written} written"}
        write_results_page(partial / "index.html", f"{target.parent.name}, {target.name}", rows, facts, width)
        partial.chmod(0o755)
        _swap(partial, target)
    except OSError as error:
        raise RunError(f"cannot write to {target}: {error}; free some space or give another --results_dir") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return written


def _translate_one(translator: Translator, path: Path, name: str, source: Path, folder: Path) -> Row:
    prepared = translator.prepare(read_picture(path, translator.input_nc))
    pictures = {"real_A": prepared, "fake_B": translator.translate_image(prepared, TestSize("original"))}
    truth = source.with_name(f"{source.name}_truth") / f"{name}.png"
    if truth.is_file():
        known = read_picture(truth)
        pictures["truth_B"] = known if known.size == prepared.size else known.resize(prepared.size, Image.Resampling.BICUBIC)
    files = {}
    for label, image in pictures.items():
        files[label] = f"images/{label}/{name}.png"
        destination = folder / files[label]
        destination.parent.mkdir(parents=True, exist_ok=True)
        image.save(destination)
    return Row(name, files)


def _named(paths: list[Path], source: Path) -> list[tuple[Path, str]]:
    """Each picture with the name of its results: its path below the source without the ending, which stays where
    two pictures differ in nothing else."""
    stems = [path.relative_to(source).with_suffix("").as_posix() for path in paths]
    counts = Counter(stems)
    return [
        (path, stem if counts[stem] == 1 else path.relative_to(source).as_posix())
        for path, stem in zip(paths, stems, strict=True)
    ]


def _swap(partial: Path, target: Path) -> None:
    """Put a finished folder in the place of a former one."""
    former = target.with_name(f".{target.name}.former")
    shutil.rmtree(former, ignore_errors=True)
    if target.exists():
        os.replace(target, former)
    os.replace(partial, target)
    shutil.rmtree(former, ignore_errors=True)
