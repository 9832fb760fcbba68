"""``scripts/jigsaw_permutations.py``: sets of permutations in a table, and what encoders learn from them."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from translate.errors import InputError

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"
TINY = {
    "nef": 4, "tile_px": 19, "tile_nc": 4, "head_nc": 8, "load_size": 60, "crop_size": 57, "batch_size": 3,
    "max_steps": 2, "num_threads": 0, "gpu_ids": "-1",
}  # fmt: skip


@pytest.fixture(scope="module")
def script():
    sys.path.insert(0, str(SCRIPTS))
    yield importlib.import_module("jigsaw_permutations")
    sys.path.remove(str(SCRIPTS))


def rows_of(path):
    lines = [line for line in path.read_text().splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "---" not in line]


def test_distances_stand_in_a_table(script, tmp_path, capsys):
    script.main(["--numbers", "6", "10", "--rules", "max_min", "min", "--out", str(tmp_path)])
    heads, *rows = rows_of(tmp_path / "permutations.md")
    assert heads == ["permutations", "rule", "mean distance", "least distance"]
    assert [row[:2] for row in rows] == [["6", "max_min"], ["6", "min"], ["10", "max_min"], ["10", "min"]]
    assert rows[0][2:] == ["9.00", "9"] and rows[2][2:] == ["8.80", "8"]
    assert (tmp_path / "permutations.md").read_text() in capsys.readouterr().out


def test_encoders_are_trained_and_measured_on_each_set(script, tmp_path):
    rng = np.random.default_rng(0)
    for phase, count in (("train", 3), ("val", 2), ("test", 2)):
        for name in ("dark", "bright"):
            (tmp_path / phase / name).mkdir(parents=True)
            for index in range(count):
                pixels = rng.integers(0, 128, (60, 60, 3), dtype=np.uint8) + 127 * (name == "bright")
                Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / phase / name / f"{index}.png")
    flags = [word for name, value in TINY.items() for word in (f"--{name}", str(value))]
    told = ["--numbers", "6", "--rules", "max_min", "min", "--dataroot", str(tmp_path), "--out", str(tmp_path / "out")]
    script.main([*told, "--minutes", "5", "--", *flags])
    heads, *rows = rows_of(tmp_path / "out/permutations.md")
    assert heads[4:] == ["puzzles solved (%)", "guessing (%)", "linear on the best layer (%)"]
    for row in rows:
        solved, guessing, linear = map(float, row[4:])
        assert 0 <= solved <= 100 and guessing == 16.7 and 0 <= linear <= 100
        assert abs(solved * 20 / 100 - round(solved * 20 / 100)) < 0.02  # of five puzzles of each of four pictures
    assert sorted(path.parent.name for path in tmp_path.glob("out/runs/*/latest_net_E.pth")) == ["max_min_6", "min_6"]
    text = (tmp_path / "out/permutations.md").read_text()
    assert "Linear on untrained weights: " in text and "5 minutes of training each" in text


def test_a_single_permutation_is_refused(script, tmp_path):
    with pytest.raises(InputError, match="--numbers 1: a distance is between two"):
        script.main(["--numbers", "6", "1", "--out", str(tmp_path)])
    with pytest.raises(InputError, match="--numbers 10001 is more than jigsaw can learn: use 10000 or less"):
        script.main(["--numbers", "6", "10001", "--out", str(tmp_path)])
    assert not list(tmp_path.iterdir())
