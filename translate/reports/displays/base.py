"""What a display of a training is, and how displays are known by name."""

import importlib
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

from PIL import Image

from translate.errors import InputError
from translate.options import VISDOM_FLAGS, ReportOptions
from translate.registry import Registry
from translate.reports.metrics_log import METRICS_LOG

Pictures = Mapping[str, Image.Image]  # label -> picture


@dataclass(frozen=True)
class Shown:
    """The run that is shown.

    Attributes:
        folder: of the run; what a display writes goes below it.
        log: of all entries so far, see ``translate.reports.training_log``.
        name: of the run.
        options: the flags about displays among others.
        flags: all flags of the run by name, for displays that keep them beside the curves.
    """

    folder: Path
    log: Path
    name: str
    options: ReportOptions
    flags: Mapping[str, Any] = field(default_factory=dict)

    @property
    def metrics(self) -> Path:
        """The file of all measurements so far, see ``translate.reports.metrics_log``."""
        return self.folder / METRICS_LOG


class Display(Protocol):
    """Shows a training while it runs.

    It works in a thread of its own (``Background``), so a method may take its time, and whatever it raises costs one
    warning. Only ``__init__`` runs in the training's thread, and does nothing that could fail.

    Attributes:
        module: that must be there to be imported.
        install: the command that brings it.
    """

    module: ClassVar[str]
    install: ClassVar[str]

    def __init__(self, shown: Shown): ...

    def begin(self, facts: Mapping[str, str], step: int) -> None:
        """Open it for a run that stands behind ``step``; what it showed of later steps is void.

        It is called again after a failure, or when entries were lost because the display was too slow.

        Args:
            facts: name -> value, of the data set, the method and the device.
        """

    def losses(self, entry: Mapping[str, Any]) -> None:
        """One entry of the log: step, epoch, losses by name, lr, and the seconds step_s and data_s."""

    def metrics(self, entry: Mapping[str, Any]) -> None:
        """One line of ``metrics.jsonl``, as a dict; a step comes twice where raw and averaged weights are judged.

        To be called after the line was appended to ``Shown.metrics``, a file that is cut back before ``begin`` where a
        run goes on: a display may draw from it as well.

        Args:
            entry: step, epoch, weights (``raw`` or ``ema``), and metrics: name -> value and, where there are any, low,
                high, floor, ceiling and extractor.
        """

    def pictures(self, step: int, epoch: int, pictures: Pictures) -> None:
        """What the last step saw and made, by label: ``real_A``, ``fake_B``, ..."""

    def previews(self, step: int, epoch: int, pictures: Pictures) -> None:
        """The same few inputs as ever, translated anew: ``0_real_A``, ``0_fake_B``, ``1_real_A``, ..."""

    def close(self) -> None: ...


DISPLAYS: Registry[type[Display]] = Registry("display (--display)")


def chosen_displays(options: ReportOptions) -> list[str]:
    """The names of the displays that the flags ask for, each once.

    ``display_id`` is the reference's switch for visdom and goes before ``display``: above 0 it is on, else off.

    Raises:
        InputError: an unknown name.
    """
    words = [word.strip().lower() for word in options.display.split(",")]
    names = list(dict.fromkeys(word for word in words if word not in ("", "none")))
    for name in names:
        DISPLAYS[name]  # refuses an unknown name
    if options.display_id is None:
        return names
    others = [name for name in names if name != "visdom"]
    return [*others, "visdom"] if options.display_id > 0 else others


def check_displays(options: ReportOptions, given: Iterable[str]) -> None:
    """Say which flags have no effect, and import what the displays need, so that it is missing now or never.

    Args:
        given: the names of the flags that were given in this call.

    Raises:
        InputError: a package is missing; says how to install it.
    """
    names = chosen_displays(options)
    if idle := [f"--{name}" for name in given if name in VISDOM_FLAGS and "visdom" not in names]:
        print(f"note: without effect here: {', '.join(idle)} (only --display visdom has them)", file=sys.stderr)
    for name in names:
        display = DISPLAYS[name]
        try:
            importlib.import_module(display.module)
        except Exception as error:  # missing, or at odds with another package
            reason = " ".join(str(error).split())[:200]
            missing = f"--display {name} needs a package that is not there ({reason})"
            raise InputError(f"{missing}: {display.install}") from None
