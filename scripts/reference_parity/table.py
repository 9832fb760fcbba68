"""A table of deviations with their bounds."""

import math
from dataclasses import dataclass, field


@dataclass
class Table:
    """Collects deviations and prints each as it is found."""

    failures: list[str] = field(default_factory=list)
    largest: dict[str, float] = field(default_factory=dict)
    _title: str = ""

    def section(self, title: str) -> None:
        self._title = title
        print(f"\n{title}")

    def row(self, name: str, deviation: float, bound: float) -> None:
        """A deviation, relative to the reference's value, and the largest that is accepted."""
        good = math.isfinite(deviation) and deviation <= bound
        print(f"  {name:<62} {deviation:9.2e}  <= {bound:.0e}  {'ok' if good else 'FAILED'}", flush=True)
        self.largest[self._title] = max(self.largest.get(self._title, 0.0), deviation)
        if not good:
            self.failures.append(f"{self._title}: {name}")

    def fact(self, name: str, holds: bool) -> None:
        """Something that is either so or not."""
        print(f"  {name:<85} {'ok' if holds else 'FAILED'}", flush=True)
        if not holds:
            self.failures.append(f"{self._title}: {name}")

    def conclude(self) -> int:
        """Print the largest deviation of each section; the exit code."""
        print("\nlargest deviations")
        for title, deviation in self.largest.items():
            print(f"  {title:<62} {deviation:9.2e}")
        for failure in self.failures:
            print(f"FAILED {failure}")
        return 1 if self.failures else 0
