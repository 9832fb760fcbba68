"""Weights in half precision, cast all at once."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

LAYERS = nn.Conv2d | nn.ConvTranspose2d | nn.Linear  # whose weights autocast casts


class _Computing(threading.local):
    """What the layers see in a thread at the moment: a layer and the name of its weight, and what was cast of it."""

    def __init__(self) -> None:
        self.shown: list[list[tuple[nn.Module, str, Tensor]]] = []


_computing = _Computing()


class CastWeights:
    """The weights of convolutions and linear layers as autocast would give them, cast by one operation.

    autocast casts every weight by itself, and every gradient back, which is a quarter of what a GPU is asked for in a
    step. Weights, states and gradients stay what they are: only for as long as a pass takes do the layers see what was
    cast instead, so that results are the same to the bit.

    Args:
        module: of which all such layers see it.
        dtype: that of autocast.
        keep: what was cast without a gradient, for as long as nothing is written to the weights (but through ``data``,
            which torch does not count as writing): half as much memory again, and nothing to do in the next pass.
    """

    def __init__(self, module: nn.Module, dtype: torch.dtype, keep: bool = False):
        self.dtype = dtype
        self.keep = keep
        layers = [layer for layer in module.modules() if isinstance(layer, LAYERS)]
        self._places = [
            (layer, name)
            for layer in layers
            for name, weight in layer._parameters.items()
            if weight is not None and weight.dtype == torch.float32
        ]
        self._kept: tuple[Any, list[Tensor]] = None, []

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within it the layers see the weights as they are now, cast."""
        shown = [(layer, name, weight) for (layer, name), weight in zip(self._places, self._cast(), strict=True)]
        _computing.shown.append(shown)
        _show(shown)
        try:
            yield
        finally:
            _hide(shown)
            _computing.shown.pop()

    def _cast(self) -> list[Tensor]:
        weights = [layer._parameters[name] for layer, name in self._places]
        uncounted = any(weight.is_inference() for weight in weights)  # torch counts no writing to them
        if not self.keep or torch.is_grad_enabled() or uncounted:
            return self._cast_now(weights)
        state = [(id(weight), weight._version, weight.device) for weight in weights]
        if self._kept[0] != state:
            self._kept = state, self._cast_now(weights)
        return self._kept[1]

    def _cast_now(self, weights: Sequence[Tensor]) -> list[Tensor]:
        own = {id(weight): weight for weight in weights}  # what layers share is cast once
        cast: dict[int, Tensor] = {}
        for learned in (False, True):  # what is frozen must not seem to need a gradient
            chosen = [weight for weight in own.values() if weight.requires_grad == learned]
            if chosen:
                cast |= zip(map(id, chosen), _Cast.apply(self.dtype, *chosen), strict=True)
        return [cast[id(weight)] for weight in weights]


@contextmanager
def full_weights() -> Iterator[None]:
    """Within it layers see their own weights again, for what must not be computed in half precision."""
    for shown in _computing.shown:
        _hide(shown)
    try:
        yield
    finally:
        for shown in _computing.shown:
            _show(shown)


def _show(shown: Sequence[tuple[nn.Module, str, Tensor]]) -> None:
    for layer, name, weight in shown:
        vars(layer)[name] = weight  # is found before the parameter of that name


def _hide(shown: Sequence[tuple[nn.Module, str, Tensor]]) -> None:
    for layer, name, _ in shown:
        vars(layer).pop(name, None)  # another thread that translates with the network may have been quicker


class _Cast(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, dtype: torch.dtype, *weights: Tensor) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        ctx.dtypes = [weight.dtype for weight in weights]
        return tuple(_cast(weights, [dtype] * len(weights)))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        places = [place for place, gradient in enumerate(gradients) if gradient is not None]
        found: list[Tensor | None] = [None] * len(gradients)
        cast = _cast([gradients[place] for place in places], [ctx.dtypes[place] for place in places])
        for place, gradient in zip(places, cast, strict=True):
            found[place] = gradient
        return None, *found


def _cast(tensors: Sequence[Tensor], dtypes: Sequence[torch.dtype]) -> list[Tensor]:
    if not tensors:
        return []
    cast = [torch.empty_like(tensor, dtype=dtype) for tensor, dtype in zip(tensors, dtypes, strict=True)]
    torch._foreach_copy_(cast, list(tensors))
    return cast
