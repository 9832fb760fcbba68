"""Pictures of a run's pages, as they look on a desk and on a phone.

    python scripts/screenshots.py checkpoints/my_run results/my_run/test_latest docs
    python scripts/screenshots.py checkpoints/my_run results/my_run/test_latest docs --compare results/compare.html

Writes results_page.png, results_page_phone.png, training_page.png and training_page_phone.png, and compare_page.png
where such a page is named, into the folder that is named last, each below 300 KB: with 256 colours where it must be,
and scaled down where that is not enough.
"""

import argparse
import io
import sys
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from headless import browser, open_page

from translate.commands import run_command
from translate.errors import InputError
from translate.files import replace_atomically

WINDOWS = {  # file name -> width and height, so that the first pictures are in it
    "results_page": (1280, 1150),
    "results_page_phone": (390, 1250),
    "training_page": (1280, 1700),
    "training_page_phone": (390, 1800),
    "compare_page": (1280, 1700),
}
MOST_BYTES = 300_000
ALL_THERE = """
return [...document.querySelectorAll('main img')].every((image) => {
  const box = image.getBoundingClientRect();
  return box.top > innerHeight || (image.complete && image.naturalWidth);
});
"""


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of a run, with web/index.html")
    parser.add_argument("results", type=Path, help="folder of its test, with index.html")
    parser.add_argument("out", type=Path, help="folder of the screenshots")
    parser.add_argument("--compare", type=Path, metavar="PAGE", help="a page of scripts/compare.py")
    flags = parser.parse_args(arguments)
    pages = {"training_page": flags.run / "web/index.html", "results_page": flags.results / "index.html"}
    pages |= {"compare_page": flags.compare} if flags.compare else {}
    for page in pages.values():
        if not page.is_file():
            raise InputError(f"{page} does not exist; name a run folder and then a results folder that have pages")
    with browser() as driver:
        for name, page in ((name, pages[kind]) for name in WINDOWS if (kind := name.removesuffix("_phone")) in pages):
            target = flags.out / f"{name}.png"
            content = small_png(screenshot(driver, page, *WINDOWS[name], name.endswith("_phone")))
            replace_atomically(target, lambda file, content=content: file.write(content))
            print(f"{target}: {len(content) // 1000} KB")


def screenshot(driver: "webdriver.Chrome", page: Path, width: int, height: int, phone: bool) -> Image.Image:  # noqa: F821
    """What the window shows of a page when it is opened."""
    from selenium.webdriver.support.ui import WebDriverWait

    open_page(driver, page, width, height, phone)
    WebDriverWait(driver, 20).until(lambda each: each.execute_script(ALL_THERE))
    return Image.open(io.BytesIO(driver.get_screenshot_as_png())).convert("RGB")


def small_png(picture: Image.Image, most_bytes: int = MOST_BYTES) -> bytes:
    """A PNG of at most so many bytes."""
    while True:
        for version in (picture, picture.quantize(256)):
            file = io.BytesIO()
            version.save(file, format="PNG", optimize=True)
            if file.tell() <= most_bytes or min(picture.size) < 16:
                return file.getvalue()
        picture = picture.resize((picture.width * 9 // 10, picture.height * 9 // 10), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    run_command(main)
