"""Every method trains on a device beside the host: nothing of the host's is mixed in, and no step waits for it."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from translate.methods import METHODS
from translate.settings import resolve
from translate.training.job import build_method
from translate.training.loop import Limits, Trainer
from translate.training.optimizers import build_optimizers
from translate.training.precision import Precision
from translate.training.run import train_from_flags
from translate.translator import Translator

sys.path.insert(0, str(Path(__file__).parent))

from elsewhere import ELSEWHERE, Elsewhere, device
from test_every_encoder import TINY as ENCODERS
from test_every_encoder import shapes  # noqa: F401
from test_every_method import TINY as TRANSLATORS
from test_every_method import scenes  # noqa: F401


@pytest.fixture
def flags(request, make_depth, tmp_path):
    """flags(model): of a tiny run of two epochs."""

    def of(model):
        shared = {
            "model": model, "checkpoints_dir": str(tmp_path), "n_epochs": 1, "n_epochs_decay": 1, "num_threads": 0,
            "print_freq": 1, "precision": "fp32", "gpu_ids": "-1",
        }  # fmt: skip
        if model in ENCODERS:
            root = request.getfixturevalue("shapes")
            probed = {"probe_data": str(root), "eval_every": 1}
            own = {"nef": 4, "load_size": 80, "crop_size": 72, "batch_size": 4, **probed, **ENCODERS[model]}
            return {**shared, "dataroot": str(root), **own}
        root = request.getfixturevalue("scenes")
        if model == "depth":
            return {**shared, "dataroot": str(make_depth(tmp_path / "depth", root)), "ngf": 4, "load_size": 40,
                    "crop_size": 32, **TRANSLATORS[model]}  # fmt: skip
        small = {"ngf": 4, "ndf": 4, "load_size": 40, "crop_size": 32, "ema": 0.5, **TRANSLATORS[model]}
        if model == "pix2pix":
            small["no_dropout"] = True  # devices draw in orders of their own
        return {**shared, "dataroot": str(root), **small}

    return of


def losses_of(folder):
    return [json.loads(line)["losses"] for line in (folder / "log.jsonl").read_text().splitlines()]


def translated(folder, place):
    """What the run's translator shows of two pictures, alone and where it can together."""
    translator = Translator.load(folder, device=place, precision="fp32", size="original")
    numbers = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    pictures = [translator.prepare(Image.fromarray(each)) for each in numbers]
    shown = [view for picture in pictures for view in translator.views(picture).values()]
    if not (hasattr(translator.generator, "views") or getattr(translator.generator, "takes_mask", False)):
        shown += translator.translate_together(pictures)
    return shown


@pytest.mark.filterwarnings("ignore:for .* copying from a non-meta")  # it is copied all the same
@pytest.mark.parametrize("model", METHODS.names())
def test_every_method_trains_there_as_here_and_no_step_waits(model, flags, monkeypatch):
    here = losses_of(train_from_flags({**flags(model), "name": "here"}).folder)
    waits_of_steps = []
    with device() as waits:

        def step(trainer, batch, real=Trainer.step):
            before = len(waits)
            real(trainer, batch)
            waits_of_steps.extend(waits[before:])

        monkeypatch.setattr(Trainer, "step", step)
        monkeypatch.setattr("translate.training.run.choose_device", lambda *_: ELSEWHERE)
        half = {"name": "there", "max_steps": len(here) // 2}
        folder = train_from_flags({**flags(model), **half}).folder
        train_from_flags({"continue_train": True, "name": "there", "checkpoints_dir": str(folder.parent),
                          "max_steps": None})  # fmt: skip
        shown_there = translated(folder, ELSEWHERE) if METHODS[model].generators else []
    shown_here = translated(folder, "cpu") if METHODS[model].generators else []
    for there, here_too in zip(shown_there, shown_here, strict=True):
        np.testing.assert_allclose(np.asarray(there, float), np.asarray(here_too, float), atol=1)
    assert waits, "losses are fetched to be printed"
    assert not waits_of_steps
    there = losses_of(folder)
    assert len(there) == len(here)
    assert there[0] == pytest.approx(here[0], rel=1e-3, abs=1e-4)
    assert there[-1] == pytest.approx(here[-1], rel=0.05, abs=0.01)  # sums in another order, and steps on them


class TestTheDeviceItself:
    def test_it_computes_and_learns(self):
        torch.manual_seed(0)
        layer, x = nn.Conv2d(3, 2, 3), torch.randn(2, 3, 5, 5)
        expected = layer(x).square().mean()
        expected.backward()
        with device() as waits:
            moved = nn.Conv2d(3, 2, 3)
            moved.load_state_dict(layer.state_dict())
            moved.to(ELSEWHERE)
            waits.clear()  # of the copies there
            loss = moved(x.to(ELSEWHERE, non_blocking=True)).square().mean()
            loss.backward()
            assert isinstance(moved.weight.grad, Elsewhere)
            assert not waits
            assert loss.item() == pytest.approx(expected.item())
            assert torch.allclose(moved.weight.grad.cpu(), layer.weight.grad)
            assert len(waits) == 2

    def test_tensors_of_the_host_are_refused(self):
        with device():
            there = torch.ones(3).to(ELSEWHERE)
            for operation in (lambda: there + torch.ones(3), lambda: there[torch.tensor([0, 1])],
                              lambda: torch.cat([there, torch.ones(1)])):  # fmt: skip
                with pytest.raises(RuntimeError, match="tensors of two devices"):
                    operation()
            assert (there + torch.tensor(1.0) + 1).tolist() == [3, 3, 3]

    @pytest.mark.parametrize(
        "question",
        [
            lambda x: bool((x > 0).any()),
            lambda x: x.sum().item(),
            lambda x: x[x > 0],
            lambda x: x.nonzero(),
            lambda x: x.unique(),
            lambda x: x.cpu(),
            lambda x: torch.zeros(3).copy_(x),
            lambda x: x.copy_(torch.zeros(3)),
            lambda x: torch.zeros(3).to(x),
            lambda x: torch.tensor([1.0, 2.0], device=x.device),
        ],
    )
    def test_it_knows_when_it_is_waited_for(self, question):
        with device() as waits:
            there = torch.ones(3, device=ELSEWHERE)
            assert not waits
            question(there)
            assert len(waits) == 1

    def test_copies_that_go_by_themselves_are_not_waited_for(self):
        with device() as waits:
            there = torch.ones(3).to(ELSEWHERE, non_blocking=True)
            there.copy_(torch.zeros(3), non_blocking=True)
            assert not waits
            assert there.tolist() == [0, 0, 0]


class Operations(TorchDispatchMode):
    """Counts what the device is asked to compute within it; views and fresh memory are nothing to compute."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        leaves = tree_leaves(result)
        computed = not func.is_view and not func.overloadpacket.__name__.startswith(("empty", "new_empty", "detach"))
        self.count += computed and any(isinstance(leaf, Elsewhere) for leaf in leaves)
        return result


@pytest.mark.parametrize(("mode", "of_the_reference", "share"), [("CUT", 1529, 0.45), ("FastCUT", 981, 0.78)])
def test_a_step_asks_a_device_for_little(mode, of_the_reference, share):
    """At batch 1 a GPU waits for what it is asked. The reference's operations were counted in its own code, at the
    same depth and with its optimiser, which takes a few."""
    settings = resolve({"CUT_mode": mode, "input_nc": 3, "output_nc": 3, "crop_size": 64, "ngf": 4, "ndf": 4})
    drawn = {letter: torch.zeros(1, 3, 64, 64, dtype=torch.uint8) for letter in "AB"}
    with device():
        method = build_method(settings).to(ELSEWHERE, memory_format=torch.channels_last).train()
        precision = Precision("fp32", ELSEWHERE)
        trainer = Trainer(
            method, build_optimizers(method, settings), lambda _: 1e-3, 0, precision, 1, Limits(1, 100), lambda _: False
        )  # fmt: skip
        for index in range(2 if mode == "FastCUT" else 1):  # of these, FastCUT mirrors one
            with Operations() as operations:
                batch = {**drawn, "A_paths": [], "B_paths": [], "epoch": 1, "index": [index]}
                gradients = trainer._gradients([trainer.prepare(batch)])
                for player in method.players:
                    gradients.of(player)
            assert 100 < operations.count < share * of_the_reference
