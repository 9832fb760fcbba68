"""What orders and narrows the rows of a page; ``assets/rows.js`` does it, and without script the page is whole."""

import math
from collections.abc import Iterable, Sequence

from dominate.tags import button, div, html_tag, input_, label, option, output, select, span

ROWS_WORTH_A_FILTER = 13


def controls(count: int, scores: Sequence[str]) -> html_tag | None:
    """A field that narrows a long page to the names that hold what is typed, and a choice of what sorts the rows.

    Args:
        count: of rows.
        scores: their titles, in the order in which each row has them.

    Returns:
        None where there is nothing to narrow or to sort.
    """
    parts = [_filter(count)] if count >= ROWS_WORTH_A_FILTER else []
    parts += [_sort(scores)] if scores and count > 1 else []
    return div(*parts, cls="find needs-script", hidden=True) if parts else None


def titles_of(rows: Iterable[Iterable[str]]) -> list[str]:
    """All titles of the scores of rows, each once."""
    return list(dict.fromkeys(title for scores in rows for title in scores))


def in_script(value: float | None) -> str:
    """A score in the words of JavaScript; what a row does not have is no number there.

    >>> [in_script(value) for value in (0.1, 1e-9, float("-inf"), float("nan"), None)]
    ['0.1', '1e-09', '-Infinity', 'NaN', 'NaN']
    """
    if value is None or math.isnan(value):
        return "NaN"
    return f"{value:.6g}".replace("inf", "Infinity")


def _filter(count: int) -> html_tag:
    typed = input_(type="search", id="filter", placeholder="part of a name", autocomplete="off")
    return span(label("Find", html_for="filter"), typed, output(f"{count} of {count}", id="filter-count"))


def _sort(scores: Sequence[str]) -> html_tag:
    choices = [option("name", value=""), *(option(title, value=str(at)) for at, title in enumerate(scores))]
    chosen = select(*choices, id="sort", autocomplete="off")
    turn = button("↑ ascending", type="button", id="sort-turn", title="Turn the order round")
    return span(label("Sort by", html_for="sort"), chosen, turn, output(id="sort-said", cls="unseen"))
