"""A visdom server of one's own, a reader of W&B's files, a run to show, and a tiny training."""

import base64
import io
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image

from translate.options import ReportOptions
from translate.reports.displays import Shown, background, wandb_client
from translate.training.run import TrainingResult, train_from_flags

# The server without the download of scripts for browsers with which "python -m visdom.server" begins, and without
# torch, which it would import if it found it.
SERVE = """
import sys

class NoTorch:
    def find_spec(self, name, *_):
        if name == "torch":
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, NoTorch())
from visdom.server.run_server import main
sys.argv = ["visdom", "-port", sys.argv[1], "-env_path", sys.argv[2], "-bind_local", "-logging_level", "ERROR"]
main()
"""
PATIENCE_S = 120  # for a stalled machine


class VisdomServer:
    """visdom's own server on the loopback, as a process."""

    def __init__(self, folder: Path):
        self.folder, self.port = folder, free_port()
        self.start()

    def start(self) -> None:
        words = [sys.executable, "-c", SERVE, str(self.port), str(self.folder)]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(words, cwd=self.folder, **quiet)
        until = time.monotonic() + PATIENCE_S
        while not self.answers():
            assert self.process.poll() is None and time.monotonic() < until, "the server does not start"
            time.sleep(0.02)

    def answers(self) -> bool:
        try:
            return self.ask("win_exists", "any") is False
        except requests.ConnectionError:
            return False

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def ask(self, what: str, window: str | None = None, env: str = "main") -> Any:
        answer = requests.post(f"http://127.0.0.1:{self.port}/{what}", json={"win": window, "eid": env}, timeout=30)
        assert answer.ok
        return json.loads(answer.text) if answer.text else None

    def curves(self, window: str, env: str = "main") -> dict[str, tuple[list[float], list[float | None]]]:
        """loss name -> (steps, values)"""
        return {line["name"]: (line["x"], line["y"]) for line in self._window(window, env)["content"]["data"]}

    def picture(self, window: str, env: str = "main") -> Image.Image:
        source = self._window(window, env)["content"]["src"]
        return Image.open(io.BytesIO(base64.b64decode(source.removeprefix("data:image/png;base64,"))))

    def title(self, window: str) -> str:
        return self._window(window, "main")["title"]

    def windows(self, env: str) -> set[str]:
        return set(self.ask("win_data", None, env))

    def _window(self, window: str, env: str) -> dict[str, Any]:
        assert self.ask("win_exists", window, env) is True
        return self.ask("win_data", window, env)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VisdomServer]:
    """One for all tests that do not kill it; each run in it has a name of its own."""
    started = VisdomServer(tmp_path_factory.mktemp("visdom"))
    yield started
    started.kill()


@pytest.fixture
def mortal_server(tmp_path: Path) -> Iterator[VisdomServer]:
    folder = tmp_path / "visdom"
    folder.mkdir()
    started = VisdomServer(folder)
    yield started
    started.kill()


@pytest.fixture
def read_wandb() -> Callable[[Path], list[dict[str, Any]]]:
    """read_wandb(run's folder): what lies in the files of its offline W&B runs, the first one first."""

    def read(folder: Path) -> list[dict[str, Any]]:
        files = sorted((folder / "wandb").glob("offline-run-*/*.wandb"), key=lambda path: path.stat().st_mtime_ns)
        words = [sys.executable, str(Path(__file__).with_name("read_wandb.py")), *map(str, files)]
        return json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)

    return read


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of a training waits for as long as its displays need."""
    monkeypatch.setattr(background, "LEAVE_AFTER_S", PATIENCE_S)
    monkeypatch.setattr(wandb_client, "LEAVE_AFTER_S", PATIENCE_S)


@pytest.fixture
def unused_port() -> int:
    """Of a server that is not there."""
    return free_port()


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Of a server that takes connections and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(100)
        yield listening.getsockname()[1]


@pytest.fixture
def make_entry() -> Callable[..., dict[str, Any]]:
    """make_entry(step, **losses): an entry of a log."""

    def make(step: int, **losses: float) -> dict[str, Any]:
        losses = losses or {"G": 1 / step, "D": 0.1 * step}
        return {"step": step, "epoch": 1, "losses": losses, "step_s": 0.25, "data_s": 0.125, "lr": 0.0002}

    return make


@pytest.fixture
def make_metrics() -> Callable[..., dict[str, Any]]:
    """make_metrics(step, weights="raw", **values): a line of metrics.jsonl; a value is a number or a dict."""

    def make(step: int, weights: str = "raw", **values: Any) -> dict[str, Any]:
        values = values or {"domain_share": {"value": step / 10, "floor": 0.97, "ceiling": 0.03}}
        metrics = {name: value if isinstance(value, dict) else {"value": value} for name, value in values.items()}
        beside = {"phase": "val", "left_out": {"fid_clean": "no weights"}, "counts": {"results": 40}, "seconds": 3.2}
        return {"step": step, "epoch": 1, "weights": weights, "metrics": metrics, **beside}

    return make


@pytest.fixture
def make_shown(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[..., Shown]:
    """make_shown(entries, **flags): a run of the test's own name whose log holds these entries."""

    def make(entries: list[dict[str, Any]], **flags: Any) -> Shown:
        log = tmp_path / "log.jsonl"
        log.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
        return Shown(tmp_path, log, request.node.name, ReportOptions(**flags), {"model": "cut", "lr": 0.0002})

    return make


@pytest.fixture(scope="session")
def pictures_of_a_run(tmp_path_factory: pytest.TempPathFactory, make_domains: Callable[..., Path]) -> Path:
    return make_domains(tmp_path_factory.mktemp("pictures"), 5, 5)


@pytest.fixture(scope="session")
def run_flags(pictures_of_a_run: Path, tiniest: Mapping[str, Any]) -> dict[str, Any]:
    """An epoch of five steps, each logged, of the quicker kind."""
    own = {"precision": "fp32", "print_freq": 1, "CUT_mode": "FastCUT", "dataroot": str(pictures_of_a_run)}
    return {**tiniest, **own}


@pytest.fixture(scope="session")
def plain(run_flags: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that has no display besides the page; read it, do not change it."""
    return train_from_flags({**run_flags, "checkpoints_dir": str(tmp_path_factory.mktemp("plain"))}).folder


@pytest.fixture
def train(tmp_path: Path, run_flags: dict[str, Any]) -> Callable[..., TrainingResult]:
    """train(name, **flags): the same with some flags changed."""

    def start(name: str, **flags: Any) -> TrainingResult:
        return train_from_flags({**run_flags, "checkpoints_dir": str(tmp_path / "checkpoints"), "name": name, **flags})

    return start


@pytest.fixture
def resume(tmp_path: Path) -> Callable[..., TrainingResult]:
    """resume(name, **flags): go on with a run, told nothing but where it is."""

    def start(name: str, **flags: Any) -> TrainingResult:
        told = {"name": name, "checkpoints_dir": str(tmp_path / "checkpoints"), "continue_train": True}
        return train_from_flags({"num_threads": 0, **told, **flags})

    return start


@pytest.fixture
def log_of() -> Callable[[Path], list[dict[str, Any]]]:
    """log_of(folder): the entries of a run's log."""
    return lambda folder: [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
