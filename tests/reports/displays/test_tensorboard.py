"""Event files, read back with TensorBoard's own reader."""

import io
import re

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar import layout_pb2

from translate.reports.displays.tensorboard import TensorBoardDisplay


@pytest.fixture
def read(tmp_path):
    """What TensorBoard makes of the folder, with nothing sampled away."""

    def read_():
        everything = {"scalars": 0, "images": 0, "tensors": 0}
        return EventAccumulator(str(tmp_path / "tensorboard"), everything).Reload()

    return read_


@pytest.fixture(autouse=True)
def ordered_files(monkeypatch):
    """Sessions that follow each other within a second have files whose names do not tell their order; TensorBoard
    reads them by name. Here each session has a second of its own."""
    seconds = iter(range(1_700_000_000, 1_800_000_000))
    monkeypatch.setattr("tensorboard.summary.writer.event_file_writer.time.time", lambda: next(seconds))


def series(events, tag):
    return [(event.step, event.value) for event in events.Scalars(tag)]


def test_scalars_are_the_entries(make_shown, make_entry, read):
    display = TensorBoardDisplay(make_shown([]))
    display.begin({}, 0)
    entries = [make_entry(step) for step in (3, 6, 9)]
    for entry in entries:
        display.losses(entry)
    display.close()
    events = read()
    assert set(events.Tags()["scalars"]) == {"losses/G", "losses/D", "lr", "seconds/step", "seconds/data"}
    for name in ("G", "D"):
        assert series(events, f"losses/{name}") == [(e["step"], np.float32(e["losses"][name])) for e in entries]
    assert series(events, "lr") == [(step, np.float32(0.0002)) for step in (3, 6, 9)]
    assert series(events, "seconds/step") == [(step, 0.25) for step in (3, 6, 9)]
    assert series(events, "seconds/data") == [(step, 0.125) for step in (3, 6, 9)]


def chart_layout(events):
    """title -> tags"""
    layout = layout_pb2.Layout()
    layout.ParseFromString(events.Tensors("custom_scalars__config__")[-1].tensor_proto.string_val[0])
    return {chart.title: list(chart.multiline.tag) for category in layout.category for chart in category.chart}


def test_metrics_are_scalars_and_share_a_chart(make_shown, make_metrics, read):
    display = TensorBoardDisplay(make_shown([]))
    display.begin({}, 0)
    for step in (2, 4):
        display.metrics(make_metrics(step))
        display.metrics(make_metrics(step, "ema", domain_share={"value": step / 5, "floor": 0.97, "ceiling": 0.03}))
    display.metrics(make_metrics(6, "ema", **{"kid.5": 0.25}))
    display.close()
    events = read()
    assert series(events, "metrics/domain_share") == [(2, np.float32(0.2)), (4, np.float32(0.4))]
    assert series(events, "metrics_ema/domain_share") == [(2, np.float32(0.4)), (4, np.float32(0.8))]
    assert series(events, "metrics_floor/domain_share") == [(2, np.float32(0.97)), (4, np.float32(0.97))]
    assert series(events, "metrics_ceiling/domain_share") == [(2, np.float32(0.03)), (4, np.float32(0.03))]
    assert series(events, "metrics_ema/kid.5") == [(6, 0.25)]
    assert len(events.Tags()["scalars"]) == 5
    tags = chart_layout(events)
    assert list(tags) == ["domain_share", "kid.5"]
    for name, patterns in tags.items():
        of_it = [tag for tag in events.Tags()["scalars"] if any(re.match(pattern, tag) for pattern in patterns)]
        assert sorted(of_it) == sorted(tag for tag in events.Tags()["scalars"] if tag.endswith(f"/{name}"))


def test_pictures_arrive_pixel_for_pixel(make_shown, read, random_picture):
    display = TensorBoardDisplay(make_shown([]))
    display.begin({"method": "CUT"}, 0)
    first, second, grey = random_picture(seed=1), random_picture(seed=2), random_picture(mode="L")
    display.pictures(1, 1, {"real_A": first, "fake_B": grey})
    display.pictures(2, 1, {"real_A": second})
    display.previews(2, 1, {"0_real_A": grey})
    display.close()
    events = read()
    assert set(events.Tags()["images"]) == {"pictures/real_A", "pictures/fake_B", "previews/0_real_A"}
    arrived = [(event.step, pixels(event)) for event in events.Images("pictures/real_A")]
    assert arrived == [(1, first.tobytes()), (2, second.tobytes())]
    assert pixels(events.Images("previews/0_real_A")[0]) == grey.convert("RGB").tobytes()


def pixels(event):
    return Image.open(io.BytesIO(event.encoded_image_string)).tobytes()


def test_the_facts_are_a_table(make_shown, read):
    display = TensorBoardDisplay(make_shown([]))
    display.begin({"device": "cpu"}, 0)
    display.close()
    text = read().Tensors("run/text_summary")[0].tensor_proto.string_val[0].decode()
    assert "| device | cpu |" in text


def test_an_entry_is_on_the_disk_at_once(make_shown, make_entry, read):
    display = TensorBoardDisplay(make_shown([]))
    display.begin({}, 0)
    display.losses(make_entry(1))
    display.pictures(1, 1, {"real_A": Image.new("RGB", (4, 4))})
    events = read()  # as if the process had been killed here
    assert len(events.Scalars("losses/G")) == len(events.Images("pictures/real_A")) == 1
    display.close()


def test_what_a_resumed_run_repeats_is_there_once(make_shown, make_entry, make_metrics, read):
    first = TensorBoardDisplay(make_shown([]))
    first.begin({}, 0)
    for step in range(1, 8):
        first.losses(make_entry(step))
        first.metrics(make_metrics(step))
        first.previews(step, 1, {"0_real_A": Image.new("RGB", (4, 4))})
    first.close()
    second = TensorBoardDisplay(make_shown([]))
    second.begin({}, 4)
    for step in range(5, 10):
        second.losses(make_entry(step, G=100.0, D=100.0))
        second.metrics(make_metrics(step))
    second.close()
    events = read()
    assert [step for step, _ in series(events, "metrics_floor/domain_share")] == list(range(1, 10))
    assert list(chart_layout(events)) == ["domain_share"]
    assert [step for step, _ in series(events, "losses/G")] == list(range(1, 10))
    assert [value for _, value in series(events, "losses/G")][4:] == [100.0] * 5
    assert [event.step for event in events.Images("previews/0_real_A")] == [1, 2, 3, 4]


def test_so_it_is_with_a_run_that_was_killed_before_it_saved(make_shown, make_entry, read):
    for _ in range(2):
        display = TensorBoardDisplay(make_shown([]))
        display.begin({}, 0)
        display.previews(0, 1, {"0_real_A": Image.new("RGB", (4, 4))})
        display.losses(make_entry(1))
        display.close()
    events = read()
    assert [event.step for event in events.Images("previews/0_real_A")] == [0]
    assert [step for step, _ in series(events, "losses/G")] == [1]


def test_beginning_anew_after_trouble_voids_nothing(make_shown, make_entry, read):
    display = TensorBoardDisplay(make_shown([]))
    display.begin({}, 0)
    display.losses(make_entry(1))
    display.previews(2, 1, {"0_real_A": Image.new("RGB", (4, 4))})
    display.begin({}, 1)
    display.losses(make_entry(2))
    display.close()
    events = read()
    assert [step for step, _ in series(events, "lr")] == [1, 2]
    assert [event.step for event in events.Images("previews/0_real_A")] == [2]
