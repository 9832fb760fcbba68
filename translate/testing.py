"""``test.py``: translate a folder of pictures with a trained run and write a page of the results."""

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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
from translate.options import TestOptions, build, convert
from translate.reports.results import Row, write_results_page
from translate.settings import resolve, train_flags
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
    recorded_flags = recorded_flags or {}
    folder = _choose_run(options, {**recorded_flags, **values})
    record = folder.read_record()
    _compare_flags(recorded_flags, record)
    size = _choose_size(options, record)
    translator = Translator.load(folder.path, options.epoch, size, choose_device(options.gpu_ids))
    source = _source_folder(options, record)
    paths = _check(list_pictures(source)[: _limit(options)], options, size)
    target = Path(options.results_dir) / _shown_name(folder.path, options) / f"{options.phase}_{options.epoch}"
    facts = {
        "pictures from": str(source),
        "weights": str(folder.network_path(options.epoch, "G")),
        "size": size.describe(),
        "device": describe_device(translator.device),
    }
    written = _translate_all(translator, paths, source, target, facts, options.display_winsize)
    print(f"{len(paths)} in, {written} written")
    print(f"results: {target / 'index.html'}")
    return TestResult(target / "index.html", len(paths), written)


def _choose_run(options: TestOptions, given: Mapping[str, Any]) -> RunFolder:
    """The run of the name that is given; a suffix is filled in as in training, from the flags that are given."""
    if options.suffix:
        known = train_flags(str(given.get("model", "cut")))
        name = resolve({flag: value for flag, value in given.items() if flag in known or flag == "model"}).run.name
        return find_run(Path(options.checkpoints_dir), name)
    if options.name:
        return find_run(Path(options.checkpoints_dir), options.name)
    runs = list_runs(Path(options.checkpoints_dir))
    if not runs:
        folder = options.checkpoints_dir
        raise InputError(f"no run to test in {folder}; train one with train.py, or give --checkpoints_dir")
    print(f"testing the newest run, {runs[0].name}")
    return RunFolder(runs[0])


def _shown_name(folder: Path, options: TestOptions) -> Path:
    """The name of a run as it is given, which may be one within a folder of runs."""
    runs = Path(options.checkpoints_dir)
    return folder.relative_to(runs) if folder.is_relative_to(runs) else Path(folder.name)


def _compare_flags(given: Mapping[str, Any], record: Mapping[str, Any]) -> None:
    recorded = record.get("options", {})
    groups = train_flags(str(given.get("model", "cut")))
    different = [
        f"--{name} {value} (the run has {recorded[name]})"
        for name, value in given.items()
        if name in recorded and name in groups and convert(groups[name], name, value) != recorded[name]
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
    if not options.size:
        _note_scale(record.get("options", {}))
    return TestSize(options.size or "crop", crop)


def _note_scale(recorded: Mapping[str, Any]) -> None:
    """Say so if training did not scale pictures to the crop size, as is done here by default."""
    words = recorded.get("preprocess", "resize").split("_and_")
    if "resize" in words:
        return
    scaling = next((word for word in words if word.startswith("scale_")), None)
    load_size = recorded.get(recorded.get("decay_load_size"))  # that of the last epochs
    same = f"--preprocess {scaling} --load_size {load_size}" if scaling else "--size original"
    print(f"note: the run was trained at another scale (--preprocess {recorded['preprocess']}); {same} keeps it")


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
    """Translate every picture and write the page; the number of results."""
    with _replacing(target) as folder:
        rows = [
            _translate_one(translator, path, name, source, folder)
            for path, name in tqdm(_named(paths, source), unit="pic", disable=None)
        ]
        written = len({row.pictures["fake_B"] for row in rows if (folder / row.pictures["fake_B"]).is_file()})
        if written != len(paths):
            raise RunError(f"{len(paths)} pictures in, but {written} written; nothing was changed in {target}")
        facts = {**facts, "pictures": f"{len(paths)} in, {written} written"}
        write_results_page(folder / "index.html", f"{target.parent.name}, {target.name}", rows, facts, width)
    return written


def _translate_one(translator: Translator, path: Path, name: str, source: Path, folder: Path) -> Row:
    picture = read_picture(path, translator.input_nc)
    try:
        prepared = translator.prepare(picture)
        pictures = {"real_A": prepared, "fake_B": translator.translate_image(prepared, TestSize("original"))}
    except (RuntimeError, MemoryError) as error:
        if "allocate" not in str(error) and not isinstance(error, MemoryError):
            raise
        raise RunError(f"{path} needs more memory than {translator.device} has; give a smaller --size") from error
    truth = source.with_name(f"{source.name}_truth") / f"{name}.png"
    if truth.is_file():
        pictures["truth_B"] = read_picture(truth).resize(prepared.size, Image.Resampling.BICUBIC)
    files = {}
    for label, image in pictures.items():
        files[label] = f"images/{label}/{name}.png"
        destination = folder / files[label]
        destination.parent.mkdir(parents=True, exist_ok=True)
        image.save(destination)
    return Row(name, files)


def _named(paths: list[Path], source: Path) -> list[tuple[Path, str]]:
    """Each picture with the name of its results: its path below the source without the ending, which stays where
    two results would bear the same name."""
    full = {path: path.relative_to(source).as_posix() for path in paths}
    names = {path: path.relative_to(source).with_suffix("").as_posix() for path in paths}
    while True:
        counts = Counter(os.path.normcase(name) for name in names.values())
        clashing = [path for path in paths if counts[os.path.normcase(names[path])] > 1 and names[path] != full[path]]
        if not clashing:
            return list(names.items())
        names |= {path: full[path] for path in clashing}


@contextmanager
def _replacing(target: Path) -> Iterator[Path]:
    """A new folder beside the target, which takes its place if the block ends well and vanishes if it does not."""
    partial = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        yield partial
        partial.chmod(0o755)
        _swap(partial, target)
    except OSError as error:
        raise RunError(f"cannot write to {target}: {error}; free some space or give another --results_dir") from error
    finally:
        if partial is not None:
            shutil.rmtree(partial, ignore_errors=True)


def _swap(partial: Path, target: Path) -> None:
    """Put a finished folder in the place of a former one."""
    former = target.with_name(f".{target.name}.former")
    shutil.rmtree(former, ignore_errors=True)
    if target.exists():
        os.replace(target, former)
    try:
        os.replace(partial, target)
    except OSError:
        if former.exists():
            os.replace(former, target)
        raise
    shutil.rmtree(former, ignore_errors=True)
