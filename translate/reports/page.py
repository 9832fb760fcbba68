"""The skeleton that every page shares: one file, opened from the disk, asking nothing of the network.

Style and script are inlined from ``assets``; pictures stay files beside the page. The viewer (the
enlarged picture, the slider between before and after, and their difference) and the list of keys are
part of every page and serve whatever links carry ``data-label`` inside an element that carries
``data-row``.
"""

import os
from collections.abc import Mapping
from pathlib import Path, PurePath
from urllib.parse import quote

from dominate import document
from dominate.tags import (
    a,
    button,
    dd,
    div,
    dl,
    dt,
    h1,
    h2,
    header,
    html_tag,
    img,
    kbd,
    link,
    meta,
    script,
    span,
    style,
    table,
    tbody,
    td,
    th,
    thead,
    tr,
)
from dominate.tags import input_ as field
from dominate.util import raw

from translate.files import write_text


class dialog(html_tag):
    """The HTML element of this name, which dominate does not know yet; it names elements after classes."""


ASSETS = Path(__file__).parent / "assets"
SCRIPTS = ("page.js", "keys.js", "rows.js")
KEYS = (
    (("J", "K"), "next and previous row"),
    (("Enter",), "enlarge the picture that has the focus"),
    (("→", "←"), "enlarged: next and previous row (as J and K)"),
    (("↓", "↑"), "enlarged: next and previous picture of the row"),
    (("C",), "enlarged: compare before and after"),
    (("D",), "enlarged: the difference of before and after"),
    (("Esc",), "close"),
    (("?",), "these keys"),
)


def page(title: str) -> document:
    """An empty page: head, style, script and the picture viewer; add content with ``.add(...)``.

    The page follows the reader's light or dark setting and fits a phone. ``title`` may hold any text.
    """
    made = document(title=title, doctype="<!DOCTYPE html>")
    made.set_attribute("lang", "en")
    made.head.add(
        meta(charset="utf-8"),
        meta(name="viewport", content="width=device-width, initial-scale=1"),
        meta(name="color-scheme", content="light dark"),
        link(rel="icon", href="data:,"),  # keeps browsers from asking for /favicon.ico
        style(raw(_asset("page.css"))),
        script(raw("".join(map(_asset, SCRIPTS)))),
    )
    made.body.add(_viewer(), _keys())
    return made


def save_page(made: document, path: Path) -> None:
    """Write a page atomically (UTF-8; bytes of a file name that are no text appear as ``?``).

    Raises:
        RunError: the disk refused the write; a former page is untouched.
    """
    # Without pretty-printing, which would put white space between inline elements.
    text = made.render(pretty=False)
    write_text(path, text.encode("utf-8", "replace").decode("utf-8"))


def picture_url(relative_path: str | PurePath) -> str:
    """The address of a file beside the page, whatever characters its name holds.

    >>> picture_url("images/real_A/50% of #1?.png")
    'images/real_A/50%25%20of%20%231%3F.png'
    """
    # fsencode gives back the very bytes of the name, also where they are no valid UTF-8.
    return quote(os.fsencode(PurePath(relative_path).as_posix()))


def heading(title: str, facts: Mapping[str, str]) -> html_tag:
    """The top of a page: its title and a list of facts (name -> value)."""
    keys = button("Keys", type="button", cls="keys-open needs-script", title="Keys (?)", hidden=True)
    top = header(div(h1(title), keys, cls="title"))
    if facts:
        top.add(dl(*(div(dt(name), dd(str(value))) for name, value in facts.items()), cls="facts"))
    return top


def _asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")


def _viewer() -> html_tag:
    """The dialog that page.js fills with the picture that was clicked."""
    bar = div(
        span(cls="viewer-name", aria_live="polite"),
        span(cls="viewer-count"),
        span(cls="viewer-score"),
        a("open file", cls="viewer-file", target="_blank"),
        button("✕", type="button", cls="viewer-close", aria_label="Close (Esc)", title="Close (Esc)"),
        cls="viewer-bar",
    )
    stage = div(
        img(cls="viewer-picture", alt=""),
        div(
            div(
                img(cls="viewer-before", alt="", draggable="false"),
                img(cls="viewer-after", alt="", draggable="false"),
                cls="viewer-layers",
            ),
            span(cls="viewer-divider"),
            span(cls="viewer-tag viewer-tag-before"),
            span(cls="viewer-tag viewer-tag-after"),
            cls="viewer-compare",
            hidden=True,
        ),
        cls="viewer-stage",
    )
    slider = field(
        type="range", min="0", max="100", step="0.5", value="50", cls="viewer-slider", aria_label="Divider", hidden=True
    )
    gain = field(
        type="range", min="1", max="16", step="1", value="4", cls="viewer-gain", aria_label="Amplification", hidden=True
    )
    choice = div(cls="viewer-choice", role="group", aria_label="Which picture")
    toggle = button("compare", type="button", cls="viewer-toggle", aria_pressed="false", title="Before and after (C)")
    subtract = button(
        "difference", type="button", cls="viewer-subtract", aria_pressed="false", title="Their difference (D)"
    )
    previous = button("‹", type="button", cls="viewer-previous", aria_label="Previous row", title="Previous row (←)")
    following = button("›", type="button", cls="viewer-next", aria_label="Next row", title="Next row (→)")
    foot = div(previous, choice, toggle, subtract, following, cls="viewer-foot")
    return dialog(bar, stage, slider, gain, foot, id="viewer", tabindex="-1", aria_label="Enlarged picture")


def _keys() -> html_tag:
    """The dialog that lists the keys."""
    rows = [tr(th(*(kbd(key) for key in keys), scope="row"), td(act)) for keys, act in KEYS]
    close = button("Close", type="button", cls="keys-close")
    listed = table(thead(tr(th("Key", scope="col"), th("What it does", scope="col"))), tbody(*rows))
    return dialog(div(h2("Keys", id="keys-title"), listed, close), id="keys", aria_labelledby="keys-title")
