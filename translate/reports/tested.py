"""Reading what a test has left: its pictures, scores and metrics, and what its run says about itself."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from translate.errors import InputError
from translate.reports.cards import MEANINGS
from translate.reports.training_log import read_training_log

SCORES, IMAGES, THUMBNAILS = "scores.json", "images", "thumbnails"
RECORD, LOG = "run.json", "log.jsonl"
SOURCES = ("hole_A", "grey_A", "real_A", "real_B")  # what a network saw is called, first what says most
RESULTS = ("fake_B", "fake_A")  # what a translation is called
Files = dict[str, dict[str, str]]  # name of an input -> label -> path below the results' folder


@dataclass(frozen=True)
class Tested:
    """A run and a test of it.

    Attributes:
        name: what it is called where runs stand beside each other.
        folder: of the results.
        run: the folder of the run itself, which need not be there.
        files: the pictures that are there.
        scores: name of an input -> score -> value.
        mean: score -> mean over the pictures.
        metrics: name -> what was found, as in ``metrics.jsonl``.
        step: of the weights that were tested; None where that is unknown.
        last_step, train_s: of the training, which may have gone on.
        options: what the run was told, ``model`` among it; empty where that is unknown.
        parameters: network -> how many it has.
        notes: what is missing, in sentences.
    """

    name: str
    folder: Path
    run: Path
    files: Files
    scores: dict[str, dict[str, float]] = field(default_factory=dict)
    mean: dict[str, float] = field(default_factory=dict)
    metrics: dict[str, dict[str, Any]] = field(default_factory=dict)
    step: int | None = None
    last_step: int | None = None
    train_s: float | None = None
    options: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """The label of its inputs."""
        return self._first(SOURCES)

    @property
    def result(self) -> str:
        """The label of its translations."""
        return self._first(RESULTS)

    def _first(self, known: tuple[str, ...]) -> str:
        labels = {label for pictures in self.files.values() for label in pictures}
        return next((label for label in known if label in labels), known[0])

    def thumbnail(self, name: str, label: str) -> str | None:
        """The path of a picture's small copy below the results' folder, where there is one."""
        path = f"{THUMBNAILS}/{label}/{name}.jpg"
        return path if (self.folder / path).is_file() else None


def is_tested(folder: Path) -> bool:
    """Whether a folder holds what a test leaves."""
    return (folder / IMAGES).is_dir() or (folder / SCORES).is_file()


def run_name(folder: Path) -> str:
    """The name of the run that was tested."""
    return str(_read(folder / SCORES).get("run") or folder.resolve().parent.name)


def read_tested(folder: Path, run: Path, name: str) -> Tested:
    """Read the results of a test, those of an older version among them, which has no list of its pictures.

    Args:
        folder: ``results/<run>/<phase>_<epoch>``.
        run: ``checkpoints/<run>``; what it lacks is said in the notes.

    Raises:
        InputError: there are no pictures, or a file is damaged.
    """
    found, record, log = _read(folder / SCORES), _read(run / RECORD), read_training_log(run / LOG)
    listed = _mapping(found, "files") or _pictures_in(folder)
    files = {picture: _present(folder, paths) for picture, paths in listed.items()}
    files = {picture: paths for picture, paths in files.items() if paths}
    if not files:
        raise InputError(f"{folder} holds no pictures of a test; test the run again, or name another folder")
    notes = [_missing(listed, files)] if files != listed else []
    notes += [] if record else [f"{run / RECORD} is missing, so its flags are unknown"]
    notes += [] if log.train_s is not None else [f"{run / LOG} tells no times, so its training time is unknown"]
    return Tested(
        name=name,
        folder=folder,
        run=run,
        files=files,
        scores={picture: _numbers(scores) for picture, scores in _mapping(found, "pictures").items()},
        mean=_numbers(_mapping(found, "mean")),
        metrics={metric: each for metric, each in _mapping(found, "metrics").items() if isinstance(each, dict)},
        step=found["step"] if isinstance(found.get("step"), int) else None,
        last_step=log.step,
        train_s=log.train_s,
        options=_options(record) if record else {},
        parameters=_mapping(record, "parameters"),
        notes=tuple(f"{name}: {note}." for note in notes),
    )


def _options(record: dict[str, Any]) -> dict[str, Any]:
    """What a run was told; its data set by where it lies, since the same one may have been named in several ways."""
    root = _mapping(record, "dataset").get("root")
    told = {"model": record.get("model", "cut"), **_mapping(record, "options")}
    return {**told, "dataroot": root} if isinstance(root, str) and "dataroot" in told else told


def _read(path: Path) -> dict[str, Any]:
    """A JSON file that holds an object; an empty one where there is no file."""
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged ({error}); make it anew, or delete it to go on without") from None
    if not isinstance(content, dict):
        raise InputError(f"{path} is damaged (it holds no object); make it anew, or delete it to go on without")
    return content


def _mapping(content: dict[str, Any], key: str) -> dict[str, Any]:
    value = content.get(key)
    return value if isinstance(value, dict) else {}


def _numbers(values: Any) -> dict[str, float]:
    given = values if isinstance(values, dict) else {}
    return {name: float(value) for name, value in given.items() if type(value) in (int, float)}


def _pictures_in(folder: Path) -> Files:
    """The pictures below ``images/<label>``, by the names that a test without ``--name_template`` gives them."""
    files: Files = {}
    for label in MEANINGS:
        home = folder / IMAGES / label
        for path in sorted(path for path in home.rglob("*") if path.is_file()):
            name = path.relative_to(home).with_suffix("").as_posix()
            files.setdefault(name, {})[label] = path.relative_to(folder).as_posix()
    return files


def _present(folder: Path, paths: Any) -> dict[str, str]:
    given = paths if isinstance(paths, dict) else {}
    return {label: path for label, path in given.items() if isinstance(path, str) and (folder / path).is_file()}


def _missing(listed: dict[str, Any], files: Files) -> str:
    """Which of the pictures in the list are not there."""
    gone = [
        str(path)
        for picture, paths in listed.items()
        for label, path in (paths.items() if isinstance(paths, dict) else [("", picture)])
        if label not in files.get(picture, {})
    ]
    return f"{len(gone)} of its pictures are not there, such as {gone[0]}"
