"""Download a known dataset, ready for --dataroot: complete or not at all.

    python scripts/download_dataset.py horse2zebra
    python scripts/download_dataset.py --list

A download that is broken off goes on where it was at the next call. See datasets/README.md.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from translate.data.catalog import load_catalog
from translate.data.catalog_table import markdown_table, text_table
from translate.data.fetching import fetch_dataset, is_there
from translate.errors import InputError, TranslateError


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="which datasets; letter case, - and _ do not count")
    parser.add_argument("--to", type=Path, default=Path("datasets"), help="folder that gets NAME (%(default)s)")
    parser.add_argument("--list", action="store_true", help="print what is known")
    parser.add_argument("--markdown", action="store_true", help="print it as the table of datasets/README.md")
    parser.add_argument("--known", type=Path, metavar="FILE", help="list of datasets in place of datasets/known.yaml")
    options = parser.parse_args(arguments)
    try:
        _run(options)
    except TranslateError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("stopped; the next call goes on from here", file=sys.stderr)
        return 130
    return 0


def _run(options: argparse.Namespace) -> None:
    catalog = load_catalog(options.known)
    if options.list or options.markdown:
        print(markdown_table(catalog) if options.markdown else text_table(catalog))
        return
    if not options.names:
        raise InputError("name a dataset, such as horse2zebra; --list shows them")
    for known in [catalog[name] for name in options.names]:
        folder = options.to / known.name
        if is_there(folder):
            print(f"{folder} is there already")
        fetch_dataset(known, folder, flag="--to")


if __name__ == "__main__":
    sys.exit(main())
