"""Flags that only some methods have when they translate, such as ``--mask``: in test.py and ``translate apply``."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from translate.data.mask_files import find_masks, make_mask
from translate.errors import InputError
from translate.flags import build
from translate.methods import METHODS
from translate.settings import test_groups
from translate.translator import Translator

Holes = Callable[[str, tuple[int, int]], np.ndarray]  # name of a picture and its (width, height) -> (H, W) boolean


def own_flags(model: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The flags that only this method has when it translates; None where they were not given.

    Raises:
        InputError: a flag of another method.
    """
    groups = test_groups()
    mine = {field.name for field in fields(groups[model])} if model in groups else set()
    for other, group in groups.items():
        for field in fields(group):
            if field.name in values and field.name not in mine:
                raise InputError(f"--{field.name} is a flag of {other}, and this run is one of {model}; leave it out")
    if model not in groups:
        return {}
    return {name: value for name, value in asdict(build(groups[model], values)).items() if value is not None}


def replacing(model: str, own: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the own flags that take the place of the flags of training of their names."""
    known = METHODS[model].Options.__dataclass_fields__
    return {name: value for name, value in own.items() if name in known and not known[name].metadata["fixed"]}


def holes_of(
    translator: Translator, own: Mapping[str, Any], record: Mapping[str, Any], names: Iterable[str]
) -> Holes | None:
    """Which part of each picture is filled, for a method that fills one.

    Args:
        own: its own flags; where they say nothing the holes are those of the training.
        record: what is known of the run.
        names: of all pictures, by which a folder of masks is searched.

    Raises:
        InputError: a folder of masks lacks one.
    """
    if not getattr(translator.generator, "takes_mask", False):
        return None
    mask = own.get("mask", record.get("options", {}).get("mask", "centre"))
    share, seed = translator.generator.hole_share, own.get("mask_seed", 0)
    if Path(mask).is_dir():
        files = find_masks(Path(mask), names)
        return lambda name, size: make_mask(files[name], *size)
    return lambda name, size: make_mask(mask, *size, hole_share=share, seed=seed, name=name)
