"""Processes that were told or see different things do not start."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from translate.errors import InputError
from translate.settings import TrainSettings, resolve
from translate.training import agreement
from translate.training.agreement import compare_starts
from translate.training.feeding import Feed
from translate.training.job import Job
from translate.training.run_folder import RunFolder
from translate.training.start import Start

TOLD = {"batch_size": 8, "precision": "bf16", "dataroot": "here"}


@pytest.fixture
def compare(monkeypatch):
    """compare(one, other): what the first process says beside the second, each of them made by ``job``."""

    def meet(one: Job, other: Job) -> None:
        said: list[object] = []
        monkeypatch.setattr(agreement, "gather_values", lambda value: said.append(value) or [value, value])
        compare_starts(other)
        answers = iter(said)
        monkeypatch.setattr(agreement, "gather_values", lambda value: [value, next(answers)])
        compare_starts(one)

    return meet


def job(step: int | None = None, names: tuple[str, ...] = ("a.png", "b.png"), counts=None, root="", **flags) -> Job:
    settings: TrainSettings = resolve({**TOLD, **flags})
    state = None if step is None else {"progress": {"step": step}}
    paths = [Path(root) / name for name in names]
    feed = Feed(Path(root), SimpleNamespace(), counts or {"A": len(names), "B": 3}, 3, 3, {}, paths)
    parts = dict.fromkeys(("method", "precision", "sampler", "processes", "said"))
    return Job(settings=settings, start=Start(settings, RunFolder(Path("run")), state=state), feed=feed, **parts)


def test_those_that_see_the_same_start(compare):
    compare(job(), job())
    compare(job(step=3), job(step=3))


def test_places_and_what_the_first_does_alone_may_differ(compare):
    compare(job(), job(dataroot="there", root="/there", num_threads=3, cache_mb=7, gpu_ids="1", no_html=True))


@pytest.mark.parametrize(("one", "other"), [(3, 2), (3, None), (None, 3)])
def test_another_state_is_refused(compare, one, other):
    with pytest.raises(InputError, match=rf"steps \[{one}, {other}\].*--checkpoints_dir that all machines share"):
        compare(job(step=one), job(step=other))


@pytest.mark.parametrize(
    ("name", "value"),
    [("batch_size", 4), ("seed", 5), ("max_steps", 7), ("dry_run", True), ("lambda_NCE", 2.0), ("precision", "fp32")],
)
def test_another_flag_is_named(compare, name, value):
    with pytest.raises(InputError, match=rf"--{name} is .* in process 0 and {value} in process 1; give the same --"):
        compare(job(), job(**{name: value}))


def test_a_flag_that_the_method_of_another_process_does_not_have_is_named_too(compare):
    with pytest.raises(InputError, match=r"--model is cut in process 0 and cycle_gan in process 1"):
        compare(job(), job(model="cycle_gan"))


def test_other_pictures_are_refused(compare):
    with pytest.raises(InputError, match=r"--dataroot here \(2 pictures in A, 3 in B, and 1 pictures in A, 3 in B\)"):
        compare(job(), job(names=("a.png",)))
    with pytest.raises(InputError, match=r"2 pictures in A, 3 in B, of other names\): give all machines the same copy"):
        compare(job(), job(names=("a.png", "c.png")))
