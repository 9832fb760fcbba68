"""Batches on their way to a GPU: nothing is done to them elsewhere, and streams wait for each other in order."""

from contextlib import contextmanager

import pytest
import torch

from translate.training.staging import staged


def batches():
    return [{"A": torch.full((1, 3, 4, 4), epoch, dtype=torch.uint8), "epoch": epoch} for epoch in (1, 2)]


def test_a_cpu_gets_the_batches_as_they_are():
    given = batches()
    assert staged(given, torch.device("cpu")) is given


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gets_the_same_pictures():
    seen = list(staged(batches(), torch.device("cuda", 0)))
    assert [batch["A"].device.type for batch in seen] == ["cuda", "cuda"]
    assert [(batch["A"].unique().tolist(), batch["epoch"]) for batch in seen] == [([1], 1), ([2], 2)]


class Recorded(torch.Tensor):
    """Writes down the copies that are asked of it instead of making them."""

    said: list

    def to(self, device, non_blocking):
        self.said.append(("copy", device.type, non_blocking))
        return self

    def record_stream(self, stream):
        self.said.append(("record", stream))


class Stream:
    def __init__(self, said):
        self.said = said

    def wait_stream(self, other):
        self.said.append(("wait", self, other))


def test_copies_have_a_stream_of_their_own_which_the_steps_wait_for(monkeypatch):
    said = []
    computing, copying = Stream(said), Stream(said)

    @contextmanager
    def on(stream):
        said.append(("on", stream))
        yield
        said.append(("off", stream))

    monkeypatch.setattr(torch.cuda, "Stream", lambda device: copying)
    monkeypatch.setattr(torch.cuda, "stream", on)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: computing)
    pictures = torch.zeros(1).as_subclass(Recorded)
    pictures.said = said
    assert [batch["epoch"] for batch in staged([{"A": pictures, "epoch": 5}], torch.device("cuda", 0))] == [5]
    copy = ("copy", "cuda", True)
    assert said == [
        *(("on", copying), copy, ("off", copying)),
        *(("wait", computing, copying), ("record", computing)),
    ]
