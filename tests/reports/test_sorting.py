"""Sorting and narrowing the rows in a real browser, by mouse and by keyboard."""

import pytest
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from translate.reports.results import Row, write_results_page

NAMES = "return [...document.querySelectorAll('.card:not([hidden]) h3')].map((each) => each.textContent)"
SHOWN = "return [...document.querySelectorAll('h3')].map((each) => each.dataset.score ?? '')"
INFINITE, ABSENT = float("inf"), None
PSNR = {"ant": 20.5, "bee": INFINITE, "cat": 7.25, "dog": ABSENT, "eel": 20.5, "fox": float("nan"), "gnu": -3.0}


@pytest.fixture
def page(tmp_path, written):
    """Seven rows in the order of their names; two of them have no PSNR, two have the same."""
    shared = written("a.png")
    rows = []
    for at, (name, psnr) in enumerate(PSNR.items()):
        scores = {"change": 12345.6 - at} | ({} if psnr is None else {"PSNR": psnr})
        rows.append(Row(name, {"real_A": shared, "fake_B": shared}, scores=scores))
    write_results_page(tmp_path / "index.html", "run", rows, {})
    return tmp_path / "index.html"


def _sort(browser, title, turns=0):
    Select(browser.find("#sort")).select_by_visible_text(title)
    for _ in range(turns):
        browser.find("#sort-turn").click()


def test_rows_are_in_the_order_of_a_score_and_those_without_it_come_last(browser, page):
    browser.open(page)
    _sort(browser, "PSNR")
    assert browser.run(NAMES) == ["gnu", "cat", "ant", "eel", "bee", "dog", "fox"]
    browser.find("#sort-turn").click()
    assert browser.run(NAMES) == ["bee", "ant", "eel", "cat", "gnu", "dog", "fox"]
    _sort(browser, "change")
    assert browser.run(NAMES) == list(PSNR)  # descending still
    browser.find("#sort-turn").click()
    assert browser.run(NAMES) == list(PSNR)[::-1]
    assert browser.complaints() == []


def test_the_order_of_the_names_comes_back(browser, page):
    browser.open(page)
    _sort(browser, "PSNR", turns=1)
    _sort(browser, "name", turns=1)
    assert browser.run(NAMES) == list(PSNR)
    browser.find("#sort-turn").click()
    assert browser.run(NAMES) == list(PSNR)[::-1]


def test_what_sorts_is_shown_beside_each_name(browser, page):
    browser.open(page)
    assert browser.run(SHOWN) == [""] * 7
    _sort(browser, "PSNR")
    assert browser.run(SHOWN) == ["-3", "7.25", "20.5", "20.5", "∞", "", ""]
    _sort(browser, "change", turns=1)
    assert browser.run(SHOWN)[:2] == ["12346", "12345"]
    _sort(browser, "name")
    assert browser.run(SHOWN) == [""] * 7


def test_the_order_is_said(browser, page):
    browser.open(page)
    turn = browser.find("#sort-turn")
    assert turn.text == "↑ ascending"
    _sort(browser, "PSNR", turns=1)
    assert turn.text == "↓ descending"
    assert browser.find("#sort-said").get_attribute("textContent") == "sorted by PSNR, descending"


def test_the_viewer_goes_in_that_order_and_says_the_score(browser, page):
    browser.open(page)
    _sort(browser, "PSNR")
    browser.find("[data-row='gnu'] a").click()
    browser.wait_for("return document.querySelector('#viewer').open")
    seen = []
    for _ in range(7):
        seen.append((browser.find(".viewer-name").text, browser.find(".viewer-score").text))
        browser.press(Keys.ARROW_RIGHT)
    assert [name for name, _ in seen] == ["gnu", "cat", "ant", "eel", "bee", "dog", "fox"]
    assert [score for _, score in seen][::3] == ["-3 PSNR", "20.5 PSNR", ""]
    assert browser.find(".viewer-count").text == "7 of 7"


def test_it_works_by_keyboard_alone(browser, page):
    browser.open(page)
    browser.run("document.querySelector('.keys-open').focus()")
    browser.press(Keys.TAB)
    assert browser.run("return document.activeElement.id") == "sort"
    browser.press(Keys.ARROW_DOWN, Keys.ARROW_DOWN)  # change, PSNR
    browser.press(Keys.TAB)
    assert browser.run("return document.activeElement.id") == "sort-turn"
    browser.press(Keys.ENTER)
    assert browser.run(NAMES)[:2] == ["bee", "ant"]
    browser.press(Keys.TAB)
    assert browser.run("return document.activeElement.closest('[data-row]').dataset.row") == "bee"
    browser.press("j")
    assert browser.run("return document.activeElement.closest('[data-row]').dataset.row") == "ant"


def test_filter_and_order_go_together(browser, tmp_path, written):
    shared = written("a.png")
    rows = [Row(f"cat {at:03d}", {"real_A": shared}, scores={"error": (at * 37) % 1000}) for at in range(1000)]
    write_results_page(tmp_path / "index.html", "run", rows, {})
    browser.open(tmp_path / "index.html")
    browser.find("#filter").send_keys("cat 99")
    _sort(browser, "error")
    expected = sorted((row for row in rows if row.name.startswith("cat 99")), key=lambda row: row.scores["error"])
    assert browser.run(NAMES) == [row.name for row in expected]
    browser.find("#sort-turn").click()
    assert browser.run(NAMES) == [row.name for row in expected[::-1]]
    assert browser.find("#filter-count").text == "10 of 1000"
    browser.find(".card:not([hidden]) a").click()
    browser.press(Keys.ARROW_RIGHT)
    assert browser.find(".viewer-name").text == expected[-2].name
    assert browser.find(".viewer-count").text == "2 of 10"
    browser.press(Keys.ESCAPE)
    browser.find("#filter").clear()
    browser.find("#filter").send_keys("cat 0")
    left = sorted((row for row in rows if row.name.startswith("cat 0")), key=lambda row: -row.scores["error"])
    assert browser.run(NAMES) == [row.name for row in left]


def test_pictures_that_come_into_sight_are_loaded(browser, tmp_path, written):
    first = tmp_path / written("first.png")
    rows = [Row(f"{at:03d}", {"real_A": f"a{at}.png"}, scores={"error": float(at)}) for at in range(600)]
    for row in rows:
        (tmp_path / row.pictures["real_A"]).hardlink_to(first)
    write_results_page(tmp_path / "index.html", "run", rows, {})
    browser.open(tmp_path / "index.html")
    assert not browser.run("return document.querySelector('[data-row=\"599\"] img').complete")
    _sort(browser, "error", turns=1)
    browser.wait_for("return document.querySelector('[data-row=\"599\"] img').naturalWidth > 0")


def test_without_script_all_rows_are_there_in_the_order_of_their_names(browser, page):
    browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.open(page)
        assert [each.text for each in browser.find_all("h3")] == list(PSNR)
        assert not browser.find("#sort").is_displayed()
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
