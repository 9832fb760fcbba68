"""Runs of Weights & Biases, written offline by the real package and read back from its files."""

import json
import math
import os
import signal
import sys
import time

import numpy as np
import pytest
from PIL import Image

from translate.errors import RunError
from translate.reports.displays.background import Background
from translate.reports.displays.wandb import WandbDisplay

OWN = ("_step", "_timestamp", "_runtime")  # columns that wandb adds


@pytest.fixture(autouse=True)
def surroundings(monkeypatch, tmp_path, patient):
    """Offline, and with no key of the user's."""
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "config"))


@pytest.fixture
def make_display(make_shown):
    """make_display(entries): a display of a run with this log; its process is gone when the test is."""
    made = []

    def make(entries=()):
        made.append(WandbDisplay(make_shown(list(entries))))
        return made[-1]

    yield make
    for display in made:
        if display._process is not None:
            display._process._process.kill()


def rows(pieces, column):
    """What there is of a column, over all files: (step, value)."""
    return [(row["step"], row[column]) for piece in pieces for row in piece["history"] if column in row]


def test_entries_measurements_and_pictures_arrive(
    make_display, make_entry, make_metrics, read_wandb, random_picture, monkeypatch
):
    monkeypatch.setenv("WANDB_SERVICE", "of another run")
    display = make_display()
    display.begin({"dataset": "horses"}, 0)
    entries = [make_entry(step) for step in (3, 6, 9)]
    for entry in entries:
        display.losses(entry)
    display.metrics(make_metrics(6))
    display.metrics(make_metrics(6, "ema", share={"value": math.nan, "low": 0.1}))
    colours, grey = random_picture(), random_picture(mode="L")
    display.pictures(6, 2, {"real_A": colours, "fake_B": grey})
    display.previews(0, 1, {"0_real_A": grey})
    display.close()
    (piece,) = read_wandb(display.shown.folder)
    name = display.shown.name
    assert (piece["project"], piece["name"], piece["kind"]) == ("unpaired-translate", name, "train")
    facts = {"dataset": "horses"}
    assert {key: piece["config"][key] for key in ("model", "lr", "facts")} == {
        "model": "cut",
        "lr": 0.0002,
        "facts": facts,
    }
    assert piece["axes"] == {"step": "", "*": "step"}
    assert piece["exit_code"] == 0
    losses = [{key: value for key, value in row.items() if key not in OWN} for row in piece["history"][:3]]
    seconds = {"seconds/step": 0.25, "seconds/data": 0.125}
    assert losses == [
        {"step": e["step"], "losses/G": e["losses"]["G"], "losses/D": e["losses"]["D"], "lr": 0.0002, **seconds}
        for e in entries
    ]
    assert rows([piece], "metrics/domain_share") == [(6, 0.6)]
    assert rows([piece], "metrics_floor/domain_share") == [(6, 0.97)]
    assert rows([piece], "metrics_ceiling/domain_share") == [(6, 0.03)]
    assert math.isnan(rows([piece], "metrics_ema/share")[0][1])
    assert rows([piece], "pictures/real_A.caption") == [(6, "real_A, epoch 2, step 6")]
    assert rows([piece], "previews/0_real_A.caption") == [(0, "0_real_A, epoch 1, step 0")]
    for column, picture in {"pictures/real_A": colours, "pictures/fake_B": grey, "previews/0_real_A": grey}.items():
        ((_, place),) = rows([piece], f"{column}.path")
        (file,) = display.shown.folder.glob(f"wandb/offline-run-*/files/{place}")
        assert np.array_equal(np.asarray(Image.open(file)), np.asarray(picture.convert("RGB")))


def test_wandb_changes_nothing_in_this_process(make_display, make_entry):
    before = (sys.exit, sys.excepthook, sys.stdout.write, dict(os.environ), signal.getsignal(signal.SIGINT))
    display = make_display()
    display.begin({}, 0)
    display.losses(make_entry(1))
    display.close()
    assert "wandb" not in sys.modules
    after = (sys.exit, sys.excepthook, sys.stdout.write, dict(os.environ), signal.getsignal(signal.SIGINT))
    assert before == after


def test_a_run_that_goes_on_is_the_same_one_and_has_each_step_once(
    make_display, make_entry, make_metrics, read_wandb, capsys
):
    entries = [make_entry(step) for step in range(1, 8)]
    first = make_display()
    first.begin({}, 0)
    for entry in entries[:5]:
        first.losses(entry)
        first.metrics(make_metrics(entry["step"]))
        first.previews(entry["step"], 1, {"0_real_A": Image.new("RGB", (4, 4))})
    first.close()
    # It was killed behind its state of step 3, and other measurements were made since then.
    second = make_display(entries[:3])
    second.begin({}, 3)
    for entry in entries[3:]:
        second.losses(entry)
        second.metrics(make_metrics(entry["step"]))
        second.metrics(make_metrics(entry["step"], "ema"))
        second.previews(entry["step"], 1, {"0_real_A": Image.new("RGB", (4, 4))})
    second.close()
    pieces = read_wandb(second.shown.folder)
    assert len(pieces) == 2 and pieces[0]["id"] == pieces[1]["id"]
    assert rows(pieces, "losses/G") == [(entry["step"], entry["losses"]["G"]) for entry in entries]
    assert [step for step, _ in rows(pieces, "metrics/domain_share")] == list(range(1, 8))
    assert [step for step, _ in rows(pieces, "metrics_ema/domain_share")] == list(range(4, 8))
    assert [step for step, _ in rows(pieces, "previews/0_real_A.caption")] == list(range(1, 8))
    # W&B puts the pieces together by the numbers of their rows.
    numbers = [row["_step"] for piece in pieces for row in piece["history"]]
    assert numbers == list(range(len(numbers)))
    said = capsys.readouterr().out
    assert said.count("Weights & Biases: offline; to send it: wandb sync ") == 2


def test_what_it_lacks_of_the_files_is_made_up_for(make_display, make_entry, make_metrics, read_wandb):
    entries = [make_entry(step) for step in range(1, 5)]
    display = make_display(entries[:2])
    display.shown.metrics.write_text(json.dumps(make_metrics(1)) + "\n" + json.dumps(make_metrics(1, "ema")) + "\n")
    display.begin({}, 2)
    display.losses(entries[1])  # it was on its way
    display.losses(entries[2])
    with display.shown.log.open("a") as file:
        file.writelines(json.dumps(entry) + "\n" for entry in entries[2:])
    display.begin({}, 3)  # the fourth was dropped
    display.close()
    pieces = read_wandb(display.shown.folder)
    assert len(pieces) == 1
    assert rows(pieces, "losses/G") == [(entry["step"], entry["losses"]["G"]) for entry in entries]
    assert rows(pieces, "lr") == [(entry["step"], 0.0002) for entry in entries]
    assert rows(pieces, "metrics/domain_share") == rows(pieces, "metrics_ema/domain_share") == [(1, 0.1)]


def test_after_its_process_has_died_it_begins_anew(make_display, make_entry, read_wandb):
    display = make_display()
    display.begin({}, 0)
    display.losses(make_entry(1))
    os.kill(display._process._process.pid, signal.SIGKILL)
    with pytest.raises(RunError, match=r"^its process is gone$"):
        for step in (2, 3):
            display.losses(make_entry(step))
    display.begin({}, 1)
    display.losses(make_entry(4))
    display.close()
    assert rows(read_wandb(display.shown.folder)[-1:], "losses/G") == [(4, 0.25)]


def test_without_a_key_it_asks_nobody_and_says_what_to_do(make_display, monkeypatch):
    monkeypatch.delenv("WANDB_MODE")
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    display = make_display()
    with pytest.raises(RunError, match=r"(?i)api.key .*configured.*login.*WANDB_MODE=offline\)$"):
        display.begin({}, 0)
    assert not display._process.is_alive
    assert not (display.shown.folder / "wandb.json").exists()


def test_a_server_that_never_answers_is_left_alone(make_display, make_entry, silent_port, monkeypatch, capsys):
    monkeypatch.delenv("WANDB_MODE")
    monkeypatch.setenv("WANDB_API_KEY", "0123456789" * 4)
    monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{silent_port}")
    monkeypatch.setattr("translate.reports.displays.background.LEAVE_AFTER_S", 0.5)
    display = make_display()
    shown = Background("wandb", display)
    shown.begin({}, 0)
    shown.losses(make_entry(1))
    shown.close()
    assert capsys.readouterr().err.count("\n") == 1
    # Its thread is still at it, and would go on into the next test: with a second process where the first one is gone.
    while shown._thread.is_alive():
        if display._process is not None:
            display._process._process.kill()
        time.sleep(0.01)


def test_where_wandb_is_disabled_nothing_is_kept(make_display, make_entry, monkeypatch, capsys):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    display = make_display([make_entry(1)])
    before = set(display.shown.folder.iterdir())
    display.begin({}, 1)
    display.losses(make_entry(2))
    display.close()
    assert set(display.shown.folder.iterdir()) == before
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("text", ["", "[1]", '{"number": 7}'])
def test_a_damaged_note_of_what_was_sent_is_named(make_display, text):
    display = make_display()
    path = display.shown.folder / "wandb.json"
    path.write_text(text)
    with pytest.raises(RunError, match=rf"{path} is damaged .*delete it"):
        display.begin({}, 0)
