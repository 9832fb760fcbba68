"""What was read from encoders, as tables of text and of a page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from translate.evaluation.probes import Probed, Scored
from translate.reports.dot_plot import in_numbers
from translate.reports.transfer import Part

WHOLE = "all layers"
UNTRAINED = "random weights"  # how names of encoders begin that nothing was learned by
ABOUT = {
    "linear": "A linear classifier on the frozen features of each layer.",
    "knn": "The nearest training pictures vote, by the frozen features of each layer.",
    "svm": "Mean average precision of linear support vector machines on the frozen features of each layer.",
}
ABOUT_WHOLE = {
    "fc": "fc: new layers on the frozen encoder.",
    "finetune": "finetune: all weights learn.",
    "zero_shot": "zero_shot: classes told by their names alone.",
    "segmentation": "segmentation: mean IoU.",
    "detection": "detection: mean average precision at an IoU of 0.5.",
}


@dataclass(frozen=True)
class Transferred:
    """What was read from the encoder of a run: for each protocol and layer what the probe came to."""

    name: str
    found: Mapping[str, Mapping[str, Probed | Scored]]

    def best(self, protocol: str) -> tuple[str, Probed | Scored]:
        """The layer that validation prefers, and what the test says of it."""
        return max(self.found[protocol].items(), key=lambda entry: entry[1].validation)


def line_of(result: Transferred, protocols: Sequence[str]) -> str:
    """The best of each protocol."""
    best = {protocol: result.best(protocol) for protocol in protocols if protocol in result.found}
    said = [
        f"{protocol} {100 * probed.accuracy:.1f}{f' ({tap})' if tap != WHOLE else ''}"
        for protocol, (tap, probed) in best.items()
    ]
    return f"{result.name}: {', '.join(said) or 'knows no texts'}"


def parts_of(results: Sequence[Transferred], protocols: Sequence[str]) -> list[Part]:
    """In percent, a row for each encoder: a part for each protocol that reads layers, one for each that reads none.

    Those of a name over several seeds share a row: mean and deviation.
    """
    by_name: dict[str, list[Transferred]] = {}
    for result in results:
        by_name.setdefault(stem_of(result.name), []).append(result)
    whole = [protocol for protocol in protocols if any(WHOLE in one.found.get(protocol, {}) for one in results)]
    layered = [_by_layer(by_name, protocol) for protocol in protocols if protocol not in whole]
    return [*layered, *(_of_whole(by_name, protocol) for protocol in whole)]


def in_text(parts: Sequence[Part], note: str) -> str:
    """The tables in Markdown; those of protocols that read no layers in one."""
    whole = [part for part in parts if part.title in ABOUT_WHOLE]
    texts = [_in_columns(part.title, part.heads, part.cells) for part in parts if part not in whole]
    if whole:
        names = dict.fromkeys(name for part in whole for name in part.cells)
        cells = {name: [part.cells.get(name, [""])[0] for part in whole] for name in names}
        texts.append(_in_columns("", [part.title for part in whole], cells))
    return "\n\n".join([*texts, note]) + "\n"


def as_json(results: Sequence[Transferred]) -> list[dict[str, Any]]:
    return [
        {
            "name": result.name,
            "protocols": {
                protocol: {tap: vars(probed) for tap, probed in found.items()}
                for protocol, found in result.found.items()
            },
        }
        for result in results
    ]


def stem_of(name: str) -> str:
    """The name of a run without its seed, by which runs are put together: ``rotation_seed0``."""
    stem, _, seed = name.rpartition("_seed")
    return stem if stem and seed.isdigit() else name


def _by_layer(by_name: Mapping[str, Sequence[Transferred]], protocol: str) -> Part:
    taps = list(dict.fromkeys(tap for group in by_name.values() for one in group for tap in one.found[protocol]))
    cells, dots = {}, {}
    for name, group in by_name.items():
        found = [one.found[protocol] for one in group]
        of_layers = [_cell([each[tap].accuracy for each in found if tap in each]) for tap in taps]
        layers = ", ".join(dict.fromkeys(one.best(protocol)[0] for one in group))
        best = [one.best(protocol)[1].accuracy for one in group]
        cells[name] = [*of_layers, f"{_cell(best)} ({layers})"]
        dots[name] = [100 * share for share in best]
    return Part(protocol, [*taps, "best layer"], cells, dots, ABOUT.get(protocol, ""))


def _of_whole(by_name: Mapping[str, Sequence[Transferred]], protocol: str) -> Part:
    shares = {
        name: [one.found[protocol][WHOLE].accuracy for one in group if protocol in one.found]
        for name, group in by_name.items()
    }
    cells = {name: [_cell(found)] for name, found in shares.items()}
    dots = {name: [100 * share for share in found] for name, found in shares.items() if found}
    return Part(protocol, ["in percent"], cells, dots, ABOUT_WHOLE[protocol])


def _in_columns(title: str, heads: Sequence[str], rows: Mapping[str, Sequence[str]]) -> str:
    lines = [f"| {title} | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    return "\n".join([*lines, *(f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items())])


def _cell(shares: Sequence[float]) -> str:
    return in_numbers([100 * share for share in shares]) if shares else ""
