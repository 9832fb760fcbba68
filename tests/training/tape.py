"""What records a step on the stand-in for a device, as a GPU's graphs do.

A graph holds kernels and the addresses and numbers that they were given. So nothing is computed while it is recorded,
nothing can be read back or copied from the host, no generator be seeded, and what is repeated sees what lies at the
same addresses by then, and of the host's values those of the time when it was recorded.
"""

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

sys.path.insert(0, str(Path(__file__).parent))

from elsewhere import ASKING, COPYING, ELSEWHERE, INDEXING, Elsewhere, _has_a_mask, compute

aten = torch.ops.aten


class Tape:
    """A recorder for trainings on ``ELSEWHERE``; ``repeats`` counts how often a record was repeated."""

    def __init__(self, device: torch.device | None = None):
        self.records = 0
        self.repeats = 0

    @contextlib.contextmanager
    def beside(self) -> Iterator[None]:
        yield

    def record(self, work: Callable[[], Any]) -> tuple[Callable[[], None], Any]:
        self.records += 1
        with Operations() as operations, pytest.MonkeyPatch.context() as patch:
            patch.setattr(torch, "manual_seed", _refuse("a generator is seeded"))
            result = work()
        operations.undo()

        def replay() -> None:
            self.repeats += 1
            operations.repeat()

        return replay, result


class Operations(TorchDispatchMode):
    """Those on the device within it, with the tensors that went into them and came out."""

    def __init__(self):
        super().__init__()
        self.log: list[tuple[Any, Any, dict[str, Any], Any]] = []
        self._made: dict[int, Tensor] = {}  # a tensor of each memory that was new
        self._former: dict[int, tuple[Tensor, Tensor]] = {}  # one of each other memory, and what it held

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        given = [value for value in tree_leaves((args, kwargs)) if isinstance(value, Tensor)]
        there = [tensor.content for tensor in given if isinstance(tensor, Elsewhere)]
        _check(func, args, kwargs, given)
        for content in there:
            if _memory(content) not in self._made and _memory(content) not in self._former:
                self._former[_memory(content)] = (content, _whole(content).clone())
        result = compute(func, args, kwargs)
        made = [value.content for value in tree_leaves(result) if isinstance(value, Elsewhere)]
        if there or made:
            self.log.append((func, args, kwargs, result))
        known = {_memory(content) for content in there}
        self._made |= {_memory(content): content for content in made if _memory(content) not in known}
        return result

    def undo(self) -> None:
        """As if nothing had been computed: what was there is as before, what is new holds no numbers."""
        for content, former in self._former.values():
            _whole(content).copy_(former)
        for content in self._made.values():
            if content.is_floating_point():
                torch.empty(0, dtype=content.dtype).set_(content.untyped_storage()).fill_(torch.nan)

    @torch.no_grad()
    def repeat(self) -> None:
        for func, args, kwargs, result in self.log:
            again = compute(func, args, kwargs)
            sources = {_memory(value.content) for value in tree_leaves((args, kwargs)) if isinstance(value, Elsewhere)}
            for ours, new in zip(tree_leaves(result), tree_leaves(again), strict=True):
                if isinstance(ours, Elsewhere) and _memory(ours.content) not in sources:
                    ours.content.copy_(new.content)


def _check(func: Any, args: Any, kwargs: dict[str, Any], given: list[Tensor]) -> None:
    """Refuse what a GPU refuses while it records."""
    there = [tensor for tensor in given if isinstance(tensor, Elsewhere)]
    if there and (func in ASKING or (func in INDEXING and _has_a_mask(args[1]))):
        _refuse(f"{func} asks for a value")()
    leaves = bool(there) and kwargs.get("device") not in (None, ELSEWHERE)
    if func in COPYING and (leaves or any(not isinstance(tensor, Elsewhere) for tensor in given)):
        _refuse(f"{func} copies from or to the host")()


def _refuse(what: str) -> Callable[..., Any]:
    def refuse(*_: Any, **__: Any) -> Any:
        raise RuntimeError(f"{what} while a step is recorded")

    return refuse


def _memory(content: Tensor) -> int:
    return content.untyped_storage()._cdata


def _whole(content: Tensor) -> Tensor:
    """All bytes of the memory that a tensor lies in; to change them does not count as a change of the tensor."""
    return torch.empty(0, dtype=torch.uint8).set_(content.untyped_storage())
