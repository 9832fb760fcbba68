"""Download a known dataset, ready for --dataroot; the same as ``translate download``.

    python scripts/download_dataset.py horse2zebra
    python scripts/download_dataset.py --list

See datasets/README.md.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from translate.commands import run_command
from translate.commands.download import main

if __name__ == "__main__":
    run_command(main)
