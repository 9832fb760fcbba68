"""Compiled networks give the same numbers under the same names, and what is missing is told."""

from functools import partial
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch._inductor.exc import CppCompileError

from translate.errors import RunError
from translate.methods.cut import CUT
from translate.methods.pix2pix import Pix2Pix, Pix2PixOptions
from translate.networks import build_discriminator, build_generator
from translate.networks.encoders import build_encoder
from translate.training import compiling
from translate.training.compiling import compile_networks, missing_compiler, why_not
from translate.training.precision import Precision

CPU = torch.device("cpu")
FP32 = Precision("fp32", CPU)


def make_method(**networks: nn.Module) -> SimpleNamespace:
    return SimpleNamespace(networks=nn.ModuleDict(networks))


@pytest.mark.skipif(missing_compiler(CPU) is not None, reason="no C++ compiler")
def test_a_compiled_network_computes_the_same():
    network = build_discriminator("pixel", ndf=2).double()
    x = torch.rand(1, 3, 8, 8, dtype=torch.float64)
    expected, names = network(x), set(network.state_dict())
    (wanted,) = torch.autograd.grad(expected.sum(), [network.net[0].weight])
    assert compile_networks(make_method(D=network), "on", FP32)
    found = network(x)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    (gradient,) = torch.autograd.grad(found.sum(), [network.net[0].weight])
    torch.testing.assert_close(gradient, wanted, rtol=1e-9, atol=1e-9)
    assert set(network.state_dict()) == names


def test_a_generator_is_compiled_in_all_its_ways(monkeypatch):
    calls = []
    monkeypatch.setattr(compiling, "why_not", lambda precision: None)
    monkeypatch.setattr(torch, "compile", lambda run: lambda *args, **rest: calls.append(args[1]) or run(*args, **rest))
    network = build_generator("resnet_4blocks", ngf=2)
    assert compile_networks(make_method(G=network), "on", FP32)
    x = torch.rand(1, 3, 16, 16)
    network(x), network.features(x, [0, 4]), network.forward_with_features(x, [0])
    assert calls == [[len(network.model) - 1], [0, 4], [0]]


MAKE = {
    "encoder": lambda: build_encoder("alexnet", nef=4),
    "resnet": lambda: build_generator("resnet_4blocks", ngf=2),
    "stylegan2": lambda: build_generator("smallstylegan2", ngf=1),
}
CALL = {
    "all": lambda network, x: network(x),
    "features": lambda network, x: network.features(x, [0, 2])[1],
    "both": lambda network, x: network.forward_with_features(x, [0, 2])[1][1],
}


@pytest.mark.parametrize(
    ("kind", "way"),
    [("encoder", "all"), *((kind, way) for kind in ("resnet", "stylegan2") for way in CALL)],
)
def test_what_trainings_call_is_what_is_compiled(kind, way, monkeypatch):
    call, compiled = CALL[way], []

    def backend(graph, inputs):
        compiled.append(graph)
        return graph.forward

    torch._dynamo.reset()
    monkeypatch.setattr(compiling, "why_not", lambda precision: None)
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=backend))
    network, x = MAKE[kind]().double().eval(), torch.rand(2, 3, 64, 64, dtype=torch.float64)
    expected = call(network, x)
    assert compile_networks(make_method(N=network), "on", FP32)
    torch.testing.assert_close(call(network, x), expected, rtol=1e-9, atol=1e-9)
    assert compiled


def test_a_copy_of_a_compiled_network_computes_with_its_own_layers(monkeypatch):
    """As the twin of pix2pix does, which shows pictures with other norms."""
    monkeypatch.setattr(compiling, "why_not", lambda precision: None)
    monkeypatch.setattr(torch, "compile", lambda run: lambda *args, **rest: run(*args, **rest))
    network, x = build_generator("resnet_4blocks", ngf=2, normG="batch").eval(), torch.rand(1, 3, 16, 16)
    expected = Pix2Pix.translator(network, Pix2PixOptions())(x)
    assert compile_networks(make_method(G=network), "on", FP32)
    assert torch.equal(Pix2Pix.translator(network, Pix2PixOptions())(x), expected)


@pytest.mark.parametrize("word", ["auto", "off"])
def test_nothing_is_compiled_unasked(word, monkeypatch):
    monkeypatch.setattr(torch, "compile", None)
    assert not compile_networks(make_method(G=build_generator("resnet_4blocks", ngf=2)), word, FP32)


def test_without_a_compiler_it_goes_on_with_a_sentence(monkeypatch, capsys):
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert not compile_networks(make_method(), "on", FP32)
    assert "--compile on without effect: a C++ compiler is missing" in capsys.readouterr().out
    monkeypatch.setattr(compiling.importlib.util, "find_spec", lambda name: None)
    assert missing_compiler(torch.device("cuda")) == "triton"


@pytest.mark.parametrize(
    ("flags", "word", "wrong"),
    [({"amx_bf16"}, "bf16", True), ({"amx_bf16"}, "fp32", False), ({"avx512_bf16"}, "bf16", False)],
)
def test_bf16_is_not_compiled_for_amx_whose_gradients_are_wrong(flags, word, wrong, monkeypatch, capsys):
    monkeypatch.setattr(compiling, "missing_compiler", lambda device: None)
    monkeypatch.setattr(compiling, "cpu_flags", lambda: flags)
    assert bool(why_not(Precision(word, CPU))) == wrong
    if wrong:
        network = build_generator("resnet_4blocks", ngf=2)
        run = network._run
        assert not compile_networks(make_method(G=network), "on", Precision(word, CPU))
        assert network._run == run
        assert "--compile on without effect" in capsys.readouterr().out


def test_a_gradient_that_cannot_be_compiled_is_a_sentence(train, monkeypatch):
    def fail(*_):
        raise CppCompileError(["g++"], "no space left")

    monkeypatch.setattr(CUT, "losses", fail)
    with pytest.raises(RunError, match=r"--compile on cannot be kept here \(C\+\+ .* --continue_train --compile off$"):
        train()
