"""A training as TensorBoard shows it: event files in ``<run>/tensorboard``."""

import contextlib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from translate.reports.displays.base import Pictures, Shown
from translate.reports.metrics_log import CURVES, LEVELS, metric_lines

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

FOLDER = "tensorboard"


class TensorBoardDisplay:
    """Scalars ``losses/NAME``, ``lr`` and ``seconds/step``, ``seconds/data``; images ``pictures/LABEL`` and
    ``previews/LABEL``; a table of facts. Every entry is flushed, so that a killed run leaves it behind.

    Metrics are scalars too: ``metrics/NAME``, ``metrics_ema/NAME``, ``metrics_floor/NAME``, ``metrics_ceiling/NAME``;
    the tab of custom scalars has one chart a metric with all of them.
    """

    module = "torch.utils.tensorboard"
    install = "pip install 'unpaired-translate[tensorboard]'"

    def __init__(self, shown: Shown):
        self.folder = shown.folder / FOLDER
        self._writer: SummaryWriter | None = None
        self._charts: dict[str, None] = {}  # the metrics that have one
        self._levels_at: dict[str, int] = {}  # metric -> the last step with a floor or a ceiling

    def begin(self, facts: Mapping[str, str], step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        former = self._writer
        if former is not None:
            with contextlib.suppress(Exception):  # it may be what failed
                former.close()
        # The first file of a run that goes on makes void what was written of the steps that it will repeat; at its very
        # start that is step 0 too, of which there are previews.
        void_from = step + 1 if step else 0
        self._writer = SummaryWriter(str(self.folder), purge_step=void_from if former is None else None)
        self._charts.clear()
        if former is None:
            rows = "".join(f"| {name} | {value} |\n" for name, value in facts.items())
            self._writer.add_text("run", f"| | |\n|-|-|\n{rows}", step + 1)
        self._writer.flush()

    def losses(self, entry: Mapping[str, Any]) -> None:
        step = entry["step"]
        for name, value in entry["losses"].items():
            self._writer.add_scalar(f"losses/{name}", value, step)
        self._writer.add_scalar("lr", entry["lr"], step)
        self._writer.add_scalar("seconds/step", entry["step_s"], step)
        self._writer.add_scalar("seconds/data", entry["data_s"], step)
        self._writer.flush()

    def metrics(self, entry: Mapping[str, Any]) -> None:
        step, lines = entry["step"], metric_lines(entry)
        if not lines.keys() <= self._charts.keys():
            self._charts |= dict.fromkeys(lines)
            self._add_charts()
        for name, values in lines.items():
            for curve, value in values.items():
                if curve not in LEVELS or self._levels_at.get(name) != step:  # both weights have the same levels
                    self._writer.add_scalar(f"{CURVES[curve]}/{name}", value, step)
            self._levels_at[name] = step
        self._writer.flush()

    def pictures(self, step: int, epoch: int, pictures: Pictures) -> None:
        self._add_images("pictures", step, pictures)

    def previews(self, step: int, epoch: int, pictures: Pictures) -> None:
        self._add_images("previews", step, pictures)

    def close(self) -> None:
        self._writer.close()

    def _add_charts(self) -> None:
        """A chart a metric with all of its curves."""
        tags = {name: [f"{group}/{re.escape(name)}$" for group in CURVES.values()] for name in self._charts}
        self._writer.add_custom_scalars({"metrics": {name: ["Multiline", tags[name]] for name in tags}})

    def _add_images(self, group: str, step: int, pictures: Pictures) -> None:
        for label, picture in pictures.items():
            pixels = np.asarray(picture.convert("RGB"))
            self._writer.add_image(f"{group}/{label}", pixels, step, dataformats="HWC")
        self._writer.flush()
