"""The health of a training, read from ``health.jsonl``: its warnings, and the numbers of its previews."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dominate import tags
from dominate.tags import html_tag
from dominate.util import raw

from translate.reports.curves import loss_curves_svg

MOST_SHOWN = 20  # warnings, the newest
MEANINGS = {
    "change": "how much the translations differ from their inputs, whose contrast is 1",
    "explained": "the share of what is where in a translation that its own input explains and the other inputs do not",
    "order": "correlation of the brightness of translations with that of their inputs",
    "hues": "the same of their hues",
    "contrast": "standard deviation within a translation, black to white being 1",
}


@dataclass(frozen=True)
class Warned:
    """A warning, as it was told.

    Attributes:
        kind: of trouble, one word.
        since: step at which it began.
        step: at which it was told.
        epoch: the same.
        text: what is wrong, in a sentence without a capital and a stop.
        remedy: what helps.
        over: step at which it was over; None where it is not.
    """

    kind: str
    since: int
    step: int
    epoch: int
    text: str
    remedy: str
    over: int | None = None


@dataclass
class Health:
    """What a run's ``health.jsonl`` holds.

    Attributes:
        warnings: in the order in which they were told.
        looks: name of a number of the previews -> (step, value) pairs.
    """

    warnings: list[Warned] = field(default_factory=list)
    looks: dict[str, list[tuple[int, float]]] = field(default_factory=dict)


def read_health(path: Path) -> Health:
    """Read it; no file is a training of which nothing was seen yet.

    Lines that are broken (the last one of a run that was killed) are passed over.
    """
    found = Health()
    for entry in _entries(Path(path)):
        try:
            _take_in(found, entry)
        except (KeyError, TypeError, ValueError, AttributeError):
            continue
    return found


def health_section(health: Health, levels: Mapping[str, tuple[str, float]]) -> html_tag:
    """What is wrong now, and what was, or that nothing is; and the numbers of the previews.

    Args:
        levels: name of a number -> (what it means to be there, value).
    """
    content = tags.section(tags.h2("Health"), cls="health")
    newest = sorted(health.warnings, key=lambda each: each.step, reverse=True)[:MOST_SHOWN]
    lasting = [each for each in newest if each.over is None]
    ended = [each for each in newest if each.over is not None]
    if lasting:
        content.add(tags.ul(*map(_shown, lasting), cls="warnings"))
    else:
        content.add(tags.p("No warnings now." if ended else "No warnings so far.", cls="empty"))
    if ended:
        content.add(tags.details(tags.summary("Over by now"), tags.ul(*map(_shown_as_over, ended))))
    if health.looks:
        content.add(_numbers(health.looks, levels))
    return content


def _numbers(looks: Mapping[str, list[tuple[int, float]]], levels: Mapping[str, tuple[str, float]]) -> html_tag:
    drawn = loss_curves_svg(looks, levels=levels, title="Numbers of the previews")
    meanings = [tags.li(f"{name}: {MEANINGS[name]}") for name in looks if name in MEANINGS]
    said = tags.summary("Numbers of the previews")
    return tags.details(said, tags.div(raw(drawn), cls="curves"), tags.ul(*meanings))


def _take_in(health: Health, entry: Mapping[str, Any]) -> None:
    if entry["kind"] == "look":
        for name, value in entry["numbers"].items():
            health.looks.setdefault(str(name), []).append((int(entry["step"]), float(value)))
    elif entry.get("over"):
        health.warnings = [_ended(each, entry["kind"], int(entry["step"])) for each in health.warnings]
    else:
        health.warnings.append(_warned(entry))


def _shown(warned: Warned) -> html_tag:
    return tags.li(
        tags.p(_sentence(warned.text), cls="warning"),
        tags.p(tags.strong("What helps: "), _stopped(warned.remedy)),
        tags.p(f"since step {warned.since:,}, told at step {warned.step:,} (epoch {warned.epoch})", cls="note"),
    )


def _shown_as_over(warned: Warned) -> html_tag:
    return tags.li(f"Step {warned.since:,} to {warned.over:,}: {_stopped(warned.text)}")


def _warned(entry: Mapping[str, Any]) -> Warned:
    numbers = {name: int(entry[name]) for name in ("since", "step", "epoch")}
    return Warned(**numbers, **{name: str(entry[name]) for name in ("kind", "text", "remedy")})


def _ended(warned: Warned, kind: str, step: int) -> Warned:
    return replace(warned, over=step) if warned.kind == kind and warned.over is None else warned


def _sentence(text: str) -> str:
    return _stopped(text[:1].upper() + text[1:])


def _stopped(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


def _entries(path: Path) -> Iterator[dict[str, Any]]:
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return
    for line in lines:
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(entry, dict):
            yield entry
