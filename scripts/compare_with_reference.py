"""Run the reference implementation of CUT beside this one and print how far they are apart.

    python scripts/compare_with_reference.py --reference ../contrastive-unpaired-translation

Both get the same weights, pictures, patch positions and flips, on the CPU. Exit code 1 if a deviation is beyond its
bound. ``--write_golden tests/golden`` writes the reference's results for the tests that do without it.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
# The formula and the cases are shared with the tests.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "golden"))

from reference_parity import checkpoints, golden, networks, reference, steps
from reference_parity.table import Table

from translate.errors import TranslateError


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reference", type=Path, required=True, help="folder of the reference's repository")
    parser.add_argument(
        "--full_size", type=int, default=128, metavar="PX", help="side for default networks (%(default)s)"
    )
    parser.add_argument(
        "--write_golden", type=Path, metavar="FOLDER", help="write golden files there instead of comparing"
    )
    flags = parser.parse_args(arguments)
    try:
        reference.import_reference(flags.reference)
        if flags.write_golden:
            golden.write(flags.write_golden)
            return 0
    except TranslateError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    table = Table()
    networks.compare_networks(table)
    steps.compare_steps(table)
    steps.compare_training(table)
    checkpoints.compare_checkpoints(table)
    steps.compare_full_size(table, flags.full_size)
    return table.conclude()


if __name__ == "__main__":
    sys.exit(main())
