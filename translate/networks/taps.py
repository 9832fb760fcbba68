"""Which layers of a generator a loss looks at, by index or by name."""

from collections.abc import Mapping, Sequence


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
