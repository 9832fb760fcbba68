"""Tiny runs, and what is compared between them."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from translate.training.run import TrainingResult, train_from_flags

Train = Callable[..., TrainingResult | None]


@pytest.fixture(scope="session")
def data(tmp_path_factory, make_domains) -> Path:
    """Three pictures in each domain; read it, do not change it."""
    return make_domains(tmp_path_factory.mktemp("pictures"), 3, 3)


@pytest.fixture(scope="session")
def base_flags(data: Path, tiniest: Mapping[str, Any]) -> dict[str, Any]:
    """Two epochs of three steps, no page; where to, a test says."""
    return {**tiniest, "dataroot": str(data), "n_epochs_decay": 1, "print_freq": 1, "no_html": True}


@pytest.fixture(scope="session")
def whole(base_flags: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that nothing interrupted; read it, do not change it."""
    return train_from_flags({**base_flags, "checkpoints_dir": str(tmp_path_factory.mktemp("whole"))}).folder


@pytest.fixture
def train(tmp_path: Path, base_flags: dict[str, Any]) -> Train:
    """train(name="run", **flags): the same in tmp_path/checkpoints, with some flags changed."""

    def start(name: str = "run", **flags: Any) -> TrainingResult | None:
        return train_from_flags({**base_flags, "checkpoints_dir": str(tmp_path / "checkpoints"), "name": name, **flags})

    return start


@pytest.fixture
def resume(tmp_path: Path) -> Train:
    """resume(name="run", **flags): go on with a run, told nothing but where it is."""

    def start(name: str = "run", **flags: Any) -> TrainingResult | None:
        told = {"name": name, "checkpoints_dir": str(tmp_path / "checkpoints"), "continue_train": True}
        return train_from_flags({"num_threads": 0, **told, **flags})

    return start


@pytest.fixture
def read_log() -> Callable[[Path], list[dict[str, Any]]]:
    """The entries of a run's log.jsonl without their times."""

    def read(folder: Path) -> list[dict[str, Any]]:
        entries = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
        return [{key: entry[key] for key in ("step", "epoch", "lr", "losses")} for entry in entries]

    return read


@pytest.fixture
def same_state() -> Callable[[Path, Path], bool]:
    """Whether the states of two runs are equal to the last bit: weights, moments, counters."""

    def same(first: Path, second: Path) -> bool:
        states = [torch.load(folder / "latest_state.pth", weights_only=True) for folder in (first, second)]
        leaves = [{key: value for key, value in _leaves(state) if not key.startswith("/log_sizes")} for state in states]
        assert leaves[0].keys() == leaves[1].keys()
        assert sum(isinstance(value, torch.Tensor) for value in leaves[0].values()) > 50
        return all(_equal(value, leaves[1][key]) for key, value in leaves[0].items())

    return same


@pytest.fixture
def tree() -> Callable[[Path], dict[str, bytes]]:
    """Every file below a folder with its content."""

    def read(folder: Path) -> dict[str, bytes]:
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    return read


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _leaves(part, f"{path}/{key}")
    elif isinstance(value, list | tuple):
        for index, part in enumerate(value):
            yield from _leaves(part, f"{path}/{index}")
    else:
        yield path, value


def _equal(first: Any, second: Any) -> bool:
    if isinstance(first, torch.Tensor):
        return first.dtype == second.dtype and torch.equal(first, second)
    return first == second
