"""The list of known datasets as a table, for people."""

from collections.abc import Sequence

from translate.data.archives import in_words
from translate.data.catalog import Catalog, KnownDataset

HEAD = ("name", "domain A", "domain B", "pictures A / B, test A / B", "download", "licence")


def text_table(catalog: Catalog) -> str:
    """A table for the terminal: a line for what a dataset holds, and one below it for its licence and notes."""
    rows = [_row(known) for known in catalog.datasets]
    wide = [[*row[:1], _domains(known), *row[3:5]] for row, known in zip(rows, catalog.datasets, strict=True)]
    lines = _align([["name", "A | B", HEAD[3], "download"], *wide])
    out = [lines[0], "-" * max(map(len, lines))]
    for line, known in zip(lines[1:], catalog.datasets, strict=True):
        out.append(line)
        out.append(f"    licence: {known.licence}")
        out += ["    pairs side by side in one file"] if known.pairs else []
        out += [f"    {known.note}"] if known.note else []
        out += [f"    also called: {', '.join(known.aliases)}"] if known.aliases else []
    return "\n".join(out)


def markdown_table(catalog: Catalog) -> str:
    """The table of datasets/README.md."""
    rows = [HEAD, ["---"] * len(HEAD), *(_row(known) for known in catalog.datasets)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(known: KnownDataset) -> list[str]:
    domains = known.domains
    return [known.name, domains["A"], domains.get("B", ""), _counts(known), _size(known), known.licence]


def _domains(known: KnownDataset) -> str:
    return " | ".join(known.domains.values())


def _counts(known: KnownDataset) -> str:
    counts = {name: f"{count:,}" for name, count in known.counts.items()}
    if "train" in counts:
        return f"{counts['train']} pairs"
    train = " / ".join(counts[name] for name in ("trainA", "trainB") if name in counts)
    test = " / ".join(counts[name] for name in ("testA", "testB") if name in counts)
    return ", ".join(filter(None, [train, f"test {test}" if test else ""]))


def _size(known: KnownDataset) -> str:
    if known.instructions:
        return "by hand"
    return in_words(known.bytes) if known.bytes else "not stated"


def _align(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
