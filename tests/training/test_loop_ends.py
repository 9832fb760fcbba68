"""How far a run is, and where it ends."""

import sys
from pathlib import Path

import pytest

from translate.training.loop import Limits, Progress
from translate.training.schedule import Plateau

sys.path.insert(0, str(Path(__file__).parent))

from toy import make_batches, make_trainer


@pytest.mark.parametrize(("size", "steps"), [(1, 3), (3, 2)])
def test_progress_counts_steps_samples_and_epochs(size, steps):
    trainer = make_trainer(size=size, steps=steps)
    seen = []
    trainer.observer = lambda t: seen.append((t.progress.epoch, t.epoch_is_complete))
    trainer.run(make_batches(epochs=2, steps=steps, size=size))
    assert trainer.progress == Progress(2 * steps, 2 * steps * size, 2, steps * size)
    epoch = [False] * (steps - 1) + [True]
    assert seen == [(1, done) for done in epoch] + [(2, done) for done in epoch]


def test_an_epoch_that_was_begun_with_other_batches_is_complete_when_no_batch_is_left():
    seen = []
    trainer = make_trainer(
        size=2, samples_per_epoch=4, last_epoch=2, observer=lambda t: seen.append(t.epoch_is_complete)
    )
    trainer.progress = Progress(1, 1, 1, 1)
    trainer.run([*make_batches(steps=1, size=2), *list(make_batches(epochs=2, steps=2, size=2))[2:]])
    assert seen == [True, False, True]
    assert trainer.progress.epoch_samples == 4


def test_processes_compare_their_weights_at_the_end_of_each_epoch(monkeypatch):
    trainer, compared = make_trainer(), []
    monkeypatch.setattr("translate.training.loop.check_alike", lambda *each: compared.append(each))
    trainer.run(list(make_batches(epochs=3))[:7])
    assert compared == [(trainer.method, 3), (trainer.method, 6)]


def test_the_plateau_and_the_log_hear_the_loss_of_all_processes(monkeypatch):
    trainer = make_trainer()
    trainer.plateau = Plateau()
    monkeypatch.setattr("translate.training.loop.average_over_processes", lambda tensors: [t.fill_(7) for t in tensors])
    trainer.run(make_batches(steps=2))
    assert trainer.check_losses() == {"loss_D": 7.0, "loss_G": 7.0}
    state = trainer.plateau.state_dict()
    assert (state["sum"], state["steps"]) == (14.0, 2)


def test_it_ends_with_the_batches():
    trainer = make_trainer()
    trainer.run(make_batches(steps=3))
    assert trainer.progress.step == 3


def test_it_ends_after_max_steps_of_the_whole_run():
    trainer = make_trainer(max_steps=4)
    trainer.progress.step = 2
    trainer.run(make_batches(epochs=2))
    assert (trainer.progress.step, len(trainer.method.noise)) == (4, 2)
    trainer.run(make_batches())
    assert (trainer.progress.step, len(trainer.method.noise)) == (4, 2)


def test_it_ends_after_max_minutes_behind_the_step_it_is_in():
    trainer = make_trainer(max_minutes=1e-9)
    trainer.run(make_batches())
    assert trainer.progress.step == 1


def test_the_first_process_alone_counts_the_minutes(monkeypatch):
    trainer = make_trainer(max_minutes=1e-9)
    monkeypatch.setattr("translate.training.loop.process_rank", lambda: 1)
    trainer.run(make_batches())
    assert trainer.progress.step == 3


def test_what_was_done_aside_is_not_counted():
    trainer = make_trainer(max_minutes=1)
    trainer.aside_s = -120.0  # as if two minutes had gone by
    trainer.run(make_batches())
    assert trainer.progress.step == 1


def test_it_ends_when_the_observer_says_so():
    trainer = make_trainer(observer=lambda t: t.progress.step == 2)
    trainer.run(make_batches())
    assert trainer.progress.step == 2


@pytest.mark.parametrize(
    ("progress", "size", "max_steps", "expected"),
    [
        (Progress(), 1, None, 12),
        (Progress(5, 5, 2, 1), 1, None, 12),
        (Progress(3, 6, 1, 6), 2, None, 7),
        (Progress(1, 1, 1, 1), 2, None, 6),  # its first step was of one picture
        (Progress(), 1, 7, 7),
        (Progress(), 1, 99, 12),
    ],
)
def test_the_last_step_is_known_ahead(progress, size, max_steps, expected):
    assert Limits(3, 4, max_steps).total_steps(progress, size) == expected
