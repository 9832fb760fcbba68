"""What networks are told while they are written down as a graph."""

import torch
from torch import nn

from translate.networks.tracing import is_exporting


class Told(nn.Module):
    def forward(self, x):
        return x + 1 if is_exporting() else x


def test_exporting_is_told_from_running():
    zero = torch.zeros(2)
    assert torch.equal(Told()(zero), zero)
    assert torch.equal(torch.export.export(Told(), (zero,)).module()(zero), zero + 1)
    assert torch.equal(Told()(zero), zero)
