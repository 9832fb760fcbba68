import os
from urllib.parse import unquote_to_bytes

import pytest
from dominate.tags import p
from hypothesis import given, settings
from hypothesis import strategies as st

from translate.errors import RunError
from translate.reports.page import heading, page, picture_url, save_page

names = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1).filter(
    lambda name: name not in {".", ".."}
)


@settings(deadline=None)
@given(st.lists(names, min_size=1, max_size=3))
def test_an_address_holds_the_very_bytes_of_the_name(parts):
    address = picture_url(os.path.join(*parts))
    assert unquote_to_bytes(address) == "/".join(parts).encode()
    assert address.isascii()
    assert not set(address) & set(" #?:\\\"'<>&;%") - {"%"}


def test_a_name_that_is_no_text_keeps_its_bytes():
    assert picture_url(os.fsdecode(b"images/\xff.png")) == "images/%FF.png"


def test_title_and_facts_are_shown_as_they_are_typed(tmp_path, read_page):
    nasty = "</title><script>alert('&amp;')</script>"
    made = page(nasty)
    made.add(heading(nasty, {nasty: nasty}))
    save_page(made, tmp_path / "index.html")
    found = read_page(tmp_path / "index.html")
    for tag in ("title", "h1", "dt", "dd"):
        assert found.texts(tag) == [nasty]
    assert len(found.all("script")) == 1


def test_a_page_needs_nothing_but_itself(tmp_path, read_page):
    save_page(page("run"), tmp_path / "index.html")
    found = read_page(tmp_path / "index.html")
    assert found.source.startswith("<!DOCTYPE html>")
    assert found.all("html")[0].attributes["lang"] == "en"
    assert {"charset": "utf-8"} in [each.attributes for each in found.all("meta")]
    assert "width=device-width" in found.source
    assert "prefers-color-scheme: dark" in found.texts("style")[0]
    addresses = [each.attributes.get(name) for each in found.elements for name in ("src", "href")]
    assert [address for address in addresses if address] == ["data:,"]
    assert "http:" not in found.source and "https:" not in found.source and "@import" not in found.source


def test_text_that_is_no_unicode_is_written_all_the_same(tmp_path, read_page):
    made = page("run")
    made.add(p(os.fsdecode(b"cat\xff.png")))
    save_page(made, tmp_path / "index.html")
    assert read_page(tmp_path / "index.html").texts("p") == ["cat?.png"]


def test_a_page_that_cannot_be_written_is_an_error_in_words(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot write"):
        save_page(page("run"), tmp_path / "file" / "index.html")
