"""The memory that is told beforehand is that of the tensors which a step makes."""

import sys
from itertools import accumulate, pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from translate.methods import METHODS, Method
from translate.methods.cut import CUT
from translate.networks.checkpointing import checkpoint_gradients
from translate.settings import resolve
from translate.training import estimate, words
from translate.training.estimate import Estimate, estimate_step
from translate.training.job import build_method
from translate.training.loop import Limits, Trainer
from translate.training.optimizers import build_optimizers
from translate.training.phantom import META, Ledger, Phantom, shadow
from translate.training.precision import Precision
from translate.training.processes import Processes

sys.path.insert(0, str(Path(__file__).parent))

from test_every_encoder import TINY as ENCODERS
from test_every_method import TINY

CPU = torch.device("cpu")
ROOM = 0.3  # of what is allocated, kernels compute in for a moment; most beside the smallest networks
SMALL = {"ngf": 8, "ndf": 8, "crop_size": 64, "input_nc": 3, "output_nc": 3}


def prepared(model="cut", **flags):
    if model in TINY:
        own = {**SMALL, **TINY[model]}
        if model == "depth":  # which has no discriminator, and one number a pixel
            del own["ndf"]
            own["output_nc"] = 1
    else:
        own = {"nef": 4, "crop_size": 72, "batch_size": 4, "input_nc": 3, **ENCODERS[model]}
    settings = resolve({"model": model, **own, **flags})
    method = build_method(settings).to(memory_format=torch.channels_last)
    if settings.speed.grad_checkpointing:
        checkpoint_gradients(method)
    return settings, method


def peak(model="cut", precision="fp32", **flags):
    settings, method = prepared(model, **flags)
    side = settings.data.crop_size
    return estimate_step(settings, method, Precision(precision, CPU), (side, side)).peak_bytes


def measured_peak(settings, method, precision="fp32", steps=2):
    """Bytes of tensors at once in real steps, by torch's own account of what it allocates."""
    data, parts = settings.data, settings.speed.accumulate
    trainer = Trainer(
        method, build_optimizers(method, settings), lambda epoch: 1e-4, 0, Precision(precision, CPU), data.batch_size,
        Limits(1, 100), lambda _: False, parts,
    )  # fmt: skip
    shape = data.batch_size, 3, data.crop_size, data.crop_size
    live = sum(tensor.nbytes for tensor in [*method.parameters(), *method.buffers()])
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as found:
        for _ in range(steps):
            pictures = {letter: torch.zeros(shape, dtype=torch.uint8) for letter in "AB"[: len(data.dataset_mode)]}
            paths = {f"{letter}_paths": [] for letter in "AB"}
            trainer.step({**pictures, **paths, "epoch": 1, "index": list(range(data.batch_size))})
    return live + highest(found)


def highest(found):
    """Bytes that were allocated at once while torch's profiler looked on."""
    events = [event for event in found.profiler.kineto_results.events() if event.name() == "[memory]"]
    return max(accumulate(event.nbytes() for event in sorted(events, key=lambda event: event.start_ns())))


@pytest.mark.parametrize(
    ("model", "flags"),
    [
        ("cut", {}),
        ("cut", {"CUT_mode": "FastCUT"}),
        ("cut", {"batch_size": 4, "accumulate": 2}),
        ("cut", {"grad_checkpointing": True}),
        ("cycle_gan", {}),
        ("pix2pix", {}),
        ("context_encoder", {}),
        ("colorization", {"lambda_GAN": 1}),
    ],
)
def test_it_is_what_torch_allocates_in_real_steps(model, flags):
    settings, method = prepared(model, **flags)
    measured = measured_peak(settings, method)
    assert (1 - ROOM) * measured <= peak(model, **flags) <= 1.02 * measured


def test_half_precision_is_counted_as_torch_allocates_it():
    settings, method = prepared(crop_size=32)
    measured = measured_peak(settings, method, "bf16")
    assert (1 - ROOM) * measured <= peak(precision="bf16", crop_size=32) <= 1.02 * measured


@pytest.mark.parametrize("model", METHODS.names())
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_every_method_has_one(model, precision):
    assert peak(model, precision) > 0


class OneLayer(Method):
    """G(x) = w * x, one weight a pixel, whose loss is the mean of squares."""

    def __init__(self, side):
        super().__init__()
        self.networks = nn.ModuleDict({"G": nn.Module()})
        self.networks["G"].weight = nn.Parameter(torch.ones(1, 3, side, side))
        self.players = {"G": ("G",)}

    def forward(self, batch):
        return self.networks["G"].weight * batch["A"]

    def losses(self, player, state):
        total = state.square().mean()
        return total, {"G": total}


def test_of_one_layer_it_is_what_one_counts_by_hand():
    side = 64
    settings = resolve({**SMALL, "crop_size": side})
    pixels_bytes = 3 * side * side  # of a picture of bytes
    peaks = []
    for batch in (4, 5, 6):
        found = estimate_step(
            settings.with_values(batch_size=batch), OneLayer(side), Precision("fp32", CPU), (side, side)
        )
        assert found.weights_bytes == 4 * pixels_bytes
        assert found.kept_bytes == pytest.approx(4 * found.weights_bytes, abs=32)
        peaks.append(found.peak_bytes)
    # A picture more: A and B in bytes and in floats, w x, and on the way back through the square y^2 the gradient of
    # the mean, y, 2 y, and their product with it.
    growth = (2 + 4 * (2 + 1 + 4)) * pixels_bytes
    assert [second - first for first, second in pairwise(peaks)] == [growth] * 2
    # The rest: the weight and its two moments; a few scalars.
    assert peaks[0] - 4 * growth == pytest.approx(3 * 4 * pixels_bytes, abs=32)


def test_a_ledger_counts_what_is_alive():
    ledger = Ledger()
    x, weight = (Phantom(torch.empty(100, device=META), ledger) for _ in range(2))
    assert ledger.live_bytes == 800
    product = x * weight
    seen = product.view(10, 10)[2:]
    product.add_(1)
    torch.mul(x, 2, out=product)
    assert ledger.live_bytes == 1200
    del product
    assert ledger.live_bytes == 1200, "a part of it is still there"
    del seen
    assert (ledger.live_bytes, ledger.peak_bytes) == (800, 1200)
    half = weight.bfloat16()
    assert half.dtype == torch.bfloat16
    assert ledger.live_bytes == 1000


def test_saved_tensors_are_those_of_a_real_pass():
    saved = []
    for kind in ("real", "phantom"):
        method = prepared(crop_size=32)[1]
        ledger, storages = Ledger(), {}
        copied = shadow(method, ledger) if kind == "phantom" else method
        image = torch.zeros(1, 3, 32, 32).to(memory_format=torch.channels_last)
        image = Phantom(image.to(META), ledger) if kind == "phantom" else image

        def keep(tensor, storages=storages):
            storage = (tensor.content if isinstance(tensor, Phantom) else tensor).untyped_storage()
            storages[storage._cdata] = storage.nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            output = copied.networks["G"](image)
        assert output.shape == (1, 3, 32, 32)
        saved.append(sorted(storages.values()))
    assert saved[0] == saved[1]
    assert len(saved[0]) > 20


def test_larger_crops_and_batches_need_more_and_parts_and_recomputing_less():
    sizes = [peak(crop_size=side) for side in (32, 64, 96)]
    assert sizes == sorted(set(sizes))
    batches = [peak(batch_size=size) for size in (1, 2, 4)]
    assert batches == sorted(set(batches))
    assert peak(batch_size=4, accumulate=4) < peak(batch_size=4, accumulate=2) < batches[-1]
    assert peak(grad_checkpointing=True) < batches[0]
    assert peak(ema=0.9) > batches[0]
    assert peak(precision="bf16", crop_size=128) < peak(crop_size=128)


def test_maps_beyond_the_sums_of_batch_norm_are_counted_too():
    assert peak(crop_size=260, ngf=2, ndf=2) > peak(crop_size=256, ngf=2, ndf=2)


def test_processes_share_a_batch():
    settings, method = prepared(batch_size=4)
    alone, of_two = (estimate_step(settings, method, Precision("fp32", CPU), (64, 64), count) for count in (1, 2))
    assert of_two.peak_bytes < alone.peak_bytes
    assert of_two.peak_bytes == peak(batch_size=2)


def test_it_draws_nothing_and_leaves_the_method_as_it_is():
    settings, method = prepared(normG="batch", no_dropout=False)
    before = {key: value.clone() for key, value in method.state_dict().items()}
    drawn, drawn_by_numpy = torch.get_rng_state(), np.random.get_state()[1].copy()
    assert estimate_step(settings, method, Precision("fp32", CPU), (64, 64)) is not None
    assert torch.equal(torch.get_rng_state(), drawn)
    assert np.array_equal(np.random.get_state()[1], drawn_by_numpy)
    after = method.state_dict()
    assert all(torch.equal(value, after[key]) for key, value in before.items())
    assert all(weight.grad is None for weight in method.parameters())


def test_it_takes_no_memory_to_speak_of():
    settings, method = prepared(ngf=32, crop_size=128)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as found:
        told = estimate_step(settings, method, Precision("fp32", CPU), (128, 128)).peak_bytes
    assert highest(found) < told / 20


@pytest.fixture
def memory_of(train, monkeypatch, capsys):
    """memory_of(free, **flags): the lines about memory of a run on a machine with so much memory."""

    def run(free, **flags):
        monkeypatch.setattr(words, "estimate_step", estimate_step)
        monkeypatch.setattr(words, "free_bytes", lambda device: free)
        capsys.readouterr()
        train(max_steps=1, precision="fp32", **flags)  # whatever the processor is fast in
        said = capsys.readouterr().out.splitlines()
        return [line for line in said if line.startswith("memory: ") or "will hardly fit" in line]

    return run


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_run_says_it_and_what_helps_where_it_will_not_fit(memory_of, dry_run):
    (line,) = memory_of(24 * 2**30, dry_run=dry_run)
    assert line.startswith("memory: about 0.1 GiB of 24.0 GiB free")
    line, note = memory_of(2**20, dry_run=dry_run, batch_size=2)
    assert line.endswith(" of 0.0 GiB free")
    assert note.startswith("note: that will hardly fit; what helps is --grad_checkpointing or --accumulate 2 or ")


def test_a_resumed_run_is_told_what_the_pictures_of_its_epoch_need(train, resume, monkeypatch):
    sizes = []
    monkeypatch.setattr(words, "estimate_step", lambda *told: sizes.append(told[3]))
    train(preprocess="resize", max_steps=4)
    resume(max_steps=5)
    assert sizes == [(36, 36), (32, 32)]


def test_processes_of_one_machine_share_its_memory_and_have_a_gpu_each(monkeypatch):
    found = Estimate(0, 0, 2**30)
    monkeypatch.setattr(words, "estimate_step", lambda *_: found)
    monkeypatch.setattr(words, "free_bytes", lambda device: 2**40)
    monkeypatch.setattr(words, "_size_px", lambda job: (64, 64))
    for device, times in ((CPU, 2), (torch.device("cuda"), 1)):
        job = SimpleNamespace(
            precision=Precision("fp32", device), settings=None, method=None, processes=Processes(0, 4, 0, 2)
        )
        needed = times * found.to_come_bytes(device) / 2**30
        assert words.memory_ahead(job) == f"memory: about {needed:.1f} GiB of 1024.0 GiB free"


def test_what_cannot_be_told_is_not_said(memory_of, monkeypatch):
    assert memory_of(None) == []
    assert memory_of(2**30, preprocess="zoom", dry_run=True) == []
    forward = CUT.forward

    def looks(self, batch):
        if float(batch["A"].mean()) > 2:
            raise AssertionError
        return forward(self, batch)

    monkeypatch.setattr(CUT, "forward", looks)
    assert memory_of(2**30) == []


def test_what_comes_is_more_than_the_tensors_but_without_the_weights():
    found = Estimate(weights_bytes=100, kept_bytes=400, peak_bytes=1000)
    assert found.to_come_bytes(CPU) == 300 + round(estimate.CPU_FACTOR * 600) + estimate.CPU_MORE_BYTES
    assert found.to_come_bytes(torch.device("cuda")) == 300 + round(estimate.GPU_FACTOR * 600)
