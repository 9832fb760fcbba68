"""Where the arithmetic happens."""

import torch

from translate.called import again
from translate.errors import InputError
from translate.training.processes import Processes


def choose_device(gpu_ids: str, processes: Processes | None = None) -> torch.device:
    """The device of this process: of those that ``--gpu_ids`` names, the first, or under ``torchrun`` one each.

    -1, or a machine without GPU, is the CPU.

    Raises:
        InputError: not a list of numbers, or no such GPU.
    """
    processes = processes or Processes()
    try:
        ids = [int(word) for word in gpu_ids.split(",") if word.strip()]
    except ValueError:
        raise InputError(f"--gpu_ids {gpu_ids} is not a list of numbers such as 0 or -1") from None
    ids = [number for number in ids if number >= 0]
    if not ids or not torch.cuda.is_available():
        if ids and torch.backends.mps.is_available():
            print("note: the GPU of a Mac is not used: all is computed on its CPU")
        return torch.device("cpu")
    count = torch.cuda.device_count()
    if ids == [0]:
        if processes.local_count > count:
            raise InputError(
                f"{processes.local_count} processes on a machine with {count} GPUs, of which each needs one: start "
                f"torchrun with --nproc_per_node={count}, or give --gpu_ids -1 to use CPUs"
            )
        ids = list(range(processes.local_count))  # the default, which means the first ones
    if len(ids) < processes.local_count:
        raise InputError(
            f"--gpu_ids {gpu_ids} names too few GPUs for the {processes.local_count} processes on this machine; name "
            "one for each, or leave the flag out to use the first ones"
        )
    wanted = ids[: processes.local_count]
    if len(set(wanted)) < len(wanted):
        raise InputError(f"--gpu_ids {gpu_ids} names a GPU twice; each process needs one of its own")
    if max(wanted) >= count:
        raise InputError(f"--gpu_ids {','.join(map(str, wanted))}: this machine has {count} GPUs, numbered from 0")
    if len(ids) > 1 and processes.count == 1:
        print(
            f"note: one process uses one GPU, which is {ids[0]}; for all of --gpu_ids {gpu_ids} start "
            f"torchrun --nproc_per_node={len(ids)} {again()}"
        )
    return torch.device("cuda", ids[processes.local_rank])


def describe_device(device: torch.device, precision: str) -> str:
    """Both in words, such as ``cpu (2 threads, bf16)``."""
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)}, {precision})"
    return f"cpu ({torch.get_num_threads()} threads, {precision})"
