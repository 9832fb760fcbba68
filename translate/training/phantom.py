"""Tensors that have a shape and no content: what is computed with them tells how much memory it needs, in little time
and none of that memory."""

import weakref
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

META = torch.device("meta")
# Of these, torch's results on meta lie channels first where those of a CPU lie as the maps or the weights do.
LAID_OUT = {
    torch.ops.aten.convolution.default,
    torch.ops.aten.reflection_pad2d.default,
    torch.ops.aten.reflection_pad2d_backward.default,
    torch.ops.aten.replication_pad2d.default,
    torch.ops.aten.replication_pad2d_backward.default,
}
# Without a kernel for meta: mean and variance (C,) of each channel.
MISSING = {torch.ops.aten.batch_norm_update_stats.default: lambda x, *_: tuple(x.new_empty(2, x.shape[1]).float())}


class Ledger:
    """Bytes of the storages that are alive, and the most that ever were at once."""

    def __init__(self) -> None:
        self.live_bytes = 0
        self.peak_bytes = 0
        self.shapes = Shapes()
        self._alive: set[int] = set()

    def add(self, tensor: Tensor) -> None:
        """Count the storage of a tensor, once, until it is gone."""
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if key in self._alive:
            return
        self._alive.add(key)
        self.live_bytes += size
        self.peak_bytes = max(self.peak_bytes, self.live_bytes)
        weakref.finalize(storage, self._drop, key, size)

    def _drop(self, key: int, size: int) -> None:
        self._alive.discard(key)
        self.live_bytes -= size


class Phantom(torch.Tensor):
    """A tensor of the CPU in every respect but that it has no content.

    Each operation is one on torch's ``meta`` device, whose storages have a size and take no memory; they are counted
    in the ledger. Plain tensors may take part. Autograd and autocast work as ever.

    Args:
        content: on ``meta``.
        ledger: that all phantoms of a computation share.
    """

    content: Tensor
    ledger: Ledger

    @staticmethod
    def __new__(cls, content: Tensor, ledger: Ledger) -> "Phantom":
        return torch.Tensor._make_wrapper_subclass(
            cls,
            content.shape,
            strides=content.stride(),
            storage_offset=content.storage_offset(),
            dtype=content.dtype,
            device="cpu",
        )

    def __init__(self, content: Tensor, ledger: Ledger):
        self.content = content
        self.ledger = ledger
        ledger.add(content)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        copy = self.detach().clone()
        return nn.Parameter(copy, self.requires_grad) if isinstance(self, nn.Parameter) else copy

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """The operation on the contents; what it changed in place is given back as it came."""
        kwargs = {**(kwargs or {}), **({"device": META} if kwargs and "device" in kwargs else {})}
        known: dict[int, Phantom] = {}
        args, kwargs = (_each(value, lambda x: _content(x, known)) for value in (args, kwargs))
        ledger = next(iter(known.values())).ledger
        result = ledger.shapes.result(func, args, kwargs)
        return _each(result, lambda x: known[id(x)] if id(x) in known else cls(x, ledger))


class Conjuring(TorchDispatchMode):
    """Within it tensors that are made from nothing are phantoms too."""

    def __init__(self, ledger: Ledger):
        super().__init__()
        self.ledger = ledger

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if not _takes_device(func) or _has_tensor(args) or _has_tensor(tuple(kwargs.values())):
            return func(*args, **kwargs)
        return _each(func(*args, **{**kwargs, "device": META}), lambda x: Phantom(x, self.ledger))


class Shapes:
    """Results of operations on meta tensors. Torch takes milliseconds for some of them, and networks repeat them."""

    def __init__(self) -> None:
        self._found: dict[Any, Any] = {}

    def result(self, func: Any, args: Any, kwargs: Any) -> Any:
        if _only_writes(func):
            return _written(func, args, kwargs)
        key = func, _described(args), _described(kwargs)
        if key in self._found:
            return _each(self._found[key], torch.empty_like)
        result = MISSING.get(func, func)(*args, **kwargs)
        if func in LAID_OUT and any(_lies_channels_last(x) for x in args if isinstance(x, Tensor)):
            result = result.contiguous(memory_format=torch.channels_last)
        if not _storages(result) & _storages((args, kwargs)):
            self._found[key] = _each(result, torch.empty_like)  # all of it is new
        return result


def shadow(module: nn.Module, ledger: Ledger) -> Any:
    """A copy of a module whose parameters, buffers and other tensors in attributes are phantoms."""
    memo: dict[int, Any] = {}
    for parameter in module.parameters():
        content = Phantom(parameter.detach().to(META), ledger)
        memo[id(parameter)] = nn.Parameter(content, parameter.requires_grad)
    for buffer in module.buffers():
        memo[id(buffer)] = Phantom(buffer.to(META), ledger)
    return deepcopy(module, memo)


@cache
def _takes_device(func: Any) -> bool:
    return any(argument.name == "device" for argument in func._schema.arguments)


@cache
def _only_writes(func: Any) -> bool:
    """Whether all that the operation returns are arguments that it writes to, whose shapes stay."""
    schema = func._schema
    if not schema.is_mutable or torch.Tag.inplace_view in func.tags:
        return False
    return all(returned.alias_info is not None for returned in schema.returns)


def _written(func: Any, args: Any, kwargs: Any) -> Any:
    if not func._schema.returns:
        return None
    named = {argument.name: value for argument, value in zip(func._schema.arguments, args, strict=False)} | kwargs
    changed = [named[a.name] for a in func._schema.arguments if a.alias_info is not None and a.alias_info.is_write]
    return changed[0] if len(changed) == 1 else tuple(changed)


def _content(tensor: Tensor, known: dict[int, Phantom]) -> Tensor:
    if not isinstance(tensor, Phantom):
        return tensor.to(META)
    known[id(tensor.content)] = tensor
    return tensor.content


def _each(value: Any, change: Callable[[Tensor], Any]) -> Any:
    """The value with every tensor in it changed."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, list | tuple):
        return type(value)([_each(part, change) for part in value])
    if isinstance(value, dict):
        return {key: _each(part, change) for key, part in value.items()}
    return value


def _described(value: Any) -> Any:
    """All that the shape of a result depends on, to be compared."""
    if isinstance(value, Tensor):
        return value.shape, value.stride(), value.storage_offset(), value.dtype
    if isinstance(value, list | tuple):
        return tuple([_described(part) for part in value])
    if isinstance(value, dict):
        return tuple([(key, _described(part)) for key, part in value.items()])
    return type(value), value


def _storages(value: Any) -> set[int]:
    found: set[int] = set()
    _each(value, lambda x: found.add(x.untyped_storage()._cdata))
    return found


def _has_tensor(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(_has_tensor(part) for part in value)
    return isinstance(value, Tensor)


def _lies_channels_last(tensor: Tensor) -> bool:
    return tensor.ndim == 4 and tensor.is_contiguous(memory_format=torch.channels_last)
