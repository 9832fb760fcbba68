import json

import pytest

from translate.reports.training import EPOCHS_SHOWN, TrainingPage


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "log.jsonl"
    losses = {"G_GAN": 0.3, "D_real": 0.2, "D_fake": 0.2, "G": 4.0, "NCE": 3.0, "NCE_Y": 2.0}
    lines = [
        json.dumps({"step": step, "epoch": 2, "losses": losses, "step_s": 0.08, "data_s": 0.002})
        for step in range(100, 2100, 100)
    ]
    path.write_text("\n".join(lines) + '\n{"step": 21')
    return path


@pytest.fixture
def page(tmp_path):
    return TrainingPage(tmp_path / "web", "horse2zebra")


def _moment(picture, *numbers):
    return {f"{number}_{kind}": picture() for number in numbers for kind in ("real_A", "fake_B")}


def _written(page, log, read_page, **more):
    page.write(log, more.pop("facts", {}), **more)
    return read_page(page.folder / "index.html")


def test_facts_and_progress_stand_at_the_top(page, log, read_page):
    found = _written(page, log, read_page, facts={"dataset": "<horses>"})
    facts = dict(zip(found.texts("dt"), found.texts("dd"), strict=True))
    assert facts == {
        "epoch": "2",
        "step": "2,000",
        "time a step": "0.08 s (0.002 s waiting for data)",
        "dataset": "<horses>",
    }
    assert found.texts("h1") == ["horse2zebra"]


def test_losses_are_drawn_in_groups(page, log, read_page):
    found = _written(page, log, read_page, levels={"NCE": ("guessing", 5.545)})
    assert len(found.all("svg")) == 3
    assert "guessing 5.545" in found.texts("text")


def test_a_run_that_has_just_started_has_a_page(page, tmp_path, read_page):
    found = _written(page, tmp_path / "absent.jsonl", read_page)
    assert found.texts("h2") == ["Losses"]
    assert found.texts("p") == ["None logged yet."]
    assert not [each for each in found.all("img") if each.inside("main")]


def test_previews_are_rows_of_inputs_and_columns_of_moments(page, log, read_page, picture):
    for step, epoch in ((0, 1), (1200, 3)):
        page.add_preview(step, epoch, _moment(picture, 0, 1, 10))
    found = _written(page, log, read_page)
    heads = [each for each in found.all("th") if each.inside("thead")]
    assert [each.text for each in heads] == ["input", "step 0", "step 1,200"]
    assert [each.attributes["data-row"] for each in found.all("tr") if not each.inside("thead")] == [
        "input 0: fake_B",
        "input 1: fake_B",
        "input 10: fake_B",
    ]
    sources = [each.attributes["src"] for each in found.all("img") if each.inside("tbody")]
    assert sources[:3] == [
        "images/preview_step0001200_0_real_A.png",
        "images/preview_step0000000_0_fake_B.png",
        "images/preview_step0001200_0_fake_B.png",
    ]
    assert len(sources) == 9
    labels = [each.attributes["data-label"] for each in found.all("a") if each.inside("tbody")]
    assert labels[:3] == ["real_A", "step 0", "step 1,200"]
    parts = [each.attributes["data-part"] for each in found.all("a") if each.inside("tbody")]
    assert parts[:3] == ["before", "after", "after"]


def test_every_kind_of_preview_is_led_by_what_it_was_made_from(page, log, read_page, picture):
    kinds = ("real_A", "fake_B", "real_B", "idt_B", "rec_A")
    page.add_preview(5, 1, {f"0_{kind}": picture() for kind in kinds})
    found = _written(page, log, read_page)
    links = [each.attributes for each in found.all("a") if each.inside("tbody")]
    pairs = [(a["data-label"], b["href"]) for a, b in zip(links[::2], links[1::2], strict=True)]
    at = "images/preview_step0000005_0_"
    assert pairs == [("real_A", f"{at}fake_B.png"), ("real_B", f"{at}idt_B.png"), ("real_A", f"{at}rec_A.png")]


def test_previews_without_numbers_or_inputs_are_shown_too(page, log, read_page, picture):
    page.add_preview(5, 1, {"sample": picture()})
    page.add_preview(6, 1, {"sample": picture(), "depth": picture()})
    found = _written(page, log, read_page)
    assert [each.attributes["data-row"] for each in found.all("tr") if not each.inside("thead")] == ["sample", "depth"]
    assert len([each for each in found.all("img") if each.inside("tbody")]) == 3


def test_the_newest_epochs_come_first_and_old_ones_are_not_listed(page, log, read_page, picture):
    for epoch in range(1, EPOCHS_SHOWN + 4):
        page.add_current(epoch, {"idt_B": picture(), "real_B": picture(), "fake_B": picture(), "real_A": picture()})
    found = _written(page, log, read_page)
    assert found.texts("h3") == [f"epoch {epoch}" for epoch in range(EPOCHS_SHOWN + 3, 3, -1)]
    assert found.texts("figcaption")[:4] == ["real_A", "fake_B", "real_B", "idt_B"]
    assert "images/epoch013_real_A.png" in found.source


def test_labels_of_previews_and_of_epochs_are_explained_once(page, log, read_page, picture):
    page.add_preview(5, 1, _moment(picture, 0))
    page.add_current(1, {"real_A": picture(), "idt_B": picture()})
    explained = [each for each in _written(page, log, read_page).all("dt") if each.parents[-2].has_class("glossary")]
    assert [each.text for each in explained] == ["real_A", "fake_B", "idt_B"]


def test_every_picture_of_the_page_is_there(page, log, read_page, picture):
    for step in range(0, 300, 10):
        page.add_preview(step, 1, _moment(picture, 0))
    page.add_current(1, {"real_A": picture()})
    page.cut_back(250, 1)
    found = _written(page, log, read_page)
    addresses = [each.attributes["src"] for each in found.all("img") if each.inside("main")]
    assert addresses
    assert all((page.folder / address).is_file() for address in addresses)
    assert "260" not in [each.text for each in found.all("th")]


def test_a_resumed_run_goes_on_with_the_previews_that_are_there(page, log, read_page, picture):
    page.add_preview(100, 1, _moment(picture, 0))
    page.add_current(1, {"real_A": picture()})
    again = TrainingPage(page.folder, "horse2zebra")
    again.add_preview(200, 2, _moment(picture, 0))
    found = _written(again, log, read_page)
    assert [each.text for each in found.all("th") if each.inside("thead")] == ["input", "step 100", "step 200"]
    assert found.texts("h3") == ["epoch 1"]


def test_the_page_stays_small_however_long_the_run(page, tmp_path, read_page, picture):
    lines = (json.dumps({"step": step, "epoch": 1, "losses": {"G": step % 7}}) for step in range(30_000))
    (tmp_path / "long.jsonl").write_text("\n".join(lines))
    page.write(tmp_path / "long.jsonl", {})
    assert (page.folder / "index.html").stat().st_size < 100_000


def test_how_to_read_the_losses_is_said_of_those_that_are_logged(page, tmp_path, read_page):
    said = {}
    for loss in ("G_GAN", "NCE", "L1"):
        (tmp_path / "log.jsonl").write_text(json.dumps({"step": 1, "epoch": 1, "losses": {loss: 1.0}}))
        page.write(tmp_path / "log.jsonl", {})
        said[loss] = " ".join(read_page(page.folder / "index.html").texts("li"))
    assert "0.25 for each of them is a draw" in said["G_GAN"] and "5.545" not in said["G_GAN"]
    assert "5.545 for 256" in said["NCE"] and "a draw" not in said["NCE"]
    assert all("Which checkpoint is best the curves do not tell" in text for text in said.values())
    assert "a draw" not in said["L1"]
