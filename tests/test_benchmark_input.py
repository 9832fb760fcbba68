"""The benchmark of the loader runs on pictures of its own and on a user's; how fast it is is not asked here."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

import benchmark_input

SMALL = ["--load_size", "36", "--crop_size", "32", "--epochs", "2"]


def test_it_measures_every_number_of_workers(run_script, tmp_path):
    words = [*SMALL, "--pictures", "3", "--size", "40", "--workers", "0", "1"]
    done = run_script(tmp_path, "scripts/benchmark_input", *words)
    assert done.returncode == 0, done.stderr
    *table, line = done.stdout.splitlines()
    assert [row.split("|")[1].strip() for row in table[2:]] == ["0", "1"]
    results = json.loads(line)["results"]
    assert all(found[name] > 0 for found in results.values() for name in ("decoding", "filling", "keeping"))


def test_it_takes_pictures_of_the_user(call_main, tmp_path, make_domains):
    root = make_domains(tmp_path / "own", 2, 2)
    done = call_main(benchmark_input.main, *SMALL, "--dataroot", str(root), "--workers", "0")
    assert json.loads(done.stdout.splitlines()[-1])["dataroot"] == str(root)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--epochs 1", "at least 2"),
        ("--size 3", "--size of at least 4"),
        ("--pictures 0", "--pictures: at least 1"),
        ("--workers 0 -1", "--num_threads -1 is too small"),
        ("--batch_size 0", "--batch_size 0 is too small"),
    ],
)
def test_what_cannot_be_measured_is_refused_at_once(call_main, words, said):
    done = call_main(benchmark_input.main, *words.split())
    assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr
    assert not done.stdout
