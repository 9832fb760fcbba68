"""The logs of a run."""

import json

import pytest

from translate.errors import RunError
from translate.training.logs import Logs

ENTRY = {"step": 3, "epoch": 2, "losses": {"G": 0.12345, "D": 2.0}, "step_s": 0.5, "data_s": 0.1, "lr": 0.1}


def test_an_entry_is_a_line_in_each(tmp_path):
    logs = Logs(tmp_path)
    logs.begin()
    line = logs.write(ENTRY, epoch_samples=8, batch_size=4)
    # Seconds a picture, as the reference counts them.
    assert line == "(epoch: 2, iters: 8, time: 0.125, data: 0.025) G: 0.123 D: 2.000"
    assert (tmp_path / "loss_log.txt").read_text().splitlines()[1:] == [line + " "]
    assert json.loads((tmp_path / "log.jsonl").read_text()) == ENTRY


def test_it_is_cut_back_to_a_length_and_never_made_longer(tmp_path):
    logs = Logs(tmp_path)
    assert logs.sizes() == {"loss_log.txt": 0, "log.jsonl": 0, "metrics.jsonl": 0, "health.jsonl": 0}
    logs.begin()
    logs.write(ENTRY, 8, 4)
    logs.write_metrics({"step": 4})
    logs.write_health({"kind": "collapse"})
    sizes = logs.sizes()
    before = {name: (tmp_path / name).read_bytes() for name in sizes}
    logs.write(ENTRY, 8, 4)
    logs.write_metrics({"step": 8})
    logs.write_health({"kind": "inversion"})
    logs.cut_back(sizes)
    assert {name: (tmp_path / name).read_bytes() for name in sizes} == before
    logs.cut_back({name: size + 100 for name, size in sizes.items()})
    assert logs.sizes() == sizes


def test_a_log_that_was_deleted_stays_deleted(tmp_path):
    Logs(tmp_path).cut_back({"log.jsonl": 5})
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_refuses_is_said(tmp_path, monkeypatch):
    logs = Logs(tmp_path)
    logs.begin()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("translate.training.logs.os.fsync", full)
    with pytest.raises(RunError, match=r"cannot write the logs in .*No space left.*free some space"):
        logs.sizes()
    with pytest.raises(RunError, match=r"cannot write .*loss_log.txt.*free some space"):
        Logs(tmp_path / "missing").begin()
