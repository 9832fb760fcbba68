"""Batches on their way to a GPU while it computes the step before."""

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor


def staged(batches: Iterable[dict[str, Any]], device: torch.device) -> Iterable[dict[str, Any]]:
    """The same batches with their tensors on the device, if that is a GPU; elsewhere as they are.

    The copies are queued on a stream of their own as soon as a batch is asked for, which the training loop does while
    the GPU still has the step before in its queue; on the stream of the steps they would wait for its end. Batches
    should lie in pinned memory, or each copy is waited for.
    """
    return _copied(batches, device) if device.type == "cuda" else batches


def _copied(batches: Iterable[dict[str, Any]], device: torch.device) -> Iterator[dict[str, Any]]:
    copying = torch.cuda.Stream(device)
    for batch in batches:
        with torch.cuda.stream(copying):
            ready = {
                key: value.to(device, non_blocking=True) if isinstance(value, Tensor) else value
                for key, value in batch.items()
            }
        computing = torch.cuda.current_stream(device)
        computing.wait_stream(copying)
        for value in ready.values():
            if isinstance(value, Tensor):
                value.record_stream(computing)  # its memory is not given out again before the step has read it
        yield ready
