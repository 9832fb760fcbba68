"""Keys on the page in a real browser: from row to row, and the list of keys."""

import pytest
from selenium.webdriver.common.keys import Keys

from translate.reports.results import Row, write_results_page

FOCUS = "const e = document.activeElement; return [e.closest('[data-row]')?.dataset.row, e.dataset.label]"


def _open(browser, page, **more):
    browser.open(page, **more)
    browser.run("document.activeElement.blur()")


def _is_open(browser, dialog):
    return browser.run(f"return document.querySelector('{dialog}').open")


def test_j_and_k_go_from_row_to_row_and_stop_at_the_ends(browser, results, names):
    _open(browser, results)
    browser.press("j")
    assert browser.run(FOCUS) == [names[0], "real_A"]
    browser.press("j", "j", "k")
    assert browser.run(FOCUS) == [names[1], "real_A"]
    browser.press(*"k" * 5)
    assert browser.run(FOCUS) == [names[0], "real_A"]
    browser.press(*"j" * 20)
    assert browser.run(FOCUS) == [names[-1], "real_A"]
    box = browser.run("return document.activeElement.getBoundingClientRect().toJSON()")
    assert box["top"] >= 0 and box["bottom"] <= 900


def test_they_keep_to_the_picture_that_has_the_focus(browser, results, names):
    _open(browser, results)
    browser.press("j", Keys.TAB)
    assert browser.run(FOCUS) == [names[0], "fake_B"]
    browser.press("j")
    assert browser.run(FOCUS) == [names[1], "fake_B"]


def test_without_focus_they_begin_with_what_is_in_sight(browser, results, names):
    _open(browser, results, height=500)
    browser.run("document.querySelectorAll('.card')[4].scrollIntoView()")
    browser.press("j")
    assert browser.run(FOCUS)[0] == names[4]


def test_enter_enlarges_and_escape_gives_the_focus_back(browser, results, names):
    _open(browser, results)
    browser.press("j", "j", Keys.ENTER)
    browser.wait_for("return document.querySelector('#viewer').open")
    browser.press("j", Keys.ARROW_DOWN)
    assert browser.find(".viewer-name").text == names[2]
    browser.press("k", "k")
    assert browser.find(".viewer-name").text == names[0]
    browser.press(Keys.ESCAPE)
    browser.wait_for("return document.activeElement.dataset.label === 'fake_B'")
    assert browser.run(FOCUS) == [names[0], "fake_B"]


def test_they_go_through_the_previews_of_a_training(browser, training):
    _open(browser, training)
    browser.press("j", "j")
    assert browser.run(FOCUS) == ["input 1: fake_B", "real_A"]
    browser.press("j", "j")
    assert browser.run(FOCUS) == ["epoch 1", "real_A"]


@pytest.mark.parametrize("where", ["page", "viewer"])
def test_the_question_mark_shows_the_keys(browser, results, where):
    _open(browser, results)
    browser.press("j", *([Keys.ENTER] if where == "viewer" else []))
    before = browser.run("return document.activeElement.outerHTML")
    browser.press("?")
    assert _is_open(browser, "#keys")
    assert "enlarge the picture" in browser.find("#keys").text
    browser.press("j", Keys.ARROW_RIGHT)  # nothing moves behind the list
    browser.press(Keys.ESCAPE)
    browser.wait_for("return !document.querySelector('#keys').open")
    assert _is_open(browser, "#viewer") == (where == "viewer")
    assert browser.run("return document.activeElement.outerHTML") == before
    assert browser.complaints() == []


def test_a_button_shows_the_keys_and_another_closes_them(browser, results):
    _open(browser, results)
    browser.find(".keys-open").click()
    assert _is_open(browser, "#keys")
    browser.find(".keys-close").click()
    assert not _is_open(browser, "#keys")
    assert browser.run("return document.activeElement.className").startswith("keys-open")


def test_letters_that_are_typed_stay_letters(browser, tmp_path, written):
    shared = written("a.png")
    write_results_page(tmp_path / "index.html", "run", [Row(f"j{at}", {"real_A": shared}) for at in range(20)], {})
    browser.open(tmp_path / "index.html")
    browser.find("#filter").send_keys("j1?k")
    assert browser.find("#filter").get_attribute("value") == "j1?k"
    assert not _is_open(browser, "#keys")


def test_rows_that_are_hidden_are_passed_over(browser, results, names):
    _open(browser, results)
    browser.run("document.querySelectorAll('[data-row]')[1].hidden = true")
    browser.press("j", "j")
    assert browser.run(FOCUS)[0] == names[2]


def test_every_picture_and_button_is_reached_by_tab_and_seen(browser, results):
    _open(browser, results)
    reached = []
    for _ in range(5):
        browser.press(Keys.TAB)
        reached.append(browser.run("return document.activeElement.className.split(' ')[0]"))
        assert browser.run("return getComputedStyle(document.activeElement).outlineWidth") == "2px"
    assert reached == ["keys-open", "zoom", "zoom", "zoom", "zoom"]
