"""Compare translated test pictures of the sample dataset with the truth, beside what recolouring can do.

    python scripts/score_sample.py --results results/sample/test_latest/images/fake_B --dataroot datasets/sample

Exit code 0; with --require_win 1 if the result does not beat every baseline; 2 if a picture is missing.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from translate.data.scoring import beats_all, score
from translate.errors import TranslateError

MEANING = {
    "result": "the translated pictures",
    "identity": "testA itself",
    "histogram": "histograms matched to trainB",
    "affine": "best affine colour map, fitted on the truth",
}


def table(scores: dict[str, dict[str, float]]) -> str:
    """The scores as lines of text."""
    lines = [f"{'':11}{'MAE':>7}{'RMSE':>8}   grey levels (0-255), to the truth"]
    for name, found in scores.items():
        lines.append(f"{name:11}{found['mae']:7.2f}{found['rmse']:8.2f}   {MEANING[name]}")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, required=True, help="folder of translated pictures, <name>.png")
    parser.add_argument("--dataroot", type=Path, default=Path("datasets/sample"), help="the sample (%(default)s)")
    parser.add_argument("--require_win", action="store_true", help="exit code 1 unless the result has the lowest MAE")
    options = parser.parse_args(arguments)
    try:
        scores = score(options.results, options.dataroot)
    except TranslateError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(table(scores))
    won = beats_all(scores)
    print("The result beats every baseline." if won else "The result does not beat every baseline.")
    return 1 if options.require_win and not won else 0


if __name__ == "__main__":
    sys.exit(main())
