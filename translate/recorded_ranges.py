"""The ranges of values that a run has recorded, by the direction in which it is used."""

from collections.abc import Iterable, Mapping
from typing import Any

from translate.data.inputs import Input
from translate.data.npy import TYPES
from translate.data.value_range import ValueRange
from translate.errors import InputError

EIGHT_BITS = ValueRange(0.0, 255.0, "uint8")


def recorded_ranges(record: Mapping[str, Any], turned: bool = False) -> tuple[ValueRange | None, ValueRange | None]:
    """The ranges of the pictures that are translated and of their results; None for 8 bits.

    Args:
        record: of a run; may be empty.
        turned: results are of the domain that the run calls A.

    Raises:
        InputError: the record is damaged.
    """
    letters = record.get("options", {}).get("direction", "AtoB").split("to")
    source, target = (recorded_range(record, letter) for letter in (letters[::-1] if turned else letters))
    return source, target


def with_ranges(
    inputs: Iterable[Input], record: Mapping[str, Any], turned: bool, read: ValueRange | None
) -> list[Input]:
    """Pictures of a test that are read with the ranges of their folders.

    Args:
        turned: they come from the domain that the run calls B.
        read: the range of what the translator reads; pictures of a folder without one are of 8 bits then.
    """
    own, truth = recorded_ranges(record, turned)
    if own is None and read is not None:
        own = EIGHT_BITS
    return [
        each._replace(part=each.part._replace(range=own), truth=each.truth and each.truth._replace(range=truth))
        for each in inputs
    ]


def recorded_range(record: Mapping[str, Any], letter: str) -> ValueRange | None:
    """The range of the pictures in the folders of this letter.

    Raises:
        InputError: the record is damaged.
    """
    match (record.get("values") or {}).get(letter):
        case None:
            return None
        case {"low": int() | float() as low, "high": int() | float() as high, "dtype": str(dtype)}:
            if low < high and dtype in TYPES:
                return ValueRange(float(low), float(high), dtype)
    raise InputError(f"the record of the run has no valid range for domain {letter}; restore its JSON file")
