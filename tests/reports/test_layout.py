"""The pages in a real browser: they load, fit the window and ask nothing of the network."""

import pytest


@pytest.mark.parametrize("kind", ["results", "training"])
def test_all_pictures_load_without_a_complaint_or_the_network(browser, both, kind):
    browser.open(both[kind])
    assert browser.load_all_pictures() == {"results": 27, "training": 16}[kind]
    assert browser.complaints() == []
    requested = browser.requested()
    assert requested
    assert all(address.startswith(("file://", "data:")) for address in requested)


def test_names_are_shown_as_they_are(browser, results, names):
    browser.open(results)
    assert [each.text for each in browser.find_all("h3")] == names


@pytest.mark.parametrize("kind", ["results", "training"])
@pytest.mark.parametrize("width", [390, 800, 1280])
def test_no_window_is_too_narrow(browser, both, kind, width):
    browser.open(both[kind], width=width, height=800, mobile=width < 500)
    assert browser.run("return document.documentElement.scrollWidth") <= width
    assert browser.run("return window.innerWidth") == width


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
        browser.find("[data-row='with space.png'] a").click()
        assert browser.driver.current_url.endswith("images/real_A/with%20space.png")
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
