"""Weights in half precision, cast all at once."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

LAYERS = nn.Conv2d | nn.ConvTranspose2d | nn.Linear  # whose weights autocast casts

_in_place: list["CastWeights"] = []  # those within whose block something is computed; at most one


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
        self._shown: list[Tensor] = []
        self._kept: tuple[Any, list[Tensor]] = None, []

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within it the layers see the weights as they are now, cast."""
        self._shown = self._cast()
        _in_place.append(self)
        self._show()
        try:
            yield
        finally:
            self._hide()
            _in_place.remove(self)
            self._shown = []  # only gradients need them any longer

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
        cast = dict(zip(map(id, weights), weights, strict=True))  # what layers share is cast once
        for learned in (False, True):  # what is frozen must not seem to need a gradient
            chosen = [weight for weight in cast.values() if weight.requires_grad == learned]
            if chosen:
                cast |= zip(map(id, chosen), _Cast.apply(self.dtype, *chosen), strict=True)
        return [cast[id(weight)] for weight in weights]

    def _show(self) -> None:
        for (layer, name), weight in zip(self._places, self._shown, strict=True):
            vars(layer)[name] = weight  # is found before the parameter of that name

    def _hide(self) -> None:
        for layer, name in self._places:
            vars(layer).pop(name, None)


@contextmanager
def full_weights() -> Iterator[None]:
    """Within it layers see their own weights again, for what must not be computed in half precision."""
    for casts in _in_place:
        casts._hide()
    try:
        yield
    finally:
        for casts in _in_place:
            casts._show()


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
