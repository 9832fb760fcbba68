"""A training as a run of Weights & Biases, whose files lie in ``<run>/wandb``."""

import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from translate.errors import RunError
from translate.files import write_json
from translate.reports.displays.base import Pictures, Shown
from translate.reports.metrics_log import CURVES, metric_lines, read_metrics_log
from translate.reports.training_log import read_records

if TYPE_CHECKING:
    from translate.reports.displays.wandb_client import WandbProcess

SENT = "wandb.json"
Row = Mapping[str, Any]  # name -> number or (picture, caption)


@dataclass
class Sent:
    """What wandb was given of a run, kept in the run's folder so that the same W&B run goes on with it. It is on the
    disk some seconds later, which a machine that dies in between takes with it.

    Attributes:
        id: of the W&B run.
        rows: how many it was given.
        steps: the last step of each kind of them.
    """

    id: str = field(default_factory=lambda: secrets.token_hex(4))
    rows: int = 0
    steps: dict[str, int] = field(default_factory=dict)


class WandbDisplay:
    """Charts ``losses/NAME``, ``lr``, ``seconds/...``, ``metrics/NAME`` and the like over ``step``; pictures with
    captions; all flags and facts as the W&B run's config.

    W&B forgets nothing and takes nothing back. So a step that a resumed run repeats is not shown again, which the same
    flags repeat as it was. Entries of the log that W&B lacks are sent when the display begins.
    """

    module = "translate.reports.displays.wandb_client"
    install = "pip install 'unpaired-translate[wandb]'"

    def __init__(self, shown: Shown):
        self.shown = shown
        self._process: WandbProcess | None = None
        self._sent = Sent()
        self._is_disabled = False

    def begin(self, facts: Mapping[str, str], step: int) -> None:
        if self._process is None or not self._process.is_alive:
            self._open(facts)
        self._send("losses", map(_losses_row, read_records(self.shown.log)))
        for entry in read_metrics_log(self.shown.metrics):
            self.metrics(entry)

    def losses(self, entry: Mapping[str, Any]) -> None:
        self._send("losses", [_losses_row(entry)])

    def metrics(self, entry: Mapping[str, Any]) -> None:
        self._send(f"metrics_{entry['weights']}", [_metrics_row(entry)])

    def pictures(self, step: int, epoch: int, pictures: Pictures) -> None:
        self._send("pictures", [_pictures_row("pictures", step, epoch, pictures)])

    def previews(self, step: int, epoch: int, pictures: Pictures) -> None:
        self._send("previews", [_pictures_row("previews", step, epoch, pictures)])

    def close(self) -> None:
        self._process.ask("end")
        self._process.leave()

    def _open(self, facts: Mapping[str, str]) -> None:
        from translate.reports.displays.wandb_client import WandbProcess

        self._sent = _read(self.shown.folder / SENT)
        self._process = WandbProcess()
        opened = self._process.ask(
            "open",
            folder=self.shown.folder.resolve(),
            id=self._sent.id,
            name=self.shown.name,
            config={**self.shown.flags, "facts": dict(facts)},
            rows=self._sent.rows,
        )
        self._is_disabled = opened["is_disabled"]
        if not self._is_disabled:
            self._write()
            where = opened["url"] or f"offline; to send it: wandb sync {opened['folder']}/offline-*"
            tqdm.write(f"Weights & Biases: {where}")

    def _send(self, kind: str, rows: Iterable[Row]) -> None:
        """The rows of steps that W&B does not have yet, which come in order."""
        new = [row for row in rows if row["step"] > self._sent.steps.get(kind, -1)]
        if new and not self._is_disabled:
            self._process.ask("log", rows=new)
            self._sent.rows += len(new)
            self._sent.steps[kind] = new[-1]["step"]
            self._write()

    def _write(self) -> None:
        write_json(self.shown.folder / SENT, asdict(self._sent))


def _read(path: Path) -> Sent:
    try:
        return Sent(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return Sent()
    except (ValueError, TypeError) as error:
        raise RunError(f"{path} is damaged ({error}); delete it, and W&B begins a new run") from None


def _losses_row(entry: Mapping[str, Any]) -> Row:
    losses = {f"losses/{name}": value for name, value in entry["losses"].items()}
    others = {"lr": "lr", "seconds/step": "step_s", "seconds/data": "data_s"}
    return {"step": entry["step"], **losses, **{name: entry[key] for name, key in others.items() if key in entry}}


def _metrics_row(entry: Mapping[str, Any]) -> Row:
    lines = metric_lines(entry).items()
    values = {f"{CURVES[curve]}/{name}": value for name, line in lines for curve, value in line.items()}
    return {"step": entry["step"], **values}


def _pictures_row(group: str, step: int, epoch: int, pictures: Pictures) -> Row:
    when = f"epoch {epoch}, step {step:,}"
    shown = {f"{group}/{label}": (picture.convert("RGB"), f"{label}, {when}") for label, picture in pictures.items()}
    return {"step": step, **shown}
