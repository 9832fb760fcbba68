"""How much memory the steps of a run will need, told before the first of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from translate.collectives import apart
from translate.methods import Method
from translate.options import ONE_DOMAIN
from translate.settings import TrainSettings
from translate.training.averaging import WeightAverage
from translate.training.loop import Limits, Trainer
from translate.training.optimizers import build_optimizers
from translate.training.phantom import META, Conjuring, Ledger, Phantom, shadow
from translate.training.precision import Precision
from translate.training.preparing import Batch, Preparation, decides

CPU = torch.device("cpu")

# What a process takes for tensors that come and go, over their bytes: gaps between blocks that are kept, and room that
# convolutions compute in. Of a CPU measured (docs/performance.md), of a GPU assumed.
CPU_FACTOR, CPU_MORE_BYTES = 1.75, 50 * 2**20
GPU_FACTOR = 1.2


@dataclass(frozen=True)
class Estimate:
    """Bytes of tensors: of the weights, which are there from the start; of all that stays from step to step, which is
    them, their gradients and moments; and of all that is there at the peak of a step."""

    weights_bytes: int
    kept_bytes: int
    peak_bytes: int

    def to_come_bytes(self, device: torch.device) -> int:
        """What the process will take of the device's memory beyond what it has with its weights: about."""
        factor, more = (GPU_FACTOR, 0) if device.type == "cuda" else (CPU_FACTOR, CPU_MORE_BYTES)
        passing_bytes = self.peak_bytes - self.kept_bytes
        return self.kept_bytes - self.weights_bytes + round(factor * passing_bytes) + more


def estimate_step(
    settings: TrainSettings, method: Method, precision: Precision, size_px: tuple[int, int], processes: int = 1
) -> Estimate | None:
    """The memory of a training step, by taking one whose tensors have no content; None where that does not work.

    Everything that a step makes is counted while it is there: weights, gradients, moments, an average of weights,
    maps that are kept for the gradient, copies in half precision. Changes nothing and draws from no generator.

    Args:
        method: with its weights, before it is compiled; it is left as it is.
        size_px: width and height of the pictures.
        processes: among which a batch is shared.
    """
    drawn = torch.get_rng_state()
    try:
        with apart():
            return _take_a_step(settings, method, precision, size_px, settings.data.batch_size // processes)
    except Exception:
        return None  # of whatever kind: a layer looks at values, or torch cannot compute it without any
    finally:
        torch.set_rng_state(drawn)


def _take_a_step(
    settings: TrainSettings, method: Method, precision: Precision, size_px: tuple[int, int], batch_size: int
) -> Estimate:
    ledger = Ledger()
    copied = shadow(method, ledger)
    weights_bytes = ledger.live_bytes
    ema = settings.optimizer.ema
    trainer = _Rehearsal(
        copied,
        build_optimizers(copied, settings),
        lambda epoch: settings.optimizer.lr,
        settings.run.seed,
        Precision("bf16" if precision.name == "fp16" else precision.name, CPU),  # of the same size, and no scaler
        batch_size,
        Limits(1, batch_size),
        lambda _: False,
        settings.speed.accumulate,
        WeightAverage({name: copied.networks[name] for name in method.kept_networks}, ema) if ema else None,
    )
    trainer.prepare = _ShapesOnly(copied, ledger, precision.layout)
    batch = made_up_batch(settings, size_px, batch_size, method.batch_nc, partial(_phantom, ledger))
    batch_bytes = sum(value.nbytes for value in batch.values() if isinstance(value, Tensor))
    with Conjuring(ledger):
        trainer.begin()
        kept_bytes = ledger.live_bytes - batch_bytes
        trainer.step(batch)
    return Estimate(weights_bytes, kept_bytes, ledger.peak_bytes)


def made_up_batch(
    settings: TrainSettings,
    size_px: tuple[int, int],
    size: int,
    batch_nc: Mapping[str, int],
    make: Callable[[tuple[int, ...], torch.dtype], Tensor],
) -> Batch:
    """The first batch of a run, of pictures that ``make`` gives for their shape (B, C, H, W) and type.

    Args:
        size_px: width and height of the pictures.
        size: how many there are.
        batch_nc: channels of those of which the method says it; they are floats or will be.
    """
    data, (width, height) = settings.data, size_px
    letters = {"A": data.input_nc} if data.dataset_mode in ONE_DOMAIN else {"A": data.input_nc, "B": data.output_nc}
    pictures = {
        letter: make((size, channels, height, width), torch.float32 if letter in batch_nc else torch.uint8)
        for letter, channels in {**letters, **batch_nc}.items()
    }
    captioned = data.dataset_mode == "captioned"
    texts = {"tokens": [list(range(settings.method.context_length))] * size} if captioned else {}
    return {**pictures, **texts, "epoch": 1, "index": list(range(size))}


def _phantom(ledger: Ledger, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    return Phantom(torch.empty(shape, dtype=dtype, device=META), ledger)


class _Rehearsal(Trainer):
    """A step whose losses are no numbers."""

    def begin(self) -> None:
        """What is left of the steps before: gradients, and the moments of the optimisers."""
        for player, optimizer in self.optimizers.items():
            for weight in self._owned[player]:
                weight.grad = torch.zeros_like(weight)
            optimizer.step()

    def check_losses(self) -> dict[str, float]:
        self._unchecked.clear()
        return {}


class _ShapesOnly(Preparation):
    """Draws as ever, and then only the shapes count; decisions, which stay on the host, are kept."""

    def __init__(self, method: Method, ledger: Ledger, layout: torch.memory_format):
        super().__init__(method, 0, CPU, layout)
        self.ledger = ledger

    def seed_layers(self, batch: Batch) -> None:
        """Nothing is drawn."""

    def _hand_over(self, stacked: Tensor) -> Tensor:
        return stacked if decides(stacked) else Phantom(stacked.to(META), self.ledger)
