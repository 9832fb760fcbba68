"""SimCLR: which two views are of one picture? (Chen, Kornblith, Norouzi, Hinton, ICML 2020, arXiv:2002.05709)"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from translate.collectives import gather_rows, process_rank
from translate.flags import flag
from translate.losses.classification import accuracy
from translate.losses.contrastive import among_views, info_nce, unit
from translate.methods.base import Batch
from translate.methods.encoding import make_encoder
from translate.methods.health import Level
from translate.methods.two_views import TwoViews, ViewOptions, refuse_alone, refuse_parts, refuse_without_effect
from translate.networks.heads import MLPHead
from translate.networks.initialization import initialize
from translate.options import NetworkOptions
from translate.views.random_views import SIMCLR


@dataclass(frozen=True)
class SimCLROptions(ViewOptions):
    """Method simclr"""

    temperature: float = flag(0.1, "of the similarities; published for pictures of 32 pixels: 0.5", above=0)
    head_layers: int = flag(2, "layers of the projection head; SimCLR v2: 3", low=1, fixed=True)
    head_nc: int = flag(0, "width of its hidden layers; 0: that of the encoder", low=0, fixed=True)
    feature_nc: int = flag(128, "length of the vectors that are compared", low=1, fixed=True)


@dataclass
class SimCLRState:
    """What a step has made of B pictures."""

    images: Tensor  # (B, C, H, W)
    views: list[Tensor]  # two of (B, C, S, S)
    features: Tensor  # (2, B, D) unit vectors of the views


class SimCLR(TwoViews):
    """An encoder under which two random views of a picture are more alike than those of any two pictures.

    The other views of the whole batch are the negatives, those of other processes too. Batch norms know the pictures of
    their own process only (published: of all), so that with several of them the larger share is the better one.
    """

    Options = SimCLROptions
    published = (SIMCLR, SIMCLR)

    def __init__(self, options: SimCLROptions, networks: NetworkOptions, input_nc: int = 3, output_nc: int = 3):
        super().__init__()
        self.options = options
        if options.head_layers == 1:
            refuse_without_effect(options, {"head_nc": "a head of one layer has none that is hidden"})
        encoder = make_encoder(options, networks, input_nc)
        hidden = options.head_nc or encoder.width
        normed = options.normE != "none"
        widths = [hidden] * (options.head_layers - 1) + [options.feature_nc]
        self.networks = nn.ModuleDict({"E": encoder, "H": MLPHead(encoder.width, widths, normed, normed)})
        initialize(self.networks, networks.init_type, networks.init_gain)
        self.players = {"E": ("E", "H")}
        self.falling = ("NT_Xent",)

    def check_shared(self, processes: int, parts: int) -> None:
        """Refuse a batch in parts: each would have its own pictures alone for negatives."""
        refuse_parts(parts)

    def check_batch(self, size: int, pieces: int) -> None:
        """Refuse one picture, which has no negatives."""
        refuse_alone(size)

    def levels(self, side_px: int, batch_size: int) -> dict[str, Level]:
        others = 2 * batch_size - 1
        return {"NT_Xent": Level("guessing", math.log(others)), "accuracy": Level("guessing", 1 / others)}

    def forward(self, batch: Batch) -> SimCLRState:
        views = self.views(batch)
        features = self.networks["H"](self.networks["E"](torch.cat(views)))
        return SimCLRState(batch["A"], views, unit(features).unflatten(0, (2, -1)))

    def losses(self, player: str, state: SimCLRState) -> tuple[Tensor, dict[str, Tensor]]:
        own = state.features
        every = gather_rows(own.transpose(0, 1)).transpose(0, 1)  # (2, B of all processes, D)
        similarity, positive = among_views(own, every, process_rank() * own.shape[1])
        loss = info_nce(similarity, positive, self.options.temperature).mean()
        return loss, {"NT_Xent": loss, "accuracy": accuracy(similarity.detach(), positive)}
