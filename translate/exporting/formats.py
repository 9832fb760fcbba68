"""Graphs as the bytes of a file, and such bytes as something that translates."""

import importlib.util
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from translate.errors import InputError

INPUT, OUTPUT = "picture", "translation"
METADATA = "translate.json"  # the name of the extra file in a .pt2
OPSET = 18  # the first that scales without aliasing, as colorization does

Translate = Callable[[Tensor], Tensor]


class Format(NamedTuple):
    """A kind of file."""

    ending: str
    to_write: tuple[str, ...]  # the packages that it takes
    to_check: tuple[str, ...]
    write: Callable[[Any, Mapping[str, Any]], bytes]
    load: Callable[[bytes], Translate]


def write_onnx(program: Any, metadata: Mapping[str, Any]) -> bytes:
    """An exported program as ONNX; the metadata are its ``metadata_props``, texts by name."""
    sizes = {0: "batch", 2: "height", 3: "width"}
    names = {"input_names": [INPUT], "output_names": [OUTPUT], "dynamic_shapes": (sizes,)}
    converted = torch.onnx.export(program, dynamo=True, opset_version=OPSET, verbose=False, **names)
    model = converted.model_proto
    for part in (model.graph, *model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output):
        del part.metadata_props[:]  # notes of the converter
        part.doc_string = ""
    model.graph.name = OUTPUT
    for key, value in metadata.items():
        model.metadata_props.add(key=key, value=str(value))
    return model.SerializeToString()


def load_onnx(content: bytes) -> Translate:
    """Tensor to tensor by ONNX Runtime on the CPU."""
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return lambda pictures: torch.from_numpy(session.run([OUTPUT], {INPUT: pictures.numpy()})[0])


def write_pt2(program: Any, metadata: Mapping[str, Any]) -> bytes:
    """An exported program as torch keeps it; the metadata are its extra file ``translate.json``."""
    file = io.BytesIO()
    torch.export.save(program, file, extra_files={METADATA: json.dumps(metadata)})
    return file.getvalue()


def load_pt2(content: bytes) -> Translate:
    """Tensor to tensor by torch."""
    return torch.export.load(io.BytesIO(content)).module()


FORMATS = {
    "onnx": Format(".onnx", ("onnx", "onnxscript"), ("onnxruntime",), write_onnx, load_onnx),
    "pt2": Format(".pt2", (), (), write_pt2, load_pt2),
}


def choose_format(path: Path, word: str | None) -> str:
    """The format that is asked for, or that of the file's ending.

    Raises:
        InputError: the ending is none that is known.
    """
    if word:
        return word
    known = {kind.ending: name for name, kind in FORMATS.items()}
    if path.suffix.lower() in known:
        return known[path.suffix.lower()]
    raise InputError(f"-o {path} does not end in {' or '.join(known)}; let it, or give --format {' or '.join(FORMATS)}")


def require_packages(name: str, check: bool) -> None:
    """Refuse a format whose packages are not installed.

    Raises:
        InputError: one is missing; says how to get it.
    """
    kind = FORMATS[name]
    install = "pip install 'unpaired-translate[export]'"
    for package in kind.to_write:
        if importlib.util.find_spec(package) is None:
            raise InputError(f"--format {name} needs the package {package}: {install}, or give --format pt2")
    for package in kind.to_check if check else ():
        if importlib.util.find_spec(package) is None:
            raise InputError(f"the check of the file needs the package {package}: {install}, or give --no_check")
