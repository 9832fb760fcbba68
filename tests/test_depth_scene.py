"""``scripts/depth_scene.py``: a scene that is made by code, and what little a moment teaches of it."""

import importlib
import re
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    yield importlib.import_module("depth_scene")
    sys.modules.pop("depth_scene")


def test_boxes_stand_on_a_floor_before_a_wall(script):
    picture, depth = script.boxes()
    assert picture.shape == (256, 384, 3) and picture.dtype == np.uint8 and depth.shape == (256, 384)
    assert depth.min() > 0.9 and depth.max() == 8 and (depth[:90] == 8).mean() > 0.5
    assert np.all(np.diff(depth[-40:], axis=0) <= 0)  # the floor comes nearer


def test_it_says_how_far_from_the_scene_it_is(script, tmp_path, monkeypatch, capsys):
    words = ["--scene", "boxes", "--minutes", "0.02", "--size", "32", "--ngf", "4", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["depth_scene.py", *words])
    script.main()
    before, after = re.search(r"si-RMSE full: ([\d.]+) before, ([\d.]+) after", capsys.readouterr().out).groups()
    assert float(before) > 0 and float(after) > 0 and before != after
    assert np.load(tmp_path / "data/testB/boxes.npy").shape == (256, 384)
