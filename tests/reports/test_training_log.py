import json
import math
from itertools import pairwise

import pytest

from translate.reports import training_log
from translate.reports.training_log import read_training_log


def _line(step, **more):
    return json.dumps({"step": step, "epoch": 1 + step // 100, "losses": {"G": step / 10}, **more})


@pytest.fixture
def log(tmp_path):
    def write(*lines):
        (tmp_path / "log.jsonl").write_text("\n".join(lines))
        return tmp_path / "log.jsonl"

    return write


def test_losses_become_series_in_order_of_the_steps(log):
    read = read_training_log(log(_line(20), _line(10), '{"step": 30, "epoch": 2, "losses": {"NCE": 5}}'))
    assert read.series == {"G": [(10, 1.0), (20, 2.0)], "NCE": [(30, 5.0)]}
    assert (read.step, read.epoch) == (30, 2)


def test_speed_is_that_of_recent_steps(log):
    slow = [_line(step, step_s=9.0, data_s=8.0) for step in range(50)]
    fast = [_line(step, step_s=0.2, data_s=0.1) for step in range(50, 150)]
    read = read_training_log(log(*slow, *fast))
    assert read.step_s == pytest.approx(0.2) and read.data_s == pytest.approx(0.1)


def test_a_log_without_times_has_no_speed(log):
    read = read_training_log(log(_line(1)))
    assert read.step_s is None and read.data_s is None


def test_the_time_of_all_steps_is_that_of_the_stretches_between_the_lines(log):
    lines = [_line(10, step_s=0.5), _line(30, step_s=0.25), _line(40), _line(50, step_s=1.0)]
    assert read_training_log(log(*lines)).train_s == 10 * 0.5 + 20 * 0.25 + 10 * 1.0
    assert read_training_log(log(_line(10))).train_s is None


def test_no_file_is_an_empty_log(tmp_path):
    read = read_training_log(tmp_path / "log.jsonl")
    assert read.series == {} and read.step is None and read.epoch is None


@pytest.mark.parametrize(
    "broken",
    [
        '{"step": 30, "losses": {"G"',
        "[]",
        "null",
        '{"event": "saved"}',
        '{"step": "30", "losses": {}}',
        '{"step": true, "losses": {}}',
        '{"step": -1, "losses": {"G": 1}}',
        '{"step": 30, "epoch": "x", "losses": {"G": 1}}',
        '{"step": 30, "losses": [1]}',
        "\x00\x00\x00",
        "[" * 100_000,
    ],
)
def test_a_line_that_tells_no_losses_is_passed_over(log, broken):
    read = read_training_log(log(_line(10), broken, _line(20), broken))
    assert read.series == {"G": [(10, 1.0), (20, 2.0)]}


def test_values_that_are_no_numbers_are_passed_over(log):
    read = read_training_log(log('{"step": 1, "losses": {"a": null, "b": "x", "c": NaN, "d": 1e999, "e": true}}'))
    assert set(read.series) == {"c", "d"}
    assert math.isnan(read.series["c"][0][1])


def test_a_step_that_was_run_twice_counts_as_it_last_went(log):
    read = read_training_log(log(_line(10), '{"step": 10, "losses": {"G": 7.5}}'))
    assert read.series == {"G": [(10, 7.5)]}


def test_of_a_huge_log_evenly_spread_parts_and_the_end_are_read(log, monkeypatch):
    monkeypatch.setattr(training_log, "WHOLE_BYTES", 40_000)
    monkeypatch.setattr(training_log, "BLOCKS", 40)
    monkeypatch.setattr(training_log, "BLOCK_BYTES", 1000)
    path = log(*(_line(step) for step in range(20_000)))
    size = path.stat().st_size
    read = read_training_log(path)
    steps = [step for step, _ in read.series["G"]]
    assert len(steps) <= 20_000 * 40_000 / size * 1.1
    assert steps[0] == 0 and steps[-1] == read.step == 19_999
    assert max(after - before for before, after in pairwise(steps)) < 2 * 20_000 / 40
    assert all(value == step / 10 for step, value in read.series["G"])


def test_a_sampled_log_may_end_in_a_broken_line(log, monkeypatch):
    monkeypatch.setattr(training_log, "WHOLE_BYTES", 4000)
    monkeypatch.setattr(training_log, "BLOCKS", 4)
    monkeypatch.setattr(training_log, "BLOCK_BYTES", 1000)
    read = read_training_log(log(*(_line(step) for step in range(1000)), '{"step": 1000, "los'))
    assert read.step == 999
