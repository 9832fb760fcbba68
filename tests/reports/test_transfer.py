"""The page of what encoders have learned, in a browser."""

import pytest

from translate.reports.transfer import Part, write_transfer_page


def test_drawings_and_tables_stand_under_their_protocol(browser, transferred):
    browser.open(transferred)
    assert [each.text for each in browser.driver.find_elements("css selector", "section h2")] == ["knn", "fc"]
    sections = browser.driver.find_elements("css selector", "main section")
    drawings = [len(each.find_elements("css selector", "svg")) for each in sections]
    rows = [len(each.find_elements("css selector", "tbody tr")) for each in sections]
    assert (drawings, rows) == ([1, 0], [3, 3])
    assert "The nearest pictures vote." in sections[0].text and "1,435 train" in browser.find("dl.facts").text
    assert browser.find("tbody tr:nth-child(2)").text.split()[:2] == ["rotation", "50.0"]


def test_on_a_phone_drawings_scroll_at_a_size_that_can_be_read(browser, transferred):
    browser.open(transferred, 390, 800, True)
    drawing = browser.find(".dots")
    inner, outer, page = browser.driver.execute_script(
        "return [arguments[0].scrollWidth, arguments[0].clientWidth, document.documentElement.scrollWidth]", drawing
    )
    assert inner >= 640 > outer and page <= 390
    assert drawing.get_attribute("tabindex") == "0"  # by keys too


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "a & b"])
def test_names_are_text(browser, tmp_path, name):
    write_transfer_page(tmp_path / "page.html", {}, [Part("knn", ["conv1"], {name: ["1"]}, {name: [1.0]})])
    browser.open(tmp_path / "page.html")
    assert browser.find("tbody th").text == name
    assert [each.text for each in browser.driver.find_elements("css selector", "svg text")][-2:] == [name, "1.0"]
