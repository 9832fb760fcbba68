"""The difference of before and after: what a browser draws, pixel by pixel."""

import io

import numpy as np
import pytest
from PIL import Image
from selenium.webdriver.common.keys import Keys

from translate.reports.results import Row, write_results_page

BEFORE, AFTER = (200, 120, 40), (190, 150, 45)
VISIBLE = "return document.querySelector('.viewer-compare').checkVisibility()"


def _page(tmp_path, before=(64, 48), after=(64, 48), mode="RGB"):
    Image.new("RGB", before, BEFORE).save(tmp_path / "a.png")
    right = Image.new("RGB", after, AFTER)
    right.paste(BEFORE, (0, 0, after[0] // 2, after[1]))  # the left half is as before
    right.convert(mode).save(tmp_path / "b.png")
    write_results_page(tmp_path / "index.html", "run", [Row("one", {"real_A": "a.png", "fake_B": "b.png"})] * 2, {})
    return tmp_path / "index.html"


def _open(browser, page, *keys):
    browser.open(page)
    browser.find("a.zoom").click()
    browser.wait_for("return document.querySelector('#viewer').open")
    if keys:
        browser.press(*keys)
        browser.wait_for("return [...document.querySelectorAll('.viewer-layers img')].every((e) => e.naturalWidth)")


def _drawn(browser):
    """The colours at the middle of the left and the right half."""
    shot = np.asarray(Image.open(io.BytesIO(browser.find(".viewer-compare").screenshot_as_png)).convert("RGB"))
    height, width = shot.shape[:2]
    return shot[height // 2, width // 4].astype(int), shot[height // 2, 3 * width // 4].astype(int)


def _expected(gain):
    return np.minimum(gain * np.abs(np.subtract(BEFORE, AFTER)), 255)


@pytest.mark.parametrize("after", [(64, 48), (128, 96), (33, 25)])
def test_it_is_four_times_the_absolute_difference_at_any_resolution(browser, tmp_path, after):
    _open(browser, _page(tmp_path, after=after), "d")
    left, right = _drawn(browser)
    np.testing.assert_allclose(left, 0, atol=2)
    np.testing.assert_allclose(right, _expected(4), atol=5)
    assert browser.find(".viewer-tag-before").text == "|real_A − fake_B| × 4"
    assert not browser.find(".viewer-tag-after").is_displayed() and not browser.find(".viewer-divider").is_displayed()
    assert browser.complaints() == []


def test_the_slider_says_how_many_times(browser, tmp_path):
    _open(browser, _page(tmp_path), "d")
    assert browser.find(".viewer-gain").is_displayed() and not browser.find(".viewer-slider").is_displayed()
    browser.run("document.querySelector('.viewer-gain').focus()")
    browser.press(Keys.HOME)
    np.testing.assert_allclose(_drawn(browser)[1], _expected(1), atol=2)
    browser.press(Keys.END, Keys.ARROW_LEFT)
    np.testing.assert_allclose(_drawn(browser)[1], _expected(15), atol=16)
    assert browser.find(".viewer-tag-before").text == "|real_A − fake_B| × 15"
    assert browser.find(".viewer-gain").get_attribute("aria-valuetext") == "15 times"
    assert browser.find(".viewer-count").text == "1 of 2"  # its arrows move nothing else


def test_key_and_button_turn_it_on_and_off_and_the_comparison_is_another(browser, tmp_path):
    _open(browser, _page(tmp_path))
    compare, subtract = browser.find(".viewer-toggle"), browser.find(".viewer-subtract")

    def pressed():
        return compare.get_attribute("aria-pressed"), subtract.get_attribute("aria-pressed")

    subtract.click()
    assert browser.run(VISIBLE) and pressed() == ("false", "true")
    browser.press("c")
    assert pressed() == ("true", "false")
    assert [each.text for each in browser.find_all(".viewer-tag")] == ["real_A", "fake_B"]
    assert browser.run("return getComputedStyle(document.querySelector('.viewer-layers')).filter") == "none"
    browser.press("d")
    assert pressed() == ("false", "true")
    browser.press("d")
    assert not browser.run(VISIBLE) and pressed() == ("false", "false")
    assert browser.find(".viewer-picture").is_displayed()


def test_it_stays_from_row_to_row(browser, tmp_path):
    _open(browser, _page(tmp_path), "d", Keys.ARROW_RIGHT)
    assert browser.run("return document.querySelector('.viewer-compare').classList.contains('difference')")
    assert browser.find(".viewer-count").text == "2 of 2"


def test_a_drag_moves_no_divider_in_it(browser, tmp_path):
    _open(browser, _page(tmp_path), "d")
    browser.find(".viewer-compare").click()
    assert browser.find(".viewer-slider").get_attribute("value") == "50"


def test_moments_of_a_run_are_chosen_in_it(browser, training):
    browser.open(training)
    browser.find("a.zoom[data-label='step 1,000']").click()
    browser.press("d")
    tag = browser.find(".viewer-tag-before")
    assert tag.text == "|real_A − step 1,000| × 4"
    browser.press(Keys.ARROW_DOWN)
    assert tag.text == "|real_A − step 2,000| × 4"


def test_where_nothing_is_to_be_compared_it_is_not_offered(browser, tmp_path, written):
    write_results_page(tmp_path / "index.html", "run", [Row("one", {"real_A": written("a.png")})], {})
    browser.open(tmp_path / "index.html")
    browser.find("a.zoom").click()
    assert not browser.find(".viewer-subtract").is_displayed()
    browser.press("d")
    assert browser.find(".viewer-picture").is_displayed()


def test_grey_is_compared_with_colour(browser, tmp_path):
    _open(browser, _page(tmp_path, mode="L"), "d")
    grey = np.asarray(Image.new("RGB", (1, 1), BEFORE).convert("L"))[0, 0]
    np.testing.assert_allclose(_drawn(browser)[0], np.minimum(4 * np.abs(np.subtract(BEFORE, int(grey))), 255), atol=5)


def test_it_is_among_the_keys(browser, results):
    browser.open(results)
    browser.press("?")
    assert "the difference of before and after" in browser.find("#keys").text
