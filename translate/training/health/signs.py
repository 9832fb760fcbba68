"""Signs of trouble: whether the numbers of one look show it, and what to say.

The limits lie between the numbers of good runs and those of runs that were broken on purpose; both are in
docs/health.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from translate.methods.health import BLIND, COLLAPSE, DIVERGENCE, INVERSION, UNCHANGED, WON
from translate.training.health.losses import Standing
from translate.training.health.pictures import Look

PLAIN = 0.02  # contrast of translations
EXPLAINED = 0.15  # share of translations that only their own inputs explain
CHANGED = 0.3  # difference from the input, the input's contrast being 1
TOLD_APART = 0.2  # losses of a discriminator, a draw being 1: it tells translations from domain B with ease
HAS_WON = 0.1  # the same: it does so every time
NO_BETTER = 0.9  # the same: it guesses
UNMOVED = 0.02  # their standard deviation: nothing moves them any more
FAR_WORSE = 3.0  # the same: worse than guessing
RISEN = 1.5  # losses that should fall, as multiples of where they began, or of guessing
REVERSED = -0.4  # correlation of the brightness or the hues of translations with those of their inputs
LIMITS = {
    "change": ("a copy, below", CHANGED),
    "explained": ("alike, below", EXPLAINED),
    "order": ("reversed, below", REVERSED),
    "hues": ("reversed, below", REVERSED),
    "contrast": ("plain, below", PLAIN),
}  # of the numbers of a look (``Look.numbers``), for those who draw them


@dataclass(frozen=True)
class Sign:
    """A trouble that one look shows: in words, and the numbers behind them."""

    text: str
    numbers: dict[str, float]


Signs = dict[str, Sign | None]  # by the kind of trouble; None: looked for and not there


def signs_of_pictures(look: Look, told: float | None) -> Signs:
    """What previews show; troubles that they cannot tell of are left out.

    Args:
        told: losses of the discriminator that judges these translations, a draw being 1 (``Standing.share``); 0 where
            none does, None where it is not known yet.
    """
    signs = {INVERSION: _inversion(look)}
    if look.contrast_in > PLAIN:
        signs[COLLAPSE] = _plain(look) or _collapse(look)
        if told is not None:
            signs[UNCHANGED] = _unchanged(look, told)
    return signs


def _plain(look: Look) -> Sign | None:
    if look.contrast_out >= PLAIN:
        return None
    return Sign(
        f"the translations are plain, whatever the input: their contrast is {look.contrast_out:.1%} of the range, that "
        f"of the inputs {look.contrast_in:.0%}",
        {"contrast": look.contrast_out},
    )


def _collapse(look: Look) -> Sign | None:
    if look.explained is None or look.explained >= EXPLAINED:
        return None
    return Sign(
        "the translations are alike, whatever the input: of what is where in a translation, its own input explains "
        f"{max(look.explained, 0):.0%} that the other inputs do not",
        {"explained": look.explained},
    )


def _unchanged(look: Look, told: float) -> Sign | None:
    if look.change is None or look.change >= CHANGED or told >= TOLD_APART:
        return None
    return Sign(
        f"the translations are their inputs: they differ from them by {look.change:.0%} of an input's contrast, and do "
        "not pass for domain B",
        {"change": look.change, "discriminator": told},
    )


def _inversion(look: Look) -> Sign | None:
    brightness = ("order", look.order, "what is bright in an input is dark in its translation")
    hues = ("hues", look.hues, "what has a hue in an input has the opposite one in its translation")
    for name, correlation, said in (brightness, hues):
        if correlation is not None and correlation < REVERSED:
            text = f"the translations run against their inputs: {said} (correlation {correlation:.2f})"
            return Sign(text, {name: correlation})
    return None


def signs_of_losses(standings: Sequence[Standing], rises: Mapping[str, float]) -> Signs:
    """What a window of logged losses shows; without any, nothing is looked for."""
    signs: Signs = {}
    if standings or rises:
        signs[DIVERGENCE] = _divergence(standings, rises)
    if standings:
        signs[WON] = _won(standings)
        signs[BLIND] = _blind(standings)
    return signs


def _divergence(standings: Sequence[Standing], rises: Mapping[str, float]) -> Sign | None:
    worst = max(standings, key=lambda standing: standing.share, default=None)
    if worst and worst.share > FAR_WORSE:
        return Sign(
            f"the losses run away: {_named(worst)} {worst.share:.0f} times those of a discriminator that guesses",
            {"discriminator": worst.share},
        )
    name = max(rises, key=lambda name: rises[name], default=None)
    if name is None or rises[name] <= RISEN:
        return None
    return Sign(
        f"the losses run away: {name} is {rises[name]:.1f} times what it was at the start or would be by guessing",
        {name: rises[name]},
    )


def _won(standings: Sequence[Standing]) -> Sign | None:
    best = min(standings, key=lambda standing: standing.share)
    if best.share >= HAS_WON:
        return None
    return Sign(
        f"the discriminator tells real from fake every time, so that it shows the generator no way: {_named(best)} "
        f"{best.share:.0%} of a draw",
        {"discriminator": best.share},
    )


def _blind(standings: Sequence[Standing]) -> Sign | None:
    for standing in standings:
        if standing.share >= NO_BETTER and standing.moves < UNMOVED:
            return Sign(
                f"the discriminator has stopped learning and tells nothing: {_named(standing)} {standing.share:.2f} "
                "times a draw, and that does not move",
                {"discriminator": standing.share, "moves": standing.moves},
            )
    return None


def _named(standing: Standing) -> str:
    """The names of the losses with their verb."""
    names = " and ".join(standing.losses)
    return f"{names} are" if len(standing.losses) > 1 else f"{names} is"
