"""From the batch of a loader to what a method takes: pictures on the device, and the random numbers of each sample."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from translate.collectives import average_over_processes, process_count
from translate.data.tensors import to_signed
from translate.methods import Method
from translate.randomness import generator

Batch = dict[str, Any]


class Preparation:
    """Turns pictures of 8 bits into [-1, 1] on the device, and draws what the method needs for every sample. Deep ones
    are in [-1, 1] already.

    Args:
        method: says what is to be drawn (``Method.draw``).
        seed: of the run.
        device: where the networks are.
        layout: memory format of the pictures; convolutions are fastest in channels-last.
    """

    def __init__(
        self,
        method: Method,
        seed: int,
        device: torch.device,
        layout: torch.memory_format = torch.channels_last,
    ):
        self.method = method
        self.seed = seed
        self.device = device
        self.layout = layout

    def __call__(self, batch: Batch) -> Batch:
        domains = [key for key, value in batch.items() if isinstance(value, Tensor)]
        sizes = {domain: tuple(batch[domain].shape[-2:]) for domain in domains}
        draws = [
            self.method.draw(generator(self.seed, "method", batch["epoch"], index), sizes) for index in batch["index"]
        ]
        ready = dict(batch)
        for domain in domains:
            on_device = batch[domain].to(self.device, non_blocking=True)
            ready[domain] = to_signed(on_device.contiguous(memory_format=self.layout))
        for name in draws[0]:
            ready[name] = self._stack([draw[name] for draw in draws])
        return ready

    def seed_layers(self, batch: Batch) -> None:
        """Layers that draw by themselves (dropout) see the same numbers in a resumed run."""
        torch.manual_seed(int(generator(self.seed, "layers", batch["epoch"], batch["index"][0]).integers(2**62)))

    def _stack(self, values: list[Any]) -> Any:
        """One tensor for the batch from a value a sample, on the device but for what ``Method.draw`` has decided."""
        if not isinstance(values[0], list):
            return self._hand_over(torch.from_numpy(np.stack(values)))
        columns = [torch.from_numpy(np.stack(column)) for column in zip(*values, strict=True)]
        if decides(columns[0]) or len({column.shape for column in columns}) > 1:
            return [self._hand_over(column) for column in columns]
        return list(self._hand_over(torch.stack(columns)).unbind())  # at once

    def _hand_over(self, stacked: Tensor) -> Tensor:
        return stacked if decides(stacked) else stacked.to(self.device, non_blocking=True)


def decides(stacked: Tensor) -> bool:
    """Whether a number a sample is a decision of ``Method.draw``, which the host reads."""
    return stacked.ndim == 1 and not stacked.is_floating_point()


@torch.no_grad()
def share_counts(method: Method, parts: list[Batch]) -> list[Batch]:
    """The prepared parts with what ``Method.counts`` finds, as the mean over these parts of all processes."""
    if len(parts) == 1 and process_count() == 1:
        return parts
    found = [method.counts(part) for part in parts]
    means = {name: torch.stack([counts[name].float() for counts in found]).mean(0) for name in found[0]}
    average_over_processes(list(means.values()))
    counts = {name: torch.where(mean > 0, mean, 1.0) for name, mean in means.items()}  # where it is 0, so is the sum
    return [{**part, "counts": counts} for part in parts]


def split_batch(batch: Batch, parts: int) -> list[Batch]:
    """The batch of a loader cut into so many equal ones, in order."""
    if parts == 1:
        return [batch]
    size = len(batch["index"]) // parts
    cuts = [slice(part * size, (part + 1) * size) for part in range(parts)]
    return [
        {key: value[cut] if isinstance(value, list | Tensor) else value for key, value in batch.items()} for cut in cuts
    ]
