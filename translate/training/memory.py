"""Memory: kept from step to step, how much was needed, and whether it was too little."""

import contextlib
import ctypes
import platform
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from translate.data.machine import available_memory_mb
from translate.errors import RunError

try:
    import resource
except ImportError:  # Windows does not tell it in this way
    resource = None

# Numbers of mallopt(3) in glibc.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGEST_BLOCK_BYTES = 2**30
# As torch's allocators, the C++ library, CUDA and its libraries (CUBLAS_STATUS_ALLOC_FAILED) put it.
SAYING_OUT_OF_MEMORY = ("allocate", "bad_alloc", "out of memory", "ALLOC_FAILED")


def keep_freed_memory(device: torch.device) -> bool:
    """Let what a CPU computes next have the memory of what came before; returns whether the C library was told.

    Feature maps of many megabytes are made and dropped in every step and for every picture. By default glibc returns
    each to the system, which hands it out again page by page, filled with zeros: a tenth of the time. Peak memory is
    the same as long as sizes are (see ``release_freed_memory``).
    """
    mallopt = _of_c_library("mallopt", device)
    return mallopt is not None and all(
        [mallopt(M_MMAP_THRESHOLD, LARGEST_BLOCK_BYTES), mallopt(M_TRIM_THRESHOLD, 2**31 - 1)]
    )


def release_freed_memory(device: torch.device) -> None:
    """Return what was kept, before maps of other sizes come: blocks that fit none of them would add up."""
    trim = _of_c_library("malloc_trim", device)
    if trim is not None:
        trim(0)


def _of_c_library(name: str, device: torch.device) -> Callable[..., int] | None:
    """A function of glibc about the memory of a CPU; None elsewhere."""
    if device.type != "cpu" or not sys.platform.startswith("linux"):
        return None
    return getattr(ctypes.CDLL(None), name, None)  # musl has none


def peak_mib(device: torch.device) -> float | None:
    """The most memory so far in MiB: of a GPU's tensors, on a CPU of the whole process; None where nobody knows."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    if resource is None:
        return None
    unit = 2**20 if platform.system() == "Darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def free_bytes(device: torch.device) -> int | None:
    """Memory of the device that nobody uses; None where nobody knows."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    available_mb = available_memory_mb()
    return None if available_mb is None else available_mb * 2**20


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that there was not enough memory; on a CPU torch has no type of its own for it, and the
    libraries of a GPU have words of their own."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in SAYING_OUT_OF_MEMORY)


@contextlib.contextmanager
def networks_fit(device: torch.device) -> Iterator[None]:
    """Too little memory within the block, which makes what a training has before its first step, becomes a sentence.

    Raises:
        RunError: with what would help.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        elsewhere = " (nvidia-smi tells who has it), choose another GPU by --gpu_ids" if device.type == "cuda" else ""
        raise RunError(
            f"the networks and their optimisers do not fit into the memory that {device} has left: free some of it"
            f"{elsewhere}, or make the networks smaller"
        ) from error


@contextlib.contextmanager
def naming_what_does_not_fit(path: Path, device: torch.device, remedy: str) -> Iterator[None]:
    """Too little memory within the block becomes a sentence about the picture that is translated there.

    Args:
        remedy: flags that would help.

    Raises:
        RunError: with these.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise RunError(f"{path} needs more memory than {device} has; give {remedy}") from error
