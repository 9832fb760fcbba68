"""A display beside the training: nothing waits for it, and its failures cost a sentence."""

import threading

import pytest

from translate.reports.displays import background
from translate.reports.displays.background import WAITING, Background


class Recorder:
    """Notes what it is told; can be held up, and fails where it is asked to."""

    def __init__(self):
        self.told = []
        self.threads = set()
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.failing = {}  # method -> exception

    def _note(self, method, *rest):
        self.may_go_on.wait()
        self.threads.add(threading.current_thread())
        if method in self.failing:
            self.told.append((method, "failed"))
            raise self.failing[method]
        self.told.append((method, *rest))

    def begin(self, facts, step):
        self._note("begin", facts, step)

    def losses(self, entry):
        self._note("losses", entry["step"])

    def metrics(self, entry):
        self._note("metrics", entry["step"])

    def pictures(self, step, epoch, pictures):
        self._note("pictures", step)

    def previews(self, step, epoch, pictures):
        self._note("previews", step)

    def close(self):
        self._note("close")

    def methods(self):
        return [method for method, *_ in self.told]


@pytest.fixture
def recorder():
    made = Recorder()
    yield made
    made.may_go_on.set()


@pytest.fixture
def shown(recorder):
    return Background("recorder", recorder)


def entry(step):
    return {"step": step}


def test_all_arrives_in_a_thread_of_its_own_and_is_waited_for_at_the_end(shown, recorder, capsys):
    shown.begin({"device": "cpu"}, 7)
    for step in (8, 9):
        shown.losses(entry(step))
    shown.metrics(entry(9))
    shown.pictures(9, 1, {})
    shown.previews(9, 1, {})
    shown.close()
    steps = [("losses", 8), ("losses", 9), ("metrics", 9), ("pictures", 9), ("previews", 9)]
    arrived = [("begin", {"device": "cpu"}, 7), *steps]
    assert sorted(recorder.told[:-1], key=arrived.index) == arrived
    assert recorder.told[-1] == ("close",)
    assert len(recorder.threads) == 1 and threading.current_thread() not in recorder.threads
    assert capsys.readouterr() == ("", "")


def test_what_a_display_cannot_keep_up_with_is_dropped_the_oldest_first(shown, recorder, capsys):
    recorder.may_go_on.clear()
    shown.begin({}, 0)
    steps = range(1, 2 * WAITING["losses"] + 1)
    for step in steps:  # would never end if one of them waited
        shown.losses(entry(step))
        shown.pictures(step, 1, {})
    recorder.may_go_on.set()
    shown.close()
    seen = [step for method, *rest in recorder.told if method == "losses" for step in rest]
    assert seen == list(steps)[-WAITING["losses"] :]
    assert [step for method, *rest in recorder.told if method == "pictures" for step in rest] == list(steps)[-2:]
    # Entries were lost: it begins anew, so that it can catch up from the log.
    assert recorder.methods()[:2] == ["begin", "begin"]
    assert recorder.methods().count("begin") == 2
    assert capsys.readouterr() == ("", "")


def test_so_it_is_with_measurements(shown, recorder, capsys):
    recorder.may_go_on.clear()
    shown.begin({}, 0)
    for step in range(1, WAITING["metrics"] + 5):
        shown.metrics(entry(step))
    recorder.may_go_on.set()
    shown.close()
    assert recorder.methods() == ["begin", "begin", *["metrics"] * WAITING["metrics"], "close"]
    assert recorder.told[-2] == ("metrics", WAITING["metrics"] + 4)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("method", ["begin", "losses", "metrics", "pictures", "previews"])
@pytest.mark.parametrize("error", [ValueError("no\nroom"), ModuleNotFoundError("No module named 'x'"), KeyError()])
def test_failures_are_told_in_one_sentence(shown, recorder, capsys, method, error, monkeypatch):
    monkeypatch.setattr(background, "RETRY_AFTER_S", -1.0)
    recorder.failing = {method: error}
    shown.begin({}, 0)
    for step in range(1, 20):
        shown.losses(entry(step))
        shown.metrics(entry(step))
        shown.pictures(step, 1, {})
        shown.previews(step, 1, {})
    shown.close()
    reason = " ".join(str(error).split()) or "KeyError"
    assert capsys.readouterr().err == f"note: --display recorder: {reason}; the training goes on without it\n"


def test_it_begins_anew_where_it_stopped(shown, recorder, monkeypatch):
    monkeypatch.setattr(background, "RETRY_AFTER_S", -1.0)
    failed = threading.Event()
    monkeypatch.setattr(Background, "_complain", lambda self, reason: failed.set())
    shown.begin({"a": "b"}, 0)
    shown.losses(entry(1))
    shown.losses(entry(2))
    wait_until(lambda: ("losses", 2) in recorder.told)
    recorder.failing = {"losses": RuntimeError("gone")}
    shown.losses(entry(3))
    assert failed.wait(60)
    recorder.failing = {}
    shown.losses(entry(4))
    shown.close()
    assert recorder.told[-3:] == [("begin", {"a": "b"}, 2), ("losses", 4), ("close",)]


def test_it_is_not_tried_again_before_its_time(shown, recorder, monkeypatch):
    failed = threading.Event()
    monkeypatch.setattr(Background, "_complain", lambda self, reason: failed.set())
    recorder.failing = {"begin": RuntimeError("gone")}
    shown.begin({}, 0)
    assert failed.wait(60)
    recorder.failing = {}
    for step in range(1, 100):
        shown.losses(entry(step))
    wait_until(lambda: not shown._waiting["losses"])
    assert recorder.told == [("begin", "failed")]
    shown.close()


def test_the_end_does_not_wait_for_a_display_that_hangs(shown, recorder, monkeypatch, capsys):
    monkeypatch.setattr(background, "LEAVE_AFTER_S", 0.01)
    recorder.may_go_on.clear()
    shown.begin({}, 0)
    shown.losses(entry(1))
    shown.close()
    assert recorder.told == []
    assert capsys.readouterr().err.count("\n") == 1


def test_a_display_that_never_began_is_not_closed(shown, recorder):
    shown.close()
    recorder.failing = {"begin": RuntimeError("gone")}
    shown.begin({}, 0)
    shown.close()
    assert recorder.told == [("begin", "failed")]


def wait_until(true):
    waiting = threading.Event()
    for _ in range(6000):
        if true():
            return
        waiting.wait(0.01)
    raise AssertionError("it did not come to that")
