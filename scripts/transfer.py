"""Measure the features of trained encoders on labelled pictures; the same as ``translate transfer``.

    python scripts/transfer.py rotation_seed0 rotation_seed1 --dataroot clothing10

See docs/encoders.md.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from translate.commands import run_command
from translate.commands.transfer import main

if __name__ == "__main__":
    run_command(main)
