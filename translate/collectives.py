"""What the processes of one training tell each other; with a single process, nothing.

Every process calls these functions in the same order. The process group is made by ``translate.training.processes``.

Raises, each of them:
    RunError: another process is gone.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from translate.errors import RunError

# One process may look at all pictures, or save, while the others wait; one that is gone is noticed at once.
PATIENCE = timedelta(hours=12)
_apart = False


@contextmanager
def apart() -> Iterator[None]:
    """Within the block this process is the only one: for what each of them computes for itself."""
    global _apart
    _apart = True
    try:
        yield
    finally:
        _apart = False


def process_count() -> int:
    """How many processes train together."""
    if _apart:
        return 1
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def process_rank() -> int:
    """Which of them this is; 0 is the one that writes."""
    return dist.get_rank() if process_count() > 1 else 0


def gather_samples(images: Tensor, words: Sequence[Any]) -> list[tuple[Tensor, Any]]:
    """The samples of all processes, each with the plain value that belongs to it.

    Args:
        images: (B, C, H, W); another process may have another size.
        words: B values.

    Returns:
        Pictures (C, H, W) without gradient, in channels-last memory, with their values: those of the first process,
        then the next's.
    """
    own = images.detach().contiguous(memory_format=torch.channels_last)
    if process_count() == 1:
        return list(zip(own, words, strict=True))
    gathered: list[tuple[Tensor, Any]] = []
    for rank, (shape, of_process) in enumerate(gather_values((tuple(own.shape), list(words)))):
        part = own if rank == process_rank() else own.new_empty(shape).contiguous(memory_format=torch.channels_last)
        with _talking():
            dist.broadcast(part.permute(0, 2, 3, 1), rank)  # a view without gaps, as messages have to be
        gathered += zip(part, of_process, strict=True)
    return gathered


def gather_rows(rows: Tensor) -> Tensor:
    """The rows of all processes, those of the first, then the next's; gradients find their way back.

    The gradient of a row is the sum of what all processes have for it. So where each process computes the loss of its
    own rows among all, the mean over processes of their gradients is that of one process with the whole batch.

    Args:
        rows: (N, ...), of one shape and type in all processes.
    """
    return rows if process_count() == 1 else _GatherRows.apply(rows)


class _GatherRows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        own = rows.contiguous()
        parts = [torch.empty_like(own) for _ in range(process_count())]
        with _talking():
            dist.all_gather(parts, own)
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        summed = gradient.clone(memory_format=torch.contiguous_format)
        with _talking():
            dist.all_reduce(summed)
        return summed.chunk(process_count())[process_rank()]


def gather_values(value: Any) -> list[Any]:
    """A small plain value of each process, in their order."""
    if process_count() == 1:
        return [value]
    values: list[Any] = [None] * process_count()
    with _talking():
        dist.all_gather_object(values, value, group=_host_group())
    return values


def any_says(answer: bool) -> bool:
    """Whether one of the processes says yes. Does not wait for a GPU."""
    if process_count() == 1:
        return answer
    answers = torch.tensor(int(answer))
    with _talking():
        dist.all_reduce(answers, dist.ReduceOp.MAX, group=_host_group())
    return bool(answers)


def average_over_processes(tensors: Sequence[Tensor]) -> None:
    """Replace each tensor by its mean over the processes: all in one message a type."""
    if process_count() == 1:
        return
    for dtype in dict.fromkeys(tensor.dtype for tensor in tensors):
        alike = [tensor for tensor in tensors if tensor.dtype == dtype]
        flat = torch.cat([tensor.reshape(-1) for tensor in alike])
        with _talking():
            dist.all_reduce(flat)
        flat /= process_count()
        parts = flat.split([tensor.numel() for tensor in alike])
        torch._foreach_copy_(alike, [part.view(tensor.shape) for part, tensor in zip(parts, alike, strict=True)])


def copy_from_first(tensors: Sequence[Tensor]) -> None:
    """Overwrite the tensors of all processes with those of the first."""
    if process_count() == 1:
        return
    for tensor in tensors:
        sent = tensor.detach().contiguous()
        with _talking():
            dist.broadcast(sent, 0)
        tensor.detach().copy_(sent)


def leave() -> None:
    """Forget the group of the processes that trained together."""
    _host_group.cache_clear()
    dist.destroy_process_group()


@cache
def _host_group() -> Any:
    """A group whose messages do not pass through a GPU."""
    return dist.group.WORLD if dist.get_backend() == "gloo" else dist.new_group(backend="gloo", timeout=PATIENCE)


@contextmanager
def _talking() -> Iterator[None]:
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        raise RunError(
            f"another process of this training is gone or does not answer ({' '.join(str(error).split())[:160]}); the "
            "last saved state is intact: start all of them again with --continue_train"
        ) from error
