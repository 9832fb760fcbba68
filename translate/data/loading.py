"""Samples -> batches, made by worker processes that die quietly and complain in words."""

import signal
import threading
import weakref
from collections.abc import Iterable, Iterator
from typing import TypedDict

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, default_collate, get_worker_info

from translate.data.listing import shown
from translate.data.machine import usable_cores
from translate.data.sampling import Key
from translate.data.unpaired import Sample
from translate.errors import InputError, LostReader, TranslateError

MOST_DEFAULT_WORKERS = 4
WORKER_GRACE_S = 30  # how long a worker outlives a terminate signal, so that the main process can finish its step


class Batch(TypedDict, total=False):
    """Samples of one epoch, stacked: A and, where there are two domains, B are (B, C, H, W), uint8 or float32.

    They lie in memory channels last, as the networks want them.
    """

    A: Tensor
    B: Tensor
    A_paths: list[str]
    B_paths: list[str]
    tokens: list[list[int]]  # ids of a text for each picture, of any length
    epoch: int
    index: list[int]


def default_workers(share: int = 1) -> int:
    """Loader processes to start when nobody says, for each of ``share`` training processes on this machine.

    One a core that they may use, at least 1 and at most 4.
    """
    return min(MOST_DEFAULT_WORKERS, max(usable_cores() // share, 1))


def make_loader(
    dataset: Dataset,
    sampler: Iterable[list[Key]],
    workers: int,
    pin_memory: bool = False,
    multiprocessing_context: str | None = None,
) -> "Batches":
    """Batches of ``dataset`` in the order of ``sampler``, the same for any number of workers.

    Args:
        dataset: gives a :class:`Sample` for a key (epoch, index).
        sampler: gives lists of keys; each list, of one epoch, becomes a batch.
        workers: processes that read ahead; 0 reads in this one.
        pin_memory: place batches where a GPU can fetch them while computing; ignored without a GPU.
        multiprocessing_context: ``fork``, ``spawn`` or ``forkserver``; None takes Python's default.
    """
    loader = DataLoader(
        _InWords(dataset),
        batch_sampler=sampler,
        num_workers=workers,
        collate_fn=_collate,
        pin_memory=pin_memory and torch.cuda.is_available(),
        worker_init_fn=_prepare_worker,
        multiprocessing_context=multiprocessing_context if workers else None,
        generator=torch.Generator(),  # the loader draws a seed for its workers; not from everybody's generator
    )
    return Batches(loader)


class Batches:
    """An iterable of :class:`Batch`; each iteration starts workers of its own and ends them.

    Raises, while iterating:
        InputError: a picture vanished, broke or does not fit (PictureError names it).
        LostReader: a worker process was killed, or has no room for its batches.
    """

    def __init__(self, loader: DataLoader):
        self._loader = loader

    def __len__(self) -> int:
        return len(self._loader)

    def __iter__(self) -> Iterator[Batch]:
        # The only reference to the running loader is in this list: emptying it ends the workers, also
        # when Python exits in the middle of an epoch.
        running = [_started(self._loader)]
        end = weakref.finalize(self, running.clear)
        try:
            while (batch := _next(running)) is not None:
                yield batch
        finally:
            end()


def _started(loader: DataLoader) -> Iterator:
    """Start the workers without torch's reaction to their deaths.

    Its handler raises wherever the main process happens to be, perhaps in the middle of a step or of a
    checkpoint; without it a death is noticed by the next request for a batch.
    """
    if not loader.num_workers or not hasattr(signal, "SIGCHLD"):
        return iter(loader)
    handler = signal.getsignal(signal.SIGCHLD)
    iterator = iter(loader)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGCHLD, signal.SIG_DFL if handler is None else handler)
    return iterator


def _next(running: list) -> Batch | None:
    try:
        batch = next(running[0])
    except StopIteration:
        return None
    except (RuntimeError, OSError, EOFError) as error:
        if not _tells_of_lost_worker(error):
            raise
        why = str(error) or type(error).__name__
        remedy = "free some memory or use --num_threads 0"
        raise LostReader(f"a process that reads pictures was lost ({why}); {remedy}") from error
    if isinstance(batch, TranslateError):
        raise batch
    return batch


def _tells_of_lost_worker(error: Exception) -> bool:
    """Whether torch noticed a death, or the connection broke over which a dead worker's batch was to come."""
    if isinstance(error, RuntimeError):
        return str(error).startswith("DataLoader worker")
    return isinstance(error, (ConnectionError, EOFError)) and not str(error).startswith("Caught")


class _InWords(Dataset):
    """A data set that hands over its errors as values.

    An exception that leaves a worker reaches the user as the text of two tracebacks; as a value it
    arrives whole and is raised in the main process.
    """

    def __init__(self, dataset: Dataset):
        self.dataset = dataset

    def __getitem__(self, key: Key) -> Sample | TranslateError:
        try:
            return self.dataset[key]
        except TranslateError as error:
            return error.with_traceback(None)


def _collate(samples: list[Sample | TranslateError]) -> Batch | TranslateError:
    """The batch, in a worker in memory that it shares with the main process.

    That is torch's part of it. Where there is too little such memory it fails here, in words; were plain tensors handed
    over, torch would fail in a thread of its own, and the main process would wait for a batch that never comes.
    """
    failed = next((sample for sample in samples if isinstance(sample, TranslateError)), None)
    if failed is not None:
        return failed
    batch = Batch(epoch=samples[0]["epoch"], index=[sample["index"] for sample in samples])
    for letter in ("A", "B"):
        if letter not in samples[0]:
            continue
        other = next((s for s in samples if s[letter].shape != samples[0][letter].shape), None)
        if other is not None:
            return _uneven(letter, samples[0], other)
        try:
            # (B, H, W, C), as they lie
            pixels = default_collate([sample[letter].permute(1, 2, 0) for sample in samples])
        except RuntimeError as error:
            if get_worker_info() is None:
                raise
            return _no_shared_memory(error)
        batch[letter] = pixels.permute(0, 3, 1, 2)  # (B, C, H, W)
        batch[f"{letter}_paths"] = [sample[f"{letter}_path"] for sample in samples]
    if "tokens" in samples[0]:
        batch["tokens"] = [sample["tokens"] for sample in samples]
    return batch


def _uneven(letter: str, first: Sample, second: Sample) -> InputError:
    one, other = (
        f"{shown(sample[f'{letter}_path'])} ({sample[letter].shape[-1]}x{sample[letter].shape[-2]})"
        for sample in (first, second)
    )
    return InputError(
        f"{one} and {other} come out in different sizes and do not fit in one batch;"
        " use --batch_size 1 or --preprocess resize_and_crop"
    )


def _no_shared_memory(error: RuntimeError) -> LostReader:
    why = " ".join(str(error).split())
    return LostReader(
        f"a batch does not fit into the memory that processes share, /dev/shm on Linux ({why}); use --num_threads 0, "
        "or give the machine more of it, a container with docker run --shm-size=8g"
    )


def _prepare_worker(worker: int) -> None:
    """Leave signals to the main process, which saves its state and then ends its workers."""
    torch.set_num_threads(1)
    for name in ("SIGINT", "SIGHUP"):  # the latter is not there on Windows
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    if hasattr(signal, "alarm"):
        signal.signal(signal.SIGTERM, lambda *_: signal.alarm(WORKER_GRACE_S))
