"""A reader of HTML, small pictures, and a real browser."""

import json
import shutil
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from translate.reports.compare import write_compare_page
from translate.reports.figures import Figure, plain_figure
from translate.reports.results import Row, write_results_page
from translate.reports.tested import read_tested
from translate.reports.training import TrainingPage
from translate.reports.transfer import Part, write_transfer_page

HOW_TO_INSTALL = "the browser tests need Chromium and its driver: apt-get install chromium chromium-driver"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
DRIVERS = ("chromedriver", "chromium.chromedriver")
WAIT_S = 20
NAMES = [
    "plain.png",
    "with space.png",
    "50% #1?.png",
    "%25.png",
    "\"double\" 'single'.png",
    "<script>alert(1)<img src=x onerror=alert(2)>.png",
    "Äpfel 猫 🦓.png",
    "a:b&amp;c;d+e=f.png",
    "back\\slash.png",
]


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    text: str = ""
    parents: list["Element"] = field(default_factory=list, repr=False)

    def inside(self, tag: str) -> bool:
        return any(parent.tag == tag for parent in self.parents)

    def has_class(self, name: str) -> bool:
        return name in self.attributes.get("class", "").split()


class Page(HTMLParser):
    """The elements of a page in order, each with the text directly in it."""

    VOID = frozenset({"meta", "link", "img", "input", "br"})

    def __init__(self, text: str):
        super().__init__()
        self.source = text
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        element = Element(tag, {name: value or "" for name, value in attrs}, parents=list(self._open))
        self.elements.append(element)
        if tag not in self.VOID:
            self._open.append(element)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self._open.pop().tag == tag

    def handle_data(self, data):
        if self._open:
            self._open[-1].text += data

    def all(self, tag: str, cls: str = "") -> list[Element]:
        """Those outside of dialogs, which are the same on all pages."""
        found = (each for each in self.elements if each.tag == tag and (not cls or each.has_class(cls)))
        return [each for each in found if not each.inside("dialog")]

    def texts(self, tag: str, cls: str = "") -> list[str]:
        return [each.text for each in self.all(tag, cls)]


class Browser:
    """A headless Chromium and what the tests ask of it."""

    def __init__(self, driver: webdriver.Chrome):
        self.driver = driver

    def open(self, path: Path, width: int = 1280, height: int = 900, mobile: bool = False) -> None:
        for kind in ("browser", "performance"):
            self.driver.get_log(kind)  # forget what earlier pages said
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.driver.get(path.resolve().as_uri())

    def run(self, script: str, *arguments):
        return self.driver.execute_script(script, *arguments)

    def find(self, selector: str):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def find_all(self, selector: str):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def press(self, *keys: str) -> None:
        self.driver.switch_to.active_element.send_keys(*keys)

    def wait_for(self, script: str) -> None:
        WebDriverWait(self.driver, WAIT_S).until(lambda _: self.run(script), message=script)

    def load_all_pictures(self) -> int:
        """Scroll every picture into sight until all are there; how many there are."""
        self.run("document.querySelectorAll('main img').forEach((each) => each.scrollIntoView())")
        count = len(self.find_all("main img"))
        for at in range(count):
            self.run("document.querySelectorAll('main img')[arguments[0]].scrollIntoView()", at)
            self.wait_for(f"return document.querySelectorAll('main img')[{at}].naturalWidth > 0")
        return count

    def complaints(self) -> list[str]:
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requested(self) -> list[str]:
        """The addresses that the page has asked for since it was opened."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [each["params"]["request"]["url"] for each in events if each["method"] == "Network.requestWillBeSent"]


@pytest.fixture(scope="session")
def driver():
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    service = next(filter(None, map(shutil.which, DRIVERS)), None)
    if not browser or not service:
        pytest.fail(HOW_TO_INSTALL)
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    started = webdriver.Chrome(options=options, service=Service(service))
    yield started
    started.quit()


@pytest.fixture
def browser(driver):
    return Browser(driver)


@pytest.fixture
def read_page():
    """Path -> the parsed page."""
    return lambda path: Page(Path(path).read_text(encoding="utf-8"))


@pytest.fixture
def picture():
    """A picture of a plain colour with a darker left half, so that sides can be told apart."""

    def make(width: int = 32, height: int = 32, colour: tuple[int, int, int] = (200, 120, 40)) -> Image.Image:
        pixels = np.full((height, width, 3), colour, np.uint8)
        pixels[:, : width // 2] //= 2
        return Image.fromarray(pixels)

    return make


@pytest.fixture
def written(tmp_path, picture):
    """Saves a picture under the page's folder (``tmp_path``) and returns its relative path."""

    def write(relative: str, width: int = 32, height: int = 32) -> str:
        path = tmp_path / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        kind = None if path.suffix else "PNG"
        picture(width, height).save(path, kind)
        return relative

    return write


@pytest.fixture
def names():
    """File names that a careless page would get wrong."""
    return NAMES


@pytest.fixture
def results(tmp_path, written):
    """A page of results with a nasty file name in each row; its path."""
    rows = [
        Row(
            name,
            {
                "real_A": written(f"images/real_A/{name}", 48, 32),
                "fake_B": written(f"images/fake_B/{name}", 48, 32),
                "real_B": written(f"images/real_B/{name}"),
            },
        )
        for name in NAMES
    ]
    write_results_page(tmp_path / "index.html", "run", rows, {"checkpoint": "x" * 120, "pictures": "9 in, 9 written"})
    return tmp_path / "index.html"


@pytest.fixture
def measurements(tmp_path):
    """The lines of ``metrics.jsonl`` in the run's folder, of raw weights and of their average, and a ``best.json``."""
    lines = []
    for step in (10, 20, 30):
        for weights, ahead in (("raw", 0.0), ("ema", 0.1)):
            share = {
                "value": 0.02 * step + ahead,
                "low": 0.01 * step,
                "high": 0.03 * step,
                "floor": 0.97,
                "ceiling": 0.03,
            }
            lines.append({
                "step": step, "epoch": step // 10, "samples": step, "phase": "val", "weights": weights,
                "metrics": {"share": share, "distance": {"value": 9.0 - 0.1 * step}},
                "left_out": {"fid": "no weights", "kid": "no weights", "ssim": "no truth"},
                "counts": {"results": 40, "teaching_A": 400}, "seconds": 3.2, "seed": 0,
            })  # fmt: skip
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    best = {"metric": "share", "value": 0.5, "step": 20, "epoch": 2, "weights": "ema"}
    (tmp_path / "best.json").write_text(json.dumps(best))
    return lines


@pytest.fixture
def training(tmp_path, picture, measurements):
    """The page of a run with three moments of two previews and two epochs, which has been measured; its path."""
    made = TrainingPage(tmp_path / "web", "run")
    for step in (0, 1000, 2000):
        made.add_preview(step, 1, {f"{at}_{kind}": picture() for at in (0, 1) for kind in ("real_A", "fake_B")})
    for epoch in (1, 2):
        made.add_current(epoch, {kind: picture() for kind in ("real_A", "fake_B", "real_B", "idt_B")})
    losses = {"G_GAN": 0.3, "D_real": 0.2, "NCE": 3.0, "G": 3.3}
    lines = [json.dumps({"step": step, "epoch": 1, "losses": losses}) for step in range(100)]
    (tmp_path / "log.jsonl").write_text("\n".join(lines))
    share = Figure("share", "Taken for domain B", "", better="higher", about="A classifier of A against B.")
    made.write(tmp_path / "log.jsonl", {"dataset": "horse2zebra"}, described={"share": share})
    return tmp_path / "web" / "index.html"


@pytest.fixture
def make_tested(tmp_path, picture):
    """make_tested("cut", inputs=["a", "b"], ...): the folder of a run's results, and the run's own beside it.

    Inputs of one name show the same in all runs. ``found`` goes into scores.json, ``options`` into run.json; None
    leaves a file out.
    """

    def make(name, inputs=("a", "b", "c"), found=(), options=(), step_s=0.5, side=32, labels=("real_A", "fake_B")):
        folder, run = tmp_path / "results" / name / "test_latest", tmp_path / "checkpoints" / name
        run.mkdir(parents=True)
        files = {}
        for each in inputs:
            files[each] = {label: f"images/{label}/{each}.png" for label in labels}
            for label, path in files[each].items():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                shown = each if label == labels[0] else f"{label} {each} {name}"
                colour = tuple(np.random.default_rng(list(shown.encode())).integers(0, 256, 3))
                picture(side, side, colour).save(folder / path)
        if found is not None:
            (folder / "scores.json").write_text(json.dumps({"files": files, "run": name, "step": 200, **dict(found)}))
        if options is not None:
            recorded = {"model": "cut", "options": dict(options), "parameters": {"G": 12345, "D": 678}}
            (run / "run.json").write_text(json.dumps(recorded))
        if step_s:
            lines = (json.dumps({"step": at, "epoch": 1, "losses": {"G": 1}, "step_s": step_s}) for at in (100, 200))
            (run / "log.jsonl").write_text("\n".join(lines))
        return folder

    return make


@pytest.fixture
def read(tmp_path):
    """read("cut"): the results of a run that ``make_tested`` made."""

    def of(name):
        return read_tested(tmp_path / "results" / name / "test_latest", tmp_path / "checkpoints" / name, name)

    return of


@pytest.fixture
def compared(tmp_path, make_tested, read):
    """A page of three runs on twenty inputs, which were measured, two of them during their training too; its path."""
    inputs = [f"input {at:02d}" for at in range(20)]
    for at, name in enumerate(("cut", "fast <cut>", "a_run_with_a_name_that_is_longer_than_most")):
        scores = {each: {"error": (7 * number) % (11 + at)} for number, each in enumerate(inputs)}
        share = {"value": 0.4 + 0.1 * at, "low": 0.3, "high": 0.9, "floor": 0.97, "ceiling": 0.03}
        found = {"mean": {"error": 5.0 - at}, "pictures": scores, "metrics": {"share": share}}
        make_tested(name, inputs[: 19 + at], found, {"lr": 0.0002 * (at + 1)})
        if at > 0:
            lines = ({"step": 20 * step, "metrics": {"share": {**share, "value": step / 10}}} for step in range(9))
            log = "\n".join(json.dumps({"weights": "raw", **line}) for line in lines)
            (tmp_path / "checkpoints" / name / "metrics.jsonl").write_text(log)
    runs = [read(path.name) for path in sorted((tmp_path / "results").iterdir(), key=lambda path: len(path.name))]

    def figure_of(name, found):
        about, better = ("A classifier of A against B.", "higher") if name == "share" else ("", "lower")
        return replace(plain_figure(name, found), about=about, better=better)

    write_compare_page(tmp_path / "results" / "compare.html", "3 runs compared", runs, figure_of)
    return tmp_path / "results" / "compare.html"


@pytest.fixture
def transferred(tmp_path):
    """A page of what two encoders have learned, beside untrained weights."""
    dots = {"random weights": [37.0, 39.0, 41.0], "rotation": [50.0, 56.0], "x" * 60: [44.0]}
    cells = {name: [f"{values[0]} ± 2.0"] * 6 for name, values in dots.items()}
    heads = [*(f"conv{number}" for number in range(1, 6)), "best layer"]
    parts = [Part("knn", heads, cells, dots, "The nearest pictures vote."), Part("fc", ["all layers"], cells)]
    path = tmp_path / "transfer.html"
    write_transfer_page(path, {"classes": "10", "pictures": "1,435 train, 372 test"}, parts, ["random weights"])
    return path


@pytest.fixture
def every(results, training, compared, transferred):
    """The kinds of pages."""
    return {"results": results, "training": training, "compare": compared, "transfer": transferred}
