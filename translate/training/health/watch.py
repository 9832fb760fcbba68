"""When a sign of trouble is told: not before it has stayed, once, and again when it is over."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from PIL import Image

from translate.methods import Method
from translate.methods.health import BLIND, COLLAPSE, DIVERGENCE, INVERSION, UNCHANGED, WON
from translate.settings import TrainSettings
from translate.training.health.losses import RecentLosses
from translate.training.health.pictures import look_at
from translate.training.health.signs import LIMITS, Sign, Signs, signs_of_losses, signs_of_pictures


class Patience(NamedTuple):
    """How long a sign must stay before it is told: so many looks in a row, over so many steps."""

    looks: int
    steps: int
    of_run: float = 0.05  # and over this share of the run's steps: what a long training begins with is no trouble


PATIENCE = {
    DIVERGENCE: Patience(5, 50, 0.0),
    COLLAPSE: Patience(4, 300),
    UNCHANGED: Patience(4, 300),
    INVERSION: Patience(4, 300),
    WON: Patience(10, 300),
    BLIND: Patience(10, 300),
}
LOOK = "look"  # the kind of an entry that holds the numbers of previews, and no trouble
IN_PICTURES = {COLLAPSE, UNCHANGED, INVERSION}
FORGOTTEN = 2  # looks in a row without a sign, after which a trouble that was not told yet is none
OVER = 3  # looks in a row without a sign, after which a trouble is over
# What comes of another trouble is not told beside it: whoever mends that one mends both.
COMES_OF = {
    COLLAPSE: (DIVERGENCE,),
    UNCHANGED: (DIVERGENCE,),
    INVERSION: (DIVERGENCE, COLLAPSE),
    WON: (DIVERGENCE, COLLAPSE, UNCHANGED, INVERSION),
    BLIND: (DIVERGENCE, COLLAPSE),
}
IN_SHORT = {
    DIVERGENCE: "the losses ran away",
    COLLAPSE: "the translations were alike, whatever the input",
    UNCHANGED: "the translations were their inputs",
    INVERSION: "the translations ran against their inputs",
    WON: "the discriminator had won",
    BLIND: "the discriminator had stopped learning",
}


@dataclass
class Course:
    """How a trouble has gone so far.

    Attributes:
        since: step of the first look that showed it; None where it is not there.
        looks: how many have shown it since.
        clear: looks in a row that do not show it.
        told: whether it was told and is not over.
    """

    since: int | None = None
    looks: int = 0
    clear: int = 0
    told: bool = False

    def see(self, step: int, there: bool) -> None:
        """Take in one look. A trouble stays until several looks do not show it: one may be mistaken."""
        if there:
            self.since = step if self.since is None else self.since
            self.looks, self.clear = self.looks + 1, 0
        else:
            self.clear += 1
            if not self.told and self.clear >= FORGOTTEN:
                self.since, self.looks = None, 0

    @property
    def is_over(self) -> bool:
        return self.told and self.clear >= OVER

    def has_stayed(self, step: int, patience: Patience, run_steps: int) -> bool:
        """Whether the look at ``step`` makes it worth telling."""
        if self.since is None or self.told or self.clear or self.looks < patience.looks:
            return False
        return step - self.since >= max(patience.steps, patience.of_run * run_steps)


class Watch:
    """Looks at what a training logs and shows anyway, and says in words what is wrong with it.

    Args:
        losses: where the logged losses are collected, with what they are compared with.
        remedies: what helps, by the kind of trouble; kinds that are left out are not looked for.
    """

    def __init__(self, losses: RecentLosses, remedies: Mapping[str, str]):
        self.run_steps = 0  # of the whole run, as far as they are known
        self.levels = {**losses.levels, **LIMITS}  # for those who draw losses and looks
        self._losses = losses
        self._remedies = remedies
        self._courses = {kind: Course() for kind in PATIENCE if kind in remedies}

    def see_losses(self, step: int, epoch: int, losses: Mapping[str, float]) -> list[dict[str, Any]]:
        """Take in an entry of the log; returns what is to be told now, as ``health.jsonl`` has it."""
        self._losses.add(losses)
        return self._see(step, epoch, signs_of_losses(self._losses.standings(), self._losses.rises()))

    def see_previews(self, step: int, epoch: int, previews: Mapping[str, Image.Image]) -> list[dict[str, Any]]:
        """The same with the fixed previews of one moment, whose numbers are an entry too."""
        look = look_at(previews) if self._courses.keys() & IN_PICTURES else None
        if look is None:
            return []
        seen = {"step": step, "epoch": epoch, "kind": LOOK, "numbers": look.numbers()}
        return [seen, *self._see(step, epoch, signs_of_pictures(look, self._losses.told()))]

    def _see(self, step: int, epoch: int, signs: Signs) -> list[dict[str, Any]]:
        looked_for = {kind: sign for kind, sign in signs.items() if kind in self._courses}
        for kind, sign in looked_for.items():
            self._courses[kind].see(step, sign is not None)
        entries = []
        for kind, sign in looked_for.items():
            course = self._courses[kind]
            if course.is_over:
                entries.append({"step": step, "epoch": epoch, "kind": kind, "since": course.since, "over": True})
                self._courses[kind] = Course()
            elif sign and course.has_stayed(step, PATIENCE[kind], self.run_steps) and not self._comes_of_another(kind):
                course.told = True
                entries.append(self._warning(step, epoch, kind, sign))
        return entries

    def _comes_of_another(self, kind: str) -> bool:
        causes = (self._courses.get(cause) for cause in COMES_OF.get(kind, ()))
        return any(cause is not None and cause.since is not None for cause in causes)

    def _warning(self, step: int, epoch: int, kind: str, sign: Sign) -> dict[str, Any]:
        return {
            "step": step,
            "epoch": epoch,
            "kind": kind,
            "since": self._courses[kind].since,
            "text": sign.text,
            "remedy": self._remedies[kind],
            "numbers": {name: round(value, 4) for name, value in sign.numbers.items()},
        }

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs to tell the same, as plain values."""
        courses = {kind: asdict(course) for kind, course in self._courses.items()}
        return {"losses": self._losses.state_dict(), "courses": courses}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._losses.load_state_dict(state["losses"])
        for kind, values in state["courses"].items():
            if kind in self._courses:
                self._courses[kind] = Course(**values)


def watch_over(method: Method, settings: TrainSettings) -> Watch:
    """The watch of a run: what its method says of its losses and remedies, and what helps any method."""
    levels = method.levels(settings.data.crop_size, settings.data.batch_size)
    slower = f"stop, and start again with a lower --lr (it is {settings.optimizer.lr:g})"
    return Watch(RecentLosses(levels, method.games, method.falling), {DIVERGENCE: slower, **method.remedies()})


def sentence(entry: Mapping[str, Any]) -> str | None:
    """What is printed of an entry; nothing of one that only holds numbers."""
    if entry["kind"] == LOOK:
        return None
    if entry.get("over"):
        return f"note: over at step {entry['step']} what was so since step {entry['since']}: {IN_SHORT[entry['kind']]}"
    return f"warning: since step {entry['since']}, {entry['text']}. What helps: {entry['remedy']}."
