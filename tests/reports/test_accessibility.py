"""axe-core finds no fault in any page: names, contrast, headings, landmarks, tables."""

import re
from importlib.resources import files

import pytest
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from translate.reports.figures import Figure
from translate.reports.page import ASSETS
from translate.reports.results import Row, write_results_page

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
RUN = """
const done = arguments[0];
axe.run(document, { resultTypes: ["violations", "incomplete"] }).then(done, (error) => done({ error: String(error) }));
"""
DESK, PHONE = (1280, 900, False), (360, 740, True)


def _faults(browser):
    browser.run(AXE)
    found = browser.driver.execute_async_script(RUN)
    assert "error" not in found, found
    assert len(found["passes"]) > 15
    return [(fault["id"], fault["nodes"][0]["html"][:200]) for fault in found["violations"]]


def _set_scheme(browser, scheme):
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height", "mobile"), [DESK, PHONE])
@pytest.mark.parametrize("kind", ["results", "training", "compare", "transfer"])
def test_a_page_has_no_faults(browser, every, kind, width, height, mobile, scheme):
    _set_scheme(browser, scheme)
    browser.open(every[kind], width, height, mobile)
    assert _faults(browser) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height", "mobile"), [DESK, PHONE])
def test_a_long_page_with_all_it_may_hold_has_none(browser, tmp_path, written, width, height, mobile, scheme):
    pictures = {"real_A": written("a.png"), "fake_B": "scan.tiff"}
    rows = [Row(f"picture {at}", pictures, "PSNR 20 dB", scores={"PSNR": 20.0 - at}) for at in range(30)]
    figures = [
        Figure("fid", "FID", "41.2", "38 to 47", "12.0", "151.2", "lower", "Features of 266 and 248.", "Few pictures."),
        Figure("diversity", "Diversity", "0.51"),
    ]
    sheet = "contact_sheet.jpg"
    write_results_page(tmp_path / "index.html", "run", rows, {"size": "64"}, contact_sheet=sheet, figures=figures)
    _set_scheme(browser, scheme)
    browser.open(tmp_path / "index.html", width, height, mobile)
    assert browser.find("#filter").is_displayed()
    browser.run("document.querySelector('summary').click()")
    Select(browser.find("#sort")).select_by_visible_text("PSNR")
    assert _faults(browser) == []


@pytest.mark.parametrize(("width", "height", "mobile"), [DESK, PHONE])
@pytest.mark.parametrize("keys", [[Keys.ENTER], [Keys.ENTER, "c"], [Keys.ENTER, "d"], ["?"]])
def test_dialogs_have_none(browser, results, keys, width, height, mobile):
    _set_scheme(browser, "light")
    browser.open(results, width, height, mobile)
    browser.press("j", *keys)
    assert browser.run("return document.querySelectorAll('dialog[open]').length") == 1
    assert _faults(browser) == []


def test_faults_are_found_where_there_are_some(browser, results):
    _set_scheme(browser, "light")
    browser.open(results)
    browser.run(
        "document.querySelector('main img').removeAttribute('alt');"
        "document.querySelector('.note, figcaption').style.color = '#ccc';"
        "document.documentElement.removeAttribute('lang')"
    )
    assert {"image-alt", "color-contrast", "html-has-lang"} <= {name for name, _ in _faults(browser)}


def _luminance(colour):
    """WCAG 2: https://www.w3.org/TR/WCAG22/#dfn-relative-luminance"""
    shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return sum(weight * share for weight, share in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("scheme", [0, 1])
@pytest.mark.parametrize(("text", "ground"), [
    ("ink", "ground"), ("ink", "card"), ("ink-soft", "ground"), ("ink-soft", "card"), ("ink-soft", "rule"),
    ("accent", "ground"),
])  # fmt: skip
def test_text_stands_out_also_in_drawings_which_axe_does_not_judge(scheme, text, ground):
    style = (ASSETS / "page.css").read_text(encoding="utf-8")
    colours = dict(re.findall(r"--([\w-]+): (#\w{6});", style.split(":root")[1 + scheme]))
    brighter, darker = sorted((_luminance(colours[text]), _luminance(colours[ground])), reverse=True)
    assert (brighter + 0.05) / (darker + 0.05) >= 4.5
