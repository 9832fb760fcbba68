"""The value range of a domain: asked for where its pictures are deep, and never a silent cut."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from translate.data.checking import Report
from translate.data.deep import read_values
from translate.data.loading import default_workers
from translate.data.reading import TOO_DEEP, Depth, Header
from translate.data.value_range import ValueRange, parse_range
from translate.errors import InputError

EIGHT_BITS = Depth("uint8", 0.0, 255.0)
MOST_COUNTED = 200  # pictures in which the values outside a range are counted


def domain_range(text: str | None, flag: str, label: str, headers: Mapping[Path, Header]) -> ValueRange | None:
    """The range that a flag gives the pictures of a domain; None where all are of 8 bits and none is given.

    A note says how many values lie outside.

    Args:
        text: the value of the flag, such as ``0,3071``.
        flag: its name, such as ``range_A``.
        label: what the pictures are called, such as ``trainA``.

    Raises:
        InputError: some are deeper than 8 bits and no range is given (the sentence holds the one that was found), or
            what is given is none.
    """
    depths = [header.depth for header in headers.values() if header.depth]
    if text:
        given = parse_range(text, flag).of_types({(header.depth or EIGHT_BITS).dtype for header in headers.values()})
        note_outside(given, f"--{flag} {text}", label, headers)
        return given
    if not depths:
        return None
    low, high = min(depth.low for depth in depths), max(depth.high for depth in depths)
    also = "" if len(depths) == len(headers) else f" in {len(depths)} of {len(headers)} pictures"
    if low == high:
        high = low + 1  # a sentence with a range that can be typed
    raise InputError(
        f"{label} holds values deeper than 8 bits{also}, from {low:.10g} to {high:.10g}; say which become black and "
        f"white with --{flag} {low:.10g},{high:.10g}"
    )


def without_deep(report: Report) -> Report:
    """A report in which pictures of more than 8 bits count as bad, for a run that knows no range of theirs."""
    deep = {path: f"holds more than 8 bits a channel ({TOO_DEEP})" for path, h in report.headers.items() if h.depth}
    headers = {path: header for path, header in report.headers.items() if path not in deep}
    return Report(headers, {**report.bad, **deep})


def note_outside(range: ValueRange, given: str, label: str, headers: Mapping[Path, Header]) -> None:
    """Say which share of the values lies outside a range, if any does.

    Args:
        given: what the range is called, such as ``--range_A 0,2000``.
    """
    beyond = [path for path, header in headers.items() if _reaches_beyond(header.depth or EIGHT_BITS, range)]
    counted = _evenly(beyond, MOST_COUNTED)
    # Pictures within the range have nothing outside; the others are taken to be like those that are looked at.
    share = _mean_share(counted, range) * len(beyond) / len(headers) if counted else 0.0
    if share > 0:
        print(f"note: {_percent(share)} of the values in {label} lie outside {given} and are cut to it")


def _reaches_beyond(depth: Depth, range: ValueRange) -> bool:
    return depth.low < range.low or depth.high > range.high


def _evenly(paths: Sequence[Path], count: int) -> list[Path]:
    return list(paths[:: -(-len(paths) // count)]) if paths else []


def _mean_share(paths: Iterable[Path], range: ValueRange) -> float:
    with ThreadPoolExecutor(default_workers()) as pool:
        return float(np.mean(list(pool.map(lambda path: range.share_outside(read_values(path)), paths))))


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share >= 0.0005 else "less than 0.1 %"
