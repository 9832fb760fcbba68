"""The part of a training's page that says how it is."""

import json
from importlib.resources import files

import pytest

from translate.reports.health import MEANINGS, MOST_SHOWN, Warned, read_health
from translate.reports.training import TrainingPage

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
RUN = """
const done = arguments[0];
axe.run(document, { resultTypes: ["violations", "incomplete"] }).then(done, (error) => done({ error: String(error) }));
"""
COLLAPSE = {
    "step": 1200,
    "epoch": 2,
    "kind": "collapse",
    "since": 800,
    "text": "the translations are much alike, whatever the input",
    "remedy": "a higher --lambda_NCE (it is 0.1)",
    "numbers": {"explained": 0.04, "distinct": 0.4},
}
WON = {**COLLAPSE, "step": 900, "kind": "discriminator_won", "text": "the discriminator <tells> real from fake"}
LEVELS = {"explained": ("all alike, below", 0.25)}


def over(entry, step):
    return {"step": step, "epoch": 3, "kind": entry["kind"], "since": entry["since"], "over": True}


def look(step, **numbers):
    return {"step": step, "epoch": 1, "kind": "look", "numbers": numbers or {"explained": 0.5, "order": 0.9}}


@pytest.fixture
def written(tmp_path):
    """Entries -> the page of a run that has them; its path."""

    def write(*entries, levels=LEVELS):
        path = tmp_path / "health.jsonl"
        path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
        TrainingPage(tmp_path / "web", "run").write(tmp_path / "log.jsonl", {}, levels, health_path=path)
        return tmp_path / "web" / "index.html"

    return write


def test_warnings_are_read_in_order_with_their_ends(tmp_path):
    path = tmp_path / "health.jsonl"
    entries = [WON, look(1000), COLLAPSE, over(WON, 1300), {**WON, "step": 1700, "since": 1500}]
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries) + '{"step": 18')
    health = read_health(path)
    assert [(each.kind, each.step, each.over) for each in health.warnings] == [
        ("discriminator_won", 900, 1300),
        ("collapse", 1200, None),
        ("discriminator_won", 1700, None),
    ]
    numbers = {name: COLLAPSE[name] for name in ("kind", "since", "step", "epoch", "text", "remedy")}
    assert health.warnings[1] == Warned(**numbers)
    assert health.looks == {"explained": [(1000, 0.5)], "order": [(1000, 0.9)]}


@pytest.mark.parametrize(
    "line",
    [
        "", "[1]", "null", "x" * 50, "{}", '{"kind": "collapse"}', '{"kind": "look", "step": 1}', "\x00\xff",
        '{"kind": "look", "step": 1, "numbers": [1]}', '{"kind": "look", "step": 1, "numbers": {"order": "high"}}',
        '{"kind": "collapse", "over": true}', "[" * 10_000,
    ],
)  # fmt: skip
def test_broken_lines_are_passed_over(tmp_path, line):
    path = tmp_path / "health.jsonl"
    path.write_bytes(f"{line}\n{json.dumps(COLLAPSE)}\n".encode("latin-1"))
    assert [each.kind for each in read_health(path).warnings] == ["collapse"]


def test_no_file_is_a_training_of_which_nothing_was_seen(tmp_path):
    health = read_health(tmp_path / "absent.jsonl")
    assert (health.warnings, health.looks) == ([], {})


def test_a_healthy_training_says_so(written, read_page):
    found = read_page(written())
    assert found.texts("h2") == ["Health", "Losses"]
    assert "No warnings so far." in found.texts("p")


def test_a_page_of_a_training_that_nobody_watches_has_no_such_part(tmp_path, read_page):
    TrainingPage(tmp_path / "web", "run").write(tmp_path / "log.jsonl", {})
    assert read_page(tmp_path / "web" / "index.html").texts("h2") == ["Losses"]


def test_a_warning_is_shown_with_its_remedy_and_since_when(written, read_page):
    found = read_page(written(WON, COLLAPSE))
    assert found.texts("p", "warning") == [
        "The translations are much alike, whatever the input.",
        "The discriminator <tells> real from fake.",
    ]
    assert "a higher --lambda_NCE (it is 0.1)." in found.texts("p")
    assert found.texts("p", "note")[0] == "since step 800, told at step 1,200 (epoch 2)"


def test_what_is_over_is_folded_away(written, read_page):
    found = read_page(written(WON, over(WON, 1300)))
    assert "No warnings now." in found.texts("p")
    assert "Over by now" in found.texts("summary")
    assert "Step 800 to 1,300: the discriminator <tells> real from fake." in found.texts("li")
    assert not found.all("ul", "warnings")


def test_only_the_newest_are_shown(written, read_page):
    entries = [{**COLLAPSE, "step": step} for step in range(3 * MOST_SHOWN)]
    found = read_page(written(*entries))
    assert len(found.texts("p", "warning")) == MOST_SHOWN
    assert f"told at step {3 * MOST_SHOWN - 1} (epoch 2)" in found.texts("p", "note")[0]


def test_the_numbers_of_the_previews_are_drawn_with_their_limits_and_explained(written, read_page):
    found = read_page(written(*(look(step) for step in range(0, 1000, 100))))
    drawn = [each.attributes["aria-label"] for each in found.all("svg")]
    assert drawn == ["Numbers of the previews: explained 0.500", "Numbers of the previews: order 0.900"]
    assert "all alike, below 0.250" in found.texts("text")
    assert f"order: {MEANINGS['order']}" in found.texts("li")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "mobile"), [(1280, False), (360, True)])
def test_it_is_readable_and_has_no_faults(browser, written, width, mobile, scheme):
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    looks = [look(step) for step in range(0, 1000, 100)]
    browser.open(written(*looks, WON, over(WON, 1300), COLLAPSE, {**WON, "step": 2000}), width, 900, mobile)
    browser.run("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert browser.find(".health .warning").is_displayed()
    assert len(browser.find_all(".health svg")) == 2
    assert browser.run("return document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    browser.run(AXE)
    found = browser.driver.execute_async_script(RUN)
    assert [(fault["id"], fault["nodes"][0]["html"][:200]) for fault in found["violations"]] == []
    assert browser.complaints() == []
