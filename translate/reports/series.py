"""Numbers made ready for drawing: which belong together, smoothing, thinning, round ticks."""

import math
from collections.abc import Iterable, Sequence

Points = list[tuple[int, float]]

# Losses that are read together: the two sides of the adversarial game, and the two contrastive terms.
RELATED = (("G_GAN", "D_real", "D_fake"), ("NCE", "NCE_Y"))
LARGEST = 1e100  # beyond, differences overflow; such a value is as good as infinite
SMALLEST = 1e-100  # below, they underflow; such a value is as good as zero
SMOOTHED_SHARE = 25  # the smoothing spans this fraction of a series


def groups(names: Iterable[str]) -> list[list[str]]:
    """The names, in panels: related losses together, every other one alone.

    >>> groups(["G_GAN", "D_real", "D_fake", "G", "NCE", "D_R1", "NCE_Y"])
    [['G_GAN', 'D_real', 'D_fake'], ['G'], ['NCE', 'NCE_Y'], ['D_R1']]
    """
    names = list(dict.fromkeys(names))
    found: list[list[str]] = []
    for name in names:
        family = next((family for family in RELATED if name in family), (name,))
        group = [member for member in family if member in names]
        if group not in found:
            found.append(group)
    return found


def can_be_drawn(value: float) -> bool:
    """Whether a value has a place on an axis."""
    return math.isfinite(value) and abs(value) < LARGEST


def finite(points: Iterable[tuple[int, float]]) -> Points:
    """The points that can be drawn, in order of their steps."""
    return sorted((step, value) for step, value in points if can_be_drawn(value))


def smooth(points: Sequence[tuple[int, float]]) -> Points:
    """An exponential moving average over about a 25th of the series, unbiased at its start."""
    keep = 1 - 2 / (len(points) / SMOOTHED_SHARE + 1) if len(points) > SMOOTHED_SHARE else 0.0
    total = weight = 0.0
    smoothed = []
    for step, value in points:
        total = keep * total + (1 - keep) * value
        weight = keep * weight + (1 - keep)
        smoothed.append((step, total / weight))
    return smoothed


def thin(points: Sequence[tuple[int, float]], limit: int = 400) -> Points:
    """At most ``limit`` (at least 4) of the points: the first, the last, and the extremes of every stretch between.

    No peak is lost, so a thinned curve has the outline of the full one.
    """
    if len(points) <= limit:
        return list(points)
    inner = points[1:-1]
    stretches = (limit - 2) // 2
    kept = [points[0]]
    for stretch in range(stretches):
        part = range(len(inner) * stretch // stretches, len(inner) * (stretch + 1) // stretches)
        extremes = {min(part, key=lambda at: inner[at][1]), max(part, key=lambda at: inner[at][1])}
        kept.extend(inner[at] for at in sorted(extremes))
    return [*kept, points[-1]]


def value_range(values: Sequence[float]) -> tuple[float, float]:
    """The range of an axis: that of the values with some air, from zero where zero is near."""
    low, high = min(values), max(values)
    if 0 <= low <= 0.6 * high:
        low = 0.0
    size = max(abs(low), abs(high))
    air = 0.05 * (high - low)
    # Equal values, or nearly so, still need an axis on which they have a place.
    if high - low <= max(1e-6 * size, SMALLEST):
        air = 0.05 * size if size > SMALLEST else 0.5
    return (low if low == 0 else low - air), high + air


def ticks(low: float, high: float, count: int) -> list[float]:
    """About ``count`` round values (1, 2 or 5 times a power of ten) within a range; low < high.

    >>> ticks(0, 0.9, 4)
    [0.0, 0.2, 0.4, 0.6000000000000001, 0.8]
    """
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.75)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [multiple * step for multiple in range(first, last + 1)]


def number(value: float) -> str:
    """A value in few characters: three decimals, fewer for large ones.

    >>> [number(value) for value in (0, 0.25, 5.5452, 12345.6, 0.00012)]
    ['0', '0.250', '5.545', '12346', '1.2e-04']
    """
    size = abs(value)
    if size == 0:
        return "0"
    if size < 0.001 or size >= 1e6:
        return f"{value:.1e}"
    return f"{value:.3f}" if size < 100 else f"{value:.0f}"


def tick_label(value: float, step: float) -> str:
    """A tick's value, with the decimals that its step needs.

    >>> tick_label(0.6000000000000001, 0.2), tick_label(20000, 20000), tick_label(2.5e6, 5e5), tick_label(0, 0.5)
    ('0.6', '20k', '2.5M', '0')
    """
    if abs(value) < step / 2:
        return "0"
    if step < 1e-4 or abs(value) >= 1e9:
        return f"{value:.6g}" if step < 1e-4 else f"{value:.2g}"
    for unit, letter in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= unit and step >= unit / 10:
            return f"{value / unit:.{1 if step < unit else 0}f}".removesuffix(".0") + letter
    return f"{value:.{max(0, -math.floor(math.log10(step)))}f}"
