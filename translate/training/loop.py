"""The training loop: the same for every method."""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor

from translate.collectives import any_says, average_over_processes, process_count, process_rank
from translate.data.listing import shown_some
from translate.errors import InputError, LostReader, RunError
from translate.methods import Method
from translate.networks.casting import CastWeights
from translate.training.averaging import WeightAverage
from translate.training.compiling import are_cast_at_once
from translate.training.forward import Forward
from translate.training.gradients import Gradients, StepGradients
from translate.training.precision import HALF, Precision
from translate.training.preparing import Batch, Preparation, share_counts, split_batch
from translate.training.processes import check_alike
from translate.training.recording import Recorder, Recordings
from translate.training.schedule import Plateau

MOST_PICTURES = 8  # named, of a batch whose loss is not finite


@dataclass
class Progress:
    """How far a run is. ``epoch`` counts from 1; ``epoch_samples`` are those consumed of it."""

    step: int = 0
    samples: int = 0
    epoch: int = 1
    epoch_samples: int = 0


@dataclass
class Limits:
    """When the loop ends: after the last epoch, or earlier. Steps are those of the whole run, minutes of this call."""

    last_epoch: int
    samples_per_epoch: int  # those that fill no batch at its end among them
    max_steps: int | None = None
    max_minutes: float | None = None

    def total_steps(self, progress: Progress, batch_size: int) -> int:
        """Number of the last step that is going to be taken."""
        left = self.steps_left(progress, batch_size)
        steps = progress.step + left + (self.last_epoch - progress.epoch) * (self.samples_per_epoch // batch_size)
        return min(steps, self.max_steps) if self.max_steps else steps

    def steps_left(self, progress: Progress, batch_size: int) -> int:
        """Steps to the end of the epoch, whatever the batch size was up to here."""
        return max(self.samples_per_epoch - progress.epoch_samples, 0) // batch_size


@dataclass
class Timing:
    """Seconds since the last report, split into waiting for data and the rest."""

    waiting_s: float = 0.0
    steps: int = 0
    since: float = field(default_factory=time.monotonic)

    def take(self) -> tuple[float, float]:
        """Mean seconds a step, and of them waiting for data, since the last call."""
        now, steps = time.monotonic(), max(self.steps, 1)
        result = (now - self.since) / steps, self.waiting_s / steps
        self.waiting_s, self.steps, self.since = 0.0, 0, now
        return result


class Trainer:
    """Runs the steps of a method over batches and tells an observer about them.

    Args:
        method: what is learned; already on ``device``.
        optimizers: one for each player.
        lr: learning rate of an epoch.
        seed: of the run; every random number of a step is a function of it, the epoch and the sample.
        precision: in which the networks compute, and the device where the method lives.
        batch_size: pictures of each domain a step, over all processes.
        limits: when to end.
        observer: called after each step with this trainer; returns True to end the run.
        parts: in which the batch is computed, one after the other.
        average: of the weights, if one is wanted.
        plateau: lowers the learning rate further when what the player that translates minimises does not fall.
        recorder: of steps, which are then repeated; without one they are computed operation by operation.
    """

    def __init__(
        self,
        method: Method,
        optimizers: dict[str, torch.optim.Optimizer],
        lr: Callable[[int], float],
        seed: int,
        precision: Precision,
        batch_size: int,
        limits: Limits,
        observer: Callable[["Trainer"], bool],
        parts: int = 1,
        average: WeightAverage | None = None,
        plateau: Plateau | None = None,
        recorder: Recorder | None = None,
    ):
        self.method = method
        self.optimizers = optimizers
        self.lr = lr
        self.precision = precision
        self.device = precision.device
        self.scaler = precision.scaler()
        self.batch_size = batch_size
        self.limits = limits
        self.observer = observer
        self.parts = parts
        self.average = average
        self.plateau = plateau
        self.prepare = Preparation(method, seed, self.device, precision.layout)
        self.progress = Progress()
        self.timing = Timing()
        self.state: Any = None  # the method's, of the last step (of its first part)
        self.used_rate = 0.0  # learning rate of the last step
        self.aside_s = 0.0  # seconds of this call that were no training, which --max_minutes does not count
        self._unchecked: list[tuple[int, list[str], dict[str, Tensor]]] = []
        self._newest: dict[str, float] = {}
        self._owned = {
            player: [p for name in names for p in method.networks[name].parameters()]
            for player, names in method.players.items()
        }
        self.recorder = recorder
        self.recordings = Recordings(recorder, self.device, self._owned) if recorder else None
        self._casts: CastWeights | None = None

    def run(self, batches: Iterable[Batch]) -> None:
        """Step through the batches until they end, a limit is reached or the observer says so."""
        self.method.train()
        self.timing = Timing()
        if self.is_finished:
            return
        with self.recorder.beside() if self.recorder else nullcontext():
            self._take_steps(iter(batches))
        self.check_losses()

    def _take_steps(self, batches: Iterator[Batch]) -> None:
        started = waiting_since = time.monotonic()
        while (batch := _next(batches)) is not None:
            self.timing.waiting_s += time.monotonic() - waiting_since
            self.step(batch)
            self._count(batch["epoch"])
            if self.epoch_is_complete:
                self._end_epoch()
            if any_says(self.observer(self) or self._limit_reached(started)):
                break
            waiting_since = time.monotonic()

    def step(self, batch: Batch) -> None:
        """One update of every player, in order."""
        files = [path for key, paths in batch.items() if key.endswith("_paths") for path in paths]
        parts = share_counts(self.method, [self.prepare(part) for part in split_batch(batch, self.parts)])
        gradients = self._gradients(parts)
        logged: dict[str, Tensor] = {}
        self.used_rate = self.rate(batch["epoch"])
        self.method.progress = self._share_behind(batch["epoch"])
        for player, optimizer in self.optimizers.items():
            optimizer.zero_grad(set_to_none=True)
            total, named = gradients.of(player)
            made = [weight.grad for weight in self._owned[player] if weight.grad is not None]
            average_over_processes([*made, total, *named.values()])
            if self.plateau and player == self.method.forward_player:
                self.plateau.observe(total)
            for group in optimizer.param_groups:
                group["lr"] = self.used_rate * self.method.lr_scales.get(player, 1.0)
            self.scaler.step(optimizer)
            logged |= named
        self.scaler.update()
        self.method.after_step()
        self.state = gradients.state
        if self.average is not None:
            self.average.update(self.method.networks, self.progress.step + 1)
        self._unchecked.append((self.progress.step + 1, files, logged))
        if self.device.type == "cpu":
            self.check_losses()  # costs nothing where there is no queue to wait for

    def rate(self, epoch: int) -> float:
        """The learning rate of an epoch, or of what is left of it."""
        return self.lr(epoch) * (self.plateau.factor if self.plateau else 1.0)

    def _share_behind(self, epoch: int) -> float:
        """Of the steps to the last epoch's end, those that are taken with one more of this epoch; --max_steps, which
        may be another when the run is resumed, has no part in it."""
        progress, per_epoch = self.progress, self.limits.samples_per_epoch // self.batch_size
        samples = progress.epoch_samples if epoch == progress.epoch else 0
        taken = (epoch - 1) * per_epoch + samples // self.batch_size + 1
        return min(taken / (self.limits.last_epoch * per_epoch), 1.0)

    def _end_epoch(self) -> None:
        check_alike(self.method, self.progress.step)
        if self.plateau:
            self.plateau.end_epoch()

    def _gradients(self, parts: list[Batch]) -> StepGradients:
        """What makes the gradients of a step on these prepared parts."""

        def make(seed: Callable[[Batch], None], parts: list[Batch]) -> Gradients:
            states = Forward(self.method, seed, self._computing, parts)
            return Gradients(self.method, states, self._computing, self.scaler, self._owned)

        if self.recordings is not None and len(parts) == 1:
            recorded = self.recordings.find(parts[0], lambda part: make(lambda _: None, [part]))
            if recorded is not None:
                self.prepare.seed_layers(parts[0])  # once, since what is recorded cannot seed a generator
                return recorded
        return make(self.prepare.seed_layers, parts)

    @contextmanager
    def _computing(self) -> Iterator[None]:
        if self._casts is None and are_cast_at_once(self.method, self.precision):
            self._casts = CastWeights(self.method, HALF[self.precision.name])
        with self.precision.autocast(), self._casts.in_place() if self._casts else nullcontext():
            yield

    def _count(self, epoch: int) -> None:
        progress = self.progress
        if epoch != progress.epoch:
            progress.epoch, progress.epoch_samples = epoch, 0
        progress.step += 1
        progress.samples += self.batch_size
        progress.epoch_samples += self.batch_size
        self.timing.steps += 1

    def _limit_reached(self, started: float) -> bool:
        return self.is_finished or self._time_is_over(started)

    def _time_is_over(self, started: float) -> bool:
        """By the clock of the first process, since the others do not know what it did aside while they waited."""
        minutes = self.limits.max_minutes
        if minutes is None or process_rank() > 0:
            return False
        return time.monotonic() - started - self.aside_s >= 60 * minutes

    @property
    def is_finished(self) -> bool:
        """Whether the run has all the steps that it is allowed."""
        return self.limits.max_steps is not None and self.progress.step >= self.limits.max_steps

    @property
    def epoch_is_complete(self) -> bool:
        return not self.limits.steps_left(self.progress, self.batch_size)

    def check_losses(self) -> dict[str, float]:
        """Fetch the losses of the steps since the last call; returns the newest step's.

        Raises:
            RunError: a loss is not finite; names the step, the loss and the pictures.
        """
        for step, files, losses in self._unchecked:
            newest = self._newest = dict(zip(losses, torch.stack(list(losses.values())).tolist(), strict=True))
            bad = [name for name, value in newest.items() if not math.isfinite(value)]
            if bad:
                whose = "of this process: " if process_count() > 1 else ""
                pictures = shown_some(files, MOST_PICTURES)
                raise RunError(
                    f"loss {bad[0]} is {newest[bad[0]]} at step {step} ({whose}{pictures}); the last saved state is "
                    "intact: continue from it with --continue_train and a lower --lr"
                )
        self._unchecked.clear()
        return self._newest

    def check_weights(self) -> None:
        """Losses can be finite and a gradient not, and then the weights are lost before any loss tells.

        Raises:
            RunError: a weight is not finite; names the step and the network.
        """
        for name, network in self.method.networks.items():
            tensors = [tensor for tensor in network.state_dict().values() if tensor.is_floating_point()]
            if tensors and not bool(torch.stack([tensor.isfinite().all() for tensor in tensors]).all()):
                raise RunError(
                    f"weights of network {name} are not finite after step {self.progress.step}; the last saved state "
                    "is intact: continue from it with --continue_train and a lower --lr"
                )

    def state_dict(self) -> dict[str, Any]:
        """Everything that a resumed run needs, as tensors and plain values.

        Raises:
            RunError: losses or weights are not finite; such a state must not replace a good one.
        """
        self.check_losses()
        self.check_weights()
        return {
            "progress": asdict(self.progress),
            "method": self.method.state_dict(),
            "optimizers": {player: optimizer.state_dict() for player, optimizer in self.optimizers.items()},
            "scaler": self.scaler.state_dict(),
            "average": self.average.state_dict() if self.average is not None else {},
            "plateau": self.plateau.state_dict() if self.plateau else {},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state. Learning rate and betas stay as they are told now; the moments are the state's.

        Raises:
            InputError: the state is of other networks or other players.
        """
        try:
            self.progress = Progress(**state["progress"])
            self.method.load_state_dict(state["method"])
            if state.get("scaler"):  # empty but for fp16
                self.scaler.load_state_dict(state["scaler"])
            if self.average is not None:
                self.average.load_state_dict(state.get("average") or self.average.begin(self.method.networks))
            if self.plateau and state.get("plateau"):
                self.plateau.load_state_dict(state["plateau"], self.device)
            for player, optimizer in self.optimizers.items():
                told = [{key: value for key, value in g.items() if key != "params"} for g in optimizer.param_groups]
                optimizer.load_state_dict(state["optimizers"][player])
                for group, values in zip(optimizer.param_groups, told, strict=True):
                    group.update(values)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:160]
            raise InputError(
                f"the saved state does not fit these flags ({reason}); continue with those that the run was started "
                "with, or start a new run with --init_from"
            ) from None


def _next(batches: Iterator[Batch]) -> Batch | None:
    """The next batch, or None behind the last one, of which all processes have equally many. Where a picture of one
    process is lost, no other begins a step.

    Raises:
        InputError: a picture cannot be read, here or in another process.
        LostReader: who reads it was lost.
    """
    batch, problem = None, None
    try:
        batch = next(batches, None)
    except (InputError, LostReader) as error:
        problem = error
    if any_says(problem is not None):
        raise problem or InputError("another process cannot read a picture; it says which and why")
    return batch
