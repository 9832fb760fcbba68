"""The page of several runs, as HTML and in a real browser."""

import os
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from translate.reports.compare import differing, relative, spoken_time, write_compare_page
from translate.reports.figures import Figure

NAMES = "return [...document.querySelectorAll('.card:not([hidden]) h3')].map((each) => each.textContent)"


@pytest.fixture
def page(tmp_path, read, read_page):
    """page("one", "two", **more): the page of these runs and what it says."""

    def write(*names, **more):
        path = tmp_path / "pages" / "compare.html"
        notes = write_compare_page(path, "runs", [read(name) for name in names], **more)
        return read_page(path), notes

    return write


def _table(found):
    """Head of a line -> its cells."""
    lines = {}
    for each in found.elements:
        row = next((parent for parent in reversed(each.parents) if parent.tag == "tr"), None)
        if row is None or not each.inside("tbody") or each.inside("dialog"):
            continue
        cells = lines.setdefault(id(row), [])
        if each.tag in ("th", "td", "strong", "summary"):
            cells.append(each.text)
    return [[text for text in cells if text] for cells in lines.values()]


def test_each_input_stands_once_beside_what_every_run_made_of_it(make_tested, page, tmp_path):
    make_tested("one", "ab"), make_tested("two", "ab")
    found, notes = page("one", "two")
    assert notes == [] and found.texts("h3") == ["a", "b"]
    assert found.texts("figcaption")[:3] == ["real_A", "one", "two"]
    links = [each.attributes for each in found.all("a", "zoom")]
    assert [each["href"] for each in links[:3]] == [
        "../results/one/test_latest/images/real_A/a.png", "../results/one/test_latest/images/fake_B/a.png",
        "../results/two/test_latest/images/fake_B/a.png",
    ]  # fmt: skip
    assert [each["data-part"] for each in links[:3]] == ["before", "after", "after"]
    assert all((tmp_path / "pages" / each["href"]).is_file() for each in links)


def test_the_truth_stands_at_the_end(make_tested, page):
    for name in ("one", "two"):
        make_tested(name, "ab", labels=("real_A", "fake_B", "truth_B"))
    found, _ = page("one", "two")
    assert found.texts("figcaption")[:4] == ["real_A", "one", "two", "truth_B"]
    assert "the known true translation of the input" in found.texts("dd")


def test_the_table_has_metrics_then_means_then_training_then_flags(make_tested, page):
    share = {"value": 0.4, "low": 0.3, "high": 0.5, "floor": 0.97}
    made = {"metrics": {"share": share}, "mean": {"share": 9.0, "error": 2.0}}
    make_tested("one", "a", made, {"lr": 0.0002, "seed": 0, "nce_idt": True, "name": "one"})
    make_tested(
        "two",
        "a",
        {"mean": {"error": 3.0}, "step": 100},
        {"lr": 0.0004, "seed": 0, "nce_idt": False, "name": "two"},
        40,
    )

    def figure_of(name, found):
        number = float(found["value"])
        return Figure(name, name.title(), f"{number:.1f}", better="lower", number=number)

    found, _ = page("one", "two", figure_of=figure_of, ignored=["name"])
    lines = {line[0]: line[1:] for line in _table(found) if line}
    assert lines["Share"][0] == "0.4"
    assert lines["Error"][:2] == ["2.0", "3.0"]
    assert lines["training time"] == ["1 min 40 s", "2 h 13 min"]
    assert lines["steps"] == ["200", "100 of 200"]
    assert lines["parameters of the generator"] == ["12,345", "12,345"]
    assert lines["lr"] == ["0.0002", "0.0004"] and lines["nce_idt"] == ["true", "false"]
    assert "seed" not in lines and "name" not in lines and "test" not in lines


def test_runs_lead_to_their_pages(make_tested, page, tmp_path):
    folder = make_tested("one #1", "a")
    make_tested("two", "a")
    (folder / "index.html").touch()
    (tmp_path / "checkpoints/one #1/web").mkdir()
    (tmp_path / "checkpoints/one #1/web/index.html").touch()
    found, _ = page("one #1", "two")
    links = {each.text: each.attributes["href"] for each in found.all("a") if each.inside("thead")}
    assert links == {
        "one #1": "../results/one%20%231/test_latest/index.html",
        "training": "../checkpoints/one%20%231/web/index.html",
    }
    assert "two" in found.texts("span")


def test_further_columns_stand_behind_the_runs(make_tested, page):
    make_tested("one", "a", {"mean": {"error": 2.0}}), make_tested("two", "a", {"mean": {"error": 3.0}})
    found, _ = page("one", "two", more={"mean": {"error": "2.5"}, "spread": {"steps": "0"}})
    heads = [each.text for each in found.all("th") if each.inside("thead")]
    assert heads == ["", "", "mean", "spread"]
    lines = {line[0]: line[1:] for line in _table(found) if line}
    assert lines["error"] == ["2.000", "3.000", "2.5"] and lines["steps"] == ["200", "200", "0"]


def test_what_is_missing_is_said_on_the_page(make_tested, page):
    make_tested("one", "ab", options=None), make_tested("two", "bc")
    found, notes = page("one", "two")
    assert found.texts("li") == notes and len(notes) == 2
    assert found.texts("h3") == ["b"]


def test_without_a_common_input_there_is_the_table_alone(make_tested, page):
    make_tested("one", "a"), make_tested("two", "b")
    found, notes = page("one", "two")
    assert "no input in common" in notes[0] and not found.all("article")
    assert "No pictures are shown." in found.texts("p")


def test_small_copies_are_shown_in_place_of_large_pictures(make_tested, page):
    folder = make_tested("one", "a")
    make_tested("two", "a")
    (folder / "thumbnails/fake_B").mkdir(parents=True)
    (folder / "thumbnails/fake_B/a.jpg").write_bytes((folder / "images/fake_B/a.png").read_bytes())
    found, _ = page("one", "two")
    shown = [each.attributes["src"] for each in found.all("img")]
    assert shown[1] == "../results/one/test_latest/thumbnails/fake_B/a.jpg" and shown[2].endswith("fake_B/a.png")


def test_flags_that_not_all_have_do_not_count(make_tested, read):
    make_tested("one", "a", options={"lambda_NCE": 1, "lr": 0.1, "layers": [1, 2]})
    make_tested("two", "a", options={"lambda_A": 1, "lr": 0.2, "layers": [1, 3]})
    make_tested("three", "a", options=None)
    runs = [read(name) for name in ("one", "two", "three")]
    assert differing(runs, []) == {"lr": ["0.1", "0.2", ""], "layers": ["1,2", "1,3", ""]}
    assert differing(runs[2:], []) == {}


@pytest.mark.parametrize(("seconds", "words"), [
    (None, ""), (0, "0 s"), (59.4, "59 s"), (60, "1 min 00 s"), (3599.9, "59 min 59 s"), (3600, "1 h 00 min"),
    (7199, "1 h 59 min"), (360_000, "100 h 00 min"),
])  # fmt: skip
def test_times_are_said_as_people_do(seconds, words):
    assert spoken_time(seconds) == words


def test_the_way_to_a_file_goes_up_and_down(tmp_path):
    assert relative(tmp_path / "a/b.png", tmp_path / "c/d") == "../../a/b.png"
    assert (tmp_path / "c" / "d" / relative(Path("x.png"), tmp_path / "c" / "d")).resolve() == Path(
        os.getcwd()
    ) / "x.png"


def test_rows_are_sorted_by_the_score_of_a_run(browser, compared):
    browser.open(compared)
    choices = [each.text for each in Select(browser.find("#sort")).options]
    assert choices[:2] == ["name", "error: cut"] and len(choices) == 4
    Select(browser.find("#sort")).select_by_visible_text("error: fast <cut>")
    names = browser.run(NAMES)
    assert names == sorted(names, key=lambda name: ((7 * int(name[-2:])) % 12, name))
    browser.find("#filter").send_keys("input 1")
    assert browser.run(NAMES) == [name for name in names if "input 1" in name]
    assert browser.complaints() == []


def test_the_viewer_compares_the_input_with_each_run(browser, compared):
    browser.open(compared)
    browser.find_all("a.zoom")[2].click()
    browser.press("c")
    assert [each.text for each in browser.find_all(".viewer-tag")] == ["real_A", "fast <cut>"]
    browser.press(Keys.ARROW_DOWN, "d")
    assert browser.find(".viewer-tag-before").text.startswith("|real_A − a_run_with")


def test_on_a_phone_heads_of_lines_stay_while_the_runs_scroll(browser, compared):
    browser.open(compared, 360, 740, True)
    strip = browser.find(".wide")
    assert browser.run("return arguments[0].scrollWidth > arguments[0].clientWidth && !arguments[0].scrollLeft", strip)
    browser.run("arguments[0].scrollLeft = 9999", strip)
    heads = browser.run(
        "const all = [...document.querySelectorAll('.runs th[scope=row], .group span')];"
        "return all.map((each) => each.getBoundingClientRect().left)"
    )
    assert len(heads) >= 6 and all(0 <= left <= 40 for left in heads)
