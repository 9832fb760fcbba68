"""A flag as a field of a dataclass: typed, range-checked, and built from what a command line or a file says."""

import dataclasses
import functools
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import field
from typing import Any

from translate.errors import InputError
from translate.registry import did_you_mean


def flag(
    default: Any,
    help: str,
    *,
    choices: tuple[str, ...] | None = None,
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    fixed: bool = False,
) -> Any:
    """A field of an options dataclass.

    Args:
        default: the published value.
        help: one line for ``--help``.
        choices: the words that are allowed, in any letter case.
        low, high: inclusive bounds of a number; ``above``: an exclusive lower bound.
        fixed: part of what the weights are, so it cannot change when a run is resumed.
    """
    metadata = {"help": help, "choices": choices, "low": low, "high": high, "above": above, "fixed": fixed}
    return field(default=default, metadata=metadata)


def same_as(group: type, name: str) -> Any:
    """A flag that another group has too."""
    other = group.__dataclass_fields__[name]
    return field(default=other.default, metadata=other.metadata)


@functools.cache  # of the annotations Python makes types anew each time, and a run asks for hundreds
def annotated_type(group: type, name: str) -> tuple[type, bool]:
    """The plain type of a field and whether it may be None."""
    hint = typing.get_type_hints(group)[name]
    if isinstance(hint, types.UnionType):
        plain = [kind for kind in hint.__args__ if kind is not type(None)]
        return plain[0], len(plain) < len(hint.__args__)
    return hint, False


def convert(group: type, name: str, value: Any) -> Any:
    """The value of a flag, from the text of a command line, a YAML scalar or Python.

    Raises:
        InputError: wrong type, unknown word or out of range; names the flag and what is allowed.
    """
    kind, optional = annotated_type(group, name)
    # "inf" is the reference's word for no limit; texts keep their "none", which --preprocess knows as a word.
    unlimited = optional and kind is not str and str(value).lower() in ("none", "inf")
    if value is None or unlimited:
        if optional:
            return None
        raise InputError(f"--{name} needs a value")
    metadata = group.__dataclass_fields__[name].metadata
    if metadata["choices"]:
        return _choice(name, str(value), metadata["choices"])
    converted = _to_kind(name, kind, value)
    _check_range(name, converted, metadata)
    return converted


def build(group: type, values: dict[str, Any]) -> Any:
    """An options dataclass from the values that concern it; the rest keeps its defaults."""
    names = {f.name for f in dataclasses.fields(group)}
    return group(**{name: convert(group, name, value) for name, value in values.items() if name in names})


def build_all(group: type, values: Mapping[str, Any]) -> Any:
    """The same from values that must all be its own.

    Raises:
        InputError: an unknown one; names the nearest.
    """
    known = group.__dataclass_fields__
    for name in values:
        if name not in known:
            raise InputError(f"unknown option {name!r}: {did_you_mean(name, known)}")
    return build(group, values)


def _choice(name: str, value: str, choices: tuple[str, ...]) -> str:
    for choice in choices:
        if choice.lower() == value.lower():
            return choice
    raise InputError(f"--{name} {value} is not known: {did_you_mean(value, choices)}")


def _to_kind(name: str, kind: type, value: Any) -> Any:
    if kind is bool:
        return _to_bool(name, value)
    if kind is str:
        # A list is how YAML and Python write "0,4,8".
        return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    try:
        if isinstance(value, bool):
            raise ValueError
        number = kind(value)
        if not isinstance(value, str) and number != value:
            raise ValueError
        return number
    except (TypeError, ValueError, OverflowError):
        noun = "a whole number" if kind is int else "a number"
        raise InputError(f"--{name} {value} is not {noun}") from None


def _to_bool(name: str, value: Any) -> bool:
    words = {"true": True, "yes": True, "1": True, "t": True, "y": True}
    words |= {"false": False, "no": False, "0": False, "f": False, "n": False}
    try:
        return words[str(value).lower()]
    except KeyError:
        raise InputError(f"--{name} {value} is neither true nor false") from None


def _check_range(name: str, value: Any, metadata: Any) -> None:
    low, high, above = metadata["low"], metadata["high"], metadata["above"]
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"--{name} {value} is not a finite number")
    if low is not None and value < low:
        raise InputError(f"--{name} {value} is too small: it must be at least {low}")
    if above is not None and value <= above:
        raise InputError(f"--{name} {value} is too small: it must be above {above}")
    if high is not None and value > high:
        raise InputError(f"--{name} {value} is too large: it must be at most {high}")
