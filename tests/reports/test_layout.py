"""The pages in a real browser: they load, fit the window and ask nothing of the network."""

import pytest

from translate.reports.results import Row, write_results_page


@pytest.mark.parametrize("kind", ["results", "training", "compare", "transfer"])
def test_all_pictures_load_without_a_complaint_or_the_network(browser, every, kind):
    browser.open(every[kind])
    assert browser.load_all_pictures() == {"results": 27, "training": 16, "compare": 76, "transfer": 0}[kind]
    assert browser.complaints() == []
    requested = browser.requested()
    assert requested
    assert all(address.startswith(("file://", "data:")) for address in requested)


def test_names_are_shown_as_they_are(browser, results, names):
    browser.open(results)
    assert [each.text for each in browser.find_all("h3")] == names


@pytest.mark.parametrize("kind", ["results", "training", "compare", "transfer"])
@pytest.mark.parametrize("width", [360, 390, 800, 1280])
def test_no_window_is_too_narrow(browser, every, kind, width):
    browser.open(every[kind], width=width, height=800, mobile=width < 500)
    assert browser.run("return document.documentElement.scrollWidth") <= width
    assert browser.run("return window.innerWidth") == width


def test_on_a_phone_input_and_translation_stand_side_by_side_and_names_can_be_read(browser, results):
    browser.open(results, width=360, height=740, mobile=True)
    first, second, third = (each.rect for each in browser.find_all(".card:first-child a.zoom"))
    assert first["y"] == second["y"] < third["y"]
    assert first["x"] + first["width"] < second["x"]
    assert min(each["width"] for each in (first, second, third)) > 140
    sizes = browser.run("return [...document.querySelectorAll('main *')].map((e) => getComputedStyle(e).fontSize)")
    assert min(float(size.removesuffix("px")) for size in sizes) >= 12


def test_on_a_phone_the_previews_scroll_within_their_strip(browser, training):
    browser.open(training, width=360, height=740, mobile=True)
    strip = browser.run("const e = document.querySelector('.scroller'); return [e.clientWidth, e.scrollWidth]")
    assert strip[0] <= 332 < strip[1]


@pytest.mark.parametrize(("width", "count"), [(1280, 1), (1280, 2), (1000, 3), (360, 3), (360, 2), (600, 1)])
def test_the_height_of_what_is_out_of_sight_is_known(browser, tmp_path, written, width, count):
    shared = written("a.png", 48, 32)
    rows = [Row(f"{at}", dict.fromkeys(("real_A", "fake_B", "truth_B")[:count], shared), "a note") for at in range(60)]
    write_results_page(tmp_path / "index.html", "run", rows, {})
    browser.open(tmp_path / "index.html", width=width, mobile=width < 500)
    height = "return document.querySelector('main').getBoundingClientRect().height"
    expected = browser.run(height)
    browser.run("for (const each of document.querySelectorAll('.card')) each.style.contentVisibility = 'visible'")
    assert browser.run(height) == pytest.approx(expected, abs=0.5)


def test_of_thousands_of_pictures_only_those_near_are_loaded(browser, tmp_path, written):
    first = tmp_path / written("first.png")
    rows = [Row(f"{at}", {"real_A": f"a{at}.png", "fake_B": f"b{at}.png"}) for at in range(5000)]
    for path in (path for row in rows for path in row.pictures.values()):
        (tmp_path / path).hardlink_to(first)  # each has its own address, or the browser would know them all from one
    write_results_page(tmp_path / "index.html", "run", rows, {})
    browser.open(tmp_path / "index.html")
    browser.wait_for("return document.querySelector('main img').naturalWidth > 0")
    complete, lazy, count = browser.run(
        "const all = [...document.querySelectorAll('main img')];"
        "return [all.filter((e) => e.complete).length, all.filter((e) => e.loading === 'lazy').length, all.length]"
    )
    assert lazy == count == 10_000
    assert 0 < complete < 200
    browser.run("window.scrollTo(0, document.documentElement.scrollHeight)")
    browser.wait_for("return [...document.querySelectorAll('main img')].at(-1).naturalWidth > 0")
    box = browser.run("return [...document.querySelectorAll('.card')].at(-1).getBoundingClientRect().toJSON()")
    assert 0 < box["bottom"] <= 900


def test_the_layout_does_not_jump_when_pictures_load(browser, results):
    browser.open(results)
    before = browser.run("return document.documentElement.scrollHeight")
    browser.load_all_pictures()
    assert browser.run("return document.documentElement.scrollHeight") == before
    frame = browser.find("a.zoom").rect
    assert frame["width"] / frame["height"] == pytest.approx(1.5, rel=0.01)
    assert frame["width"] == 256


def test_previews_show_the_newest_and_keep_the_input_in_sight(browser, training):
    browser.open(training, width=390, height=800, mobile=True)
    browser.run("document.querySelector('.scroller').scrollIntoView()")
    seen = browser.run(
        "const frame = document.querySelector('.scroller').getBoundingClientRect();"
        "return [...document.querySelectorAll('.timeline tbody tr:first-child > *')].map((each) => {"
        "  const box = each.getBoundingClientRect();"
        "  return box.left >= frame.left - 1 && box.right <= frame.right + 1; })"
    )
    assert seen[0] and seen[-1] and not seen[1]


@pytest.mark.parametrize(("scheme", "brightness"), [("light", 250), ("dark", 19)])
def test_the_page_follows_the_readers_setting(browser, results, scheme, brightness):
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    browser.open(results)
    assert f"rgb({brightness}, {brightness}" in browser.run("return getComputedStyle(document.body).backgroundColor")


def test_without_script_a_picture_opens_as_a_file(browser, results):
    browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.open(results)
        assert not browser.find(".keys-open").is_displayed()
        browser.find("[data-row='with space.png'] a").click()
        assert browser.driver.current_url.endswith("images/real_A/with%20space.png")
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
