"""The viewer in a real browser: what a reader sees, clicks and types."""

import json

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from translate.reports.results import Row, write_results_page

OPEN = "return document.querySelector('#viewer').open"


def _shown(browser):
    return browser.run("return decodeURIComponent(document.querySelector('.viewer-picture').src)")


def _name(browser):
    return browser.find(".viewer-name").text


def _clip(browser):
    return browser.run("return getComputedStyle(document.querySelector('.viewer-after')).clipPath")


def _click_picture(browser, row, label):
    links = browser.find_all("[data-row]")[row].find_elements(By.CSS_SELECTOR, f"a.zoom[data-label='{label}']")
    links[0].click()
    browser.wait_for(OPEN)


def _choose(browser, text):
    next(each for each in browser.find_all(".viewer-choice button") if each.text == text).click()


def test_a_click_enlarges_and_escape_closes(browser, results, names):
    browser.open(results)
    _click_picture(browser, 2, "fake_B")
    assert _name(browser) == names[2]
    assert _shown(browser).endswith(f"images/fake_B/{names[2]}")
    browser.wait_for("return document.querySelector('.viewer-picture').naturalWidth > 0")
    assert browser.find(".viewer-picture").rect["width"] > 512
    browser.press(Keys.ESCAPE)
    browser.wait_for("return !document.querySelector('#viewer').open")
    assert browser.run("return document.activeElement.dataset.label") == "fake_B"
    assert browser.complaints() == []


def test_closing_leads_to_the_row_that_was_seen_last(browser, results, names):
    browser.open(results, height=500)
    _click_picture(browser, 0, "real_A")
    browser.press(Keys.END, *[Keys.ARROW_RIGHT] * 8)
    browser.press(Keys.ESCAPE)
    # The focus moves in an event that follows the closing.
    row = "return document.activeElement.closest('[data-row]')?.dataset.row"
    browser.wait_for(f"{row} === {json.dumps(names[8])}")
    assert browser.run("return document.querySelector('#viewer').open") is False
    box = browser.run("return document.activeElement.getBoundingClientRect().toJSON()")
    assert box["top"] >= 0 and box["bottom"] <= 500


def test_the_button_closes(browser, results):
    browser.open(results)
    _click_picture(browser, 0, "real_A")
    browser.find(".viewer-close").click()
    assert not browser.run(OPEN)


def test_the_keyboard_alone_opens(browser, results):
    browser.open(results)
    browser.run("document.querySelector('a.zoom').focus()")
    browser.press(Keys.ENTER)
    browser.wait_for(OPEN)


def test_arrows_go_from_row_to_row_and_stop_at_the_ends(browser, results, names):
    browser.open(results)
    _click_picture(browser, 0, "fake_B")
    browser.press(Keys.ARROW_LEFT)
    assert _name(browser) == names[0]
    assert not browser.find(".viewer-previous").is_enabled()
    for name in [*names[1:], names[-1]]:
        browser.press(Keys.ARROW_RIGHT)
        assert _name(browser) == name
        assert _shown(browser).endswith(f"images/fake_B/{name}")
        browser.wait_for("return document.querySelector('.viewer-picture').naturalWidth > 0")
    assert browser.find(".viewer-count").text == "9 of 9"
    assert not browser.find(".viewer-next").is_enabled()


def test_buttons_go_from_row_to_row_and_leave_the_keys_alive(browser, results, names):
    browser.open(results)
    _click_picture(browser, 7, "fake_B")
    browser.find(".viewer-next").click()
    assert _name(browser) == names[8]
    browser.press(Keys.ARROW_LEFT)  # though the button that had the focus is disabled now
    assert _name(browser) == names[7]
    browser.find(".viewer-previous").click()
    assert _name(browser) == names[6]


def test_up_and_down_go_from_picture_to_picture(browser, results):
    browser.open(results)
    _click_picture(browser, 0, "real_A")
    browser.press(Keys.ARROW_DOWN)
    assert "/fake_B/" in _shown(browser)
    browser.press(Keys.ARROW_UP, Keys.ARROW_UP)
    assert "/real_A/" in _shown(browser)
    _choose(browser, "real_B")
    assert "/real_B/" in _shown(browser)


def _compare(browser, page):
    browser.open(page)
    _click_picture(browser, 0, "real_A")
    browser.find(".viewer-toggle").click()


def test_compare_lays_the_translation_over_the_input(browser, results):
    _compare(browser, results)
    assert "/real_A/" in browser.find(".viewer-before").get_attribute("src")
    assert "/fake_B/" in browser.find(".viewer-after").get_attribute("src")
    assert [each.text for each in browser.find_all(".viewer-tag")] == ["real_A", "fake_B"]
    assert not browser.find(".viewer-picture").is_displayed()
    assert browser.find(".viewer-before").rect == browser.find(".viewer-after").rect
    assert "50%" in _clip(browser)


def test_the_slider_moves_the_divider_by_keys(browser, results, names):
    _compare(browser, results)
    browser.run("document.querySelector('.viewer-slider').focus()")
    browser.press(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert "51%" in _clip(browser)
    browser.press(Keys.HOME)
    assert _clip(browser) in {"inset(0px 0px 0px 0%)", "inset(0px)"}
    assert _name(browser) == names[0]


def test_a_drag_on_the_picture_moves_the_divider(browser, results):
    _compare(browser, results)
    frame = browser.find(".viewer-compare")
    quarter = frame.rect["width"] / 4
    actions = ActionChains(browser.driver)
    actions.move_to_element(frame).click_and_hold().move_by_offset(round(quarter), 0).release().perform()
    value = float(browser.find(".viewer-slider").get_attribute("value"))
    assert value == pytest.approx(75, abs=1)
    assert f"{value:g}%" in _clip(browser)
    left = browser.run("return document.querySelector('.viewer-divider').offsetLeft")
    assert left == pytest.approx(3 * quarter, abs=5)


def test_after_a_drag_of_the_slider_arrows_go_from_row_to_row(browser, results, names):
    _compare(browser, results)
    slider = browser.find(".viewer-slider")
    ActionChains(browser.driver).move_to_element_with_offset(slider, 60, 0).click().perform()
    assert float(slider.get_attribute("value")) > 55
    browser.press(Keys.ARROW_RIGHT)
    assert _name(browser) == names[1]
    assert browser.find(".viewer-compare").is_displayed()


def test_c_turns_the_comparison_on_and_off(browser, results):
    browser.open(results)
    _click_picture(browser, 0, "fake_B")
    browser.press("c")
    assert browser.find(".viewer-compare").is_displayed()
    browser.press("c")
    assert browser.find(".viewer-picture").is_displayed()
    assert "/fake_B/" in _shown(browser)


def test_choosing_a_picture_leaves_the_comparison(browser, results):
    _compare(browser, results)
    _choose(browser, "fake_B")
    assert browser.find(".viewer-picture").is_displayed()


def test_rows_without_a_translation_offer_no_comparison(browser, tmp_path, written):
    write_results_page(tmp_path / "index.html", "run", [Row("one", {"real_A": written("a.png")})], {})
    browser.open(tmp_path / "index.html")
    _click_picture(browser, 0, "real_A")
    assert not browser.find(".viewer-toggle").is_displayed()
    browser.press("c")
    assert browser.find(".viewer-picture").is_displayed()


def test_the_filter_narrows_the_page_and_the_viewer(browser, tmp_path, written):
    shared = written("a.png")
    write_results_page(tmp_path / "index.html", "run", [Row(f"Cat {at}", {"real_A": shared}) for at in range(1000)], {})
    browser.open(tmp_path / "index.html")
    browser.find("#filter").send_keys("cat 99")
    assert browser.find("#filter-count").text == "11 of 1000"
    left = browser.run(
        "return [...document.querySelectorAll('h3')].filter((e) => e.offsetHeight).map((e) => e.textContent)"
    )
    assert left == ["Cat 99", *(f"Cat {at}" for at in range(990, 1000))]
    browser.find("[data-row='Cat 99'] a").click()
    browser.press(Keys.ARROW_RIGHT)
    assert _name(browser) == "Cat 990"
    assert browser.find(".viewer-count").text == "2 of 11"


def test_moments_of_a_preview_are_compared_with_its_input(browser, training):
    browser.open(training)
    _click_picture(browser, 0, "step 1,000")
    browser.press("c")
    tags = browser.find_all(".viewer-tag")
    assert [each.text for each in tags] == ["real_A", "step 1,000"]
    browser.press(Keys.ARROW_DOWN)
    assert [each.text for each in tags] == ["real_A", "step 2,000"]
    browser.press(Keys.ARROW_RIGHT)
    assert _name(browser) == "input 1: fake_B"
    assert [each.text for each in tags] == ["real_A", "step 2,000"]
    _choose(browser, "step 0")
    assert [each.text for each in tags] == ["real_A", "step 0"]
    browser.press(Keys.ARROW_LEFT)
    assert _name(browser) == "input 0: fake_B"
    assert [each.text for each in tags] == ["real_A", "step 0"]
