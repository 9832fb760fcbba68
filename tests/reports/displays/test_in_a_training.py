"""Whole trainings with displays: what arrives, and that nothing that befalls a display befalls the training."""

import itertools
import sys

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from translate.commands import run_command
from translate.reports.displays import DISPLAYS, background, visdom_client
from translate.training.logs import Logs


def curves(entries):
    steps = [entry["step"] for entry in entries]
    return {name: (steps, [entry["losses"][name] for entry in entries]) for name in entries[0]["losses"]}


def weights(folder):
    return torch.load(folder / "latest_state.pth", weights_only=True)["method"]


def assert_same_weights(first, second):
    states = weights(first), weights(second)
    assert states[0].keys() == states[1].keys() and len(states[0]) > 20
    assert all(torch.equal(value, states[1][key]) for key, value in states[0].items())


def page_files(folder):
    return {str(path.relative_to(folder)): path for path in (folder / "web").rglob("*") if path.is_file()}


def assert_same_page(first, second):
    """All but index.html, which tells how long steps took, is the same to the byte."""
    files = page_files(first), page_files(second)
    assert files[0].keys() == files[1].keys() and len(files[0]) > 10
    assert all(
        path.read_bytes() == files[1][name].read_bytes() for name, path in files[0].items() if name[-3:] == "png"
    )


def test_visdom_shows_all_of_a_run_and_changes_nothing(train, plain, server, log_of, capsys):
    shown = train("shown", display="visdom", display_port=server.port).folder
    assert_same_weights(shown, plain)
    assert server.curves("shown losses") == curves(log_of(shown))
    assert server.title("shown pictures") == "shown: pictures, epoch 1, step 5"
    assert server.title("shown previews") == "shown: previews, epoch 1, step 5"
    assert capsys.readouterr().err == ""


def test_without_a_page_the_pictures_are_shown_all_the_same(train, server):
    train("pageless", display_id=50, display_port=server.port, display_env="pageless", no_html=True)
    assert server.windows("pageless") == {"50", "51", "52"}


def test_a_resumed_run_has_each_step_once(train, resume, server, log_of):
    folder = train("resumed", display="visdom", display_port=server.port, max_steps=2).folder
    earlier = (folder / "latest_state.pth").read_bytes()
    resume("resumed", max_steps=4)
    assert server.curves("resumed losses") == curves(log_of(folder))
    (folder / "latest_state.pth").write_bytes(earlier)  # killed here, two steps behind its state
    resume("resumed")
    assert [entry["step"] for entry in log_of(folder)] == [1, 2, 3, 4, 5]
    assert server.curves("resumed losses") == curves(log_of(folder))


def test_a_server_that_is_killed_in_the_middle(train, mortal_server, log_of, monkeypatch, capsys):
    flags = {"n_epochs": 5, "display_freq": 10, "max_steps": 23}
    undisturbed = train("undisturbed", **flags).folder
    write = Logs.write

    def kill_at_20(self, entry, *rest):
        if entry["step"] == 20:
            mortal_server.kill()
        return write(self, entry, *rest)

    monkeypatch.setattr(Logs, "write", kill_at_20)
    capsys.readouterr()
    shown = train("shown", **flags, display="visdom", display_port=mortal_server.port).folder
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith(f"note: --display visdom: there is no server at http://localhost:{mortal_server.port} ")
    assert [entry["step"] for entry in log_of(shown)] == list(range(1, 24))
    assert "<dd>23</dd>" in (shown / "web/index.html").read_text()
    assert_same_page(shown, undisturbed)
    assert_same_weights(shown, undisturbed)


def test_a_server_that_comes_back_shows_the_whole_run(train, mortal_server, log_of, monkeypatch, capsys):
    monkeypatch.setattr(background, "RETRY_AFTER_S", 0.0)
    write = Logs.write

    def interrupt(self, entry, *rest):
        if entry["step"] == 2:
            mortal_server.kill()
        if entry["step"] == 4:
            mortal_server.start()
        return write(self, entry, *rest)

    monkeypatch.setattr(Logs, "write", interrupt)
    folder = train("back", display="visdom", display_port=mortal_server.port).folder
    assert mortal_server.curves("back losses") == curves(log_of(folder))
    assert capsys.readouterr().err.count("\n") == 1


def test_no_server_at_all(train, plain, unused_port, log_of, capsys):
    shown = train("shown", display_id=1, display_port=unused_port).folder
    assert_same_weights(shown, plain)
    assert_same_page(shown, plain)
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "visdom.server -port" in said


def test_a_server_that_never_answers_holds_no_step_up(train, silent_port, log_of, monkeypatch, capsys):
    """Every request would wait for an hour, and the run is over before the first one is."""
    monkeypatch.setattr(visdom_client, "PATIENCE_S", 3600.0)
    monkeypatch.setattr(background, "LEAVE_AFTER_S", 0.05)
    flags = {"display": "visdom", "display_server": "http://127.0.0.1", "display_port": silent_port}
    folder = train("silent", **flags).folder
    assert [entry["step"] for entry in log_of(folder)] == [1, 2, 3, 4, 5]
    assert capsys.readouterr().err.count("\n") == 1


@pytest.fixture
def ordered_files(monkeypatch):
    """A second of its own for each session, by which TensorBoard orders the files."""
    seconds = itertools.count(1_700_000_000)
    monkeypatch.setattr("tensorboard.summary.writer.event_file_writer.time.time", lambda: next(seconds))


def read_events(folder):
    everything = {"scalars": 0, "images": 0, "tensors": 0}
    return EventAccumulator(str(folder / "tensorboard"), everything).Reload()


def assert_scalars_are_the_log(events, entries):
    for name in entries[0]["losses"]:
        found = [(event.step, event.value) for event in events.Scalars(f"losses/{name}")]
        assert found == [(entry["step"], np.float32(entry["losses"][name])) for entry in entries]
    for tag, key in (("lr", "lr"), ("seconds/step", "step_s"), ("seconds/data", "data_s")):
        found = [(event.step, event.value) for event in events.Scalars(tag)]
        assert found == [(entry["step"], np.float32(entry[key])) for entry in entries]


def test_tensorboard_holds_the_log_and_a_resumed_run_has_each_step_once(train, resume, plain, log_of, ordered_files):
    folder = train("events", display="tensorboard", max_steps=2, display_freq=1).folder
    assert_scalars_are_the_log(read_events(folder), log_of(folder))
    earlier = (folder / "latest_state.pth").read_bytes()
    resume("events", max_steps=4)
    (folder / "latest_state.pth").write_bytes(earlier)  # killed here, two steps behind its state
    resume("events")
    assert [entry["step"] for entry in log_of(folder)] == [1, 2, 3, 4, 5]
    events = read_events(folder)
    assert_scalars_are_the_log(events, log_of(folder))
    assert sorted({event.step for event in events.Images("previews/0_fake_B")}) == [0, 1, 2, 3, 4, 5]
    assert_same_weights(folder, plain)


def test_files_of_displays_stay_in_the_run_s_folder(train, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    folder = train("events", display="tensorboard", no_html=True, max_steps=1).folder
    assert list((folder / "tensorboard").iterdir())
    assert not list((tmp_path / "here").iterdir())


def test_several_displays_beside_processes_that_load_pictures(train, server, log_of):
    flags = {"display": "visdom,tensorboard", "display_port": server.port, "num_threads": 2}
    folder = train("several", **flags).folder
    assert server.curves("several losses") == curves(log_of(folder))
    assert_scalars_are_the_log(read_events(folder), log_of(folder))


def test_a_display_of_another_kind_is_one_class(train, monkeypatch, log_of):
    told = []

    class Memory:
        module, install = "json", "nothing"

        def __init__(self, shown):
            told.append(("made", shown.name, shown.folder.name))

        def begin(self, facts, step):
            told.append(("begin", sorted(facts), step))

        def losses(self, entry):
            told.append(("losses", entry))

        def metrics(self, entry):
            told.append(("metrics", entry))

        def pictures(self, step, epoch, pictures):
            told.append(("pictures", step, epoch, sorted(pictures)))

        def previews(self, step, epoch, pictures):
            told.append(("previews", step, len(pictures)))

        def close(self):
            told.append(("close",))

    monkeypatch.setitem(DISPLAYS._entries, "memory", Memory)
    folder = train("other", display="memory", print_freq=2).folder
    assert told[:2] == [
        ("made", "other", "other"),
        ("begin", ["augmentation", "dataset", "device", "method", "pictures"], 0),
    ]
    assert [entry for kind, *rest in told if kind == "losses" for entry in rest] == log_of(folder)
    assert ("pictures", 5, 1, ["fake_B", "real_A", "real_B"]) in told
    assert ("previews", 5, 8) in told
    assert told[-1] == ("close",)


def test_a_package_that_vanishes_while_training_runs_costs_a_sentence(train, monkeypatch, log_of, capsys):
    def gone(*_):
        raise ModuleNotFoundError("No module named 'tensorboard'")

    monkeypatch.setattr(DISPLAYS["tensorboard"], "losses", gone)
    folder = train("vanished", display="tensorboard").folder
    assert len(log_of(folder)) == 5
    said = capsys.readouterr().err
    assert said == "note: --display tensorboard: No module named 'tensorboard'; the training goes on without it\n"


def test_a_package_that_is_missing_at_the_start_has_exit_code_2(main_of, run_flags, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "visdom", None)
    place = ["--dataroot", run_flags["dataroot"], "--checkpoints_dir", str(tmp_path / "checkpoints")]
    monkeypatch.setattr(sys, "argv", ["train.py", *place, "--display_id", "1"])
    with pytest.raises(SystemExit) as left:
        run_command(main_of("train"))
    assert left.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("error: --display visdom needs a package") and said.count("\n") == 1
    assert "'unpaired-translate[visdom]'" in said
    assert not (tmp_path / "checkpoints").exists()


def test_a_resumed_run_keeps_its_displays_and_may_be_given_others(train, resume, unused_port, capsys):
    train("kept", display_id=1, display_port=unused_port, max_steps=1)
    capsys.readouterr()
    resume("kept", max_steps=2)
    assert "note: --display visdom" in capsys.readouterr().err
    resume("kept", display="none", max_steps=3)
    resume("kept", max_steps=4)
    assert capsys.readouterr().err == ""


def test_visdom_is_switched_off_by_the_reference_s_flag(train, resume, unused_port, capsys):
    train("off", display="visdom", display_port=unused_port, max_steps=1)
    capsys.readouterr()
    resume("off", display_id=-1, max_steps=2)
    assert capsys.readouterr().err == ""
