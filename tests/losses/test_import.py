"""The losses are of use to someone who uses nothing else here."""

import json
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent.parent

ROOMS = ("adversarial", "classification", "contrastive", "depth", "reconstruction")
PROBE = f"""
import json, sys, torch
before = set(sys.modules)
import {", ".join(f"translate.losses.{room}" for room in ROOMS)}
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def test_no_file_of_the_losses_is_left_out():
    assert sorted(path.stem for path in (REPOSITORY / "translate/losses").glob("[!_]*.py")) == sorted(ROOMS)


def test_the_losses_load_nothing_but_themselves_and_torch():
    result = subprocess.run(
        [sys.executable, "-c", PROBE], capture_output=True, text=True, check=True, cwd=REPOSITORY, timeout=300
    )
    loaded = json.loads(result.stdout.splitlines()[-1])
    ours = [name for name in loaded if name.split(".")[0] == "translate"]
    assert ours == ["translate", "translate.losses", *(f"translate.losses.{room}" for room in ROOMS)]
    foreign = {name.split(".")[0] for name in loaded} - {"translate", "torch"} - set(sys.stdlib_module_names)
    assert foreign == set()
