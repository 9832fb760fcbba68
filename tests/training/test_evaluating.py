"""Quality measured while a training runs."""

import json
import signal

import pytest
import torch

from translate import batching
from translate.errors import InputError, RunError, Stopped
from translate.evaluation import domain_classifier
from translate.methods import CUT
from translate.options import QualityOptions
from translate.training import evaluating
from translate.training.evaluating import check_quality
from translate.training.run import train_from_flags

CHEAP = "changed_rms,diversity_pixels"


@pytest.fixture
def train(tiny_flags, tmp_path, make_domains):
    """train(**flags): 30 pictures a domain, of which three are held out; measured every 10 pictures."""
    root = make_domains(tmp_path / "data", 30, 30)

    def start(**flags):
        usual = {**tiny_flags, "dataroot": str(root), "checkpoints_dir": str(tmp_path / "ck"), "name": "run"}
        usual |= {"eval_every": 10, "metrics": CHEAP, "max_steps": 20, "print_freq": 5, "n_epochs": 3}
        if "model" in flags:
            usual = {name: value for name, value in usual.items() if name not in ("num_patches", "netF_nc")}
        return train_from_flags({**usual, **flags}).folder

    return start


def entries(folder):
    """The lines of metrics.jsonl without their times."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


def test_entries_come_when_they_are_due_and_at_the_end(train):
    found = entries(train(max_steps=23))
    assert [entry["step"] for entry in found] == [10, 20, 23]
    first = found[0]
    assert first["weights"] == "raw" and first["epoch"] == 1 and first["samples"] == 10 and first["seed"] == 0
    assert first["counts"] == {"inputs": 3, "real": 3} and first["phase"] == "held out of train"
    assert set(first["metrics"]) == set(CHEAP.split(",")) and first["left_out"] == {}
    assert first["metrics"]["changed_rms"]["value"] > 0 and set(first["versions"]) == {"translate", "torch"}


def test_memory_that_does_not_do_for_measuring_is_told_with_the_picture_and_costs_no_step(train, monkeypatch, tmp_path):
    def fail(*args):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(evaluating, "translate_pictures", fail)
    with pytest.raises(RunError, match=r"trainA.*\.png needs more memory than cpu has; give --eval_every 0"):
        train(save_latest_freq=1000)
    assert torch.load(tmp_path / "ck/run/latest_state.pth", weights_only=True)["progress"]["step"] == 10


def test_a_device_that_translates_several_at_once_gets_them_together(train, monkeypatch):
    """There is no such device here: the CPU is told to do as one."""
    real, sizes = evaluating.translate_pictures, []
    monkeypatch.setattr(
        evaluating, "translate_pictures", lambda net, given, *rest: sizes.append(len(given)) or real(net, given, *rest)
    )
    alone = entries(train(max_steps=10, precision="fp32"))
    assert sizes == [1, 1, 1]
    monkeypatch.setattr(batching, "pixels_at_once", lambda device: 10**6)
    sizes.clear()
    together = entries(train(max_steps=10, precision="fp32", name="together"))
    assert sizes == [3]
    for metric in CHEAP.split(","):
        one, other = (found[0]["metrics"][metric]["value"] for found in (alone, together))
        assert one == pytest.approx(other, rel=1e-2)


@pytest.mark.parametrize("heard", ["by this process", "by another"])
def test_who_stops_a_run_by_a_signal_does_not_wait_for_its_end_to_be_measured(train, monkeypatch, tmp_path, heard):
    if heard == "by another":
        monkeypatch.setattr("translate.training.signals.gather_values", lambda value: [value, signal.SIGTERM])
    else:
        monkeypatch.setattr(CUT, "after_step", lambda self: signal.raise_signal(signal.SIGTERM))
    with pytest.raises(Stopped):
        train(max_steps=2)
    folder = tmp_path / "ck" / "run"
    assert (folder / "latest_state.pth").exists()
    assert not (folder / "metrics.jsonl").exists()


def test_what_fails_while_the_end_is_measured_costs_no_steps(train, tmp_path, monkeypatch):
    def fail(self, trainer):
        raise InputError("a picture is gone")

    monkeypatch.setattr(evaluating.Evaluator, "evaluate", fail)
    with pytest.raises(InputError, match="is gone"):
        train(eval_every=10**6)
    state = torch.load(tmp_path / "ck/run/latest_state.pth", weights_only=True)
    assert state["progress"]["step"] == 20


def test_measuring_changes_nothing_in_the_training(train, tmp_path):
    measured, alone = train(ema=0.5), train(name="alone", eval_every=10**6, ema=0.5)
    assert [entry["step"] for entry in entries(alone)] == [20, 20]
    for name in ("G", "D", "F", "ema"):
        file = "latest_ema_net_G.pth" if name == "ema" else f"latest_net_{name}.pth"
        one, other = (torch.load(folder / file, weights_only=True) for folder in (measured, alone))
        assert all(torch.equal(one[key], other[key]) for key in one)


def test_the_average_is_measured_beside_the_weights(train):
    found = entries(train(ema=0.9, max_steps=10))
    assert [entry["weights"] for entry in found] == ["raw", "ema"]
    raw, ema = (entry["metrics"]["changed_rms"]["value"] for entry in found)
    assert raw != ema


def test_what_is_measured_is_what_the_saved_weights_translate(train, tmp_path):
    import numpy as np

    from translate.data.validation import hold_out
    from translate.translator import Translator

    folder = train(max_steps=10)
    held = hold_out(sorted((tmp_path / "data/trainA").iterdir()), 100)
    translator = Translator.load(folder, device="cpu")
    differences = []
    for path in held:
        prepared = translator.prepare(translator._read(path))
        pixels = [np.asarray(picture, np.float64) for picture in (prepared, translator(path))]
        differences.append(np.sqrt(np.square(pixels[0] - pixels[1]).mean()))
    value = entries(folder)[0]["metrics"]["changed_rms"]["value"]
    assert value == pytest.approx(np.mean(differences), rel=1e-3)


def resume(tmp_path, name):
    """Go on to step 30."""
    told = {"name": name, "checkpoints_dir": str(tmp_path / "ck"), "continue_train": True}
    train_from_flags({**told, "max_steps": 30, "num_threads": 0})


class _Scripted:
    """In the place of a metric: a value for each evaluation in turn."""

    def __init__(self, values):
        self.values = list(values)

    def __call__(self, judged, tools):
        return evaluating.Measured(self.values.pop(0))


@pytest.fixture
def scripted(monkeypatch):
    """scripted(values): diversity_pixels (higher is better) takes these values, one an evaluation."""

    def replace(*values, better="higher"):
        import dataclasses

        metric = evaluating.chosen_metrics("diversity_pixels")[0]
        made = dataclasses.replace(metric, measure=_Scripted(values), better=better)
        monkeypatch.setattr(evaluating, "chosen_metrics", lambda words: [made])

    return replace


@pytest.mark.parametrize(("better", "step"), [("higher", 20), ("lower", 30)])
def test_the_best_weights_are_kept(train, scripted, better, step):
    scripted(2.0, 3.0, 1.0, better=better)
    folder = train(max_steps=30, save_by_iter=True, save_latest_freq=10)
    best = json.loads((folder / "best.json").read_text())
    assert best == {
        "metric": "diversity_pixels",
        "value": {20: 3.0, 30: 1.0}[step],
        "step": step,
        "epoch": {20: 1, 30: 2}[step],
        "weights": "raw",
    }
    for name in ("G", "D", "F"):
        kept, then = (torch.load(folder / f"{e}_net_{name}.pth", weights_only=True) for e in ("best", f"iter_{step}"))
        assert all(torch.equal(kept[key], then[key]) for key in kept)


def test_the_best_may_be_the_average(train, scripted):
    scripted(2.0, 5.0, 4.0, 3.0)
    folder = train(ema=0.5)
    assert json.loads((folder / "best.json").read_text())["weights"] == "ema"
    best = torch.load(folder / "best_net_G.pth", weights_only=True)
    then = torch.load(folder / "latest_net_G.pth", weights_only=True)
    assert any(not torch.equal(best[key], then[key]) for key in best)


def test_a_resumed_run_goes_on_as_if_nothing_had_happened(train, tmp_path):
    whole = train(max_steps=30)
    folder = train(name="broken", max_steps=15)
    train_from_flags(
        {"name": "broken", "checkpoints_dir": str(tmp_path / "ck"), "continue_train": True, "max_steps": 30}
    )
    steps = [entry["step"] for entry in entries(folder)]
    assert steps == [10, 15, 20, 30]  # one more, where the first call ended
    assert [entry for entry in entries(folder) if entry["step"] != 15] == entries(whole)


def test_a_resumed_run_remembers_its_best(train, scripted, tmp_path):
    scripted(5.0, 4.0, 3.0)
    folder = train(max_steps=10)
    resume(tmp_path, "run")
    assert json.loads((folder / "best.json").read_text())["step"] == 10


def test_what_cannot_be_taken_is_left_out_with_its_reason_once(train, capsys):
    found = entries(train(metrics="changed_rms,domain_share"))
    assert set(found[0]["metrics"]) == {"changed_rms"}
    assert found[0]["left_out"]["domain_share"].startswith("the domain measures need at least 8")
    printed = capsys.readouterr()
    assert (printed.out + printed.err).count("note: domain_share is left out") == 1


def test_the_time_of_measuring_is_not_that_of_training(train, monkeypatch):
    clock = {"now": 0.0}
    monkeypatch.setattr("time.monotonic", lambda: clock["now"])
    former = evaluating.Evaluator.evaluate

    def slow(self, trainer):
        clock["now"] += 3600.0
        return former(self, trainer)

    monkeypatch.setattr(evaluating.Evaluator, "evaluate", slow)
    assert [entry["step"] for entry in entries(train(max_minutes=1.0))] == [10, 20]


@pytest.mark.usefixtures("no_weights")
def test_weights_that_are_nowhere_do_not_stop_a_training(train):
    found = entries(train(metrics="fid,changed_rms"))
    assert "fetch" in found[-1]["left_out"]["fid_clean"] and "changed_rms" in found[-1]["metrics"]


def test_the_page_shows_what_was_measured(train):
    page = (train() / "web/index.html").read_text()
    assert "Quality" in page and "changed" in page


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"metrics": "none", "eval_every": 5}, "--eval_every measures nothing"),
        ({"metrics": "changed_rmz"}, "no such metric; did you mean changed_rms"),
        ({"metrics": CHEAP, "best_metric": "changed_rms"}, "a better and a worse"),
        ({"metrics": "changed_rms", "best_metric": "ssim_truth"}, "add it to --metrics"),
        ({"metrics": "offline", "best_metric": "domain"}, "name one metric"),
    ],
)
def test_words_that_cannot_be_meant_are_refused(flags, message):
    with pytest.raises(InputError, match=message):
        check_quality(QualityOptions(**flags))


def test_the_domain_distance_decides_where_it_can_be_taken(train, make_domains, tmp_path, monkeypatch):
    """Noise against flat colours: told apart in no time."""
    import numpy as np
    from PIL import Image

    monkeypatch.setattr(domain_classifier, "CYCLE", 25)
    root = make_domains(tmp_path / "two", 100, 0)
    (root / "trainB").mkdir(exist_ok=True)
    for index in range(100):
        flat = np.full((40, 40, 3), np.random.default_rng(index).integers(0, 256, 3), np.uint8)
        Image.fromarray(flat).save(root / "trainB" / f"{index}.png")
    folder = train(dataroot=str(root), metrics="changed_rms,diversity_pixels,domain", max_steps=10)
    found = entries(folder)[-1]
    assert {"domain_share", "domain_distance"} <= set(found["metrics"]), found["left_out"]
    distance = found["metrics"]["domain_distance"]
    assert distance["floor"] < distance["value"] and distance["more"]["accuracy"] >= 0.9
    assert json.loads((folder / "best.json").read_text())["metric"] == "domain_distance"


def test_a_translator_of_several_networks_is_measured(train):
    found = entries(train(model="cycle_gan", ema=0.5, max_steps=10))
    assert [entry["weights"] for entry in found] == ["raw", "ema"]
