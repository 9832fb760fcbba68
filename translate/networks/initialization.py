"""Weight initialisation of the translation networks."""

from torch import Tensor, nn
from torch.nn import init

INITIALIZATIONS = ("xavier", "normal", "kaiming", "orthogonal")


def initialize(network: nn.Module, kind: str = "xavier", gain: float = 0.02) -> nn.Module:
    """Initialise every convolution and linear layer in place, and return the network.

    Weights: ``normal`` N(0, gain²), ``xavier`` Glorot normal times gain, ``kaiming`` He normal by fan-in
    (gain has no part in it), ``orthogonal`` times gain. Biases become 0. Batch norm: weight N(1, gain²), bias 0.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            _fill_weight(module.weight, kind, gain)
            if module.bias is not None:
                init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d) and module.affine:
            init.normal_(module.weight, 1.0, gain)
            init.zeros_(module.bias)
    return network


def _fill_weight(weight: Tensor, kind: str, gain: float) -> None:
    if kind == "normal":
        init.normal_(weight, 0.0, gain)
    elif kind == "xavier":
        init.xavier_normal_(weight, gain=gain)
    elif kind == "kaiming":
        init.kaiming_normal_(weight, a=0, mode="fan_in")
    elif kind == "orthogonal":
        init.orthogonal_(weight, gain=gain)
    else:
        raise ValueError(f"initialisation is one of {INITIALIZATIONS}, not {kind!r}")
