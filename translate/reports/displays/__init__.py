"""Where a training is shown besides its page, by the names of ``--display``.

A display is a file with one class (see ``base.Display``) and a line here.
"""

from translate.reports.displays.background import Background
from translate.reports.displays.base import DISPLAYS, Display, Shown, check_displays, chosen_displays
from translate.reports.displays.tensorboard import TensorBoardDisplay
from translate.reports.displays.visdom import VisdomDisplay
from translate.reports.displays.wandb import WandbDisplay

DISPLAYS.register("tensorboard")(TensorBoardDisplay)
DISPLAYS.register("visdom")(VisdomDisplay)
DISPLAYS.register("wandb")(WandbDisplay)

__all__ = ["DISPLAYS", "Background", "Display", "Shown", "check_displays", "chosen_displays", "open_displays"]


def open_displays(shown: Shown) -> list[Background]:
    """The displays that the run's flags ask for; nothing is shown before each is begun."""
    return [Background(name, DISPLAYS[name](shown)) for name in chosen_displays(shown.options)]
