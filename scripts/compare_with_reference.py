"""Run the reference implementations of CUT, CycleGAN and pix2pix beside this one and print how far they are apart.

    python scripts/compare_with_reference.py --reference ../contrastive-unpaired-translation
    python scripts/compare_with_reference.py --cyclegan ../pytorch-CycleGAN-and-pix2pix

Both sides get the same weights, pictures and random decisions, on the CPU. Exit code 1 if a deviation is beyond its
bound. ``--write_golden tests/golden`` writes the reference's results for the tests that do without it.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
# The formula and the cases are shared with the tests.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "golden"))

from reference_parity import checkpoints, cyclegan, golden, golden_cyclegan, networks, reference, sincut, steps
from reference_parity.compare_cyclegan import compare_cyclegan
from reference_parity.table import Table

from translate.errors import TranslateError


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reference", type=Path, metavar="FOLDER", help=f"checkout of {reference.REPOSITORY}")
    parser.add_argument("--cyclegan", type=Path, metavar="FOLDER", help=f"checkout of {cyclegan.REPOSITORY}")
    parser.add_argument(
        "--full_size", type=int, default=128, metavar="PX", help="side for default networks (%(default)s)"
    )
    parser.add_argument(
        "--write_golden", type=Path, metavar="FOLDER", help="write golden files there instead of comparing"
    )
    flags = parser.parse_args(arguments)
    if not (flags.reference or flags.cyclegan):
        parser.error("name at least one of --reference and --cyclegan")
    try:
        if flags.reference:
            reference.import_reference(flags.reference)
        if flags.cyclegan:
            cyclegan.import_cyclegan(flags.cyclegan)
    except TranslateError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    if flags.write_golden:
        _write_golden(flags)
        return 0
    table = Table()
    if flags.reference:
        _compare_cut(table, flags.full_size)
    if flags.cyclegan:
        compare_cyclegan(table, flags.full_size)
    return table.conclude()


def _write_golden(flags: argparse.Namespace) -> None:
    if flags.reference:
        golden.write(flags.write_golden)
    if flags.cyclegan:
        golden_cyclegan.write(flags.write_golden)


def _compare_cut(table: Table, full_size: int) -> None:
    networks.compare_networks(table)
    steps.compare_steps(table)
    steps.compare_training(table)
    checkpoints.compare_checkpoints(table)
    steps.compare_full_size(table, full_size)
    sincut.compare_sincut(table)


if __name__ == "__main__":
    sys.exit(main())
