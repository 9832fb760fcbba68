"""``scripts/compare_methods.py``: a real tiny training beside baselines, measured alike."""

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.exposure import match_histograms

from translate.errors import InputError, RunError

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"
FLAGS = {"ngf": 2, "ndf": 2, "netF_nc": 4, "num_patches": 4, "load_size": 32, "crop_size": 32, "num_threads": 0}
TINY = [str(word) for name, value in {**FLAGS, "max_steps": 2}.items() for word in (f"--{name}", value)]


@pytest.fixture(scope="module")
def script():
    """The module, which finds its neighbours as it does when it is run."""
    sys.path.insert(0, str(SCRIPTS))
    yield importlib.import_module("compare_methods")
    sys.path.remove(str(SCRIPTS))


@pytest.fixture
def home(tmp_path, make_domains, monkeypatch, script):
    make_domains(tmp_path / "data", 4, 3, size=(40, 40))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(script, "METHODS", {"CUT": ("--model", "cut", "--nce_layers", "0,4")})
    return tmp_path


def call(script, *more, flags=TINY):
    own = ["--dataroot", "data", "--minutes", "5", "--metrics", "changed_rms,structure_gradients", "--out", "out"]
    script.main([*own, *more, "--", *flags])


def test_methods_and_baselines_stand_in_one_table(script, home, capsys):
    call(script, "--seeds", "3", "4", "--jobs", "2")
    table = (home / "out/methods.md").read_text()
    assert table in capsys.readouterr().out
    rows = {line.split(" | ")[0].strip("| "): line for line in table.splitlines()[2:]}
    assert rows.keys() == {"CUT", "input", "histogram matching"} and "±" in rows["CUT"]
    found = json.loads((home / "out/methods.json").read_text())
    assert found["input"]["changed_rms"]["values"] == {"0": 0.0}
    assert found["CUT"]["changed_rms"]["values"].keys() == {"3", "4"}
    page = (home / "out/index.html").read_text()
    assert all(name in page for name in ("CUT, seed 3", "input", "histogram matching")) and "seed 4" not in page
    assert "over 2 seeds" in page and rows["CUT"].split(" | ")[1] in page
    assert "is missing" not in page  # the baselines lack no flags, since they were never trained
    check_baselines(script, home)
    call(script, "--seeds", "3")
    assert "is trained already" in (home / "out/logs/CUT_seed3.log").read_text()


def check_baselines(script, home):
    images = [home / "out/results" / name / "test_latest/images" for name in ("input", "histogram matching")]
    given = sorted((images[0] / "real_A").iterdir())
    assert len(given) == 4
    pool = script.colours(script.teaching_parts(home / "data", "AB")[1])
    for path in given:
        picture = np.asarray(Image.open(path))
        assert picture.shape == (32, 32, 3)  # as the runs see it
        np.testing.assert_array_equal(picture, np.asarray(Image.open(images[0] / "fake_B" / path.name)))
        matched = match_histograms(picture, pool, channel_axis=2).round()
        np.testing.assert_array_equal(matched, np.asarray(Image.open(images[1] / "fake_B" / path.name)))


def test_a_run_that_fails_is_named(script, home):
    with pytest.raises(RunError, match=r"1 of 1 runs failed; see out/logs/CUT_seed0.log"):
        call(script, "--seeds", "0", flags=["--ngf", "none"])
    assert "--ngf" in (home / "out/logs/CUT_seed0.log").read_text()


@pytest.mark.parametrize(
    ("more", "said"), [(("--metrics", "beauty"), "beauty: no such metric"), (("--dataroot", "gone"), "gone")]
)
def test_what_is_wrong_is_said_before_anything_is_trained(script, home, more, said):
    with pytest.raises(InputError, match=said):
        call(script, *more)
    assert not (home / "out").exists()
