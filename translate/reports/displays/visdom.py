"""A training in the windows of a visdom server: the losses, the newest pictures, the previews, the metrics."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from translate.reports.displays.base import Pictures, Shown
from translate.reports.displays.grid import captioned_grid
from translate.reports.metrics_log import metric_lines, read_metrics_log
from translate.reports.training_log import read_training_log

if TYPE_CHECKING:
    from translate.reports.displays.visdom_client import Client

Series = Mapping[str, Sequence[tuple[int, float]]]  # loss name or curve of a metric -> (step, value)

WINDOWS = ("losses", "pictures", "previews", "metric")


class VisdomDisplay:
    """Windows named after the run, or numbered from ``--display_id`` on: losses, pictures, previews, and one a metric.

    The log of the run is the truth about its curves: they are drawn from it when the display begins, also after
    trouble, and where the window is gone. In between, entries are appended. Metrics are few and always drawn from
    their file.
    """

    module = "visdom"
    # visdom 0.2.4 builds itself with pkg_resources, which newer setuptools have no more.
    install = "echo 'setuptools<81' > old.txt; pip install --build-constraint old.txt 'unpaired-translate[visdom]'"

    def __init__(self, shown: Shown):
        self.shown = shown
        self._client: Client | None = None
        self._names: list[str] = []  # of the losses in the window, in its order
        self._drawn = 0  # the step up to which they are drawn

    def begin(self, facts: Mapping[str, str], step: int) -> None:
        from translate.reports.displays.visdom_client import Client

        flags = self.shown.options
        self._client = Client(flags.display_server, flags.display_port, flags.display_env)
        self._client.has_window(self._window(0))  # so that another kind of server is noticed
        self._draw_all()
        self._draw_metrics()

    def losses(self, entry: Mapping[str, Any]) -> None:
        if entry["step"] <= self._drawn:
            return
        is_new = not set(entry["losses"]) <= set(self._names)
        if is_new or not self._client.has_window(self._window(0)):
            self._draw_all()
        else:
            points = {name: [(entry["step"], entry["losses"].get(name, math.nan))] for name in self._names}
            self._draw(points, "append")

    def metrics(self, entry: Mapping[str, Any]) -> None:
        self._draw_metrics(entry["metrics"])

    def pictures(self, step: int, epoch: int, pictures: Pictures) -> None:
        self._show(1, f"pictures, epoch {epoch}, step {step:,}", pictures)

    def previews(self, step: int, epoch: int, pictures: Pictures) -> None:
        self._show(2, f"previews, epoch {epoch}, step {step:,}", pictures)

    def close(self) -> None:
        """Nothing: the windows stay."""

    def _window(self, number: int) -> str:
        first = self.shown.options.display_id
        return str(first + number) if first else f"{self.shown.name} {WINDOWS[number]}"

    def _draw_all(self) -> None:
        series = read_training_log(self.shown.log).series
        if series:
            self._draw(series)

    def _draw(self, series: Series, update: str | None = None) -> None:
        """A new window of losses, or more of the lines that are in it."""
        self._names, self._drawn = list(series), self._draw_lines(self._window(0), "losses", "loss", series, update)

    def _draw_metrics(self, wanted: Iterable[str] | None = None) -> None:
        """The windows of these metrics, or of all."""
        series: dict[str, dict[str, list[tuple[int, float]]]] = {}
        for entry in read_metrics_log(self.shown.metrics):
            for name, values in metric_lines(entry).items():
                for curve, value in values.items():
                    series.setdefault(name, {}).setdefault(curve, []).append((entry["step"], value))
        for name in series if wanted is None else series.keys() & set(wanted):
            self._draw_lines(f"{self._window(3)} {name}", name, name, series[name])

    def _draw_lines(self, window: str, title: str, unit: str, series: Series, update: str | None = None) -> int:
        """A new window, or more of the lines that are in it; returns the last step."""
        names = list(series)
        steps = sorted({step for points in series.values() for step, _ in points})
        lines = [dict(points) for points in series.values()]
        values = np.array([[_finite(line.get(step)) for line in lines] for step in steps])  # (steps, lines)
        options = {"title": f"{self.shown.name}: {title}", "legend": names, "xlabel": "step", "ylabel": unit}
        places = np.repeat(np.array(steps, dtype=float)[:, None], len(names), axis=1)
        self._client.line(values, places, win=window, opts=options, update=update)
        return steps[-1]

    def _show(self, number: int, title: str, pictures: Pictures) -> None:
        flags = self.shown.options
        window, title = self._window(number), f"{self.shown.name}: {title}"
        if flags.display_ncols > 0:
            self._show_picture(window, title, captioned_grid(pictures, flags.display_ncols, flags.display_winsize))
            return
        for label, picture in pictures.items():
            made = captioned_grid({label: picture}, 1, flags.display_winsize)
            self._show_picture(f"{window} {label}", f"{title}, {label}", made)

    def _show_picture(self, window: str, title: str, picture: Image.Image) -> None:
        pixels = np.asarray(picture).transpose(2, 0, 1)  # (3, H, W)
        self._client.image(pixels, win=window, opts={"title": title})


def _finite(value: float | None) -> float:
    """JSON knows no infinity, and visdom makes a gap of NaN."""
    return value if value is not None and math.isfinite(value) else math.nan
