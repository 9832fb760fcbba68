"""What a method says of the health of its training: values to compare its losses with, its games, what helps."""

from collections.abc import Iterable
from typing import NamedTuple

from translate.losses.adversarial import undecided

# The troubles that are looked for, by the words under which they are recorded (see ``translate.training.health``).
COLLAPSE = "collapse"
UNCHANGED = "unchanged"
INVERSION = "inversion"
WON = "discriminator_won"
BLIND = "discriminator_blind"
DIVERGENCE = "divergence"
TROUBLES = (DIVERGENCE, COLLAPSE, UNCHANGED, INVERSION, WON, BLIND)


class Level(NamedTuple):
    """What a loss is compared with, and what it means to be there."""

    text: str
    value: float


class Game(NamedTuple):
    """An adversarial game by the names under which its losses are logged.

    Attributes:
        discriminator: losses whose mean tells how well it tells real from fake; without penalties.
        generator: what it loses for being told.
    """

    discriminator: tuple[str, ...]
    generator: str


def draw_levels(mode: str, games: Iterable[Game], weight: float = 1.0) -> dict[str, Level]:
    """Where the losses of the games stand while the discriminators cannot tell real from fake.

    Args:
        mode: one of ``GAN_MODES``.
        weight: with which the generator's loss is logged.
    """
    discriminator, generator = undecided(mode)
    levels = {}
    for game in games:
        levels |= {name: Level("draw", discriminator) for name in game.discriminator}
        levels[game.generator] = Level("draw", weight * generator)
    return levels
