"""The table of what was measured, as HTML and in a real browser."""

import pytest
from selenium.webdriver.common.keys import Keys

from translate.reports.figures import COLUMNS, Figure, direction, figures_table
from translate.reports.results import Row, write_results_page

FULL = Figure(
    "fid_clean", "FID <clean>", "41.2", "38.1 to 46.9", "12.0", "151.2", "lower", "Features of 266 & 248.", "Few."
)
PLAIN = Figure("diversity", "Diversity", "0.51")


def _page(tmp_path, figures):
    write_results_page(tmp_path / "index.html", "run", [Row("one", {})], {}, figures=figures)
    return tmp_path / "index.html"


def test_each_figure_is_a_row_and_what_none_has_is_no_column(tmp_path, read_page):
    full = read_page(_page(tmp_path, [FULL, PLAIN]))
    heads = [each.text for each in full.all("th") if each.inside("thead")]
    assert heads == ["measure", "value", "95 % interval", "real B", "inputs untouched", "better"]
    cells = [each.text for each in full.all("td")]
    assert cells[:4] == ["41.2", "38.1 to 46.9", "12.0", "151.2"] and cells[5:] == ["0.51", "", "", "", ""]
    assert len(cells) == 2 * len(COLUMNS)
    plain = read_page(_page(tmp_path, [PLAIN]))
    assert [each.text for each in plain.all("th")] == ["measure", "value", "Diversity"]
    assert "Quality" in plain.texts("h2")
    assert read_page(_page(tmp_path, [])).texts("h2") == ["Pictures"]


def test_the_direction_is_a_word_beside_an_arrow_that_is_not_read_out():
    assert direction("lower").render(pretty=False).count("↓") == 1
    assert '<span aria-hidden="true">↑</span> higher' in direction("higher").render(pretty=False)
    assert direction("") == ""


def test_titles_and_protocols_are_text():
    made = figures_table([FULL]).render(pretty=False)
    assert "FID &lt;clean&gt;" in made and "266 &amp; 248" in made


@pytest.mark.parametrize("phone", [False, True])
def test_the_protocol_unfolds_by_key_and_by_click(browser, tmp_path, phone):
    browser.open(_page(tmp_path, [FULL, PLAIN]), *((360, 740, True) if phone else ()))
    about = browser.find(".about p")
    assert not about.is_displayed()
    browser.run("document.querySelector('summary').focus()")
    browser.press(Keys.ENTER)
    assert about.is_displayed() and about.text == FULL.about
    browser.find("summary").click()
    assert not about.is_displayed()


def test_without_script_it_unfolds_too(browser, tmp_path):
    browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.open(_page(tmp_path, [FULL]))
        browser.find("summary").click()
        assert browser.find(".about p").is_displayed()
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


@pytest.mark.parametrize("width", [320, 360, 641, 900, 1280])
def test_no_window_is_too_narrow_for_it(browser, tmp_path, width):
    long = Figure("x", "A title of many words (network, protocol)", *["1234.567"] * 4, "higher", "word " * 60)
    browser.open(_page(tmp_path, [FULL, long, PLAIN]), width=width, height=700, mobile=width < 500)
    browser.run("for (const each of document.querySelectorAll('details')) each.open = true")
    assert browser.run("return document.documentElement.scrollWidth") <= width
    outside = browser.run(
        "const right = document.querySelector('.figures').getBoundingClientRect().right + 0.5;"
        "const all = [...document.querySelectorAll('.figures *')];"
        "return all.filter((each) => each.getBoundingClientRect().right > right).length"
    )
    assert outside == 0


def test_on_a_phone_every_number_has_its_name_before_it(browser, tmp_path):
    browser.open(_page(tmp_path, [FULL, PLAIN]), 360, 740, True)
    before = browser.run(
        "return [...document.querySelectorAll('.figures td')].filter((e) => e.offsetHeight)"
        ".map((e) => [getComputedStyle(e, '::before').content, e.textContent])"
    )
    assert before == [
        ["none", "41.2"], ['"95 % interval "', "38.1 to 46.9"], ['"real B "', "12.0"], ['"inputs untouched "', "151.2"],
        ['"better "', "↓ lower"], ["none", "0.51"],
    ]  # fmt: skip
