"""What the newest logged losses tell: who wins a game and how steadily, and which losses run away."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median, pstdev
from typing import Any

from translate.methods.health import Game, Level

WINDOW = 10  # entries of the log that are looked at together: one entry is one step, and steps differ much


@dataclass(frozen=True)
class Standing:
    """How a discriminator does, its losses being shares of a draw: 0 where it knows, 1 where it guesses.

    Attributes:
        losses: their names.
        share: the median over the window.
        moves: standard deviation over the window.
    """

    losses: tuple[str, ...]
    share: float
    moves: float


class RecentLosses:
    """The newest entries of the losses that are watched.

    Args:
        levels: what losses are compared with, by their names.
        games: the adversarial games, the first about the translations that previews show; those whose draw is at 0 have
            no scale to be judged on (WGAN-GP).
        falling: names of losses that fall in a training that goes well.
    """

    def __init__(self, levels: Mapping[str, Level], games: Sequence[Game], falling: Sequence[str]):
        self.levels = levels
        self.games = [game for game in games if all(levels[name].value > 0 for name in game.discriminator)]
        self.falling = falling
        self._watched = [*falling, *(name for game in self.games for name in game.discriminator)]
        self._values: dict[str, list[float]] = {}
        self._first: dict[str, float] = {}  # median of the first window

    def add(self, losses: Mapping[str, float]) -> None:
        """Take in one entry of the log."""
        for name in self._watched:
            if name in losses:
                values = self._values[name] = [*self._values.get(name, []), losses[name]][-WINDOW:]
                if len(values) == WINDOW:
                    self._first.setdefault(name, median(values))

    def standings(self) -> list[Standing]:
        """How each discriminator does; none before there is a window of entries."""
        found = []
        for game in self.games:
            parts = [[value / self.levels[name].value for value in self._window(name)] for name in game.discriminator]
            if shares := [fmean(each) for each in zip(*parts, strict=True)]:
                found.append(Standing(game.discriminator, median(shares), pstdev(shares)))
        return found

    def told(self) -> float | None:
        """How well translations are told from domain B (``Standing.share``): 0 where no discriminator can say, None
        where it is not known yet."""
        if not self.games:
            return 0.0
        return next((standing.share for standing in self.standings()), None)

    def rises(self) -> dict[str, float]:
        """The falling losses as multiples of what they must stay below: where they began, or guessing if that is more
        (untrained networks may be surer of what is wrong than a guess)."""
        found = {}
        for name in self.falling:
            if window := self._window(name):
                start = max(self._first[name], self.levels[name].value if name in self.levels else 0.0)
                if start > 0:
                    found[name] = median(window) / start
        return found

    def _window(self, name: str) -> list[float]:
        values = self._values.get(name, [])
        return values if len(values) == WINDOW else []

    def state_dict(self) -> dict[str, Any]:
        return {"values": {name: list(values) for name, values in self._values.items()}, "first": dict(self._first)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._values = {name: list(values) for name, values in state["values"].items() if name in self._watched}
        self._first = {name: value for name, value in state["first"].items() if name in self._watched}
