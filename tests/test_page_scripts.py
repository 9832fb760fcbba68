"""The scripts that look at pages with a browser."""

import importlib.util
import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from translate.errors import InputError
from translate.reports.results import Row, write_results_page

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"


@pytest.fixture(scope="module")
def script():
    """script(name): the module of that name, which finds its neighbours as it does when it is run."""

    def load(name):
        spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    sys.path.insert(0, str(SCRIPTS))
    yield load
    sys.path.remove(str(SCRIPTS))


def test_a_long_page_is_made_opened_and_described(script, tmp_path, capsys):
    script("page_report").main(["--rows", "30", "--repeats", "1", "--out", str(tmp_path / "page")])
    head, values = (line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()[2::2])
    found = dict(zip(head, values, strict=True))
    assert all(float(found[name]) > 0 for name in ("interactive", "jump", "sort", "both"))
    assert 0 < int(found["pictures loaded"]) <= 60
    assert float(found["process"].removesuffix(" MiB")) > 10
    assert not list((tmp_path / "page").glob("thumbnails"))
    assert len(list((tmp_path / "page/images/fake_B").iterdir())) == 30


@pytest.mark.parametrize("whole", [False, True])
def test_large_pictures_have_small_copies_unless_told_otherwise(script, tmp_path, whole):
    rows = script("page_report").make_rows(tmp_path, 2, ["real_A"], 1100, whole)
    assert [bool(row.thumbnails) for row in rows] == [not whole] * 2
    for row in rows:
        assert all((tmp_path / path).is_file() for path in [*row.pictures.values(), *row.thumbnails.values()])


def test_both_pages_are_photographed_at_both_widths(script, tmp_path, capsys):
    Image.new("RGB", (32, 32), "red").save(tmp_path / "a.png")
    for folder in ("run/web", "results"):
        (tmp_path / folder).mkdir(parents=True)
        rows = [Row("one", {"real_A": "../a.png" if folder == "results" else "../../a.png"})]
        write_results_page(tmp_path / folder / "index.html", folder, rows, {})
    script("screenshots").main([str(tmp_path / name) for name in ("run", "results", "shots")])
    sizes = {path.name: Image.open(path).size for path in (tmp_path / "shots").iterdir()}
    windows = script("screenshots").WINDOWS
    assert sizes == {f"{name}.png": size for name, size in windows.items() if name != "compare_page"}
    with Image.open(tmp_path / "shots/results_page_phone.png") as shot:
        colours = {colour for _, colour in shot.convert("RGB").getcolors(2**20)}
    assert (255, 0, 0) in colours
    assert capsys.readouterr().out.count(" KB") == 4
    words = [str(tmp_path / name) for name in ("run", "results", "shots", "results/index.html")]
    script("screenshots").main([*words[:3], "--compare", words[3]])
    assert Image.open(tmp_path / "shots/compare_page.png").size == windows["compare_page"]


def test_folders_without_pages_are_refused(script, tmp_path):
    with pytest.raises(InputError, match=r"web/index\.html does not exist; name a run folder"):
        script("screenshots").main([str(tmp_path)] * 3)


def test_screenshots_are_kept_small(script):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8))
    content = script("screenshots").small_png(noise, 20_000)
    assert 10_000 < len(content) <= 20_000
    assert Image.open(io.BytesIO(content)).format == "PNG"
