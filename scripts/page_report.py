"""What a long results page costs: its size, and how soon a browser has it.

    python scripts/page_report.py --rows 5000
    python scripts/page_report.py --rows 500 --picture_px 2048 --whole

Makes a page in a temporary folder, opens it from the disk several times, each in a fresh browser, and prints a table in
Markdown. Times are medians in seconds after the opening began:

- parsed: the document can be clicked; loaded: also the pictures in sight are there;
- interactive: a frame after the last task that kept the page from answering for more than 50 ms;
- key: how long a press of ``j`` (next row) takes until it is drawn; jump: the same for the end of the page, with its
  pictures;
- sort: the same for the order of a score, and for its turning round; both: the same when the filter leaves a tenth.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from headless import browser, open_page

from translate.commands import run_command
from translate.reports.results import Row, write_results_page
from translate.reports.thumbnails import save_thumbnail

FILES = 64  # different pictures; the rows hold copies of them
SCORES = 4  # of each row
LOADED_S = 60
SECONDS = ("parsed", "loaded", "interactive", "key", "jump", "sort", "both")

# Long tasks are told after the fact: two frames without one count as quiet.
INTERACTIVE = """
const done = arguments[0];
let last = performance.getEntriesByType('navigation')[0].domInteractive;
new PerformanceObserver((list) => {
  for (const task of list.getEntries()) last = Math.max(last, task.startTime + task.duration);
}).observe({ type: 'longtask', buffered: true });
setTimeout(() => done(last / 1000), 1000);
"""
LOADED = """
return [...document.querySelectorAll('main img')].filter((image) => image.complete && image.naturalWidth).length
"""
PRESS = """
const [key, done] = arguments, began = performance.now();
document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
requestAnimationFrame(() => setTimeout(() => done((performance.now() - began) / 1000)));
"""
SORT = """
const [part, descending, done] = arguments, began = performance.now();
const filter = document.getElementById('filter'), sort = document.getElementById('sort');
if (filter.value !== part) {
  filter.value = part;
  filter.dispatchEvent(new Event('input', { bubbles: true }));
}
sort.value = '0';
if (descending) document.getElementById('sort-turn').click();
else sort.dispatchEvent(new Event('change', { bubbles: true }));
requestAnimationFrame(() => setTimeout(() => done((performance.now() - began) / 1000)));
"""
JUMP = """
const done = arguments[0], began = performance.now();
window.scrollTo(0, document.documentElement.scrollHeight);
const inSight = (image) => {
  const box = image.getBoundingClientRect();
  return box.bottom > 0 && box.top < innerHeight;
};
const check = () => {
  const last = [...document.querySelectorAll('main img')].slice(-12).filter(inSight);
  const ready = last.length && last.every((image) => image.complete && image.naturalWidth);
  if (!ready) return setTimeout(check, 10);
  Promise.all(last.map((image) => image.decode())).then(() => requestAnimationFrame(() =>
    setTimeout(() => done((performance.now() - began) / 1000))));
};
requestAnimationFrame(check);
"""


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--labels", nargs="+", default=["real_A", "fake_B"], help="pictures of a row")
    parser.add_argument("--picture_px", type=int, default=64, help="side of a picture")
    parser.add_argument("--whole", action="store_true", help="show large pictures without their small copies")
    parser.add_argument("--repeats", type=int, default=3, help="how often the page is opened")
    parser.add_argument("--out", type=Path, help="keep the page in this folder")
    flags = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        folder = flags.out or Path(temporary)
        began = time.perf_counter()
        rows = make_rows(folder, flags.rows, flags.labels, flags.picture_px, flags.whole)
        print(f"pictures: {time.perf_counter() - began:.1f} s", file=sys.stderr, flush=True)
        began = time.perf_counter()
        write_results_page(folder / "index.html", "a long page", rows, {"pictures": f"{len(rows)} rows"})
        writing_s = time.perf_counter() - began
        runs = [measure(folder / "index.html") for _ in range(flags.repeats)]
        print(table(flags, folder / "index.html", writing_s, runs))


def make_rows(folder: Path, count: int, labels: Sequence[str], side: int, whole: bool) -> list[Row]:
    """Rows of pictures that are files of their own, as those of a test are."""
    rng = np.random.default_rng(0)
    (folder / "first").mkdir(parents=True)
    has_thumbnails = False
    files = min(FILES, count * len(labels))
    for at in range(files):
        coarse = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
        picture = coarse.resize((side, side), Image.Resampling.BICUBIC)
        picture.save(folder / f"first/{at}.png")
        has_thumbnails = not whole and save_thumbnail(picture, folder / f"first/{at}.jpg", 256)
    rows = []
    for at in range(count):
        paths = {label: f"images/{label}/picture {at:05d}.png" for label in labels}
        small = {label: f"thumbnails/{label}/picture {at:05d}.jpg" for label in labels} if has_thumbnails else {}
        for number, path in [*enumerate(paths.values()), *enumerate(small.values())]:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            first = f"first/{(at * len(labels) + number) % files}{Path(path).suffix}"
            shutil.copyfile(folder / first, folder / path)
        scores = {f"score {number}": float(rng.random()) for number in range(SCORES)}
        rows.append(Row(f"picture {at:05d}", paths, thumbnails=small, scores=scores))
    return rows


def measure(page: Path) -> dict[str, float]:
    """Open the page once; what that took, in seconds, MiB and numbers."""
    with browser() as driver:
        driver.set_script_timeout(LOADED_S)
        driver.execute_cdp_cmd("Performance.enable", {})
        open_page(driver, page, 1280, 900)
        found: dict[str, Any] = {"interactive": driver.execute_async_script(INTERACTIVE)}
        timing = driver.execute_script("return performance.getEntriesByType('navigation')[0].toJSON()")
        found |= {"parsed": timing["domContentLoadedEventEnd"] / 1000, "loaded": timing["loadEventEnd"] / 1000}
        found["pictures"] = driver.execute_script(LOADED)
        metrics = driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
        by_name = {each["name"]: each["value"] for each in metrics}
        found |= {"heap": by_name["JSHeapUsedSize"] / 2**20, "nodes": by_name["Nodes"]}
        found["process"] = renderer_mib(driver.service.process.pid)
        found["key"] = driver.execute_async_script(PRESS, "j")
        found["jump"] = driver.execute_async_script(JUMP)
        driver.execute_script("window.scrollTo(0, 0)")
        found["sort"] = max(driver.execute_async_script(SORT, "", turned) for turned in (False, True))
        found["both"] = driver.execute_async_script(SORT, "7", True)
    return found


def renderer_mib(driver_pid: int) -> float:
    """Memory of the largest process that draws pages (Linux; elsewhere 0)."""
    found = [0.0]
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            words = (status.parent / "cmdline").read_bytes()
            fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
        except OSError:
            continue  # it has ended
        if b"--type=renderer" in words and driver_pid in ancestors(int(status.parent.name)):
            found.append(int(fields["VmRSS"].split()[0]) / 1024)
    return max(found)


def ancestors(pid: int) -> list[int]:
    found = []
    while pid > 1:
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            break
        found.append(pid)
    return found


def table(flags: argparse.Namespace, page: Path, writing_s: float, runs: Sequence[dict[str, float]]) -> str:
    """What was found, in Markdown."""
    middle = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    seconds = " | ".join(f"{middle[name]:.3f}" for name in SECONDS)
    return "\n".join([
        f"{flags.rows} rows of {len(flags.labels)} pictures, {flags.picture_px} pixels wide, median of {len(runs)}",
        "",
        f"| {' | '.join(SECONDS)} | html | written in | heap | process | nodes | pictures loaded |",
        "|---" * (len(SECONDS) + 6) + "|",
        f"| {seconds} | {page.stat().st_size / 2**20:.2f} MiB | {writing_s:.1f} s | {middle['heap']:.0f} MiB "
        f"| {middle['process']:.0f} MiB | {middle['nodes']:.0f} | {middle['pictures']:.0f} |",
    ])  # fmt: skip


if __name__ == "__main__":
    run_command(main)
