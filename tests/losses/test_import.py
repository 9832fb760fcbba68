"""The losses are of use to someone who uses nothing else here."""

import json
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent.parent

PROBE = """
import json, sys, torch
before = set(sys.modules)
import translate.losses.adversarial, translate.losses.contrastive, translate.losses.reconstruction
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def test_the_losses_load_nothing_but_themselves_and_torch():
    result = subprocess.run(
        [sys.executable, "-c", PROBE], capture_output=True, text=True, check=True, cwd=REPOSITORY, timeout=300
    )
    loaded = json.loads(result.stdout.splitlines()[-1])
    ours = [name for name in loaded if name.split(".")[0] == "translate"]
    rooms = ("adversarial", "contrastive", "reconstruction")
    assert ours == ["translate", "translate.losses", *(f"translate.losses.{room}" for room in rooms)]
    foreign = {name.split(".")[0] for name in loaded} - {"translate", "torch"} - set(sys.stdlib_module_names)
    assert foreign == set()
