"""Patch features: gathered at given positions, projected and normalised (CUT's netF)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from translate.networks.casting import full_weights


def gather_all(features: Sequence[Tensor], positions: Sequence[Tensor]) -> list[Tensor]:
    """Pick feature vectors of each tap at flat positions: (B, C_i, H_i, W_i) and (B, P_i) in [0, H_i*W_i) -> (B, P_i,
    C_i) each.

    Raises:
        ValueError: not as many positions as maps.
    """
    samples = torch.arange(len(features[0]), device=features[0].device).unsqueeze(1)
    # Neither view copies, in whichever of the two layouts a map lies, and its gradient lies channels-last. That of an
    # index, unlike that of ``gather``, does not keep the map.
    places = [each.permute(0, 2, 3, 1).flatten(1, 2) for each in features]  # (B, H*W, C)
    return [each[samples, chosen] for each, chosen in zip(places, positions, strict=True)]


def normalize(vectors: Tensor) -> Tensor:
    """Divide by the L2 norm of the last dimension plus 1e-7, in float32 at least. A zero vector stays zero."""
    vectors = vectors.to(torch.promote_types(vectors.dtype, torch.float32))
    return vectors / (torch.linalg.vector_norm(vectors, dim=-1, keepdim=True) + 1e-7)


def normalize_all(vectors: Sequence[Tensor]) -> list[Tensor]:
    """The same for several tensors; together where they are of one shape."""
    if len({each.shape for each in vectors}) > 1:
        return [normalize(each) for each in vectors]
    return list(normalize(torch.stack(list(vectors))).unbind())


class PatchSample(nn.Module):
    """Unit feature vectors as they are, without a projection (``--netF sample``)."""

    def forward(self, features: Sequence[Tensor], positions: Sequence[Tensor]) -> list[Tensor]:
        """Features (B, C_i, H_i, W_i) and positions (B, P_i) of every tap -> unit vectors (B, P_i, C_i)."""
        return self.project(gather_all(features, positions))

    def project(self, patches: Sequence[Tensor]) -> list[Tensor]:
        """The same from patches that were gathered already (B, P_i, C_i)."""
        return normalize_all(patches)


class PatchProjection(nn.Module):
    """A two-layer MLP for each tapped layer, in front of the normalisation (``--netF mlp_sample``).

    Patches are gathered before they are projected, so that the MLPs see ``num_patches`` vectors and not whole maps.
    State-dict keys are those of the reference: ``mlp_0.0.weight``, ``mlp_0.2.weight``, ...

    Args:
        channels: C_i of every tapped layer.
        width: width and output size of each MLP.
    """

    def __init__(self, channels: Sequence[int], width: int = 256):
        super().__init__()
        self.channels = tuple(channels)
        for tap, count in enumerate(channels):
            mlp = nn.Sequential(nn.Linear(count, width), nn.ReLU(), nn.Linear(width, width))
            setattr(self, f"mlp_{tap}", mlp)

    def forward(self, features: Sequence[Tensor], positions: Sequence[Tensor]) -> list[Tensor]:
        """Features (B, C_i, H_i, W_i) and positions (B, P_i) of every tap -> unit vectors (B, P_i, width)."""
        return self.project(gather_all(features, positions))

    def project(self, patches: Sequence[Tensor]) -> list[Tensor]:
        """The same from patches that were gathered already (B, P_i, C_i)."""
        return normalize_all([self._through(getattr(self, f"mlp_{tap}"), x) for tap, x in enumerate(patches)])

    @staticmethod
    def _through(mlp: nn.Module, x: Tensor) -> Tensor:
        if not _computes_in_float16(x.device.type):
            return mlp(x)
        # What a fresh MLP makes is so short that the gradient of its length is beyond the range of float16.
        with torch.autocast(x.device.type, enabled=False), full_weights():
            return mlp(x.float())


def _computes_in_float16(kind: str) -> bool:
    """Whether autocast makes it so on devices of a kind, of which some know no autocast."""
    known = torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)
    return known and torch.get_autocast_dtype(kind) == torch.float16
