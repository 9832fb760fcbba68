"""``scripts/compare_starts.py``: tiny encoders and tiny translators that start from them."""

import importlib
import re
import sys
from functools import partial
from pathlib import Path

import pytest

from translate.data.sample import make_sample
from translate.training.initial import load_initial

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    yield importlib.import_module("compare_starts")
    sys.modules.pop("compare_starts")


@pytest.mark.parametrize("words", [["--seeds", "0"], ["--epochs", "2", "0"], ["--minutes", "-1"]])
def test_nothing_to_measure_is_refused(script, words, capsys):
    with pytest.raises(SystemExit, match="2"):
        script.main(words)
    assert "--minutes, --seeds and --epochs are above 0" in capsys.readouterr().err


def test_every_start_is_measured_behind_every_epoch(script, monkeypatch, capsys):
    monkeypatch.setattr(script, "make_sample", partial(make_sample, n_test=2))
    started, half = [], {"load_size": 72, "max_steps": 2}
    monkeypatch.setitem(script.METHODS, "rotation", {**half, "batch_size": 2})
    monkeypatch.setattr("translate.training.job.load_initial", lambda networks, files, *more: started.append(files)
                        or load_initial(networks, files, *more))  # fmt: skip
    assert script.main(["--methods", "rotation", "--seeds", "2", "--epochs", "2", "1", "--n_train", "3"]) == 0
    assert [Path(files["E"]).parent.name for files in started] == ["half_rotation0", "half_rotation1"]
    said = capsys.readouterr().out
    runs = re.findall(r"^seed (\d), (.+): ([\d.]+), ([\d.]+)$", said, re.M)
    assert [run[:2] for run in runs] == [(seed, name) for seed in "01" for name in ("fresh weights", "rotation")]
    assert "| CUT starts from | epoch 1 | epoch 2 |" in said
    errors = [float(run[2]) for run in runs if run[1] == "rotation"]
    row = next(line for line in said.splitlines() if line.startswith("| rotation"))
    mean, deviation = re.search(r"\| ([\d.]+) ± ([\d.]+) \|", row).groups()
    assert float(mean) == pytest.approx(sum(errors) / 2, abs=0.06)
    assert float(deviation) == pytest.approx(abs(errors[0] - errors[1]) / 2**0.5, abs=0.06)
