"""Every method takes the same steps to the bit whether weights are cast one by one or all at once."""

import sys
from itertools import islice
from pathlib import Path

import pytest
import torch

from translate.methods import METHODS
from translate.training import run
from translate.training.feeding import make_batches
from translate.training.job import prepare_job
from translate.training.processes import Processes

sys.path.insert(0, str(Path(__file__).parent))

from test_elsewhere import flags  # noqa: F401
from test_every_encoder import shapes  # noqa: F401
from test_every_method import scenes  # noqa: F401

STEPS = 2
USED_TWICE = ("context_encoder", "cycle_gan", "pix2pix")  # weights, in one pass
PENALTIES = {"cut": {"lambda_R1": 1.0}, "sincut": {"gan_mode": "wgangp"}}  # which are not computed in half precision


def weights_behind_steps(values):
    job = prepare_job(values, Processes(), torch.device("cpu"))
    trainer = run._make_trainer(job, lambda _: False)
    trainer.method.train()
    for batch in islice(make_batches(job.feed, job.settings, job.sampler, torch.device("cpu")), STEPS):
        trainer.step(batch)
    return trainer.method.state_dict()


@pytest.mark.parametrize("model", METHODS.names())
def test_every_method_takes_the_same_steps(model, flags, monkeypatch):  # noqa: F811
    # What a CPU makes of these weights first has gradients that are summed in the type of what it is given.
    monkeypatch.setattr("translate.networks.picture_convs._lies_channels_last", lambda _: False)
    if model in USED_TWICE:  # older versions of torch would cast them each time, and sum their gradients otherwise
        monkeypatch.setattr("translate.training.precision.keeps_gradients_apart", lambda: True)
    values = {**flags(model), "precision": "bf16", "name": "run", **PENALTIES.get(model, {})}
    one_by_one = weights_behind_steps(values)
    asked = []
    monkeypatch.setattr("translate.training.loop.are_cast_at_once", lambda *_: asked.append(1) or True)
    at_once = weights_behind_steps(values)
    assert asked
    torch.testing.assert_close(at_once, one_by_one, rtol=0, atol=0)
