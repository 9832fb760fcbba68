"""Reading the measurements of a run."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translate.reports.metrics_log import metric_lines, read_metrics_log
from translate.reports.training_log import WHOLE_BYTES

NUMBERS = st.floats(allow_nan=False) | st.integers(-(2**53), 2**53)
MEASURED = st.fixed_dictionaries(
    {"value": NUMBERS}, optional={"floor": NUMBERS, "ceiling": NUMBERS, "low": NUMBERS, "extractor": st.text()}
)
ENTRIES = st.lists(
    st.fixed_dictionaries(
        {
            "step": st.integers(0, 20),
            "epoch": st.integers(1, 9),
            "weights": st.sampled_from(["raw", "ema"]),
            "metrics": st.dictionaries(st.text(max_size=5), MEASURED, max_size=3),
        }
    ),
    max_size=20,
)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("run") / "metrics.jsonl"


@given(ENTRIES)
def test_lines_come_in_order_and_the_last_of_a_kind_counts(path, entries):
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    expected = []
    for step in range(21):
        for weights in ("raw", "ema"):
            fitting = [entry for entry in entries if (entry["step"], entry["weights"]) == (step, weights)]
            expected += fitting[-1:]
    assert read_metrics_log(path) == expected


def test_no_file_is_an_empty_one(tmp_path):
    assert read_metrics_log(tmp_path / "metrics.jsonl") == []


@pytest.mark.parametrize("line", [
    "", "{", "[]", "7", '{"step": 3}', '{"step": 3, "weights": "raw"}',
    '{"step": true, "weights": "raw", "metrics": {}}', '{"step": 3, "weights": "best", "metrics": {}}',
    '{"step": 3, "weights": "raw", "metrics": {"fid": 3}}', '{"step": 3, "weights": "raw", "metrics": {"fid": {"val',
    "[" * 100_000,
])  # fmt: skip
def test_broken_lines_are_passed_over(tmp_path, line):
    good = {"step": 5, "weights": "ema", "metrics": {"fid": {"value": 3.0}}}
    path = tmp_path / "metrics.jsonl"
    path.write_text(f"{line}\n{json.dumps(good)}\n{line}")
    assert read_metrics_log(path) == [good]


def test_the_curves_of_a_metric():
    share = {"value": 0.4, "low": 0.3, "high": 0.5, "floor": 1, "ceiling": 0.03, "extractor": "a classifier"}
    entry = {"step": 7, "weights": "raw", "metrics": {"share": share, "distance": {"value": 3.5}}}
    assert metric_lines(entry) == {"share": {"raw": 0.4, "floor": 1.0, "ceiling": 0.03}, "distance": {"raw": 3.5}}


def test_what_is_no_number_is_in_no_curve():
    metrics = {"a": {"value": None, "floor": 2}, "b": {"value": "much"}, "c": {"value": True}, "d": {"value": math.nan}}
    lines = metric_lines({"step": 7, "weights": "ema", "metrics": metrics})
    assert lines.keys() == {"a", "d"}
    assert lines["a"] == {"floor": 2.0} and math.isnan(lines["d"]["ema"])


def test_a_long_file_is_sampled_to_its_end(tmp_path):
    entry = {"weights": "raw", "metrics": {"fid": {"value": 1.0, "extractor": "x" * 400}}}
    with (tmp_path / "metrics.jsonl").open("w") as file:
        for step in range(30_000):
            file.write(json.dumps({"step": step, **entry}) + "\n")
    assert (tmp_path / "metrics.jsonl").stat().st_size > 2 * WHOLE_BYTES
    steps = [entry["step"] for entry in read_metrics_log(tmp_path / "metrics.jsonl")]
    assert steps[0] == 0 and steps[-1] == 29_999
    assert 1_000 < len(steps) < 15_000
