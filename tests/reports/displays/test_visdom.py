"""Windows of a real visdom server, asked for what they hold."""

import json
import math

import pytest
import requests
from PIL import Image

from translate.errors import RunError
from translate.reports.displays import visdom_client
from translate.reports.displays.grid import captioned_grid
from translate.reports.displays.visdom import VisdomDisplay


@pytest.fixture
def open_display(server, make_shown):
    """open_display(entries, **flags): a display of a run with this log, begun."""

    def open_(entries, **flags):
        display = VisdomDisplay(make_shown(entries, display_port=server.port, **flags))
        display.begin({}, entries[-1]["step"] if entries else 0)
        return display

    return open_


def add(display, entry):
    """As a training does: into the log, then to the display."""
    with open(display.shown.log, "a") as file:
        file.write(json.dumps(entry) + "\n")
    display.losses(entry)


def expected(entries):
    """The curves of entries that all have the same losses."""
    steps = [entry["step"] for entry in entries]
    return {name: (steps, [entry["losses"][name] for entry in entries]) for name in entries[0]["losses"]}


def window_of(display, what="losses"):
    return f"{display.shown.name} {what}"


def test_curves_are_drawn_and_go_on(server, open_display, make_entry):
    entries = [make_entry(step) for step in range(1, 8)]
    display = open_display(entries[:3])
    assert server.curves(window_of(display)) == expected(entries[:3])
    for entry in entries[3:]:
        add(display, entry)
    assert server.curves(window_of(display)) == expected(entries)
    assert server.title(window_of(display)) == f"{display.shown.name}: losses"


def test_a_new_run_has_a_window_with_its_first_entry(server, open_display, make_entry):
    display = open_display([])
    assert server.ask("win_exists", window_of(display)) is False
    add(display, make_entry(1))
    add(display, make_entry(2))
    assert server.curves(window_of(display)) == expected([make_entry(1), make_entry(2)])


def test_an_entry_that_came_with_the_log_is_not_drawn_twice(server, open_display, make_entry):
    entries = [make_entry(step) for step in (10, 20, 30)]
    display = open_display(entries)
    for entry in entries:
        display.losses(entry)
    assert server.curves(window_of(display)) == expected(entries)


def test_a_resumed_run_is_drawn_as_its_log_is_now(server, open_display, make_entry):
    entries = [make_entry(step) for step in range(1, 10)]
    open_display(entries)
    again = open_display(entries[:4])
    assert server.curves(window_of(again)) == expected(entries[:4])
    add(again, make_entry(5, G=7.0, D=8.0))
    assert server.curves(window_of(again)) == expected([*entries[:4], make_entry(5, G=7.0, D=8.0)])


def test_losses_that_are_not_always_there_have_gaps(server, open_display, make_entry):
    display = open_display([make_entry(1, G=1.0)])
    for entry in (make_entry(2, G=2.0, R1=5.0), make_entry(3, G=3.0), make_entry(4, G=math.inf, R1=math.nan)):
        add(display, entry)
    add(display, make_entry(5, G=5.0, R1=6.0))
    steps = [1, 2, 3, 4, 5]
    assert server.curves(window_of(display)) == {
        "G": (steps, [1.0, 2.0, 3.0, None, 5.0]),
        "R1": (steps, [None, 5.0, None, None, 6.0]),
    }


def test_a_window_that_was_closed_comes_back_whole(server, open_display, make_entry):
    display = open_display([make_entry(1), make_entry(2)])
    server.ask("close", window_of(display))
    add(display, make_entry(3))
    assert server.curves(window_of(display)) == expected([make_entry(step) for step in (1, 2, 3)])


def measure(display, entry):
    """As a training does: into the file, then to the display."""
    with open(display.shown.metrics, "a") as file:
        file.write(json.dumps(entry) + "\n")
    display.metrics(entry)


def test_each_metric_has_a_window_with_all_of_its_curves(server, open_display, make_metrics):
    display = open_display([])
    for step in (10, 20):
        measure(display, make_metrics(step, fid=100.0 - step, share={"value": step / 40, "floor": 0.9, "ceiling": 0.1}))
        measure(display, make_metrics(step, "ema", share={"value": step / 50, "floor": 0.9, "ceiling": 0.1}))
    assert server.curves(window_of(display, "metric fid")) == {"raw": ([10, 20], [90.0, 80.0])}
    assert server.curves(window_of(display, "metric share")) == {
        "raw": ([10, 20], [0.25, 0.5]),
        "floor": ([10, 20], [0.9, 0.9]),
        "ceiling": ([10, 20], [0.1, 0.1]),
        "ema": ([10, 20], [0.2, 0.4]),
    }
    assert server.title(window_of(display, "metric share")) == f"{display.shown.name}: share"


def test_metrics_of_a_resumed_run_are_drawn_as_its_file_is_now(server, open_display, make_metrics):
    display = open_display([], display_id=70, display_env="resumed metrics")
    for step in (10, 20, 30):
        measure(display, make_metrics(step, fid=step, kid=math.nan))
    display.shown.metrics.write_text(json.dumps(make_metrics(10, fid=10, kid=1)) + "\n")
    again = open_display([], display_id=70, display_env="resumed metrics")
    assert server.windows("resumed metrics") == {"73 fid", "73 kid"}
    assert server.curves("73 fid", "resumed metrics") == {"raw": ([10], [10])}
    measure(again, make_metrics(20, fid=7, kid=math.inf))
    assert server.curves("73 fid", "resumed metrics") == {"raw": ([10, 20], [10, 7])}
    assert server.curves("73 kid", "resumed metrics") == {"raw": ([10, 20], [1, None])}


def test_pictures_are_a_grid_with_captions(server, open_display, random_picture):
    display = open_display([], display_ncols=2, display_winsize=20)
    pictures = {label: random_picture(seed=seed) for seed, label in enumerate(("real_A", "fake_B", "idt_B"))}
    display.pictures(1200, 3, pictures)
    display.previews(1200, 3, {"0_real_A": random_picture(mode="L")})
    arrived = server.picture(window_of(display, "pictures"))
    assert arrived.tobytes() == captioned_grid(pictures, 2, 20).tobytes()
    assert server.title(window_of(display, "pictures")) == f"{display.shown.name}: pictures, epoch 3, step 1,200"
    shown = server.picture(window_of(display, "previews"))
    assert shown.tobytes() == captioned_grid({"0_real_A": random_picture(mode="L")}, 2, 20).tobytes()


def test_newer_pictures_take_the_place_of_older_ones(server, open_display):
    display = open_display([], display_env="newer")
    for step, colour in ((1, "red"), (2, "blue")):
        display.pictures(step, 1, {"real_A": Image.new("RGB", (8, 8), colour)})
    assert server.windows("newer") == {window_of(display, "pictures")}
    assert server.picture(window_of(display, "pictures"), "newer").getpixel((6, 6)) == (0, 0, 255)


@pytest.mark.parametrize("columns", [0, -1])
def test_without_columns_each_picture_has_a_window(server, open_display, columns):
    env = f"single{columns}"
    display = open_display([], display_ncols=columns, display_env=env, display_id=5)
    display.pictures(1, 1, {label: Image.new("RGB", (8, 8)) for label in ("real_A", "fake_B")})
    assert server.windows(env) == {"6 real_A", "6 fake_B"}


def test_windows_are_numbered_from_the_id_on_and_in_the_environment(server, open_display, make_entry):
    display = open_display([make_entry(1)], display_id=20, display_env="mine")
    display.pictures(1, 1, {"real_A": Image.new("RGB", (8, 8))})
    display.previews(1, 1, {"0_real_A": Image.new("RGB", (8, 8))})
    assert server.windows("mine") == {"20", "21", "22"}
    assert server.curves("20", "mine") == expected([make_entry(1)])


def test_a_server_that_is_not_there_is_told_with_the_remedy(make_shown, unused_port):
    display = VisdomDisplay(make_shown([], display_port=unused_port))
    with pytest.raises(RunError, match=f"no server at http://localhost:{unused_port} .*visdom.server -port"):
        display.begin({}, 0)


def test_a_server_that_never_answers_is_not_waited_for(make_shown, silent_port, monkeypatch):
    monkeypatch.setattr(visdom_client, "PATIENCE_S", 0.05)
    flags = {"display_port": silent_port, "display_server": "http://127.0.0.1"}
    with pytest.raises(RunError, match=f"http://127.0.0.1:{silent_port} does not answer"):
        VisdomDisplay(make_shown([], **flags)).begin({}, 0)


@pytest.mark.parametrize(("status", "text", "said"), [(500, "", "refuses"), (200, "hello", "not as a visdom server")])
def test_another_kind_of_server_is_recognised(make_shown, monkeypatch, status, text, said):
    answer = requests.Response()
    answer.status_code, answer._content, answer.reason = status, text.encode(), "Because"
    monkeypatch.setattr(requests.Session, "post", lambda *_, **__: answer)
    with pytest.raises(RunError, match=said):
        VisdomDisplay(make_shown([])).begin({}, 0)
