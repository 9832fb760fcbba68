"""Where the arithmetic happens."""

import torch

from translate.errors import InputError


def choose_device(gpu_ids: str) -> torch.device:
    """The device that ``--gpu_ids`` names: the first of a comma list; -1, or a machine without GPU, is the CPU.

    Raises:
        InputError: not a list of numbers, or no such GPU.
    """
    try:
        ids = [int(word) for word in gpu_ids.split(",") if word.strip()]
    except ValueError:
        raise InputError(f"--gpu_ids {gpu_ids} is not a list of numbers such as 0 or -1") from None
    ids = [number for number in ids if number >= 0]
    if not ids or not torch.cuda.is_available():
        return torch.device("cpu")
    if ids[0] >= torch.cuda.device_count():
        raise InputError(f"--gpu_ids {gpu_ids}: this machine has {torch.cuda.device_count()} GPUs, numbered from 0")
    if len(ids) > 1:
        print(f"note: one process uses one GPU; of --gpu_ids {gpu_ids} it takes {ids[0]}")
    return torch.device("cuda", ids[0])


def describe_device(device: torch.device, precision: str) -> str:
    """Both in words, such as ``cpu (2 threads, bf16)``."""
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)}, {precision})"
    return f"cpu ({torch.get_num_threads()} threads, {precision})"
