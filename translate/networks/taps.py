"""Which layers of a generator a loss looks at, by index or by name."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn


class Tapped(nn.Module):
    """A network whose inner maps can be asked for. Every way through it, with them and without, leads through ``_run``:
    that is what is compiled, where a module of torch's compiles its ``forward``."""

    _run: Callable[..., Any]

    def compile(self, *args: Any, **options: Any) -> None:
        """By ``torch.compile``, which takes the arguments. A copy is not compiled: the result is bound to this one."""
        self._run = torch.compile(self._run, *args, **options)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__getstate__().items() if name != "_run"}


def resolve_taps(taps: Sequence[int | str], names: Mapping[str, int], count: int) -> list[int]:
    """Indices, ascending and without repetition, of taps given by index or name (-1: the last layer).

    Args:
        names: the layers that have one.
        count: how many layers there are.

    Raises:
        ValueError: no such tap.
    """
    indices = set()
    for tap in taps:
        index = names.get(tap) if isinstance(tap, str) else tap
        if index is None or not -1 <= index < count:
            raise ValueError(f"no layer {tap!r} in the generator; choose from 0 to {count - 1} or {', '.join(names)}")
        indices.add(index % count)
    return sorted(indices)
