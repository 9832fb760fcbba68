"""Instance norms whose statistics follow those of the frames of a film slowly, so that its brightness does not flicker.

Each channel's mean and variance in frame t become

    m_t = d m_(t-1) + (1 - d) mean(x_t),    v_t = d v_(t-1) + (1 - d) var(x_t),

an exponential moving average with the decay d, which begins at the first frame's own. What changes in one part of a
frame then moves the whole of the translation by 1 - d of what it would, and 1 / (1 - d) frames later by two thirds.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from translate.networks.instance_norm import Moments


class SmoothedNorm(nn.Module):
    """(1, C, H, W) -> the same, frame by frame and without gradient, normalised by the moving averages so far.

    Args:
        norm: whose place it takes, with its affine weights where it has any.
        decay: d above, in [0, 1).
    """

    def __init__(self, norm: nn.InstanceNorm2d, decay: float):
        super().__init__()
        self.norm, self.decay = norm, decay
        self.statistics: tuple[Tensor, Tensor] | None = None  # mean and variance (C,); None before the first frame

    def forward(self, x: Tensor) -> Tensor:
        own = Moments().add(x).result(x)
        if self.statistics is None:
            self.statistics = own
        else:
            self.statistics = tuple(
                torch.lerp(now, former, self.decay) for former, now in zip(self.statistics, own, strict=True)
            )
        weight, bias = (None if each is None else each.to(own[0].dtype) for each in (self.norm.weight, self.norm.bias))
        weight = torch.ones_like(own[0]) if weight is None else weight
        bias = torch.zeros_like(own[0]) if bias is None else bias
        return F.batch_norm(x, *self.statistics, weight, bias, eps=self.norm.eps)


class Smoothing:
    """Smoothed norms in the place of all instance norms of a network.

    Raises:
        ValueError: the network has none.
    """

    def __init__(self, network: nn.Module, decay: float):
        places = [
            (parent, name, child)
            for parent in network.modules()
            for name, child in parent.named_children()
            if isinstance(child, nn.InstanceNorm2d)
        ]
        if not places:
            raise ValueError(f"a {type(network).__name__} without instance norms has no statistics to smooth")
        self.norms = [SmoothedNorm(child, decay) for _, _, child in places]
        for (parent, name, _), norm in zip(places, self.norms, strict=True):
            setattr(parent, name, norm)

    def forget(self) -> None:
        """The next frame begins a scene of its own."""
        for norm in self.norms:
            norm.statistics = None
