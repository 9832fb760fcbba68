"""In which precision the networks compute: as told, or the best that the hardware is fast in."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from torch import nn

from translate.errors import InputError

HALF = {"bf16": torch.bfloat16, "fp16": torch.float16}
# Channels of a generator's first convolution. Below this, bf16 saves less than a tenth of a step (docs/precision.md).
WIDE = 32


@dataclass(frozen=True)
class Precision:
    """What ``--precision`` came to.

    Weights, optimisers, losses, statistics and feature normalisation stay in float32. ``bf16`` and ``fp16`` are the
    type of convolutions and of the maps between them (autocast), ``tf32`` that of a GPU's float32 products.
    """

    name: str
    device: torch.device

    def autocast(self) -> AbstractContextManager:
        """The context in which a forward pass computes."""
        half = HALF.get(self.name)
        return torch.autocast(
            self.device.type, dtype=half, enabled=half is not None, cache_enabled=keeps_gradients_apart()
        )

    def scaler(self) -> torch.amp.GradScaler:
        """Keeps gradients of fp16 within its range; without effect for the others."""
        return torch.amp.GradScaler(self.device.type, enabled=self.name == "fp16")

    @property
    def layout(self) -> torch.memory_format:
        """How maps and weights lie in training: channels-last, in which convolutions are fastest.

        Not so in float32 on x86 CPUs without AVX512: there they take 2 to 2.7 times as long backwards in it.
        """
        flags = cpu_flags() if self.device.type == "cpu" and self.name == "fp32" else set()
        return torch.contiguous_format if "avx2" in flags and "avx512f" not in flags else torch.channels_last

    def set_up(self) -> None:
        """Tell torch how to multiply float32 numbers on a GPU, for which it has its own defaults.

        Those that are left beside half precision are the ones that must not be rounded: similarities and penalties.
        """
        if self.device.type == "cuda":
            allowed = self.name == "tf32"
            torch.set_float32_matmul_precision("high" if allowed else "highest")
            torch.backends.cudnn.allow_tf32 = allowed


def choose_precision(
    word: str, device: torch.device, deep: bool = False, generator: nn.Module | None = None
) -> Precision:
    """The precision of ``--precision``: ``auto`` is bf16 where the device is fast in it, else fp32.

    Args:
        deep: pictures have more than 8 bits, which is all that bf16 can tell apart: ``auto`` is fp32.
        generator: that is trained or translates, if any: for one so narrow that bf16 does not repay its rounding,
            ``auto`` is fp32.

    Raises:
        InputError: the device does not know this precision.
    """
    if word == "auto":
        repays = is_fast_in_bf16(device) and not deep and not (generator is not None and _is_narrow(generator))
        return Precision("bf16" if repays else "fp32", device)
    if word == "tf32" and device.type != "cuda":
        raise InputError("--precision tf32 is a precision of GPUs; on a CPU use --precision fp32 or bf16")
    return Precision(word, device)


def _is_narrow(generator: nn.Module) -> bool:
    """Known by torch's own convolutions; those of StyleGAN2 are of another kind, and wide inside."""
    first = next((layer for layer in generator.modules() if isinstance(layer, nn.Conv2d)), None)
    return first is not None and first.out_channels < WIDE


@cache
def keeps_gradients_apart() -> bool:
    """Whether weights that were cast for a pass without gradients are cast anew for one with them.

    Older versions of torch (2.6 is one) use them again: a network that first sees keys and then queries, as the
    projection of CUT, would silently get no gradient from the queries. There nothing that was cast is kept.
    """
    with torch.inference_mode(False), torch.enable_grad(), torch.autocast("cpu", torch.bfloat16):
        weight, x = torch.ones(1, 1, requires_grad=True), torch.ones(1, 1)
        with torch.no_grad():
            torch.nn.functional.linear(x, weight)
        return torch.nn.functional.linear(x, weight).requires_grad


@cache
def is_fast_in_bf16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 in hardware: GPUs since sm80, CPUs with AMX or AVX512-BF16."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    return device.type == "cpu" and bool(cpu_flags() & {"amx_bf16", "avx512_bf16"})


@cache
def cpu_flags(cpuinfo: Path = Path("/proc/cpuinfo")) -> set[str]:
    """What the processor says it can do; nothing on systems without this file."""
    if not cpuinfo.exists():
        return set()
    lines = cpuinfo.read_text(errors="replace").splitlines()
    return {flag for line in lines if line.startswith("flags") for flag in line.partition(":")[2].split()}
