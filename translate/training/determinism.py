"""Whether a GPU has to give the same bits each time, which costs it speed."""

import os

import torch


def choose_algorithms(deterministic: bool) -> None:
    """Ask for reproducible algorithms, or for the fastest ones, which cuDNN finds out by trying.

    On the CPU all that is used here is reproducible already.

    Raises, later:
        RuntimeError: an operation has no reproducible algorithm (``has_no_algorithm``).
    """
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS wants to be told before its first product
    torch.use_deterministic_algorithms(deterministic)
    torch.backends.cudnn.benchmark = not deterministic


def has_no_algorithm(error: RuntimeError) -> bool:
    """Whether an error says that an operation has no reproducible algorithm, though one was asked for."""
    return "deterministic" in str(error) and torch.are_deterministic_algorithms_enabled()
