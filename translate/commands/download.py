"""``translate download``: fetch a known dataset, ready for ``--dataroot``."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from translate.called import title
from translate.commands import run_command
from translate.errors import InputError
from translate.parsing import Parser

EPILOG = (
    "A dataset is complete or not there at all. A download that is broken off goes on where it was at the next call."
)


def main(arguments: Sequence[str]) -> None:
    """Download what is named, or list what is known.

    Raises:
        InputError: an unknown dataset, one that has to be fetched by hand, or a host that gives nothing.
        RunError: the disk is full or refuses.
    """
    parser = Parser(title("download"), "Download a known dataset.", EPILOG, "NAME ... [--to FOLDER] or --list")
    parser.add_argument("names", nargs="*", metavar="NAME", help="which datasets; letter case, - and _ do not count")
    parser.add_argument("--to", type=Path, default=Path("datasets"), help="folder that gets NAME (%(default)s)")
    parser.add_argument("--list", action="store_true", default=False, help="print what is known")
    parser.add_argument("--markdown", action="store_true", default=False, help="print it as a table for a page")
    parser.add_argument("--known", type=Path, default=None, metavar="FILE", help="list in place of the project's own")
    options = parser.parse_args(arguments)
    from translate.data.catalog import load_catalog
    from translate.data.catalog_table import markdown_table, text_table

    catalog = load_catalog(options.known)
    if options.list or options.markdown:
        print(markdown_table(catalog) if options.markdown else text_table(catalog))
        return
    names = getattr(options, "names", [])
    if not names:
        raise InputError("name a dataset, such as horse2zebra; --list shows them")
    from translate.data.fetching import fetch_dataset, is_there

    try:
        for known in [catalog[name] for name in names]:
            folder = options.to / known.name
            if is_there(folder):
                print(f"{folder} is there already")
            fetch_dataset(known, folder, flag="--to")
    except KeyboardInterrupt:
        print("stopped; the next call goes on from here", file=sys.stderr)
        raise


def run(arguments: Sequence[str] | None = None) -> NoReturn:
    """The command as a process of its own."""
    run_command(main, arguments)
