"""``scripts/compare_encoders.py``: real tiny trainings in one table."""

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from translate.errors import InputError, RunError

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"
TINY = [
    "--nef",
    "4",
    "--load_size",
    "72",
    "--crop_size",
    "64",
    "--batch_size",
    "2",
    "--max_steps",
    "2",
    "--num_threads",
    "0",
]


@pytest.fixture(scope="module")
def script():
    sys.path.insert(0, str(SCRIPTS))
    yield importlib.import_module("compare_encoders")
    sys.path.remove(str(SCRIPTS))


@pytest.fixture
def home(tmp_path, monkeypatch):
    for phase in ("train", "test"):
        for name, low in (("dark", 0), ("light", 150)):
            (tmp_path / "data" / phase / name).mkdir(parents=True)
            for index in range(5):
                pixels = np.random.default_rng((index, low)).integers(low, low + 100, (72, 72, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / "data" / phase / name / f"{index}.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(script, *more, flags=TINY):
    script.main(["--dataroot", "data", "--minutes", "5", "--out", "out", *more, "--", *flags])


def test_seeds_share_a_row_beside_untrained_networks(script, home, capsys):
    call(script, "--methods", "rotation", "--seeds", "3", "4", "--jobs", "2", "--protocols", "knn")
    table = (home / "out/transfer.md").read_text()
    assert [line.split(" | ")[0] for line in table.splitlines()[2:4]] == ["| random weights", "| rotation"]
    written = json.loads((home / "out/transfer.json").read_text())
    names = [result["name"] for result in written["results"]]
    assert names == ["random weights"] * 2 + ["rotation_seed3", "rotation_seed4"]
    before = (home / "out/runs/rotation_seed3/latest_net_E.pth").stat().st_mtime_ns
    capsys.readouterr()
    call(script, "--methods", "rotation", "--seeds", "3", "--protocols", "knn")
    assert "rotation_seed3: is trained already" in capsys.readouterr().out
    assert (home / "out/runs/rotation_seed3/latest_net_E.pth").stat().st_mtime_ns == before


def test_a_run_that_fails_is_named(script, home):
    with pytest.raises(RunError, match=r"1 of 1 runs failed; see out.logs.rotation_seed0\.log"):
        call(script, "--methods", "rotation", "--seeds", "0", flags=[*TINY, "--normE", "lrn"])
    assert "--normE lrn does not suit" in (home / "out/logs/rotation_seed0.log").read_text()


@pytest.mark.parametrize(("words", "said"), [
    (["--protocols", "lineal"], "--protocols lineal: choose from linear, knn, fc, finetune"),
    (["--protocols", "knn,zero_shot"], "--protocols zero_shot asks what learned from texts, which none of these has"),
    (["--jobs", "0"], "--jobs 0 .*give at least one job"),
    (["--minutes", "0"], "--minutes 0.0: .*more than no time"),
])  # fmt: skip
def test_what_is_wrong_is_said_before_anything_is_trained(words, said, script, home):
    with pytest.raises(InputError, match=said):
        call(script, *words)
    (home / "data/test/dark").rename(home / "data/test/darkness")
    with pytest.raises(InputError, match="class dark has pictures in train alone"):
        call(script)
    assert not (home / "out").exists()


def test_a_method_that_there_is_not(script, home):
    with pytest.raises(InputError, match=r"--methods rotations: did you mean rotation\?"):
        call(script, "--methods", "rotations")
    assert not (home / "out").exists()
