"""A recorded step that is repeated is the step that would have been computed."""

import contextlib
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from translate.errors import InputError, RunError
from translate.methods import METHODS
from translate.settings import resolve
from translate.training import recording
from translate.training.job import build_method
from translate.training.loop import Trainer
from translate.training.recording import CudaGraphs, Recordings, kind_of, why_not_recorded
from translate.training.run import train_from_flags

sys.path.insert(0, str(Path(__file__).parent))

from elsewhere import ELSEWHERE, device
from tape import Tape
from test_elsewhere import flags, losses_of  # noqa: F401
from test_every_encoder import shapes  # noqa: F401
from test_every_method import scenes  # noqa: F401

# Trainings whose steps are recorded, with what differs from the tiny one of the method.
RECORDED = {
    "CUT": ("cut", {}),
    "CUT, average of the weights": ("cut", {"ema": 0.9}),
    "CUT, batches of two": ("cut", {"batch_size": 2}),
    "CUT, R1": ("cut", {"lambda_R1": 0.1}),
    "CUT, WGAN-GP": ("cut", {"gan_mode": "wgangp"}),
    "CUT, batch norm and dropout": ("cut", {"normG": "batch", "normD": "batch", "no_dropout": False}),
    "CUT, plateau": ("cut", {"lr_policy": "plateau"}),
    "FastCUT": ("cut", {"CUT_mode": "FastCUT", "max_steps": 8}),
    "FastCUT, batches of two": ("cut", {"CUT_mode": "FastCUT", "batch_size": 2}),
    "CycleGAN without pools": ("cycle_gan", {"pool_size": 0}),
    "pix2pix": ("pix2pix", {"no_dropout": False}),
    "colorization": ("colorization", {}),
    "colorization with a discriminator": ("colorization", {"lambda_GAN": 1}),
    "context encoder": ("context_encoder", {}),
    "depth": ("depth", {"max_steps": 3}),
    "single picture": ("sincut", {}),
}


@pytest.fixture
def train(flags, monkeypatch):  # noqa: F811
    """train(name, model, tape, **more): on the stand-in, recorded by the tape if there is one; the run's folder."""

    def run(name, model, tape=None, **more):
        told = {**flags(model), "max_steps": 5, **more, "name": name, "cuda_graphs": tape is not None}
        with device() as waits, monkeypatch.context() as patch:
            patch.setattr("translate.training.run.choose_device", lambda *_: ELSEWHERE)
            patch.setattr("translate.training.run.why_not_recorded", lambda *_: None)
            patch.setattr("translate.training.run.CudaGraphs", lambda _: tape)
            patch.setattr(recording, "WARM_UP", 1)

            def step(trainer, batch, real=Trainer.step):
                before = len(waits)
                real(trainer, batch)
                assert waits[before:] == []

            patch.setattr(Trainer, "step", step)
            return train_from_flags(told).folder

    return run


@pytest.mark.filterwarnings("ignore:for .* copying from a non-meta")  # it is copied all the same
@pytest.mark.parametrize("case", RECORDED)
def test_a_recorded_training_is_the_one_that_was_not_recorded(case, train, same_state):
    model, more = RECORDED[case]
    tape = Tape()
    computed, recorded = train("computed", model, **more), train("recorded", model, tape, **more)
    assert tape.repeats > tape.records > 0
    assert losses_of(recorded) == losses_of(computed)
    assert same_state(recorded, computed)


@pytest.mark.filterwarnings("ignore:for .* copying from a non-meta")
def test_pictures_and_losses_that_are_looked_at_later_are_those_of_their_step(train, monkeypatch):
    """What is recorded writes to the same memory in every step; whoever looks, looks behind the next ones."""
    seen = {}

    def collect(trainer, batch, real=Trainer.step):
        real(trainer, batch)
        losses = trainer._unchecked[-1][-1]
        assert tape is None or tape.records == 0 or not trainer.state.fake_B.requires_grad  # keeps no maps
        seen[tape].append((losses, trainer.method.pictures(trainer.state)["real_A"].clone()))

    monkeypatch.setattr(Trainer, "step", collect)
    for tape in (None, Tape()):
        seen[tape] = []
        train("recorded" if tape else "computed", "cut", tape)
    for (losses, picture), (ours, shown) in zip(*seen.values(), strict=True):
        assert {name: loss.content.item() for name, loss in ours.items()} == {
            name: loss.content.item() for name, loss in losses.items()
        }
        assert torch.equal(picture.content, shown.content)
        assert all(not loss.requires_grad for loss in ours.values())


@pytest.mark.parametrize("model", METHODS.names())
def test_a_method_that_is_not_recorded_says_why(model):
    method = build_method(resolve({"model": model, "input_nc": 3, "output_nc": 1 if model == "depth" else 3}))
    speed, gpu = resolve({"model": model}).speed, torch.device("cuda")
    reason = why_not_recorded(method, speed, gpu, processes=1)
    recorded = {name for name, _ in RECORDED.values()} - {"cycle_gan"}  # by default it has pools
    assert (reason is None) == (model in recorded)
    assert reason is None or reason == f"{method.title} decides within a step what to do next"


@pytest.mark.parametrize(
    ("told", "device_type", "processes", "word"),
    [
        ({}, "cpu", 1, "of GPUs"),
        ({}, "cuda", 2, "several processes"),
        ({"accumulate": 2, "batch_size": 2}, "cuda", 1, "--accumulate"),
        ({"grad_checkpointing": True}, "cuda", 1, "--grad_checkpointing"),
        ({"compile": "on"}, "cuda", 1, "--compile on"),
    ],
)
def test_what_stands_in_the_way(told, device_type, processes, word):
    settings = resolve({"input_nc": 3, "output_nc": 3, "ngf": 1, "ndf": 1, **told})
    assert word in why_not_recorded(build_method(settings), settings.speed, torch.device(device_type), processes)


def test_without_a_gpu_a_note_says_that_it_is_without_effect(flags, capsys, tmp_path):  # noqa: F811
    told = {**flags("cut"), "max_steps": 1, "name": "run"}
    with_it = losses_of(train_from_flags({**told, "cuda_graphs": True}).folder)
    assert "note: --cuda_graphs without effect: CUDA graphs are of GPUs" in capsys.readouterr().out
    assert with_it == losses_of(train_from_flags({**told, "name": "without"}).folder)
    assert "cuda_graphs" not in capsys.readouterr().out


class Plain:
    """A recorder that computes, for what is kept when."""

    def __init__(self, error=None):
        self.records, self.error = 0, error

    def record(self, work):
        self.records += 1
        if self.error:
            raise self.error
        return (lambda: None), work()


class Steps:
    """Gradients of a step that has one loss."""

    state = None

    def of(self, player):
        return torch.ones(()), {"loss": torch.ones(())}


class TestWhatIsKept:
    def make(self, error=None):
        recorder = Plain(error)
        return recorder, Recordings(recorder, torch.device("cpu"), {"G": [torch.nn.Parameter(torch.ones(1))]})

    def find(self, recordings, size):
        batch = {"A": torch.zeros(1, 3, size, size), "A_paths": [f"{size}.png"], "index": [size]}
        return recordings.find(batch, lambda _: Steps())

    def test_the_first_steps_of_a_kind_are_computed(self):
        recorder, recordings = self.make()
        found = [self.find(recordings, 8) for _ in range(recording.WARM_UP + 2)]
        assert [step is None for step in found] == [True] * recording.WARM_UP + [False, False]
        assert found[-1] is found[-2]
        assert recorder.records == 1

    def test_no_more_than_so_many(self):
        recorder, recordings = self.make()
        sizes = range(1, recording.MOST + 3)
        for _ in range(recording.WARM_UP + 1):
            found = [self.find(recordings, size) for size in sizes]
        assert [step is not None for step in found] == [True] * recording.MOST + [False, False]
        assert recorder.records == recording.MOST

    def test_kinds_that_never_come_again_take_no_memory(self, monkeypatch):
        monkeypatch.setattr(recording, "MOST_KINDS", 10)
        _, recordings = self.make()
        for size in range(1, 100):
            self.find(recordings, size)
        assert len(recordings._seen) <= 11

    def test_what_cannot_be_recorded_is_a_sentence(self, monkeypatch):
        monkeypatch.setattr(recording, "WARM_UP", 0)
        _, recordings = self.make(RuntimeError("operation not permitted\nwhen stream is capturing"))
        wanted = r"cannot be recorded \(operation not permitted when .*\); .* --continue_train --cuda_graphs false$"
        with pytest.raises(RunError, match=wanted):
            self.find(recordings, 8)

    def test_the_first_of_two_errors_is_told(self, monkeypatch):
        """To end a record that failed is an error again."""
        monkeypatch.setattr(recording, "WARM_UP", 0)
        second = RuntimeError("capture was invalidated")
        second.__context__ = RuntimeError("the reason")
        _, recordings = self.make(second)
        with pytest.raises(RunError, match="the reason"):
            self.find(recordings, 8)

    def test_too_little_memory_stays_what_it_is(self, monkeypatch):
        monkeypatch.setattr(recording, "WARM_UP", 0)
        second = RuntimeError("capture was invalidated")
        second.__context__ = torch.OutOfMemoryError("CUDA out of memory")
        _, recordings = self.make(second)
        with pytest.raises(torch.OutOfMemoryError):
            self.find(recordings, 8)


class TestKinds:
    def kind(self, **batch):
        return kind_of({"A": torch.zeros(1, 3, 8, 8, device="meta"), **batch}, torch.device("meta"))

    def test_pictures_of_one_size_are_of_a_kind(self):
        assert self.kind(A=torch.ones(1, 3, 8, 8, device="meta"), A_paths=["b"], index=[3]) == self.kind()

    @pytest.mark.parametrize(
        "other",
        [
            {"A": torch.zeros(1, 3, 8, 4, device="meta")},
            {"A": torch.zeros(2, 3, 8, 8, device="meta")},
            {"A": torch.zeros(1, 3, 8, 8, device="meta", dtype=torch.float64)},
            {"places": [torch.zeros(3, device="meta")]},
            {"coin": torch.tensor([True])},
        ],
    )
    def test_others_are_of_another(self, other):
        assert self.kind(**other) != self.kind()

    def test_so_are_other_decisions(self):
        assert self.kind(coin=torch.tensor([True])) != self.kind(coin=torch.tensor([False]))
        assert self.kind(place=torch.tensor([3, 4])) != self.kind(place=torch.tensor([3, 5]))

    def test_of_booleans_it_matters_whether_any_is_true(self):
        mixed, one = (self.kind(coins=torch.tensor(coins)) for coins in ([True, True], [False, True]))
        assert mixed == one != self.kind(coins=torch.tensor([False, False]))


class TestTheTape:
    """What records in these tests has to refuse what a GPU refuses, and to repeat on what lies there by then."""

    def test_it_repeats_on_what_is_there_by_then(self):
        with device():
            x, weight = torch.ones(3).to(ELSEWHERE), torch.full((3,), 2.0).to(ELSEWHERE)
            replay, result = Tape().record(lambda: ((x * weight)[1:] + 1).sum())
            assert result.content.isnan()
            weight.fill_(5)
            replay()
            assert result.content.item() == 12

    def test_nothing_is_computed_while_it_is_recorded(self):
        with device():
            x = torch.ones(3).to(ELSEWHERE)
            replay, _ = Tape().record(lambda: x.add_(1))
            assert x.content.tolist() == [1, 1, 1]
            replay()
            assert x.content.tolist() == [2, 2, 2]

    @pytest.mark.parametrize(
        "work",
        [
            lambda x: x.sum().item(),
            lambda x: bool((x > 0).any()),
            lambda x: x[x > 0],
            lambda x: x.cpu(),
            lambda x: torch.ones(3).to(ELSEWHERE) * x,
            lambda x: torch.tensor([1.0, 2.0, 3.0], device=ELSEWHERE) * x,
            lambda x: torch.manual_seed(0),
        ],
    )
    def test_what_a_gpu_refuses_it_refuses(self, work):
        with device():
            x = torch.ones(3).to(ELSEWHERE)
            with pytest.raises(RuntimeError, match="while a step is recorded"):
                Tape().record(lambda: work(x))


@pytest.fixture
def said(monkeypatch):
    """What streams of a GPU were told."""
    told = []

    class Stream:
        def __init__(self, name):
            self.name = name

        def wait_stream(self, other):
            told.append(f"{self.name} waits for {other.name}")

    monkeypatch.setattr(torch.cuda, "Stream", lambda _: Stream("own"))
    monkeypatch.setattr(torch.cuda, "current_stream", lambda _: Stream("default"))
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: contextlib.nullcontext(told.append(f"on {stream.name}")))
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: "pool")
    return told


def test_what_comes_behind_an_error_waits_for_the_steps_before_it(said):
    """Where a picture is lost, the state is saved, on another stream."""
    with pytest.raises(InputError), CudaGraphs(torch.device("cuda")).beside():
        raise InputError("a picture cannot be read")
    assert said == ["own waits for default", "on own", "default waits for own"]


def test_what_a_gpu_is_asked_for(said, monkeypatch):
    """One stream for all, one memory for all records, and other threads may go on."""
    gpu = torch.device("cuda")

    @contextlib.contextmanager
    def graph(made, **told):
        said.append(f"record {made.name} on {told.pop('stream').name}, {told}")
        yield

    names = iter(["first", "second"])
    made = partial(SimpleNamespace, replay=lambda: said.append("repeat"))
    monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: made(name=next(names)))
    monkeypatch.setattr(torch.cuda, "graph", graph)
    recorder = CudaGraphs(gpu)
    with recorder.beside():
        for _ in range(2):
            replay, result = recorder.record(lambda: said.append("work") or 5)
    replay()
    told = {"pool": "pool", "capture_error_mode": "thread_local"}
    assert result == 5
    assert said == [
        "own waits for default", "on own",
        f"record first on own, {told}", "work", f"record second on own, {told}", "work",
        "default waits for own", "repeat",
    ]  # fmt: skip


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("mode", ["CUT", "FastCUT"])
def test_a_gpu_repeats_what_it_computed(mode, flags):  # noqa: F811
    told = {**flags("cut"), "gpu_ids": "0", "CUT_mode": mode, "deterministic": True}
    computed, recorded = (
        losses_of(train_from_flags({**told, "name": name, "cuda_graphs": name == "recorded"}).folder)
        for name in ("computed", "recorded")
    )
    for ours, theirs in zip(recorded, computed, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-3, abs=1e-4)
