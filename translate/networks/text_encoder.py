"""Texts as vectors: the causal transformer of CLIP (Radford et al., ICML 2021, arXiv:2103.00020)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class TextEncoder(nn.Module):
    """Ids of tokens (B, L) -> vectors (B, features), of any length.

    A transformer that reads from left to right: norms before its layers, exact GELU (the published code has a sigmoid
    for it). The feature of a text is what stands at its last token, behind a norm and a linear projection without bias.
    That token is the one of the highest id, its first place; whatever comes behind it has no effect. Published: width
    512, 12 layers, 8 heads.

    Args:
        ids: how many there are; the highest ends a text.
        context_length: most tokens of a text.
        width: of the vectors between the layers, a multiple of ``heads``.
        layers: blocks of attention and a perceptron of four times the width.
        heads: of the attention.
        features: length of the results.
    """

    def __init__(self, ids: int, context_length: int, width: int, layers: int, heads: int, features: int):
        super().__init__()
        self.tokens = nn.Embedding(ids, width)
        self.positions = nn.Parameter(torch.empty(context_length, width))
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.projection = nn.Linear(width, features, bias=False)
        self.start()

    def forward(self, ids: Tensor) -> Tensor:
        length = ids.shape[1]
        x = self.tokens(ids) + self.positions[:length]  # (B, L, W)
        for block in self.blocks:
            x = block(x)
        ends = ids.argmax(1)
        last = x[torch.arange(len(ids), device=ids.device), ends]  # (B, W)
        return self.projection(self.norm(last))

    def start(self) -> None:
        """The published initial weights: normal, of a smaller deviation where a layer adds to the sum of many."""
        width, layers = self.positions.shape[1], max(len(self.blocks), 1)
        nn.init.normal_(self.tokens.weight, std=0.02)
        nn.init.normal_(self.positions, std=0.01)
        nn.init.normal_(self.projection.weight, std=width**-0.5)
        for block in self.blocks:
            block.start(added_std=width**-0.5 * (2 * layers) ** -0.5)


class Block(nn.Module):
    """Causal self-attention and a perceptron, each behind a norm and added to what it got: (B, L, W) -> (B, L, W)."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        if width % heads:
            raise ValueError(f"a width of {width} cannot be shared by {heads} heads")
        self.heads = heads
        self.norm_1 = nn.LayerNorm(width)
        self.in_projection = nn.Linear(width, 3 * width)
        self.out_projection = nn.Linear(width, width)
        self.norm_2 = nn.LayerNorm(width)
        self.widening = nn.Linear(width, 4 * width)
        self.narrowing = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm_1(x))
        return x + self.narrowing(F.gelu(self.widening(self.norm_2(x))))

    def attention(self, x: Tensor) -> Tensor:
        """What each token takes over from itself and those before it."""
        query, key, value = self.in_projection(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        taken = F.scaled_dot_product_attention(query, key, value, is_causal=True)  # (B, heads, L, W / heads)
        return self.out_projection(taken.transpose(1, 2).flatten(2))

    def start(self, added_std: float) -> None:
        """Initial weights; ``added_std`` is that of the layers whose results are added."""
        width = self.out_projection.in_features
        deviations = {
            self.in_projection: width**-0.5,
            self.out_projection: added_std,
            self.widening: (2 * width) ** -0.5,
            self.narrowing: added_std,
        }
        for layer, deviation in deviations.items():
            nn.init.normal_(layer.weight, std=deviation)
            nn.init.zeros_(layer.bias)


def pad(texts: list[list[int]], device: torch.device) -> Tensor:
    """Ids of texts of several lengths as one tensor (B, longest), with 0 behind their ends."""
    longest = max(map(len, texts))
    padded = torch.tensor([ids + [0] * (longest - len(ids)) for ids in texts])
    return padded.to(device, non_blocking=True)  # made there, it would be waited for
