"""What the machine gives is read from its files; where they are missing or strange, from what else is known."""

import pytest

from translate.data import machine


@pytest.fixture
def limits(tmp_path, monkeypatch):
    """limits(cores, **files): a machine of so many cores and these files; a double underscore is a slash."""

    def make(cores=8, **files):
        for name, content in files.items():
            path = tmp_path / name.replace("__", "/").replace("_dot_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        monkeypatch.setattr(machine, "CGROUPS", tmp_path / "cgroups")
        monkeypatch.setattr(machine, "OWN_CGROUP", tmp_path / "own")
        monkeypatch.setattr(machine, "MEMINFO", tmp_path / "meminfo")
        monkeypatch.setattr(machine.os, "sched_getaffinity", lambda _: set(range(cores)), raising=False)

    return make


def test_cores_are_those_it_may_run_on(limits, monkeypatch):
    limits(cores=3)
    assert machine.usable_cores() == 3
    monkeypatch.delattr(machine.os, "sched_getaffinity")
    monkeypatch.setattr(machine.os, "cpu_count", lambda: 5)
    assert machine.usable_cores() == 5


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"cgroups__cpu_dot_max": "250000 100000\n"}, 2),
        ({"cgroups__cpu_dot_max": "20000 100000\n"}, 1),
        ({"cgroups__cpu_dot_max": "max 100000\n"}, 8),
        ({"cgroups__cpu_dot_max": "nonsense"}, 8),
        ({"own": "0::/job/task\n", "cgroups__job__cpu_dot_max": "300000 100000"}, 3),
        ({"own": "0::/job\n", "cgroups__other__cpu_dot_max": "300000 100000"}, 8),
        ({"cgroups__cpu__cpu_dot_cfs_quota_us": "400000\n", "cgroups__cpu__cpu_dot_cfs_period_us": "100000\n"}, 4),
        ({"cgroups__cpu__cpu_dot_cfs_quota_us": "-1\n", "cgroups__cpu__cpu_dot_cfs_period_us": "100000\n"}, 8),
    ],
)
def test_cores_are_cut_to_the_quota(limits, files, cores):
    limits(**files)
    assert machine.usable_cores() == cores


@pytest.mark.parametrize(
    ("files", "memory_mb"),
    [
        ({}, None),
        ({"meminfo": "MemTotal: 9216 kB\nMemAvailable:    4096 kB\n"}, 4),
        ({"meminfo": "MemAvailable: 4096 kB\n", "cgroups__memory_dot_max": "2097152\n"}, 2),
        ({"meminfo": "MemAvailable: 4096 kB\n", "cgroups__memory_dot_max": "max\n"}, 4),
        ({"cgroups__memory__memory_dot_limit_in_bytes": "3145728\n"}, 3),
        ({"own": "0::/job/task\n", "cgroups__job__memory_dot_max": "1048576"}, 1),
        ({"cgroups__memory_dot_max": "8388608", "cgroups__memory_dot_current": "6291456"}, 2),
        (
            {
                "cgroups__memory_dot_max": "8388608",
                "cgroups__memory_dot_current": "6291456",
                "cgroups__memory_dot_stat": "anon 1\ninactive_file 1048576\n",
            },
            3,
        ),
        ({"cgroups__memory_dot_max": "1048576", "cgroups__memory_dot_current": "6291456"}, 0),
    ],
)
def test_memory_is_what_is_free_and_allowed(limits, files, memory_mb):
    limits(**files)
    assert machine.available_memory_mb() == memory_mb
