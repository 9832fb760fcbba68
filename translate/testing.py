"""``test.py``: translate a folder of pictures with a trained run and write a page of the results."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from tqdm import tqdm

from translate.batching import Batches
from translate.called import title
from translate.data.checking import check_geometry, check_pictures, raise_or_skip
from translate.data.dataroot import resolve_dataroot
from translate.data.deep_picture import DeepPicture, Picture, visible
from translate.data.inputs import Input, find_inputs
from translate.data.ranges import note_outside, without_deep
from translate.depth_results import Known, known_depth, save_depth
from translate.errors import InputError, RunError
from translate.evaluation.metrics import Tools
from translate.evaluation.scores import in_words, mean_scores, score
from translate.files import replacing_folder, write_json
from translate.flags import build, convert
from translate.inference import numbers_of
from translate.method_flags import Holes, holes_of, own_flags, replacing
from translate.methods import METHODS, Method
from translate.naming import NameTemplate, ResultNames
from translate.options import VISDOM_FLAGS, TestOptions
from translate.pipelining import overlapped
from translate.recorded_ranges import with_ranges
from translate.reports.cards import shown_by_browsers
from translate.reports.contact_sheet import write_contact_sheet
from translate.reports.results import Row, write_results_page
from translate.reports.thumbnails import save_thumbnail
from translate.result_quality import Comparison, Quality, compare_with
from translate.saving import save_values, write_picture
from translate.settings import resolve, train_flags
from translate.sizing import TestSize, choose_size
from translate.tiling import flags_for_less_memory
from translate.training.device import choose_device, describe_device
from translate.training.memory import naming_what_does_not_fit
from translate.training.run_folder import RunFolder, find_run, list_runs
from translate.translator import Translator, refuse_encoder

CONTACT_SHEET = "contact_sheet.jpg"
VALUES = "values"  # the folder of translations deeper than 8 bits


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
    if "tile_stats" in values and options.tile is None:
        raise InputError("--tile_stats says how tiles are translated: give --tile too, such as --tile 512")
    recorded_flags = recorded_flags or {}
    folder = _choose_run(options, {**recorded_flags, **values})
    record = folder.read_record()
    refuse_encoder(record, folder.path)
    _compare_flags(recorded_flags, record)
    model = record.get("model", "cut")
    _note_one_way(folder, options, record, METHODS[model])
    own = own_flags(model, values)
    size = choose_size(options, record, METHODS[model])
    device = choose_device(options.gpu_ids)
    translator = Translator.load(
        folder.path,
        options.epoch,
        size,
        device,
        options.direction,
        replacing(model, own),
        options.precision,
        options.tile,
        options.tile_stats,
    )
    source, inputs = _find_inputs(options, record, METHODS[model])
    inputs = with_ranges(inputs, record, _is_other_direction(options, record), translator.source)
    inputs, pixels = _check(inputs, options, size)
    target = Path(options.results_dir) / _shown_name(folder.path, options) / _results_name(options, record)
    facts = {
        "pictures from": str(source),
        "weights": str(folder.path / f"{options.epoch}_net_*.pth"),
        "size": size.describe(),
        "device": describe_device(translator.device, translator.precision.name),
    }
    if options.tile is not None:
        facts["tiles"] = f"{options.tile} pixels, {options.tile_stats} statistics"
    if translator.target is not None:
        facts["values"] = f"in the folder {VALUES}, {translator.target} from black to white ({translator.target.dtype})"
    if "depth_B" in numbers_of(translator.generator):
        facts["depth"] = f"near is warm, grey is not known; numbers in an unknown unit in the folder {VALUES}/depth_B"
    template = None if options.name_template is None else NameTemplate(options.name_template)
    names = ResultNames(options.format, template, folder.path.name, options.epoch, inputs)
    holes = holes_of(translator, own, record, [each.name for each in inputs])
    turned = _is_turned(options, record, METHODS[model])
    compared = _compared(options, record, METHODS[model], inputs, translator)
    job = _Job(translator, holes, turned, names, compared, Batches(translator.generator, translator.device), pixels)
    written = _translate_all(job, inputs, target, facts, options.display_winsize)
    print(f"{len(inputs)} in, {written} written")
    print(f"results: {target / 'index.html'}")
    return TestResult(target / "index.html", len(inputs), written)


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
        raise InputError(f"no run to test in {folder}; train one with {title('train')}, or give --checkpoints_dir")
    print(f"testing the newest run, {runs[0].name}")
    return RunFolder(runs[0])


def _shown_name(folder: Path, options: TestOptions) -> Path:
    """The name of a run as it is given, which may be one within a folder of runs."""
    runs = Path(options.checkpoints_dir)
    return folder.relative_to(runs) if folder.is_relative_to(runs) else Path(folder.name)


def _results_name(options: TestOptions, record: Mapping[str, Any]) -> str:
    """The folder of the results, which is another one for the direction that is not the run's own: its pictures are
    others, and must not take the place of the usual ones."""
    usual = f"{options.phase}_{options.epoch}"
    return f"{usual}_{options.direction}" if _is_other_direction(options, record) else usual


def _is_other_direction(options: TestOptions, record: Mapping[str, Any]) -> bool:
    return options.direction not in (None, _recorded_direction(record))


def _note_one_way(folder: RunFolder, options: TestOptions, record: Mapping[str, Any], method: type[Method]) -> None:
    """Say so if there is no network for the direction that is asked for: the reference's habit is to take the other."""
    both = "BtoA" in method.generators or "G_B" in folder.weights(options.epoch)
    if _is_other_direction(options, record) and not both:
        print(
            f"note: this run learned {_recorded_direction(record)} alone, and pictures of the other domain go through "
            f"the same network; for the way back train another with --direction {options.direction}"
        )


def _recorded_direction(record: Mapping[str, Any]) -> str:
    return record.get("options", {}).get("direction", "AtoB")


def _compare_flags(given: Mapping[str, Any], record: Mapping[str, Any]) -> None:
    recorded = record.get("options", {})
    groups = train_flags(str(given.get("model", "cut")))
    about_displays = {"display", "display_id", *VISDOM_FLAGS}  # of another call of train.py than the run was
    different = [
        f"--{name} {value} (the run has {recorded[name]})"
        for name, value in given.items()
        if name in groups and name in recorded and name not in about_displays
        if convert(groups[name], name, value) != recorded[name]
    ]
    if different:
        print(f"note: flags of training do not change a trained run: {', '.join(different)}")


def _find_inputs(options: TestOptions, record: Mapping[str, Any], method: type[Method]) -> tuple[Path, list[Input]]:
    root = _root(options, record, method)
    own = build(method.Options, record.get("options", {}))
    planes = method.layers(own).get("A", ())
    return find_inputs(root, options.phase, _letters(options, record), method.needs, _limit(options), planes)


def _root(options: TestOptions, record: Mapping[str, Any], method: type[Method]) -> Path:
    root = record.get("dataset", {}).get("root")
    if options.dataroot:
        root = resolve_dataroot(options.dataroot, method.needs, partners=False)
    if not root:
        raise InputError("--dataroot is missing: this run has no record of its dataset; name the folder with testA")
    return Path(root)


def _letters(options: TestOptions, record: Mapping[str, Any]) -> str:
    return "AB" if (options.direction or _recorded_direction(record)) == "AtoB" else "BA"


def _compared(
    options: TestOptions,
    record: Mapping[str, Any],
    method: type[Method],
    inputs: Sequence[Input],
    translator: Translator,
) -> Comparison:
    """What the data set has to compare the results with."""
    weights = Path(options.metrics_weights) if options.metrics_weights else None
    tools = Tools(translator.device, weights)
    ranges = translator.source, translator.target
    root = _root(options, record, method)
    return compare_with(
        options.metrics, root, options.phase, _letters(options, record), method.needs, inputs, ranges, tools
    )


def _is_turned(options: TestOptions, record: Mapping[str, Any], method: type[Method]) -> bool:
    """Whether pictures of the run's B are translated to its A, by a network of their own."""
    return "BtoA" in method.generators and _is_other_direction(options, record)


def _limit(options: TestOptions) -> int | None:
    limits = [limit for limit in (options.num_test, options.max_dataset_size) if limit is not None]
    return min(limits) if limits else None


def _check(inputs: list[Input], options: TestOptions, size: TestSize) -> tuple[list[Input], list[int]]:
    """The inputs that can be used, and how many pixels of each are translated."""
    report = check_pictures([each.part.path for each in inputs], label="pictures")
    range = inputs[0].part.range
    report = report if range else without_deep(report)
    good = set(raise_or_skip(report, options.skip_bad_images))
    inputs = [each for each in inputs if each.part.path in good]
    headers = [each.part.header(report.headers[each.part.path]) for each in inputs]
    if size.preprocess is not None:
        named = {each.part.path: header for each, header in zip(inputs, headers, strict=True)}
        check_geometry(named, size.preprocess, batch_size=1)
    if range:
        note_outside(range, f"the run's range {range}", "the pictures", report.headers)
    return inputs, [size.pixels(header.width, header.height) for header in headers]


def _translate_all(job: "_Job", inputs: list[Input], target: Path, facts: dict[str, str], width: int) -> int:
    """Translate every picture, measure the results, and write the page; the number of results."""
    with replacing_folder(target, "--results_dir") as folder:
        results = list(tqdm(job.run(inputs, folder, width), total=len(inputs), unit="pic", disable=None))
        rows = [row for row, _ in results]
        written = sum((folder / path).is_file() for path in {row.pictures[job.result] for row in rows})
        if written != len(inputs):
            raise RunError(f"{len(inputs)} pictures in, but {written} written; nothing was changed in {target}")
        quality = job.measure(folder, inputs, rows)
        scores = quality.with_per_picture({row.name: found for row, found in results})
        means = mean_scores([found for _, found in results if found])
        write_json(folder / "scores.json", {"mean": means, "pictures": scores, **quality.to_json(rows)})
        facts = {**facts, "pictures": f"{len(inputs)} in, {written} written"}
        facts |= {name: in_words(name, value) for name, value in means.items()}
        title, rows = f"{target.parent.name}, {target.name}", [replace(row, scores=scores[row.name]) for row in rows]
        write_contact_sheet(folder / CONTACT_SHEET, title, rows)
        write_results_page(folder / "index.html", title, rows, facts, width, CONTACT_SHEET, quality.figures())
    for name, value in means.items():
        print(f"{name}: {in_words(name, value)}")
    quality.say()
    return written


class _Ready(NamedTuple):
    """A picture that has been read: as the network gets to see it, what of it is to be filled, and its truth."""

    input: Input
    position: int  # among all inputs
    prepared: Picture
    hole: np.ndarray | None
    truth: Picture | None
    known: Known | None = None


@dataclass(frozen=True)
class _Job:
    """What is done to each picture of a test, and what the results are compared with."""

    translator: Translator
    holes: Holes | None
    turned: bool
    names: ResultNames
    compared: Comparison
    batches: Batches
    pixels: Sequence[int]  # of each picture, as the network gets to see it

    @property
    def result(self) -> str:
        """The label of the translation."""
        return self._shown_label("fake_B")

    def run(self, inputs: list[Input], folder: Path, width: int) -> Iterator[tuple[Row, dict[str, float]]]:
        """Translate pictures, write what there is to see below ``folder``, and score them where the truth is known.

        Args:
            width: of a picture in the page, in pixels.
        """
        return overlapped(
            enumerate(inputs),
            self._read,
            self._translate,
            partial(self._write, folder, width),
            self.batches.fits,
            ahead=self.batches.ahead,
            weigh=lambda numbered: self.pixels[numbered[0]],
        )

    def measure(self, folder: Path, inputs: Sequence[Input], rows: Sequence[Row]) -> Quality:
        """The quality of the results that were written below a folder."""
        files = [folder / row.pictures[self.result] for row in rows]
        is_own_truth = bool(rows) and "truth_B" in rows[0].pictures and inputs[0].truth is None
        return self.compared.measure(self.translator, inputs, files, is_own_truth)

    def _read(self, numbered: tuple[int, Input]) -> "_Ready":
        position, each = numbered
        picture = each.part.read(self.translator.input_nc)
        prepared = self.translator.prepare(picture)
        hole = self.holes(each.name, prepared.size) if self.holes else None
        truth = None if each.truth is None else each.truth.read().resize(prepared.size, Image.Resampling.BICUBIC)
        return _Ready(each, position, prepared, hole, truth, known_depth(each, picture.size, prepared.size))

    def _write(
        self, folder: Path, width: int, ready: "_Ready", views: Mapping[str, Any]
    ) -> tuple[Row, dict[str, float]]:
        each, prepared = ready.input, ready.prepared
        views = dict(views)
        depth = views.pop("depth_B", None)
        if any(label.endswith("_A") for label in views):
            pictures = {**views, "truth_B": prepared}  # the network saw but a part of the picture, which is the truth
        else:
            pictures = {"real_A": prepared, **views}
            if ready.truth is not None:
                pictures["truth_B"] = ready.truth
            if ready.known is not None:
                pictures["truth_B"] = ready.known.view()
        if depth is not None:
            save_depth(depth, folder / VALUES / "depth_B" / f"{each.name}.npy")
        if isinstance(translation := views.get("fake_B"), DeepPicture):
            save_values(translation, self.translator.target, folder / VALUES / self.result / each.name)
        pictures = {label: visible(picture) for label, picture in pictures.items()}
        scores = score(pictures, ready.hole) if "truth_B" in pictures else {}
        if depth is not None:
            scores = ready.known.score(depth) if ready.known else {}
        pictures = {self._shown_label(label): image for label, image in pictures.items()}
        note = ", ".join(f"{name} {in_words(name, value)}" for name, value in scores.items())
        files = {label: self.names.path(label, each, ready.position) for label in pictures}
        thumbnails = _write(pictures, files, each.name, folder, width)
        files = {label: path for label, (path, _) in files.items()}
        return Row(each.name, files, note, thumbnails, scores), scores

    def _translate(self, batch: list["_Ready"]) -> Iterable[dict[str, Picture]]:
        return self.batches.compute(batch, self.translator.batch_views, self._translate_alone)

    def _translate_alone(self, ready: "_Ready") -> dict[str, Picture]:
        remedy = flags_for_less_memory(self.translator.generator)
        with naming_what_does_not_fit(ready.input.part.path, self.translator.device, remedy):
            return self.translator.views(ready.prepared, ready.hole)

    def _shown_label(self, label: str) -> str:
        if not self.turned:
            return label
        return label[:-1] + {"A": "B", "B": "A"}[label[-1]]


def _write(
    pictures: Mapping[str, Image.Image], files: Mapping[str, tuple[str, str]], name: str, folder: Path, width: int
) -> dict[str, str]:
    """Write each in its format, and a small copy of large ones and of those that no browser shows; the paths of the
    copies below the folder."""
    thumbnails = {}
    for label, (path, format) in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        write_picture(pictures[label], folder / path, format)
        small = f"thumbnails/{label}/{name}.jpg"
        if save_thumbnail(pictures[label], folder / small, width, needed=not shown_by_browsers(path)):
            thumbnails[label] = small
    return thumbnails
