"""Passes that are joined where that changes nothing."""

import pytest
import torch
from torch import nn

from translate.methods.passes import run_together, samples_are_independent
from translate.networks import build_discriminator, build_generator


def network(norm: str, dropout: bool = False) -> nn.Module:
    torch.manual_seed(0)
    return build_generator("resnet_4blocks", ngf=2, normG=norm, no_dropout=not dropout).double().train()


def images(*sizes: tuple[int, int]) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.rand(2, 3, *size, dtype=torch.float64, generator=generator) * 2 - 1 for size in sizes]


@pytest.mark.parametrize("norm", ["instance", "batch", "none"])
@pytest.mark.parametrize("dropout", [False, True])
def test_samples_are_independent_exactly_when_they_are(norm, dropout):
    subject = network(norm, dropout)
    a, b = images((16, 16), (16, 16))
    alone, together = subject(a), subject(torch.cat([a, b]))[:2]
    assert samples_are_independent(subject) == bool((alone - together).abs().max() < 1e-12)


@pytest.mark.parametrize(
    ("norm", "sizes", "passes"),
    [
        ("instance", [(16, 16)] * 3, 1),
        ("none", [(16, 16)] * 2, 1),
        ("instance", [(16, 16), (16, 20)], 2),
        ("batch", [(16, 16)] * 2, 2),
        ("instance", [(16, 16)], 1),
    ],
)
def test_outputs_are_those_of_separate_passes(norm, sizes, passes):
    subject, runs = network(norm), []
    inputs = images(*sizes)
    expected = [subject(image) for image in inputs]
    subject.model[0].register_forward_hook(lambda *_: runs.append(1))
    for one, other in zip(run_together(subject, inputs), expected, strict=True):
        torch.testing.assert_close(one, other)
    assert len(runs) == passes


def test_passes_follow_the_order_of_the_inputs():
    """Running statistics remember the last input best."""
    a, b = images((16, 16), (16, 16))
    statistics = []
    for inputs in ([a, b], [b, a]):
        torch.manual_seed(0)
        subject = build_discriminator("pixel", ndf=2, normD="batch").double().train()
        run_together(subject, inputs)
        statistics.append(subject.net[3].running_mean)
    assert not torch.allclose(*statistics, atol=1e-8)
