"""What is asked of torch, and that a CPU needs no asking."""

import os

import pytest
import torch

from translate.errors import RunError
from translate.methods.cut import CUT
from translate.training.determinism import choose_algorithms


@pytest.fixture(autouse=True)
def restored(monkeypatch):
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")  # so that it is taken back behind the test
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    yield
    choose_algorithms(False)


@pytest.mark.parametrize("asked", [True, False])
def test_it_is_either_reproducible_or_fast(asked):
    choose_algorithms(asked)
    assert torch.are_deterministic_algorithms_enabled() == asked
    assert torch.backends.cudnn.benchmark != asked
    assert ("CUBLAS_WORKSPACE_CONFIG" in os.environ) == asked


def test_a_cpu_gives_the_same_bits_either_way(train, same_state):
    asked = train("asked", deterministic=True).folder
    assert same_state(asked, train("unasked").folder)


NO_ALGORITHM = (
    "some_backward_cuda does not have a deterministic implementation, but you set "
    "'torch.use_deterministic_algorithms(True)'. You can turn off determinism just for this operation"
)


def fail(*_):
    raise RuntimeError(NO_ALGORITHM)


def test_an_operation_that_cannot_be_reproduced_is_a_sentence(train, monkeypatch):
    monkeypatch.setattr(CUT, "losses", fail)
    with pytest.raises(RunError, match=r"--deterministic cannot .*\(some_back.*\(True\)'\); .* --deterministic false$"):
        train(deterministic=True)


def test_where_nothing_was_asked_for_it_is_another_error(train, monkeypatch):
    monkeypatch.setattr(CUT, "losses", fail)
    with pytest.raises(RuntimeError, match="does not have a deterministic implementation"):
        train()
