"""Networks through ``torch.compile``, where it is asked for and can work."""

import importlib.util
import os
import shutil

import torch

from translate.methods import Method
from translate.training.precision import HALF, Precision, cpu_flags

COMPILERS = ("g++", "clang++", "c++")


def compile_networks(method: Method, word: str, precision: Precision) -> bool:
    """Compile the networks as ``--compile`` says; whether it was done. Names in state dicts stay as they are.

    ``auto`` compiles nothing: on a CPU the result is slower than the layers as they are (docs/performance.md), and for
    GPUs nobody has measured yet how many steps repay it. What cannot be compiled runs as it is.
    """
    if word != "on":
        return False
    obstacle = why_not(precision)
    if obstacle:
        print(f"note: --compile on without effect: {obstacle}")
        return False
    torch._dynamo.config.suppress_errors = True  # a layer that does not compile runs as it is
    for network in method.networks.values():
        network.compile()
    return True


def are_cast_at_once(method: Method, precision: Precision) -> bool:
    """Whether weights are best cast by one operation for each pass (``CastWeights``): in half precision on a GPU, which
    waits for Python where batches are small. A CPU would cast what a pass does not need, and a compiler joins casts
    with what is around them."""
    if precision.name not in HALF or precision.device.type != "cuda":
        return False
    return not any(network._compiled_call_impl or "_run" in vars(network) for network in method.networks.values())


def cannot_compile(error: RuntimeError) -> bool:
    """Whether an error is the compiler's. What it cannot compile runs as it is, but for gradients, which it makes only
    when the first of them is asked for."""
    return type(error).__module__.startswith(("torch._dynamo", "torch._inductor"))


def why_not(precision: Precision) -> str | None:
    """What stands in the way of compiling here."""
    if precision.device.type == "cpu" and precision.name == "bf16" and "amx_bf16" in cpu_flags():
        # Seen with torch 2.14: not finite from the first step on, while each kind of layer alone is right.
        return "the gradients of compiled generators are wrong on CPUs with AMX in bf16 (--precision fp32 compiles)"
    missing = missing_compiler(precision.device)
    return missing and f"{missing} is missing"


def missing_compiler(device: torch.device) -> str | None:
    """What torch.compile would need and does not find here."""
    if device.type == "cuda":
        return None if importlib.util.find_spec("triton") else "triton"
    named = os.environ.get("CXX")
    found = any(shutil.which(name) for name in ([named] if named else COMPILERS))
    return None if found else "a C++ compiler"
