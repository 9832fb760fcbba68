"""Weights that are cast all at once: the same results to the bit, in fewer operations, and nothing left behind."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from translate.networks.casting import CastWeights, full_weights

HALVES = [torch.bfloat16, torch.float16]


class Network(nn.Module):
    """Every kind of layer, one of them twice and one frozen; a head that is computed in full."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.down = nn.Conv2d(3, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.same = nn.Conv2d(4, 4, 3, padding=1, bias=False)
        self.again = self.same
        self.frozen = nn.Conv2d(4, 4, 1).requires_grad_(False)
        self.up = nn.ConvTranspose2d(4, 2, 2, stride=2)
        self.head = nn.Linear(2, 2)
        self.full_head = nn.Linear(2, 1)
        self.unused = nn.Linear(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.down(x)).relu()
        x = self.up(self.frozen(self.again(self.same(x)).relu()))
        x = self.head(x.mean((2, 3)))
        with torch.autocast("cpu", enabled=False), full_weights():
            return self.full_head(x.float())


class Counting(TorchDispatchMode):
    """Counts the operations within it by name."""

    def __init__(self):
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.counts[func.overloadpacket.__name__] += 1
        return func(*args, **(kwargs or {}))


def pictures() -> Tensor:
    return torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(1)).requires_grad_()


def learn(network: nn.Module, dtype: torch.dtype, at_once: bool) -> tuple[Tensor, list[Tensor | None]]:
    x, casts = pictures(), CastWeights(network, dtype)
    with torch.autocast("cpu", dtype):
        if at_once:
            with casts.in_place():
                result = network(x)
        else:
            result = network(x)
    result.square().sum().backward()
    return result.detach(), [x.grad, *(weight.grad for weight in network.parameters())]


@pytest.mark.parametrize("dtype", HALVES)
def test_results_and_gradients_are_those_of_autocast_to_the_bit(dtype):
    (plain, expected), (result, found) = (learn(Network(), dtype, at_once) for at_once in (False, True))
    assert torch.equal(result, plain)
    for gradient, wanted in zip(found, expected, strict=True):
        assert (gradient is None) == (wanted is None)
        if wanted is not None:
            assert gradient.dtype == torch.float32
            assert torch.equal(gradient, wanted)


def test_a_step_is_fewer_operations():
    found = []
    for at_once in (False, True):
        with Counting() as counting:
            learn(Network(), torch.bfloat16, at_once)
        found.append(counting.counts)
    plain, together = found
    casts = 2 * 8  # of the tensors that need a gradient and are computed in half precision, there and back
    assert plain["_to_copy"] - together["_to_copy"] >= casts
    assert together["_foreach_copy_"] == 3  # the frozen ones, the others, and gradients


def test_weights_stay_what_they_are():
    network = Network()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    weights = [id(weight) for weight in network.parameters()]
    with CastWeights(network, torch.bfloat16).in_place():
        assert network.down.weight.dtype == network.head.bias.dtype == torch.bfloat16
        assert network.norm.weight.dtype == torch.float32
        assert network.again.weight is network.same.weight
        assert not network.frozen.weight.requires_grad
        assert [id(weight) for weight in network.parameters()] == weights
        state = network.state_dict()
        assert all(torch.equal(state[name], value) for name, value in before.items())
    assert network.down.weight is network.down._parameters["weight"]


def test_an_error_leaves_nothing_behind():
    network = Network()
    with pytest.raises(RuntimeError, match="in the pass"), CastWeights(network, torch.bfloat16).in_place():
        raise RuntimeError("in the pass")
    assert network.down.weight.dtype == torch.float32
    with full_weights():
        assert network.down.weight.dtype == torch.float32
    assert network.down.weight.dtype == torch.float32


def test_full_weights_are_there_for_as_long_as_they_are_asked_for():
    network = Network()
    casts = CastWeights(network, torch.bfloat16)
    with casts.in_place():
        with full_weights():
            assert network.down.weight is network.down._parameters["weight"]
        assert network.down.weight.dtype == torch.bfloat16
    assert network.down.weight.dtype == torch.float32


def test_each_pass_sees_the_weights_as_they_are_then():
    network = Network()
    casts = CastWeights(network, torch.bfloat16)
    with torch.no_grad(), casts.in_place():
        pass
    with torch.no_grad():
        network.down.weight.fill_(2)
    with casts.in_place():
        assert network.down.weight.requires_grad  # though the first pass made no gradient
        assert network.down.weight.unique().tolist() == [2]


def test_what_is_kept_is_cast_again_when_weights_were_written_to():
    network = Network()
    casts = CastWeights(network, torch.bfloat16, keep=True)

    def seen() -> Tensor:
        with torch.inference_mode(), casts.in_place():
            return network.down.weight

    first = seen()
    assert seen() is first
    network.load_state_dict({name: value + 1 for name, value in network.state_dict().items()})
    assert torch.equal(seen(), network.down.weight.bfloat16())
    assert not torch.equal(seen(), first)
    with casts.in_place():
        assert network.down.weight.requires_grad  # what is kept has no gradient


def test_two_threads_may_translate_with_one_network():
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU(), nn.ConvTranspose2d(8, 3, 5))
    casts = CastWeights(network, torch.bfloat16, keep=True)
    x = pictures().detach()

    def translate(_: int) -> Tensor:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16), casts.in_place():
            return network(x)

    expected = translate(0)
    with ThreadPoolExecutor(4) as pool:
        assert all(torch.equal(found, expected) for found in pool.map(translate, range(200)))
    assert all(layer.weight is layer._parameters["weight"] for layer in network[::2])


def test_a_network_that_has_no_such_layer_is_left_alone():
    with CastWeights(nn.BatchNorm2d(3), torch.bfloat16).in_place(), full_weights():
        pass
