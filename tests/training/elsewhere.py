"""A device for tests on machines that have none beside the host.

Its tensors lie in the host's memory and are computed there, but say that they are elsewhere (on ``meta``), and behave
as those of a GPU do in two respects: they refuse tensors of the host beside them, and they know when the host has to
wait until everything before is computed: when it asks for their content, or copies there without ``non_blocking``.
"""

import contextlib
import traceback
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from translate.training import optimizers

ELSEWHERE = torch.device("meta")
PACKAGE = str(Path(__file__).resolve().parents[2] / "translate")
aten = torch.ops.aten
# The size or the value of their result is known on the host only when the device has come to it.
ASKING = {
    aten._local_scalar_dense.default, aten.nonzero.default, aten.equal.default, aten._unique2.default,
    aten.masked_select.default,
}  # fmt: skip
COPYING = {aten._to_copy.default, aten.copy_.default}
INDEXING = {aten.index.Tensor, aten.index_put.default, aten.index_put_.default}


class Elsewhere(torch.Tensor):
    """A tensor of the device; ``content`` is what lies there."""

    content: Tensor

    @staticmethod
    def __new__(cls, content: Tensor) -> "Elsewhere":
        return torch.Tensor._make_wrapper_subclass(
            cls,
            content.shape,
            strides=content.stride(),
            storage_offset=content.storage_offset(),
            dtype=content.dtype,
            device=ELSEWHERE,
        )

    def __init__(self, content: Tensor):
        self.content = content

    def __repr__(self) -> str:
        return f"Elsewhere({tuple(self.shape)}, {self.dtype})"

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        copy = Elsewhere(self.content.detach().clone())
        return nn.Parameter(copy, self.requires_grad) if isinstance(self, nn.Parameter) else copy

    def __reduce_ex__(self, protocol: int) -> Any:
        return self.content.detach().__reduce_ex__(protocol)

    def tolist(self) -> Any:
        """Torch gives the values of none but its own tensors."""
        wait()
        return self.content.tolist()

    def new_tensor(self, data: Any, dtype: torch.dtype | None = None) -> Tensor:
        """Torch would make one of the host's."""
        return torch.tensor(data, dtype=dtype or self.dtype, device=ELSEWHERE)

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return compute(func, args, kwargs or {})


class Device(TorchDispatchMode):
    """Within it the device is there: ``.to(ELSEWHERE)`` and ``device=ELSEWHERE`` make its tensors.

    ``waits`` are the places in the package at which the host waited for it.
    """

    waits: ClassVar[list[str]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return compute(func, args, kwargs or {})


def compute(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """The operation on the contents; what it changed in place is given back as it came."""
    tensors: list[Tensor] = []
    _with_tensors((args, kwargs), tensors.append)
    here = [tensor for tensor in tensors if not isinstance(tensor, Elsewhere)]
    known = {id(tensor.content): tensor for tensor in tensors if isinstance(tensor, Elsewhere)}
    goes_there = kwargs.get("device") == ELSEWHERE
    if not known and not goes_there:
        return func(*args, **kwargs)  # between the host's own
    if func is aten._to_copy.default:
        stays = goes_there or (bool(known) and kwargs.get("device") is None)
    elif func is aten.copy_.default:
        stays = isinstance(args[0], Elsewhere)
    else:
        stays = bool(known) or goes_there
        apart = [tensor for tensor in here if tensor.ndim > 0]  # single numbers go along with everything
        if known and apart:
            shapes = [(type(tensor).__name__, tuple(tensor.shape)) for tensor in tensors]
            raise RuntimeError(f"{func}: tensors of two devices: {shapes}")
    if known and (func in ASKING or not stays or (func in INDEXING and _has_a_mask(args[1]))):
        wait()
    if func in COPYING and here and stays and not _goes_by_itself(func, args, kwargs):
        wait()
    args, kwargs = _with_tensors((args, kwargs), lambda tensor: getattr(tensor, "content", tensor))
    result = func(*args, **{**kwargs, **({"device": torch.device("cpu")} if goes_there else {})})
    if not stays:
        return result
    return _with_tensors(result, lambda tensor: known[id(tensor)] if id(tensor) in known else Elsewhere(tensor))


def _with_tensors(value: Any, change: Callable[[Tensor], Any]) -> Any:
    """The same with each tensor changed; operations have them in lists, tuples and a dict, and torch's own function for
    it, which knows more kinds, would take most of the time of these tests."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, list | tuple):
        return type(value)([_with_tensors(each, change) for each in value])
    if isinstance(value, dict):
        return {key: _with_tensors(each, change) for key, each in value.items()}
    return value


def wait() -> None:
    """The host waits for the device: remember where."""
    frames = (each for each, _ in traceback.walk_stack(None) if each.f_code.co_filename.startswith(PACKAGE))
    places = [f"{Path(each.f_code.co_filename).name}:{each.f_lineno}" for each in islice(frames, 3)]
    Device.waits.append(" < ".join(places))


def _goes_by_itself(func: Any, args: Any, kwargs: dict[str, Any]) -> bool:
    """Whether the host goes on while what it hands over is copied."""
    return kwargs.get("non_blocking", func is aten.copy_.default and len(args) > 2 and args[2])


def _has_a_mask(indices: Any) -> bool:
    return any(isinstance(index, Tensor) and index.dtype in (torch.bool, torch.uint8) for index in indices)


@contextlib.contextmanager
def device() -> Iterator[list[str]]:
    """The device is there, and torch's functions that choose by the names of devices know it; gives ``waits``."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("tensor", "as_tensor"):  # no operations, so that nobody is asked
            patch.setattr(torch, name, _moving(getattr(torch, name)))
        patch.setattr(torch, "autocast", _without_autocast(torch.autocast))
        # Wrapped tensors have no inference mode.
        patch.setattr(torch, "inference_mode", lambda on=True: torch.no_grad() if on else contextlib.nullcontext())
        for name in ("Adam", "AdamW"):
            patch.setattr(optimizers, name, _unfused(getattr(optimizers, name)))
        patch.setattr(Device, "waits", [])
        with Device():
            yield Device.waits


def _moving(make: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def moved(data: Any, *args: Any, device: Any = None, **kwargs: Any) -> Tensor:
        there = device is not None and torch.device(device) == ELSEWHERE
        made = make(data, *args, device=None if there else device, **kwargs)
        return made.to(ELSEWHERE) if there else made

    return moved


def _without_autocast(autocast: Any) -> Callable[..., Any]:
    return lambda kind, *args, **kwargs: (
        contextlib.nullcontext() if kind == ELSEWHERE.type else autocast(kind, *args, **kwargs)
    )


def _unfused(optimizer: Any) -> Callable[..., Any]:
    return lambda *args, **kwargs: optimizer(*args, **{**kwargs, "fused": False})
