"""The settings of a training run: groups of flags put together, with a method's defaults in between."""

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from translate.errors import InputError
from translate.files import windows_refuses
from translate.flags import build
from translate.methods import METHODS, Method
from translate.options import (
    LEGACY,
    ONE_DOMAIN,
    DataOptions,
    NetworkOptions,
    OptimizerOptions,
    QualityOptions,
    ReportOptions,
    RunOptions,
    SpeedOptions,
)
from translate.registry import did_you_mean
from translate.reports.displays import chosen_displays

ON_WINDOWS = os.name == "nt"
GROUPS = {
    "run": RunOptions,
    "data": DataOptions,
    "networks": NetworkOptions,
    "optimizer": OptimizerOptions,
    "speed": SpeedOptions,
    "reports": ReportOptions,
    "quality": QualityOptions,
}
# Flags about one call of the command, not about the run: a resumed run does not inherit them.
SESSION_FLAGS = frozenset(
    {
        "continue_train",
        "init_from",
        "pretrained_name",
        "epoch",
        "epoch_count",
        "max_steps",
        "max_minutes",
        "dry_run",
        "verbose",
        "gpu_ids",
        "suffix",
        "num_threads",
        "cache_mb",
    }
)


@dataclass(frozen=True)
class TrainSettings:
    """Every flag of a training run, resolved."""

    model: str
    run: RunOptions
    data: DataOptions
    networks: NetworkOptions
    optimizer: OptimizerOptions
    speed: SpeedOptions
    reports: ReportOptions
    quality: QualityOptions
    method: Any

    def groups(self) -> list[Any]:
        return [
            *(self.run, self.data, self.networks, self.optimizer, self.speed, self.reports, self.quality),
            self.method,
        ]

    def flat(self) -> dict[str, Any]:
        """All flags by name, as they are recorded beside the weights."""
        values: dict[str, Any] = {"model": self.model}
        for group in self.groups():
            values |= dataclasses.asdict(group)
        return values

    def with_values(self, **values: Any) -> "TrainSettings":
        """The same settings with some flags changed."""
        return resolve({**self.flat(), **values})


def groups_of(model: str) -> dict[str, type]:
    """The options dataclasses of a training run with this method."""
    return {**GROUPS, "method": METHODS[model].Options}


def train_flags(model: str) -> dict[str, type]:
    """Every flag of a training run and the dataclass it belongs to."""
    return {field.name: group for group in groups_of(model).values() for field in dataclasses.fields(group)}


def test_groups() -> dict[str, type]:
    """The options dataclasses of the methods that have flags of their own in a test."""
    methods = {name: METHODS[name] for name in METHODS.names()}
    return {name: method.TestOptions for name, method in methods.items() if method.TestOptions}


test_groups.__test__ = False  # not a test case, whatever its name begins with


def resolve(values: Mapping[str, Any]) -> TrainSettings:
    """Settings from the flags that were given; the method's and the published defaults fill the rest.

    Raises:
        InputError: an unknown flag or model, or a value that is out of its range.
    """
    model = str(values.get("model", "cut"))
    method = METHODS[model]
    known = train_flags(model)
    for name in values:
        if name not in known and name not in LEGACY and name != "model":
            raise InputError(f"unknown option {name!r}: {did_you_mean(name, [*known, 'model'])}")
    merged = {"dataset_mode": method.needs, **method.defaults(values), **values}
    groups = {key: build(group, merged) for key, group in groups_of(model).items()}
    settings = TrainSettings(model=model, **groups)
    _refuse_unfit(settings, method)
    _refuse_idle(settings, method, merged)
    if not settings.run.name.strip("./\\ "):
        raise InputError(f"--name {settings.run.name!r} is not the name of a folder; give one such as horse2zebra")
    settings = _with_suffix(settings)
    if ON_WINDOWS and windows_refuses(settings.run.name):
        raise InputError(
            f"--name {settings.run.name}: Windows has no folder of this name; leave out "
            '< > : " | ? *, a dot at the end, and words such as con'
        )
    return settings


def _refuse_unfit(settings: TrainSettings, method: type[Method]) -> None:
    """Flags whose values exist, but not for this method, and displays that do not exist."""
    mode, netG = settings.data.dataset_mode, settings.networks.netG
    if mode != method.needs:
        raise InputError(f"--dataset_mode {mode} does not suit --model {settings.model}: it learns from {method.needs}")
    flag = next((f"range_{letter}" for letter in "AB" if getattr(settings.data, f"range_{letter}")), None)
    if flag and method.needs == "depth":
        raise InputError(f"--{flag} does not suit --model {settings.model}: depth has a unit of its own; leave it out")
    if flag and method.needs in ONE_DOMAIN:
        raise InputError(f"--{flag} does not suit --model {settings.model}: it learns from 8 bits; leave it out")
    if netG not in method.netG:
        reason = f", since {method.unfit[netG]}" if netG in method.unfit else ""
        words = ", ".join(method.netG)
        raise InputError(f"--netG {netG} does not suit --model {settings.model}{reason}: choose from {words}")
    netD = settings.networks.netD
    if netD not in method.netD:
        raise InputError(f"--netD {netD} does not suit --model {settings.model}: choose from {', '.join(method.netD)}")
    chosen_displays(settings.reports)


def _refuse_idle(settings: TrainSettings, method: type[Method], told: Mapping[str, Any]) -> None:
    """Flags that were changed and do nothing with these others."""
    idle = dict(method.idle_flags(settings.method))
    if settings.optimizer.optimizer in ("sgd", "lars"):
        idle |= dict.fromkeys(("beta1", "beta2"), f"--optimizer {settings.optimizer.optimizer} has --momentum")
    usual = {field.name: field.default for group in GROUPS.values() for field in dataclasses.fields(group)}
    usual |= method.defaults(told)
    values = settings.flat()
    for name, reason in idle.items():
        if values[name] != usual[name]:
            raise InputError(f"--{name} {values[name]} has no effect, since {reason}; leave it out")


def _with_suffix(settings: TrainSettings) -> TrainSettings:
    suffix = settings.run.suffix
    if not suffix:
        return settings
    try:
        ending = suffix.format(**settings.flat())
    except (KeyError, IndexError, AttributeError, TypeError, ValueError) as error:
        remedy = "write names of flags in braces, e.g. {netG}_{load_size}"
        raise InputError(f"--suffix {suffix} cannot be filled in ({error}); {remedy}") from None
    run = dataclasses.replace(settings.run, name=f"{settings.run.name}_{ending}", suffix="")
    return dataclasses.replace(settings, run=run)
