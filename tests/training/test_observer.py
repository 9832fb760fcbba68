"""What happens between the steps, at the frequencies that the flags ask for."""

import json
import math
import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import nn

from translate.errors import RunError
from translate.methods import Method
from translate.reports.training import TrainingPage
from translate.settings import resolve
from translate.training.logs import Logs
from translate.training.loop import Limits, Trainer
from translate.training.observer import Observer
from translate.training.precision import Precision
from translate.training.run_folder import RunFolder
from translate.training.signals import StopRequest


class Toy(Method):
    """One weight, one player, one picture."""

    def __init__(self):
        super().__init__()
        self.networks = nn.ModuleDict({"G": nn.Linear(1, 1), "D": nn.Identity()})
        self.players = {"G": ("G",)}

    def forward(self, batch):
        return batch

    def losses(self, player, state):
        total = self.networks["G"].weight.sum()
        return total, {"G": total}

    def pictures(self, state):
        return {"real_A": state["A"][0]}


class Preview:
    """Stands for the fixed pictures."""

    def make(self, method):
        return {"0_real_A": Image.new("RGB", (4, 4))}


def run(folder, size=1, samples=12, epochs=1, page=False, stop=None, **flags):
    """A run of ``epochs`` with ``samples`` each, observed as the flags say."""
    steps = samples // size
    settings = resolve({"batch_size": size, "n_epochs": epochs, "n_epochs_decay": 0, **flags})
    method = Toy()
    made = TrainingPage(folder / "web", "toy") if page else None
    previews = Preview() if page else None
    stop = stop or StopRequest()
    observer = Observer(settings, RunFolder(folder), Logs(folder), made, previews, stop, {"method": "toy"})
    optimizers = {"G": torch.optim.SGD(method.networks["G"].parameters(), lr=0.1)}
    limits = Limits(epochs, samples)
    trainer = Trainer(
        method, optimizers, lambda epoch: 0.1, 0, Precision("fp32", torch.device("cpu")), size, limits, observer
    )
    white = torch.full((size, 3, 4, 4), 255, dtype=torch.uint8)
    batches = (
        {"A": white, "B": white, "A_paths": [], "B_paths": [], "epoch": epoch, "index": [step]}
        for epoch in range(1, epochs + 1)
        for step in range(steps)
    )
    observer.start(trainer)
    trainer.run(batches)
    observer.finish(trainer)
    return trainer


def logged_steps(folder):
    return [json.loads(line)["step"] for line in (folder / "log.jsonl").read_text().splitlines()]


def test_a_batch_that_does_not_divide_the_frequency_misses_nothing(tmp_path):
    run(tmp_path, size=3, samples=450, print_freq=100)
    # Steps at which 100, 200, 300 and 400 pictures have been passed.
    assert logged_steps(tmp_path) == [34, 67, 100, 134]


def test_a_batch_larger_than_the_frequency_is_logged_once_a_step(tmp_path):
    run(tmp_path, size=6, samples=18, print_freq=4)
    assert logged_steps(tmp_path) == [1, 2, 3]


@given(st.integers(1, 40), st.integers(1, 300), st.integers(1, 400))
def test_every_multiple_is_crossed_once(size, frequency, steps):
    crossed = [step for step in range(1, steps + 1) if Observer._crossed(step * size, size, frequency)]
    multiples = range(frequency, steps * size + 1, frequency)
    assert crossed == sorted({math.ceil(multiple / size) for multiple in multiples})


def test_an_entry_holds_losses_rate_and_times(tmp_path):
    run(tmp_path, samples=1, print_freq=1)
    entry = json.loads((tmp_path / "log.jsonl").read_text())
    assert set(entry) == {"step", "epoch", "losses", "step_s", "data_s", "lr"}
    assert (entry["step"], entry["epoch"], entry["lr"]) == (1, 1, 0.1)
    assert set(entry["losses"]) == {"G"}
    assert entry["step_s"] >= entry["data_s"] >= 0


def test_weights_of_every_nth_epoch_and_of_the_last_are_kept(tmp_path):
    run(tmp_path, samples=2, epochs=5, save_epoch_freq=2)
    assert {path.name for path in tmp_path.glob("*_net_*")} == {f"{e}_net_G.pth" for e in (2, 4, 5, "latest")}


def test_weights_by_samples_are_kept_beside_the_state_where_asked(tmp_path):
    run(tmp_path, size=3, samples=9, save_latest_freq=4, save_by_iter=True)
    # 4 is passed with the second batch, 8 with the third.
    names = {path.name for path in tmp_path.glob("*_net_*")}
    assert names == {f"{e}_net_G.pth" for e in ("iter_6", "iter_9", 1, "latest")}


def test_networks_without_weights_make_no_file(tmp_path):
    run(tmp_path)
    assert (tmp_path / "latest_net_G.pth").exists()
    assert not (tmp_path / "latest_net_D.pth").exists()


def test_weights_to_keep_are_there_before_the_state_that_goes_on_behind_them(tmp_path, monkeypatch):
    order = []
    monkeypatch.setattr(RunFolder, "save_state", lambda self, state: order.append("state"))
    monkeypatch.setattr(RunFolder, "export", lambda self, epoch, networks: order.append(epoch))
    run(tmp_path, samples=4, save_latest_freq=2, save_by_iter=True)
    assert order == ["iter_2", "state", "latest", 1, "iter_4", "state", "latest"]


def test_a_state_that_is_asked_for_rarely_is_saved_by_the_clock(tmp_path, monkeypatch):
    saved = []
    monkeypatch.setattr(Observer, "save", lambda self, trainer, keep=(): saved.append(trainer.progress.step))
    monkeypatch.setattr("translate.training.observer.SAVE_ANYWAY_AFTER_S", -1.0)
    run(tmp_path, samples=3)
    assert saved[:3] == [1, 2, 3]


def test_the_end_of_an_epoch_is_saved_after_a_minute(tmp_path, monkeypatch):
    saved = []
    monkeypatch.setattr(Observer, "save", lambda self, trainer, keep=(): saved.append(trainer.progress.step))
    monkeypatch.setattr("translate.training.observer.SAVE_AT_EPOCH_END_AFTER_S", -1.0)
    run(tmp_path, samples=3, epochs=2)
    assert saved[:2] == [3, 6]


def test_a_stop_ends_the_run_after_the_step_and_saves(tmp_path):
    stop = StopRequest()
    stop.signal = 15
    trainer = run(tmp_path, stop=stop)
    assert trainer.progress.step == 1
    state = RunFolder(tmp_path).load_state()
    assert state["progress"]["step"] == 1


def test_the_state_knows_how_long_the_logs_were(tmp_path):
    run(tmp_path, samples=3, print_freq=1)
    sizes = RunFolder(tmp_path).load_state()["log_sizes"]
    written = {name: (tmp_path / name).stat().st_size for name in ("loss_log.txt", "log.jsonl")}
    assert sizes == {**written, "metrics.jsonl": 0, "health.jsonl": 0}  # nothing is measured, or looked at, here


def test_the_page_is_there_from_the_beginning(tmp_path):
    stop = StopRequest()
    stop.signal = 15
    written = []
    page = TrainingPage.write
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainingPage, "write", lambda self, *args, **more: written.append(page(self, *args, **more)))
        run(tmp_path, page=True, stop=stop)
    assert len(written) == 2
    assert (tmp_path / "web" / "index.html").exists()


def test_pictures_are_shown_when_asked_and_at_the_end_of_an_epoch(tmp_path):
    run(tmp_path, samples=5, epochs=2, page=True, display_freq=3)
    names = {path.name for path in (tmp_path / "web" / "images").iterdir()}
    steps = sorted(int(re.search(r"step(\d+)", name)[1]) for name in names if name.startswith("preview"))
    assert steps == [0, 3, 5, 6, 9, 10]
    assert {"epoch001_real_A.png", "epoch002_real_A.png"} <= names


def test_previews_stay_few_however_long_the_run(tmp_path):
    run(tmp_path, samples=40, page=True, display_freq=1)
    moments = list((tmp_path / "web" / "images").glob("preview_*"))
    assert 2 <= len(moments) <= 12


def test_losses_that_are_not_finite_leave_the_former_state(tmp_path, monkeypatch):
    losses = Toy.losses

    def poisoned(self, player, state):
        total, named = losses(self, player, state)
        return (total * float("inf"), {"G": total * float("inf")}) if state["index"] == [4] else (total, named)

    monkeypatch.setattr(Toy, "losses", poisoned)
    with pytest.raises(RunError, match="at step 5"):
        run(tmp_path, samples=12, save_latest_freq=1)
    assert RunFolder(tmp_path).load_state()["progress"]["step"] == 4
