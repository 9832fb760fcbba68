"""Which samples a run sees, in which order: all epochs in one sequence that can be entered anywhere."""

from collections.abc import Iterator
from dataclasses import dataclass

from torch.utils.data import Sampler

from translate.errors import InputError
from translate.randomness import generator

Key = tuple[int, int]


@dataclass(frozen=True)
class Share:
    """Which samples of each batch one of several processes computes, and in how many parts.

    A batch is cut into ``parts``, which are computed one after the other, and each part into ``processes``: so the
    order of the samples over parts and processes is that of the batch.
    """

    process: int = 0
    processes: int = 1
    parts: int = 1

    def of(self, batch: list[Key]) -> list[Key]:
        """The samples of this process, those of the first part first.

        >>> [Share(process, processes=2, parts=2).of(list(range(8))) for process in (0, 1)]
        [[0, 1, 4, 5], [2, 3, 6, 7]]
        """
        part = len(batch) // self.parts
        own = part // self.processes
        starts = range(self.process * own, len(batch), part)
        return [key for start in starts for key in batch[start : start + own]]

    def check(self, batch_size: int) -> None:
        """Refuse a batch size that does not come out even.

        Raises:
            InputError: names a size that does.
        """
        pieces = self.processes * self.parts
        if batch_size % pieces:
            larger = (batch_size // pieces + 1) * pieces
            sharing = [f"{self.processes} processes"] if self.processes > 1 else []
            sharing += [f"--accumulate {self.parts}"] if self.parts > 1 else []
            raise InputError(
                f"--batch_size {batch_size} cannot be shared evenly by {' with '.join(sharing)}: "
                f"use --batch_size {larger}"
            )


class EpochSampler(Sampler[list[Key]]):
    """Batches of keys (epoch, index) from one epoch to the last, for a loader's ``batch_sampler``.

    Each epoch, counted from 1, visits every index once in an order that depends on seed and epoch
    alone; what does not fill a batch at its end is left out. So a run that resumes after n samples
    of an epoch sees exactly what the uninterrupted one would have seen.

    Args:
        length: samples in an epoch.
        batch_size: samples in a batch, over all processes.
        seed: fixes the order.
        n_epochs: the last epoch, inclusive.
        serial: keep the order of the files.
        start_epoch: first epoch to give out.
        start_sample: samples of that epoch that were already consumed, over all processes.
        share: what this process computes of each batch.

    Raises:
        InputError: a batch would need more pictures than there are.
    """

    def __init__(
        self,
        length: int,
        batch_size: int,
        seed: int,
        n_epochs: int,
        serial: bool = False,
        start_epoch: int = 1,
        start_sample: int = 0,
        share: Share = Share(),
    ):
        if batch_size < 1:
            raise InputError(f"--batch_size is {batch_size}; give a positive number")
        if batch_size > length:
            pictures = "1 picture" if length == 1 else f"{length} pictures"
            smaller = "1" if length == 1 else f"{length} or less"
            raise InputError(
                f"--batch_size {batch_size} is larger than the data, which has {pictures} in its larger domain; "
                f"use --batch_size {smaller}, or more pictures"
            )
        if start_epoch < 1 or start_sample < 0:
            raise ValueError(f"cannot start at epoch {start_epoch}, sample {start_sample}")
        share.check(batch_size)
        self.length = length
        self.batch_size = batch_size
        self.seed = seed
        self.n_epochs = n_epochs
        self.serial = serial
        self.start_epoch = start_epoch
        self.start_sample = start_sample
        self.share = share

    @property
    def steps_per_epoch(self) -> int:
        """Batches in a whole epoch."""
        return self.length // self.batch_size

    def __len__(self) -> int:
        """Batches from the start to the end of the last epoch."""
        if self.start_epoch > self.n_epochs:
            return 0
        in_first = max(self.length - self.start_sample, 0) // self.batch_size
        return in_first + (self.n_epochs - self.start_epoch) * self.steps_per_epoch

    def __iter__(self) -> Iterator[list[Key]]:
        start = self.start_sample
        for epoch in range(self.start_epoch, self.n_epochs + 1):
            order = self._order(epoch)
            for first in range(start, self.length - self.batch_size + 1, self.batch_size):
                yield self.share.of([(epoch, index) for index in order[first : first + self.batch_size]])
            start = 0

    def _order(self, epoch: int) -> list[int]:
        if self.serial:
            return list(range(self.length))
        return generator(self.seed, "order", epoch).permutation(self.length).tolist()
