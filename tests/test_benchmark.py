"""The benchmark runs every side and prints what it found; how fast they are is not asked here."""

import json


def test_all_sides_take_their_turns(run_script, tmp_path):
    sides = ["published", "fp32", "default", "parts", "recomputed"]
    words = ["--crop_size", "64", "--ngf", "2", "--ndf", "2", "--steps", "1", "--warm_up", "0", "--gpu_ids", "-1"]
    words += ["--batch_size", "2", "--sides", *sides]
    done = run_script(tmp_path, "scripts/benchmark", *words)
    assert done.returncode == 0, done.stderr
    *table, line = done.stdout.splitlines()
    assert [row.split("|")[1].strip() for row in table[2:]] == sides
    found = json.loads(line)
    assert found["batch_size"] == 2 and found["machine"]
    for result in found["results"].values():
        assert result["step_s"] > 0 and result["picture_s"] > 0 and result["memory_mib"] > 0


def test_processes_are_compared(run_script, tmp_path):
    words = ["--crop_size", "64", "--ngf", "2", "--ndf", "2", "--steps", "1", "--warm_up", "0", "--gpu_ids", "-1"]
    done = run_script(tmp_path, "scripts/benchmark_processes", *words)
    assert done.returncode == 0, done.stderr
    *table, line = done.stdout.splitlines()
    assert [row.split("|")[1].strip() for row in table[2:]] == ["1", "2"]
    assert all(seconds > 0 for seconds in json.loads(line)["step_s"].values())


def test_a_profile_names_the_operators(run_script, tmp_path):
    words = ["--profile", "--crop_size", "64", "--ngf", "2", "--ndf", "2", "--warm_up", "1", "--gpu_ids", "-1"]
    assert "convolution" in run_script(tmp_path, "scripts/benchmark", *words).stdout


def test_a_side_that_dies_is_told(run_script, tmp_path):
    words = "--sides", "default", "--reference", str(tmp_path), "--crop_size", "32", "--ngf", "4", "--ndf", "4"
    done = run_script(tmp_path, "scripts/benchmark", *words)
    assert done.returncode == 1
    assert done.stderr.strip().endswith(
        "error: the side reference has died of what stands above; leave it out of --sides"
    )
