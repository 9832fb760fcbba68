"""How good are an encoder's features? A table of what can be read from each layer, beside untrained weights."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
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
from translate.evaluation.readout import load_squares, read_out, refuse_lost
from translate.files import write_json, write_text
from translate.flags import build
from translate.image_text import ImageText, learned_texts
from translate.networks.encoders.rescaling import check_scalable
from translate.options import TransferOptions
from translate.pretrained import PretrainedEncoder
from translate.randomness import generator
from translate.reports.transfer import write_transfer_page
from translate.training.device import choose_device
from translate.training.memory import keep_freed_memory
from translate.training.precision import choose_precision
from translate.transfer_table import UNTRAINED, WHOLE, Transferred, as_json, in_text, line_of, parts_of, stem_of
from translate.voc_transfer import VOC_PROTOCOLS, VocAsked
from translate.zero_shot import class_names, read_templates, zero_shot_accuracy

TUNED = {"fc": False, "finetune": True}  # whether the encoder learns with the new layers
ZERO_SHOT = "zero_shot"
PROTOCOLS = (*PROBES, *TUNED, ZERO_SHOT)
PHASES = ("train", "val", "test")
OF_TUNING = (*TUNED, "segmentation", "detection")
USED_BY = {  # flags that only some protocols know
    "templates": (ZERO_SHOT,),
    "epochs": OF_TUNING,
    "lr": OF_TUNING,
    "rescale": OF_TUNING,
    "most_values": (*PROBES, "svm"),
}


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
    protocols = chosen_protocols(words, VOC_PROTOCOLS if in_voc else PROTOCOLS)
    _refuse_idle(options, protocols)
    found = (find_weights(run, Path(options.checkpoints_dir)) for run in runs)
    paths = list({path.resolve(): path for path in found}.values())  # a run that is named twice is one run
    for path in paths:
        if values.get("epoch") is not None and not path.is_dir():
            raise InputError(f"--epoch chooses among the weights of a run folder; leave it out for {path}")
    names = _told_apart(paths)
    encoders = [replace(PretrainedEncoder.load(path, options.epoch), name=names[path]) for path in paths]
    texts = _with_texts(paths, options.epoch) if ZERO_SHOT in protocols else [None] * len(paths)
    device = choose_device(options.gpu_ids)
    keep_freed_memory(device)
    for encoder in encoders if options.rescale else ():
        check_scalable(encoder.network, encoder.name)
    if in_voc:
        asked = VocAsked(Path(options.dataroot), protocols, options, device)
        asked.read()
    else:
        templates = read_templates(options.templates)
        asked = _Asked(find_sets(Path(options.dataroot), options), protocols, options, templates, device)
    folder = _made(options.output)
    results = []
    untrained = _untrained(encoders, options.random)
    for encoder, both in zip([*untrained, *encoders], [*[None] * len(untrained), *texts], strict=True):
        results.append(Transferred(encoder.name, asked.measure(encoder, both)))
        print(line_of(results[-1], protocols), flush=True)
    _squares.cache_clear()
    parts = parts_of(results, protocols)
    text = in_text(parts, asked.note())
    print(f"\n{text}")
    if folder:
        write_text(folder / "transfer.md", text)
        told = {"flags": asdict(options), **asked.described(), "results": as_json(results)}
        write_json(folder / "transfer.json", told)
        compared = [name for part in parts for name in part.cells if name.startswith(UNTRAINED)]
        facts = {"data set": Path(options.dataroot).name, "measured": asked.note()}
        write_transfer_page(folder / "index.html", facts, parts, compared)
        print(f"written: {', '.join(str(folder / name) for name in ('index.html', 'transfer.md', 'transfer.json'))}")
    return results


def chosen_protocols(words: str, known: Sequence[str]) -> list[str]:
    """The protocols of ``--protocols``, each once.

    Raises:
        InputError: one of them is not known.
    """
    chosen = list(dict.fromkeys(word.strip() for word in words.split(",") if word.strip()))
    unknown = [word for word in chosen if word not in known]
    if unknown or not chosen:
        others = VOC_PROTOCOLS if known is PROTOCOLS else PROTOCOLS
        needed = "a folder in VOC's format" if known is PROTOCOLS else "folders train/CLASS and test/CLASS"
        hint = f"; {unknown[0]} is for {needed}" if unknown and unknown[0] in others else ""
        raise InputError(f"--protocols {words}: choose from {', '.join(known)}{hint}")
    return chosen


def _refuse_idle(options: TransferOptions, protocols: Sequence[str]) -> None:
    """Flags that were changed and do nothing in these protocols."""
    for name, users in USED_BY.items():
        value = getattr(options, name)
        if value != getattr(TransferOptions, name) and not set(users) & set(protocols):
            raise InputError(
                f"--{name} {value} has no effect on --protocols {','.join(protocols)}: it is of {', '.join(users)}; "
                "leave it out"
            )


def _told_apart(paths: Sequence[Path]) -> dict[Path, str]:
    """What runs are called: by their own names, and where several have one, by as much of their paths as it takes."""
    names = {path: _name(path, 1) for path in paths}
    for depth in range(2, 1 + max(len(path.absolute().parts) for path in paths)):
        counts = Counter(names.values())
        names = {path: _name(path, depth) if counts[name] > 1 else name for path, name in names.items()}
    return names


def _name(path: Path, depth: int) -> str:
    """The last parts of a path, without the ending of a file."""
    whole = path.absolute()
    return "/".join((whole if path.is_dir() else whole.with_suffix("")).parts[-depth:])


def _made(output: str | None) -> Path | None:
    """The folder of the table, made before there is anything to lose."""
    if not output:
        return None
    folder = Path(output)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--output {output}: cannot make this folder ({error.strerror}); name another") from None
    return folder


def find_sets(root: Path, options: TransferOptions) -> dict[str, Labelled]:
    """The pictures of each phase; a fifth of those of training stands in where there is no folder ``val``.

    Raises:
        InputError: a folder is missing, a picture cannot be read, or the classes of the phases differ.
    """
    sets = {phase: find_labelled(root, phase) for phase in PHASES if phase != "val" or (root / "val").is_dir()}
    if "val" not in sets:
        sets["train"], sets["val"] = split_labelled(sets["train"])
    check_same_classes(sets)
    if options.shots:
        sets["train"] = sets["train"].some(options.shots, generator(options.seed, "shots"))
    return {phase: sets[phase] for phase in PHASES}


def _untrained(encoders: Sequence[PretrainedEncoder], seeds: int) -> list[PretrainedEncoder]:
    """Each kind of network among the encoders with untrained weights of so many seeds, named by a run of its kind.

    What sees pictures of another size is of another kind.
    """
    kinds: dict[tuple[str, int, int], PretrainedEncoder] = {}
    for encoder in encoders:
        kinds.setdefault((str(encoder.network), encoder.load_size, encoder.crop_size), encoder)
    untrained = [(encoder, encoder.untrained(seed)) for encoder in kinds.values() for seed in range(seeds)]
    if len(kinds) > 1:
        untrained = [(of, replace(fresh, name=f"{fresh.name} ({stem_of(of.name)})")) for of, fresh in untrained]
    return [fresh for _, fresh in untrained]


def _with_texts(paths: Sequence[Path], epoch: str) -> list[ImageText | None]:
    """The runs that learned from texts, with their encoders of these; None for the others."""
    found = [ImageText.load(path, epoch) if learned_texts(path) else None for path in paths]
    if not any(found):
        raise InputError(
            f"--protocols {ZERO_SHOT} asks what learned from texts, and {paths[0]} did not; leave it out, or give the "
            "folder of a run of --model clip"
        )
    return found


@dataclass(frozen=True)
class _Asked:
    """What every encoder is asked: the pictures, the protocols, and how."""

    sets: Mapping[str, Labelled]
    protocols: Sequence[str]
    options: TransferOptions
    templates: Sequence[str]
    device: torch.device

    @property
    def classes(self) -> int:
        return len(self.sets["train"].classes)

    def measure(self, encoder: PretrainedEncoder, both: ImageText | None = None) -> dict[str, dict[str, Probed]]:
        """Everything that can be asked; what needs texts, only where there is an encoder of them."""
        encoder.network.to(self.device, memory_format=torch.channels_last)
        found = {**self._probed(encoder), **self._tuned(encoder), **self._named(both)}
        return {word: found[word] for word in self.protocols if word in found}

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
            refuse_lost(rows, encoder.name, phase)
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

    def _named(self, both: ImageText | None) -> dict[str, dict[str, Probed]]:
        """What pictures tell of the names of their classes."""
        if both is None:
            return {}
        both.method.to(self.device)
        shares = {}
        for phase in ("val", "test"):
            found = self.sets[phase]
            pictures = _squares(found, both.input_nc, both.load_size, both.crop_size, phase)
            shares[phase] = zero_shot_accuracy(
                both, pictures, _labels(found), class_names(found.classes), self.templates
            )
        return {ZERO_SHOT: {WHOLE: Probed(shares["test"], shares["val"], len(self.templates))}}


@cache
def _squares(labelled: Labelled, channels: int, load_size: int, crop_size: int, phase: str) -> Tensor:
    """Read once for all encoders that see pictures of one size."""
    return load_squares(labelled.paths, channels, load_size, crop_size, phase)


def _labels(labelled: Labelled) -> Tensor:
    return torch.from_numpy(labelled.labels)
