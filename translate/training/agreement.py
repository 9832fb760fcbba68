"""What processes that train together have to see alike.

Else they would train different networks, or wait for each other without end.
"""

import zlib
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from translate.collectives import gather_values
from translate.errors import InputError
from translate.options import QualityOptions, ReportOptions, RunOptions
from translate.settings import TrainSettings
from translate.training.feeding import Feed
from translate.training.job import Job

# Of these groups the first process needs most flags alone, and places may have other names on other machines.
_OWN = {field.name for group in (RunOptions, QualityOptions, ReportOptions) for field in fields(group)}
MAY_DIFFER = (_OWN | {"num_threads", "cache_mb"}) - {"seed", "max_steps", "dry_run"}


def compare_starts(job: Job) -> None:
    """Refuse to start where the processes were told or have found different things.

    Raises:
        InputError: says which; the same in all processes.
    """
    state = job.start.state
    steps = gather_values(state["progress"]["step"] if state else None)
    if len(set(steps)) > 1:
        raise InputError(
            f"the processes do not see the same state of the run in {job.start.folder.path} (steps {steps}): give a "
            "--checkpoints_dir that all machines share"
        )
    _compare_flags(gather_values(_flags(job.settings)))
    _compare_pictures(gather_values(_pictures(job.feed)), job.settings.run.dataroot)


def _flags(settings: TrainSettings) -> dict[str, Any]:
    return {name: value for name, value in settings.flat().items() if name not in MAY_DIFFER}


def _pictures(feed: Feed) -> tuple[str, int]:
    """How many there are, and a number that their names make."""
    return feed.describe(), zlib.crc32("\n".join(path.name for path in feed.paths).encode(errors="surrogateescape"))


def _compare_flags(told: Sequence[dict[str, Any]]) -> None:
    first = told[0]
    for rank, flags in enumerate(told):
        name = next((name for name in first if name not in flags or flags[name] != first[name]), None)
        if name is not None:
            raise InputError(
                f"--{name} is {first[name]} in process 0 and {flags.get(name, 'not there')} in process {rank}; give "
                f"the same --{name} to all of them"
            )


def _compare_pictures(found: Sequence[tuple[str, int]], dataroot: str | None) -> None:
    rank = next((rank for rank, pictures in enumerate(found) if pictures != found[0]), None)
    if rank is not None:
        of_first, of_other = found[0][0], found[rank][0]
        what = f"{of_first}, and {of_other}" if of_first != of_other else f"{of_first}, of other names"
        raise InputError(
            f"process 0 and process {rank} do not see the same pictures in --dataroot {dataroot} ({what}): give all "
            "machines the same copy of it"
        )
