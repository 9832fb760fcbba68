"""Make the sample dataset: two unpaired domains with a known answer, in seconds and without a download.

    python scripts/make_sample.py --out datasets/sample

Domain A is photographs; in domain B heather grows in their shadows. See datasets/README.md.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from translate.data.sample import make_sample
from translate.errors import TranslateError


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("datasets/sample"), help="folder to make (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="which sample: other regions and crops (%(default)s)")
    parser.add_argument("--n_train", type=int, default=240, help="training pictures a domain (%(default)s)")
    parser.add_argument("--n_test", type=int, default=48, help="test pictures a domain (%(default)s)")
    parser.add_argument("--size", type=int, default=72, help="side of a picture in pixels (%(default)s)")
    options = parser.parse_args(arguments)
    try:
        make_sample(options.out, options.seed, options.n_train, options.n_test, options.size)
    except TranslateError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
