"""Mean and spread of what was measured of several seeds, in a table."""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from translate.metric_figures import figure_of
from translate.reports.compare import figures_of, spoken_time
from translate.reports.tested import Tested

TIME, STEPS = "training time", "steps"


@dataclass(frozen=True)
class Line:
    """One measure over the seeds that have it.

    Attributes:
        name, title: of the measure, as in files and as it is shown.
        values: seed -> value.
    """

    name: str
    title: str
    values: dict[int, float]

    @property
    def mean(self) -> float:
        return statistics.fmean(self.values.values())

    @property
    def spread(self) -> float | None:
        """The standard deviation, with one degree of freedom for the mean; None of a single value."""
        return statistics.stdev(self.values.values()) if len(self.values) > 1 else None

    def words(self, value: float | None) -> str:
        """A value of this measure, or a mean or a spread of such values, as people read it."""
        if value is None:
            return "–"
        if self.name == TIME:
            return spoken_time(value)
        return f"{value:,.0f}" if self.name == STEPS else figure_of(self.name, {"value": value}).value

    def as_json(self) -> dict[str, Any]:
        values = {str(seed): value for seed, value in self.values.items()}
        return {"mean": self.mean, "standard_deviation": self.spread, "values": values}


def summarize(done: Mapping[int, Tested]) -> list[Line]:
    """A line for each metric, for each score that is none, and for what the training took."""
    lines: dict[str, Line] = {}
    for seed, run in done.items():
        for figure in figures_of(run, figure_of):
            if figure.number is not None:
                lines.setdefault(figure.name, Line(figure.name, figure.title, {})).values[seed] = figure.number
    times = {seed: run.train_s for seed, run in done.items() if run.train_s is not None}
    steps = {seed: float(run.last_step) for seed, run in done.items() if run.last_step is not None}
    costs = [Line(name, name, values) for name, values in ((TIME, times), (STEPS, steps)) if values]
    return [*lines.values(), *costs]


def in_markdown(name: str, lines: list[Line], done: Mapping[int, Tested], failed: Mapping[int, str]) -> str:
    """The table, and a sentence for each seed that is not in it."""
    heads = ["", "mean", "standard deviation", *(f"seed {seed}" for seed in done)]
    rows = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for line in lines:
        values = [line.words(line.values[seed]) if seed in line.values else "" for seed in done]
        rows.append(f"| {' | '.join([line.title, line.words(line.mean), line.words(line.spread), *values])} |")
    said = [f"\nSeed {seed} failed: {why}." for seed, why in failed.items()]
    return "\n".join([f"# {name} over {len(done)} seeds", "", *rows, *said]) + "\n"
