"""Steps that are recorded once and repeated: a GPU is handed the many operations of a step as one.

A small batch is computed faster than Python can ask for its operations one by one. So the first steps on batches of a
kind are computed as they come, the next one is recorded, and from then on what was recorded is repeated on the same
memory, into which each batch is copied. Updates of the weights are not in the record.
"""

import dataclasses
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor, nn

from translate.errors import RunError
from translate.methods import Method
from translate.options import SpeedOptions
from translate.training.gradients import StepGradients, Weights
from translate.training.memory import is_out_of_memory
from translate.training.preparing import Batch

WARM_UP = 3  # steps on batches of a kind that come before its record: libraries choose their algorithms in them
MOST = 8  # records that are kept; each has memory of its own for what a step leaves behind
MOST_KINDS = 1000  # of batches that are remembered, where no two are alike

Result = TypeVar("Result")


class Recorder(Protocol):
    """Records operations without computing them."""

    def beside(self) -> AbstractContextManager[None]:
        """Everything between the first recorded step and the last one happens within it."""

    def record(self, work: Callable[[], Result]) -> tuple[Callable[[], None], Result]:
        """What repeats the operations of ``work``, and what ``work`` returned: tensors that hold something when it has
        been called."""


class CudaGraphs:
    """Records on a GPU. What is recorded for one step has to be repeated in that order, and what it leaves behind stays
    until another step is repeated.

    Everything runs on one stream, which is not the default one: graphs cannot be recorded there, and a gradient that
    was begun on another stream would have to wait for it.
    """

    def __init__(self, device: torch.device):
        self.device = device
        self.stream = torch.cuda.Stream(device)
        self.pool = torch.cuda.graph_pool_handle()  # one memory for all: never are two of them under way

    @contextmanager
    def beside(self) -> Iterator[None]:
        outside = torch.cuda.current_stream(self.device)
        self.stream.wait_stream(outside)
        try:
            with torch.cuda.stream(self.stream):
                yield
        finally:  # of an error too: the state is saved behind the last step, on the stream outside
            outside.wait_stream(self.stream)

    def record(self, work: Callable[[], Result]) -> tuple[Callable[[], None], Result]:
        graph = torch.cuda.CUDAGraph()
        # Other threads, which pin memory for the next batch, may go on meanwhile.
        with torch.cuda.graph(graph, pool=self.pool, stream=self.stream, capture_error_mode="thread_local"):
            result = work()
        return graph.replay, result


class Recordings:
    """The records of a training: one for each kind of batch.

    Args:
        recorder: makes them.
        device: of the tensors that differ from batch to batch; those of the host are decisions, and batches for which
            they differ are of different kinds.
        owned: the weights of each player.
    """

    def __init__(self, recorder: Recorder, device: torch.device, owned: Weights):
        self.recorder = recorder
        self.device = device
        self.owned = owned
        self._seen: Counter[Hashable] = Counter()
        self._kept: dict[Hashable, _Recording] = {}

    def find(self, batch: Batch, make: Callable[[Batch], StepGradients]) -> "StepGradients | None":
        """The gradients of a step on a prepared batch, if there is a record, or if it is time to make one.

        Args:
            make: the same, operation by operation; must not seed a generator.

        Raises:
            RunError: the step cannot be recorded.
        """
        kind = kind_of(batch, self.device)
        if kind not in self._kept:
            if not self._is_due(kind):
                return None
            self._kept[kind] = _Recording(self, batch, make)
        self._kept[kind].take(batch)
        return self._kept[kind]

    def _is_due(self, kind: Hashable) -> bool:
        if len(self._seen) > MOST_KINDS:
            self._seen.clear()
        self._seen[kind] += 1
        return self._seen[kind] > WARM_UP and len(self._kept) < MOST


class _Recording:
    """The gradients of every player, recorded for one kind of batch."""

    def __init__(self, owner: Recordings, batch: Batch, make: Callable[[Batch], StepGradients]):
        self._device = owner.device
        self._batch = batch  # whose memory is kept, and gets the next ones
        self._players: dict[str, _Player] = {}
        passes = make(self._batch)
        try:
            for player, weights in owner.owned.items():
                self._players[player] = _Player(owner.recorder, passes, player, weights)
        except RuntimeError as error:
            cause = error.__context__ or error  # to end a record that failed is another error
            if is_out_of_memory(cause):
                raise cause from None
            raise RunError(
                f"a step of this training cannot be recorded ({' '.join(str(cause).split())[:160]}); the last saved "
                "state is intact: continue with --continue_train --cuda_graphs false"
            ) from error
        self.state = detached(passes.state)

    def take(self, batch: Batch) -> None:
        """Put a batch of the kind where the record reads."""
        pairs = zip(_tensors(self._batch), _tensors(batch), strict=True)
        pairs = [(ours, theirs) for ours, theirs in pairs if ours.device == self._device]
        torch._foreach_copy_([ours for ours, _ in pairs], [theirs for _, theirs in pairs], non_blocking=True)

    def of(self, player: str) -> tuple[Tensor, dict[str, Tensor]]:
        return self._players[player].repeat()


class _Player:
    """The record of one player's gradients."""

    def __init__(self, recorder: Recorder, passes: StepGradients, player: str, weights: Sequence[nn.Parameter]):
        self._names: list[str] = []
        for weight in weights:
            weight.grad = None

        def work() -> Tensor:
            total, named = passes.of(player)
            self._names = list(named)
            return torch.stack([total, *named.values()])

        self._replay, self._losses = recorder.record(work)
        self._gradients = [(weight, weight.grad) for weight in weights]
        for weight in weights:
            weight.grad = None

    def repeat(self) -> tuple[Tensor, dict[str, Tensor]]:
        self._replay()
        for weight, gradient in self._gradients:
            weight.grad = gradient
        total, *losses = self._losses.clone().unbind()  # they are read when the next step may be under way
        return total, dict(zip(self._names, losses, strict=True))


def why_not_recorded(method: Method, speed: SpeedOptions, device: torch.device, processes: int) -> str | None:
    """What stands in the way of recording the steps of a training."""
    reasons = {
        "CUDA graphs are of GPUs": device.type != "cuda",
        "several processes exchange what a record cannot hold": processes > 1,
        "the parts of --accumulate are computed one by one": speed.accumulate > 1,
        "maps that are computed twice (--grad_checkpointing) are not recorded": speed.grad_checkpointing,
        "networks are compiled (--compile on)": speed.compile == "on",
        f"{method.title} decides within a step what to do next": not method.recordable,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def kind_of(batch: Batch, device: torch.device) -> Hashable:
    """What batches have in common for which a step is the same operations: shapes and types of the tensors on the
    device, and what the others decide: of booleans, whether any is true."""
    return tuple(
        (tensor.shape, tensor.dtype) if tensor.device == device else _decision(tensor) for tensor in _tensors(batch)
    )


def _decision(values: Tensor) -> Hashable:
    return bool(values.any()) if values.dtype == torch.bool else tuple(values.flatten().tolist())


def detached(state: Any) -> Any:
    """The same state without what its tensors remember of how they came about, for looking at."""
    if dataclasses.is_dataclass(state):
        values = {field.name: getattr(state, field.name) for field in dataclasses.fields(state)}
        return dataclasses.replace(state, **{name: detached(value) for name, value in values.items()})
    return _map_tensors(state, Tensor.detach)


def _map_tensors(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """Every tensor in dictionaries and lists changed; what else is in them stays."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, Mapping):
        return {name: _map_tensors(part, change) for name, part in value.items()}
    if isinstance(value, list | tuple):
        parts = [_map_tensors(part, change) for part in value]
        return value._make(parts) if hasattr(value, "_make") else type(value)(parts)  # a tuple may have names
    return value


def _tensors(value: Any) -> Iterator[Tensor]:
    """The tensors in dictionaries and lists, in order."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _tensors(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _tensors(part)
