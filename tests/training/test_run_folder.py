"""The folder of a run."""

import os
import stat

import pytest
import torch
from torch import nn

from translate.errors import InputError, RunError
from translate.training.run_folder import RunFolder, find_run, list_runs

STATE = {"progress": {"step": 1}, "method": {}, "optimizers": {}, "log_sizes": {}}


def make_run(root, name, when=0):
    folder = root / name
    folder.mkdir(parents=True)
    weights = folder / "latest_net_G.pth"
    weights.write_bytes(b"weights")
    os.utime(weights, (when, when))
    return folder


def test_a_state_comes_back(tmp_path):
    folder = RunFolder(tmp_path)
    assert folder.load_state() is None
    folder.save_state({**STATE, "method": {"weight": torch.arange(3)}})
    state = folder.load_state()
    assert state["progress"] == {"step": 1}
    assert state["method"]["weight"].tolist() == [0, 1, 2]


def test_a_state_that_cannot_be_written_leaves_the_former(tmp_path, monkeypatch):
    folder = RunFolder(tmp_path)
    folder.save_state(STATE)

    def full(state, file):
        file.write(b"half")
        raise RuntimeError("[enforce fail] . PytorchStreamWriter failed writing file")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(RunError, match=r"cannot write .*latest_state.pth.*free some space"):
        folder.save_state({**STATE, "progress": {"step": 2}})
    assert folder.load_state()["progress"] == {"step": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["latest_state.pth"]


def test_exports_are_readable_by_others(tmp_path):
    before = os.umask(0o022)
    try:
        RunFolder(tmp_path).export("latest", nn.ModuleDict({"G": nn.Linear(1, 1)}))
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "latest_net_G.pth").stat().st_mode) == 0o644


def test_a_new_folder_is_made_with_its_parents(tmp_path):
    folder = RunFolder(tmp_path / "a" / "b")
    assert folder.begin() is None
    assert folder.path.is_dir()


def test_what_holds_no_training_is_used_as_it_is(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("mine")
    assert RunFolder(tmp_path / "run").begin() is None
    assert (tmp_path / "run" / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("file", ["latest_state.pth", "latest_net_G.pth", "5_net_G.pth", "latest_net_D.pth"])
def test_anything_trained_is_set_aside_whole(tmp_path, file):
    (tmp_path / "run" / "web").mkdir(parents=True)
    (tmp_path / "run" / file).write_bytes(b"weights")
    (tmp_path / "run" / "web" / "index.html").write_text("page")
    aside = RunFolder(tmp_path / "run").begin()
    assert (aside / file).read_bytes() == b"weights"
    assert (aside / "web" / "index.html").read_text() == "page"
    assert list((tmp_path / "run").iterdir()) == []


def test_runs_set_aside_within_a_second_have_names_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setattr("translate.training.run_folder.time.strftime", lambda form: "now")
    kept = []
    for number in range(3):
        RunFolder(tmp_path / "run").begin()
        (tmp_path / "run" / "latest_net_G.pth").write_bytes(bytes([number]))
        kept.append(number)
    assert RunFolder(tmp_path / "run").begin()
    contents = {path.parent.name: path.read_bytes()[0] for path in tmp_path.glob("*/latest_net_G.pth")}
    assert contents == {"run.before-now": 0, "run.before-now-2": 1, "run.before-now-3": 2}


def test_a_folder_that_cannot_be_made_is_the_user_s_to_change(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match=r"cannot make the folder .*change --checkpoints_dir"):
        RunFolder(tmp_path / "file" / "run").begin()
    with pytest.raises(InputError, match="cannot make the folder"):
        RunFolder(tmp_path / "file").begin()


def test_runs_are_listed_newest_first_without_those_set_aside(tmp_path):
    for name, when in (("old", 100), ("new", 300), ("middle", 200), ("old.before-20240101-000000", 400)):
        make_run(tmp_path, name, when)
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    assert [path.name for path in list_runs(tmp_path)] == ["new", "middle", "old"]
    assert list_runs(tmp_path / "nowhere") == []


def test_a_mistyped_run_is_answered_with_the_nearest(tmp_path):
    make_run(tmp_path, "horse2zebra")
    assert find_run(tmp_path, "horse2zebra").path == tmp_path / "horse2zebra"
    with pytest.raises(InputError, match=r"no run 'horse2zbra' in .*did you mean horse2zebra"):
        find_run(tmp_path, "horse2zbra")
    with pytest.raises(InputError, match=r"there are no runs in it; train one with translate train"):
        find_run(tmp_path / "nowhere", "x")


def test_so_is_that_of_an_encoder(tmp_path):
    (tmp_path / "turned").mkdir()
    (tmp_path / "turned/latest_net_E.pth").touch()
    assert list_runs(tmp_path) == []  # which can be tested
    with pytest.raises(InputError, match="did you mean turned"):
        find_run(tmp_path, "turnt")


def test_a_run_belongs_to_any_of_the_calls_that_have_trained_it_and_saved(tmp_path):
    folder = RunFolder(tmp_path)
    folder.write_launches({"one call", "another"})
    assert not folder.belongs_to({"another"})  # there is nothing to go on from
    folder.save_state(STATE)
    assert folder.belongs_to({"another"})
    assert folder.belongs_to({"a third", "one call"})
    assert not folder.belongs_to({"a third", "one"})
    assert not folder.belongs_to(())
