"""Which samples a run sees, in which order: all epochs in one sequence that can be entered anywhere."""

from collections.abc import Iterator

from torch.utils.data import Sampler

from translate.errors import InputError
from translate.randomness import generator

Key = tuple[int, int]


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
        start_sample: samples of that epoch that were already consumed.

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
    ):
        if batch_size < 1:
            raise InputError(f"--batch_size is {batch_size}; give a positive number")
        if batch_size > length:
            raise InputError(
                f"--batch_size {batch_size} is larger than the data, which has {length} pictures in its larger domain;"
                f" use --batch_size {length} or less"
            )
        if start_epoch < 1 or start_sample < 0:
            raise ValueError(f"cannot start at epoch {start_epoch}, sample {start_sample}")
        self.length = length
        self.batch_size = batch_size
        self.seed = seed
        self.n_epochs = n_epochs
        self.serial = serial
        self.start_epoch = start_epoch
        self.start_sample = start_sample

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
                yield [(epoch, index) for index in order[first : first + self.batch_size]]
            start = 0

    def _order(self, epoch: int) -> list[int]:
        if self.serial:
            return list(range(self.length))
        return generator(self.seed, "order", epoch).permutation(self.length).tolist()
