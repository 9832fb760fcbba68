"""How good are an encoder's features? A table of what can be read from each layer, beside untrained weights."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from translate.choosing import find_weights
from translate.data.labelled import Labelled, check_same_classes, find_labelled, split_labelled
from translate.data.voc import is_voc
from translate.errors import InputError
from translate.evaluation.finetuning import Pictures, finetune
from translate.evaluation.probes import PROBES, Probed, Split
from translate.evaluation.readout import load_squares, read_out
from translate.files import write_json, write_text
from translate.flags import build
from translate.options import TransferOptions
from translate.pretrained import PretrainedEncoder
from translate.randomness import generator
from translate.training.device import choose_device
from translate.training.precision import choose_precision
from translate.voc_transfer import VOC_PROTOCOLS, WHOLE, Scored, VocAsked

TUNED = {"fc": False, "finetune": True}  # whether the encoder learns with the new layers
PROTOCOLS = (*PROBES, *TUNED)
PHASES = ("train", "val", "test")


@dataclass(frozen=True)
class Transferred:
    """What was read from the encoder of a run: for each protocol and layer what the probe came to."""

    name: str
    found: Mapping[str, Mapping[str, Probed | Scored]]

    def best(self, protocol: str) -> tuple[str, Probed | Scored]:
        """The layer that validation prefers, and what the test says of it."""
        return max(self.found[protocol].items(), key=lambda entry: entry[1].validation)


def transfer(runs: Sequence[str], values: Mapping[str, Any]) -> list[Transferred]:
    """Measure the features of runs on labelled pictures; prints a table, and writes it where ``output`` says.

    Raises:
        InputError: a run or a folder is missing or wrong.
    """
    options = build(TransferOptions, dict(values))
    if not options.dataroot:
        raise InputError("--dataroot is missing: name the folder that holds train/CLASS/ and test/CLASS/")
    in_voc = is_voc(Path(options.dataroot))
    words = VOC_PROTOCOLS[0] if in_voc and values.get("protocols") is None else options.protocols
    protocols = _protocols(words, VOC_PROTOCOLS if in_voc else PROTOCOLS)
    encoders = [PretrainedEncoder.load(find_weights(run, Path(options.checkpoints_dir)), options.epoch) for run in runs]
    device = choose_device(options.gpu_ids)
    if in_voc:
        asked = VocAsked(Path(options.dataroot), protocols, options, device)
        asked.read()
    else:
        asked = _Asked(_sets(Path(options.dataroot), options), protocols, options, device)
    results = []
    for encoder in _with_untrained(encoders, options.random):
        results.append(Transferred(encoder.name, asked.measure(encoder)))
        print(_line(results[-1], protocols), flush=True)
    text = table(results, protocols, asked.note())
    print(f"\n{text}")
    if options.output:
        folder = Path(options.output)
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / "transfer.md", text)
        write_json(folder / "transfer.json", _as_json(results, asked.described(), options))
        print(f"written: {folder / 'transfer.md'}, {folder / 'transfer.json'}")
    return results


def _protocols(words: str, known: Sequence[str]) -> list[str]:
    chosen = [word.strip() for word in words.split(",") if word.strip()]
    unknown = [word for word in chosen if word not in known]
    if unknown or not chosen:
        others = VOC_PROTOCOLS if known is PROTOCOLS else PROTOCOLS
        needed = "a folder in VOC's format" if known is PROTOCOLS else "folders train/CLASS and test/CLASS"
        hint = f"; {unknown[0]} is for {needed}" if unknown and unknown[0] in others else ""
        raise InputError(f"--protocols {words}: choose from {', '.join(known)}{hint}")
    return chosen


def _sets(root: Path, options: TransferOptions) -> dict[str, Labelled]:
    """The pictures of each phase; a fifth of those of training stands in where there is no folder ``val``."""
    sets = {phase: find_labelled(root, phase) for phase in PHASES if phase != "val" or (root / "val").is_dir()}
    if "val" not in sets:
        sets["train"], sets["val"] = split_labelled(sets["train"])
    check_same_classes(sets)
    if options.shots:
        sets["train"] = sets["train"].some(options.shots, generator(options.seed, "shots"))
    return {phase: sets[phase] for phase in PHASES}


def _with_untrained(encoders: Sequence[PretrainedEncoder], seeds: int) -> list[PretrainedEncoder]:
    """Before the runs, each kind of network among them with untrained weights of so many seeds."""
    kinds: dict[str, PretrainedEncoder] = {}
    for encoder in encoders:
        kinds.setdefault(str(encoder.network), encoder)
    untrained = [(encoder, encoder.untrained(seed)) for encoder in kinds.values() for seed in range(seeds)]
    if len(kinds) > 1:
        untrained = [(of, replace(fresh, name=f"{fresh.name} ({_stem(of.name)})")) for of, fresh in untrained]
    return [fresh for _, fresh in untrained] + list(encoders)


@dataclass(frozen=True)
class _Asked:
    """What every encoder is asked: the pictures, the protocols, and how."""

    sets: Mapping[str, Labelled]
    protocols: Sequence[str]
    options: TransferOptions
    device: torch.device

    @property
    def classes(self) -> int:
        return len(self.sets["train"].classes)

    def measure(self, encoder: PretrainedEncoder) -> dict[str, dict[str, Probed]]:
        encoder.network.to(self.device, memory_format=torch.channels_last)
        found = {**self._probed(encoder), **self._tuned(encoder)}
        return {word: found[word] for word in self.protocols}

    def note(self) -> str:
        counts = ", ".join(f"{len(found)} {phase}" for phase, found in self.sets.items())
        return f"Test accuracy in percent; {self.classes} classes, {counts}; the best layer by validation."

    def described(self) -> dict[str, Any]:
        return {
            "classes": list(self.sets["train"].classes),
            "counts": {phase: len(found) for phase, found in self.sets.items()},
        }

    def _probed(self, encoder: PretrainedEncoder) -> dict[str, dict[str, Probed]]:
        """What frozen features of each layer tell."""
        protocols = [word for word in self.protocols if word in PROBES]
        if not protocols:
            return {}
        taps = encoder.network.taps
        splits: dict[str, dict[str, Split]] = {tap: {} for tap in taps}
        for phase, labelled in self.sets.items():
            pictures = _squares(labelled, encoder.input_nc, encoder.load_size, encoder.crop_size, phase)
            rows = read_out(encoder.network, pictures, taps, self.options.most_values, self.device)
            for tap in taps:
                splits[tap][phase] = Split(rows[tap], _labels(labelled))
        return {
            word: {tap: PROBES[word](*(splits[tap][phase] for phase in PHASES), self.classes) for tap in taps}
            for word in protocols
        }

    def _tuned(self, encoder: PretrainedEncoder) -> dict[str, dict[str, Probed]]:
        """What new layers learn on the encoder, and what all of it learns with them."""
        protocols = [word for word in self.protocols if word in TUNED]
        if not protocols:
            return {}
        pictures = tuple(
            Pictures(_squares(found, encoder.input_nc, encoder.load_size, encoder.load_size, phase), _labels(found))
            for phase, found in self.sets.items()
        )
        how = choose_precision("auto", self.device), self.options.epochs, self.options.lr, self.options.seed
        return {
            word: {
                WHOLE: finetune(
                    encoder.network, pictures, self.classes, encoder.crop_size, *how, TUNED[word], self.options.rescale
                )
            }
            for word in protocols
        }


@cache
def _squares(labelled: Labelled, channels: int, load_size: int, crop_size: int, phase: str) -> Tensor:
    """Read once for all encoders that see pictures of one size."""
    return load_squares(labelled.paths, channels, load_size, crop_size, phase)


def _labels(labelled: Labelled) -> Tensor:
    return torch.from_numpy(labelled.labels)


def table(results: Sequence[Transferred], protocols: Sequence[str], note: str) -> str:
    """Test figures in percent, a row for each encoder; those of a name over several seeds as mean and deviation."""
    by_name: dict[str, list[Transferred]] = {}
    for result in results:
        by_name.setdefault(_stem(result.name), []).append(result)
    tuned = [protocol for protocol in protocols if WHOLE in results[0].found[protocol]]
    parts = [_by_layer(by_name, protocol) for protocol in protocols if protocol not in tuned]
    if tuned:
        parts.append(_in_columns("", tuned, {name: _tuned_cells(group, tuned) for name, group in by_name.items()}))
    return "\n\n".join([*parts, note]) + "\n"


def _by_layer(by_name: Mapping[str, Sequence[Transferred]], protocol: str) -> str:
    taps = list(dict.fromkeys(tap for group in by_name.values() for one in group for tap in one.found[protocol]))
    rows = {}
    for name, group in by_name.items():
        found = [one.found[protocol] for one in group]
        cells = [_cell([each[tap].accuracy for each in found if tap in each]) for tap in taps]
        layers = ", ".join(dict.fromkeys(one.best(protocol)[0] for one in group))
        rows[name] = [*cells, f"{_cell([one.best(protocol)[1].accuracy for one in group])} ({layers})"]
    return _in_columns(protocol, [*taps, "best layer"], rows)


def _tuned_cells(group: Sequence[Transferred], protocols: Sequence[str]) -> list[str]:
    return [_cell([one.found[protocol][WHOLE].accuracy for one in group]) for protocol in protocols]


def _in_columns(title: str, heads: Sequence[str], rows: Mapping[str, Sequence[str]]) -> str:
    lines = [f"| {title} | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    return "\n".join([*lines, *(f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items())])


def _stem(name: str) -> str:
    """The name of a run without its seed, by which runs are put together: ``rotation_seed0``."""
    stem, _, seed = name.rpartition("_seed")
    return stem if stem and seed.isdigit() else name


def _cell(shares: Sequence[float]) -> str:
    if not shares:
        return ""
    mean = f"{100 * statistics.fmean(shares):.1f}"
    return f"{mean} ± {100 * statistics.stdev(shares):.1f}" if len(shares) > 1 else mean


def _line(result: Transferred, protocols: Sequence[str]) -> str:
    """The best of each protocol."""
    best = {protocol: result.best(protocol) for protocol in protocols}
    said = [
        f"{protocol} {100 * probed.accuracy:.1f}{f' ({tap})' if tap != WHOLE else ''}"
        for protocol, (tap, probed) in best.items()
    ]
    return f"{result.name}: {', '.join(said)}"


def _as_json(results: Sequence[Transferred], told: Mapping[str, Any], options: TransferOptions) -> dict[str, Any]:
    return {
        "dataroot": options.dataroot,
        **told,
        "results": [
            {
                "name": result.name,
                "protocols": {
                    protocol: {tap: vars(probed) for tap, probed in found.items()}
                    for protocol, found in result.found.items()
                },
            }
            for result in results
        ],
    }
