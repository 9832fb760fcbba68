"""The examples run as they stand, are short, and leave a picture."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

REPOSITORY = Path(__file__).resolve().parent.parent
EXAMPLES = sorted((REPOSITORY / "examples").glob("*.py"))


def test_each_is_listed_and_the_other_way_round():
    text = (REPOSITORY / "examples" / "README.md").read_text()
    assert EXAMPLES
    assert {path.name for path in EXAMPLES} == {word.strip("`") for word in text.split() if word.endswith(".py`")}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_it_is_short_and_leaves_a_picture(path, tmp_path):
    assert len(path.read_text().splitlines()) < 70
    picture = tmp_path / "new" / "picture.png"
    command = [sys.executable, str(path), "--steps", "2", "--out", str(picture)]
    environment = {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    run = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert "step 2: " in run.stdout
    with Image.open(picture) as image:
        assert image.size == (3 * 64, 6 * 64)
        assert np.asarray(image).std() > 10
