"""Make a dataset of Cityscapes, which its owners give to those who register at https://www.cityscapes-dataset.com.

    python scripts/prepare_cityscapes.py --gtFine_dir gtFine --leftImg8bit_dir leftImg8bit

Download gtFine_trainvaltest.zip and leftImg8bit_trainvaltest.zip and unpack both. Photographs become domain A, label
maps domain B; the validation set becomes test. Pairs side by side, for pix2pix, lie in train and test.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from translate.data.cityscapes import FILTERS, prepare_cityscapes
from translate.errors import TranslateError


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gtFine_dir", type=Path, required=True, help="the unpacked gtFine_trainvaltest.zip")
    parser.add_argument("--leftImg8bit_dir", type=Path, required=True, help="the unpacked leftImg8bit_trainvaltest.zip")
    parser.add_argument(
        "--output_dir", type=Path, default=Path("datasets/cityscapes"), help="folder to make (%(default)s)"
    )
    parser.add_argument(
        "--filter", choices=FILTERS, default="bicubic", help="how pictures are scaled; nearest as with Pillow before 7"
    )
    options = parser.parse_args(arguments)
    try:
        counts = prepare_cityscapes(options.gtFine_dir, options.leftImg8bit_dir, options.output_dir, options.filter)
    except TranslateError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(f"{counts['train']} pairs to train on and {counts['test']} to test with, in {options.output_dir}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
