"""A trained generator as a file for other programs: written down, compared with the translator, then put in place."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from translate import __version__
from translate.choosing import find_weights, refuse_without_effect
from translate.data.listing import shown
from translate.data.value_range import ValueRange
from translate.errors import InputError, RunError
from translate.exporting.formats import FORMATS, choose_format, require_packages
from translate.exporting.module import PictureToPicture, export_graph
from translate.exporting.parity import largest_difference, refuse_difference
from translate.files import replace_atomically
from translate.flags import build_all
from translate.options import ExportOptions
from translate.translator import Translator


@dataclass(frozen=True)
class ExportResult:
    """The file, its format, and the largest difference from the translator in grey levels (None: not checked)."""

    path: Path
    format: str
    difference: float | None


def export_to_file(run: str | os.PathLike[str], values: Mapping[str, Any]) -> ExportResult:
    """Write a generator for other programs; see ``translate.export``.

    Args:
        values: flags of ``translate export``, the output among them.
    """
    options = build_all(ExportOptions, values)
    if not options.output:
        raise InputError("no file to write is given; name one with -o, such as -o translator.onnx")
    output = Path(options.output)
    name = choose_format(output, options.format)
    _refuse_place(output, options.overwrite)
    require_packages(name, check=not options.no_check)
    translator, weights = _load(run, values, options)
    content = _write(translator, name, options.raw, describe(translator, weights, options))
    difference = None
    if not options.no_check:
        difference = largest_difference(FORMATS[name].load(content), _of_shares(translator), options.raw)
        refuse_difference(difference)
    replace_atomically(output, lambda file: file.write(content))
    _tell(output, len(content), options.raw, difference)
    return ExportResult(output, name, difference)


def describe(translator: Translator, weights: Path, options: ExportOptions) -> dict[str, Any]:
    """What a reader of the file needs to know; stands in it."""
    in_folder = weights.is_dir()
    direction = translator.record.get("options", {}).get("direction")
    return {
        "run": weights.resolve().name if in_folder else weights.stem,
        "model": translator.record.get("model", "unknown"),
        "epoch": options.epoch if in_folder else "unknown",
        "direction": options.direction or direction or "unknown",
        "layout": "batch, channels, height, width; any of batch, height and width",
        "channels": "RGB" if translator.input_nc == 3 else "grey",
        "value_range": "-1 to 1" if options.raw else "0 to 1",
        "values_in": _values(translator.source, options.raw),
        "values_out": _values(translator.target, options.raw),
        "stride": translator.generator.stride,
        "trained_size_px": translator.size.crop_size,
        "translate_version": __version__,
    }


def _values(range: ValueRange | None, raw: bool) -> str:
    """What the ends of the file's values stand for."""
    return f"{-1 if raw else 0} is {range.low:.10g}, 1 is {range.high:.10g}" if range else "8 bits"


def _of_shares(translator: Translator) -> Translator:
    """The same for floats from 0 to 1 also where a run has learned from a range of values, as the file has them."""
    return Translator(
        translator.generator,
        translator.size,
        translator.input_nc,
        translator.device,
        precision=translator.precision.name,
    )


def _refuse_place(output: Path, overwrite: bool) -> None:
    if output.is_dir():
        raise InputError(f"-o {shown(output)} is a folder; name a file, such as {shown(output / 'translator.onnx')}")
    if os.path.lexists(output) and not overwrite:
        raise InputError(f"{shown(output)} exists already; give --overwrite to replace it, or another -o")


def _load(run: str | os.PathLike[str], values: Mapping[str, Any], options: ExportOptions) -> tuple[Translator, Path]:
    """The translator in fp32 on the CPU, and where its weights are."""
    weights = find_weights(run, Path(options.checkpoints_dir))
    refuse_without_effect(weights, values, options)
    translator = Translator.load(
        weights, options.epoch, "original", "cpu", direction=options.direction, precision="fp32"
    )
    if getattr(translator.generator, "takes_mask", False):
        raise InputError(
            f"{weights} is a context encoder, which looks for the holes of each picture outside of its network and "
            "cannot be exported; use translate.Translator or translate apply"
        )
    return translator, weights


def _write(translator: Translator, name: str, raw: bool, metadata: Mapping[str, Any]) -> bytes:
    """The content of the file."""
    try:
        program = export_graph(PictureToPicture(translator.generator, raw), translator.input_nc)
        return FORMATS[name].write(program, metadata)
    except Exception as error:  # a converter stumbles in any way
        reason = " ".join(str(error).split())[:160]
        message = f"torch {torch.__version__} cannot write this generator as {name} ({reason}); try a newer one"
        raise RunError(message) from error


def _tell(output: Path, size: int, raw: bool, difference: float | None) -> None:
    values = "-1 to 1" if raw else "0 to 1"
    print(f"{shown(output)}: {size / 2**20:.1f} MiB, pictures of any size, float32 (B, C, H, W) from {values}")
    if difference is None:
        print("not checked against the translator (--no_check)")
    else:
        print(f"largest difference from the translator: {difference:.4f} grey levels of 255")
