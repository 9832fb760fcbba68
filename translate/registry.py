"""Names that users type, and the nearest one when they mistype."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Generic, TypeVar

from translate.errors import InputError

T = TypeVar("T")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint to append to an error: the nearest known name, or all of them."""
    known = sorted(known)
    lowered = {candidate.lower(): candidate for candidate in known}
    close = get_close_matches(name.lower(), lowered, n=1, cutoff=0.5)
    if close:
        return f"did you mean {lowered[close[0]]}?"
    return f"choose from {', '.join(known)}" if known else "there are none to choose from"


class Registry(Generic[T]):
    """A mapping from names to things of one kind, refusing unknown names in words.

    >>> fruits = Registry("fruit")
    >>> @fruits.register("apple")
    ... class Apple: pass
    >>> fruits["appel"]
    Traceback (most recent call last):
    translate.errors.InputError: unknown fruit 'appel': did you mean apple?
    """

    def __init__(self, kind: str):
        self.kind = kind
        self._entries: dict[str, T] = {}

    def register(self, name: str):
        def add(entry: T) -> T:
            if name in self._entries:
                raise ValueError(f"{self.kind} {name!r} is registered already")
            self._entries[name] = entry
            return entry

        return add

    def __getitem__(self, name: str) -> T:
        if name not in self._entries:
            raise InputError(f"unknown {self.kind} {name!r}: {did_you_mean(name, self._entries)}")
        return self._entries[name]

    def names(self) -> list[str]:
        return sorted(self._entries)
