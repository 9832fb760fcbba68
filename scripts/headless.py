"""A headless Chromium for the scripts that look at pages; needs chromium, chromedriver and selenium."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from translate.errors import InputError

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
DRIVERS = ("chromedriver", "chromium.chromedriver")


@contextmanager
def browser() -> Iterator["webdriver.Chrome"]:  # noqa: F821
    """A browser that ends with the block.

    Raises:
        InputError: a program or package that it needs is missing.
    """
    try:
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service
    except ModuleNotFoundError:
        raise InputError("selenium is missing; install it: pip install selenium") from None
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    driver = next(filter(None, map(shutil.which, DRIVERS)), None)
    if not program or not driver:
        raise InputError("chromium or chromedriver is missing; install them: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    started = webdriver.Chrome(options=options, service=Service(driver))
    try:
        yield started
    finally:
        started.quit()


def open_page(driver: "webdriver.Chrome", page: Path, width: int, height: int, phone: bool = False) -> None:  # noqa: F821
    """Open a page from the disk in a window of that size; a phone has a touch screen and no scroll bars."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    driver.get(page.resolve().as_uri())
