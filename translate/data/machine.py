"""What the machine lets this process have: cores and memory, within the limits of its container."""

import os
from collections.abc import Iterator
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUP = Path("/proc/self/cgroup")
MEMINFO = Path("/proc/meminfo")
MIB = 2**20


def usable_cores() -> int:
    """Cores that this process may keep busy, at least 1: those it may run on, cut to its container's share of time."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for quota, period in _cpu_quotas():
        cores = min(cores, round(quota / period))
    return max(cores, 1)


def available_memory_mb() -> int | None:
    """MiB that can still be used without swapping, at most what the container has left; None where nobody knows."""
    limits_mb = [left // MIB for left in _memory_left()]
    for line in _read(MEMINFO).splitlines():
        if line.startswith("MemAvailable:"):
            limits_mb.append(int(line.split()[1]) // 1024)
    return min(limits_mb, default=None)


def _cpu_quotas() -> Iterator[tuple[int, int]]:
    """Microseconds of computing that are allowed in a period of so many microseconds."""
    for folder in _own_cgroups():
        match _read(folder / "cpu.max").split():
            case [quota, period] if quota.isdigit() and int(quota) and int(period):
                yield int(quota), int(period)
    quota, period = (_read(CGROUPS / f"cpu/cpu.cfs_{word}_us").strip() for word in ("quota", "period"))
    if quota.isdigit() and period.isdigit() and int(quota) and int(period):
        yield int(quota), int(period)


def _memory_left() -> Iterator[int]:
    """Bytes below each limit: what is used counts, but for file pages that are given back when they are wanted."""
    places = [(folder / "memory.max", folder / "memory.current", "inactive_file") for folder in _own_cgroups()]
    first = CGROUPS / "memory"
    places.append((first / "memory.limit_in_bytes", first / "memory.usage_in_bytes", "total_inactive_file"))
    for limit_file, used_file, word in places:
        limit, used = _read(limit_file).strip(), _read(used_file).strip()
        if limit.isdigit():  # no limit is called max
            statistics = dict(line.split() for line in _read(limit_file.with_name("memory.stat")).splitlines())
            taken = int(used) - int(statistics.get(word, 0)) if used.isdigit() else 0
            yield max(int(limit) - max(taken, 0), 0)


def _own_cgroups() -> Iterator[Path]:
    """The folders of this process's cgroup (version 2) and of those it is in; inside a container the root alone."""
    for line in _read(OWN_CGROUP).splitlines():
        if line.startswith("0::/"):
            own = CGROUPS / line.removeprefix("0::/")
            yield from [folder for folder in (own, *own.parents) if folder.is_relative_to(CGROUPS)]
            return
    yield CGROUPS


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""
