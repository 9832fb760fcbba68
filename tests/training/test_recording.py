"""A recorded step that is repeated is the step that would have been computed."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from translate.errors import RunError
from translate.methods import METHODS
from translate.settings import resolve
from translate.training import recording
from translate.training.job import build_method
from translate.training.loop import Trainer
from translate.training.recording import Recordings, kind_of, why_not_recorded
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
    "FastCUT": ("cut", {"CUT_mode": "FastCUT"}),
    "FastCUT, batches of two": ("cut", {"CUT_mode": "FastCUT", "batch_size": 2}),
    "CycleGAN without pools": ("cycle_gan", {"pool_size": 0}),
    "pix2pix": ("pix2pix", {"no_dropout": False}),
    "colorization": ("colorization", {}),
    "colorization with a discriminator": ("colorization", {"lambda_GAN": 1}),
    "context encoder": ("context_encoder", {}),
    "depth": ("depth", {}),
    "single picture": ("sincut", {}),
}


@pytest.fixture
def train(flags, monkeypatch):  # noqa: F811
    """train(name, model, tape, **more): on the stand-in, recorded by the tape if there is one; the run's folder."""

    def run(name, model, tape=None, **more):
        told = {**flags(model), **more, "name": name, "cuda_graphs": tape is not None}
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
