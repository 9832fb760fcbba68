"""Momentum contrast in its three versions: pick a picture's key, from an encoder that trails behind, out of many.

v1: He, Fan, Wu, Xie, Girshick, CVPR 2020, arXiv:1911.05722; v2: Chen, Fan, Girshick, He 2020, arXiv:2003.04297; v3:
Chen, Xie, He, ICCV 2021, arXiv:2104.02057.
"""

import math
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from translate.collectives import gather_rows, process_count, process_rank
from translate.errors import InputError
from translate.flags import flag
from translate.losses.classification import accuracy
from translate.losses.contrastive import among_keys, among_queue, info_nce, moco_v3, unit
from translate.methods.base import Batch
from translate.methods.encoding import EncoderMethod, make_encoder
from translate.methods.health import Level
from translate.methods.two_views import TwoViews, ViewOptions, refuse_alone, refuse_parts, refuse_without_effect
from translate.networks.heads import MLPHead
from translate.networks.initialization import initialize
from translate.options import NetworkOptions
from translate.views.random_views import MOCO

PUBLISHED: dict[str, dict[str, Any]] = {
    "v1": {"temperature": 0.07, "head_layers": 1},
    "v2": {"temperature": 0.2, "head_layers": 2},
    "v3": {"temperature": 1.0, "key_momentum": 0.99, "head_nc": 4096, "feature_nc": 256},
}


@dataclass(frozen=True)
class MoCoOptions(ViewOptions):
    """Method moco"""

    moco_version: str = flag("v2", "v1 and v2: keys of former batches are negatives; v3: those of the batch, with a "
                             "predictor; sets the defaults", choices=tuple(PUBLISHED), fixed=True)  # fmt: skip
    crop_min: float = flag(0.2, "least share of a picture that a view shows", above=0, high=1)
    temperature: float = flag(0.2, "of the similarities; v1: 0.07, v3: 1", above=0)
    key_momentum: float = flag(
        0.999, "how much of the keys' encoder stays in a step; v3: 0.99 at first, and 1 at the end", low=0, high=1
    )
    queue_size: int = flag(65536, "keys of former batches that are kept; not in v3", low=1, fixed=True)
    bn_pictures: int = flag(
        32, "pictures that share the statistics of batch norms, others for keys than for queries; 0: all of a process; "
        "not in v3",
        low=0,
    )  # fmt: skip
    head_layers: int = flag(2, "layers of the projection head; v1: 1", low=1, fixed=True)
    head_nc: int = flag(0, "width of its hidden layers; 0: that of the encoder; v3: 4096", low=0, fixed=True)
    feature_nc: int = flag(128, "length of the vectors that are compared; v3: 256", low=1, fixed=True)


@dataclass
class MoCoState:
    """What a step has made of B pictures; vectors have length 1."""

    images: Tensor  # (B, C, H, W)
    views: list[Tensor]  # two of (B, C, S, S)
    queries: list[Tensor]  # (B, D): of the first view, in v3 of both
    keys: list[Tensor]  # (B of all processes, D): of the second view, in v3 of both


class MoCo(TwoViews):
    """An encoder whose feature of a view is more like what a slowly changing copy of it makes of another view of the
    picture than like that of other pictures.

    In v1 and v2 these others are in a queue, filled from the batches before. A key of this batch could be told from
    them by the statistics of batch norms, which it would share with its query. So the published code has them from the
    32 pictures of one GPU, and shuffles keys among GPUs. Here it is ``bn_pictures`` pictures of the share of a process:
    they go through the encoder together, and keys in other groups than queries, which drawn numbers put together from
    the pictures of all processes. With a share of one group in one process nothing is left of that, and with encoders
    without batch norms it is not needed.

    In v3 batch norms know the pictures of their own process only (published: of all).
    """

    Options = MoCoOptions

    def __init__(self, options: MoCoOptions, networks: NetworkOptions, input_nc: int = 3, output_nc: int = 3):
        super().__init__()
        self.options = options
        self.published = MOCO[options.moco_version]
        self.has_queue = options.moco_version != "v3"
        _refuse_unfit(options)
        encoder = make_encoder(options, networks, input_nc)
        self.networks = nn.ModuleDict({"E": encoder, **_heads(options, encoder.width)})
        initialize(self.networks, networks.init_type, networks.init_gain)
        # Neither trained nor exported, since it is worth nothing beside the encoder that it follows.
        self.trailing = nn.ModuleDict({name: deepcopy(self.networks[name]) for name in ("E", "H")}).requires_grad_(
            False
        )
        if self.has_queue:
            self.register_buffer("queue", unit(torch.randn(options.queue_size, options.feature_nc)))
            self.register_buffer("queue_place", torch.tensor(0))  # of the oldest key, which is replaced next
        self.batch_normed = any(isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d) for m in self.trailing.modules())
        self.players = {"E": tuple(self.networks)}
        self.falling = ("InfoNCE",)
        self._fresh: list[Tensor] = []  # keys of this step

    @staticmethod
    def defaults(values: Mapping[str, Any]) -> dict[str, Any]:
        version = str(values.get("moco_version", MoCoOptions.moco_version)).lower()
        return {**EncoderMethod.defaults(values), **PUBLISHED.get(version, {})}

    @property
    def title(self) -> str:
        return f"MoCo {self.options.moco_version}"

    def check_shared(self, processes: int, parts: int) -> None:
        """Refuse a batch in parts where it has the negatives in it."""
        if not self.has_queue:
            refuse_parts(parts)

    def check_batch(self, size: int, pieces: int) -> None:
        """Refuse one picture where the others of its batch are its negatives, or where norms compare it with them."""
        if self.has_queue:
            return
        refuse_alone(size)
        if self.batch_normed and size == pieces:  # parts are refused before
            raise InputError(
                f"--batch_size {size} leaves each of {pieces} processes one picture, which the batch norms of the "
                f"heads have nothing to compare with: use {2 * pieces} or more"
            )

    def levels(self, side_px: int, batch_size: int) -> dict[str, Level]:
        told = self.options
        keys = told.queue_size + 1 if self.has_queue else batch_size
        scale = 1 if self.has_queue else 4 * told.temperature  # two views, and the factor of v3
        return {"InfoNCE": Level("guessing", scale * math.log(keys)), "accuracy": Level("guessing", 1 / keys)}

    def draw(self, rng: np.random.Generator, sizes: Mapping[str, tuple[int, int]]) -> dict[str, Any]:
        """Two views, and what a picture's place in the shuffled order of keys goes by."""
        order = {"shuffle": np.float32(rng.random())} if self.has_queue else {}
        return {**super().draw(rng, sizes), **order}

    def forward(self, batch: Batch) -> MoCoState:
        views = self.views(batch)
        if self.has_queue:
            queries = [_in_groups(self._query, views[0], self.options.bn_pictures)]
            keys = [self._shuffled_keys(views[1], batch["shuffle"])]
            self._fresh += keys
        else:
            queries = [self._query(view) for view in views]
            keys = [gather_rows(self._key(view)) for view in views]
        return MoCoState(batch["A"], views, queries, keys)

    def losses(self, player: str, state: MoCoState) -> tuple[Tensor, dict[str, Tensor]]:
        first, temperature = process_rank() * len(state.images), self.options.temperature
        if self.has_queue:
            (query,), (keys,) = state.queries, state.keys
            similarity, positive = among_queue(query, keys[first : first + len(query)], self.queue)
            loss, hits = info_nce(similarity, positive, temperature).mean(), accuracy(similarity.detach(), positive)
        else:
            pairs = list(zip(state.queries, reversed(state.keys), strict=True))
            loss = sum(moco_v3(query, keys, temperature, first) for query, keys in pairs)
            hits = sum(accuracy(*among_keys(query.detach(), keys, first)) for query, keys in pairs) / len(pairs)
        return loss, {"InfoNCE": loss, "accuracy": hits}

    @torch.no_grad()
    def after_step(self) -> None:
        """The copy follows, theta_k <- m theta_k + (1 - m) theta_q, and the newest keys replace the oldest."""
        for name, network in self.trailing.items():
            trailing, leading = list(network.parameters()), list(self.networks[name].parameters())
            torch._foreach_lerp_(trailing, leading, 1 - self.momentum)
        if self._fresh:
            self._enqueue(torch.cat(self._fresh))
            self._fresh.clear()

    def after_loading(self) -> None:
        for name, network in self.trailing.items():
            network.load_state_dict(self.networks[name].state_dict())

    @property
    def momentum(self) -> float:
        """That of this step; in v3 it rises to 1 by half a cosine."""
        told = self.options.key_momentum
        return told if self.has_queue else 1 - (1 - told) * (1 + math.cos(math.pi * self.progress)) / 2

    def _query(self, images: Tensor) -> Tensor:
        vectors = self.networks["H"](self.networks["E"](images))
        return unit(vectors if self.has_queue else self.networks["P"](vectors))

    @torch.no_grad()
    def _key(self, images: Tensor) -> Tensor:
        return unit(self.trailing["H"](self.trailing["E"](images)))

    @torch.no_grad()
    def _shuffled_keys(self, images: Tensor, drawn: Tensor) -> Tensor:
        """The keys (B of all processes, D), computed in groups of pictures that are no groups of queries."""
        size, count = self.options.bn_pictures, len(images)
        if not self.batch_normed or (process_count() == 1 and _groups(count, size) == 1):
            return gather_rows(self._key(images))
        order = gather_rows(drawn).argsort(stable=True)
        first = process_rank() * count
        dealt = gather_rows(images)[order[first : first + count]]
        keys = gather_rows(_in_groups(self._key, dealt, size))
        return keys[order.argsort()]

    def _enqueue(self, keys: Tensor) -> None:
        keys = keys[-len(self.queue) :]
        places = (self.queue_place + torch.arange(len(keys), device=keys.device)) % len(self.queue)
        self.queue.index_copy_(0, places, keys.to(self.queue.dtype))
        self.queue_place.add_(len(keys)).remainder_(len(self.queue))


def _heads(options: MoCoOptions, width: int) -> dict[str, MLPHead]:
    """The projection, and in v3 the predictor behind that of queries."""
    hidden, normed = options.head_nc or width, options.moco_version == "v3" and options.normE != "none"
    widths = [hidden] * (options.head_layers - 1) + [options.feature_nc]
    heads = {"H": MLPHead(width, widths, normed, normed)}
    if options.moco_version == "v3":
        heads["P"] = MLPHead(options.feature_nc, [hidden, options.feature_nc], normed, last_norm=False)
    return heads


def _refuse_unfit(options: MoCoOptions) -> None:
    if options.moco_version == "v3":
        reason = "v3 has no queue"
        refuse_without_effect(options, {"queue_size": reason, "bn_pictures": f"{reason}, whose keys could be told"})
    if options.moco_version == "v1":
        refuse_without_effect(options, {"no_blur": "v1 blurs nothing"})
    if options.moco_version != "v3" and options.head_layers == 1:  # else the predictor has one
        refuse_without_effect(options, {"head_nc": "a head of one layer has none that is hidden"})


def _groups(count: int, size: int) -> int:
    """Into how many a number of pictures is cut, each of so many or more."""
    return max(count // size, 1) if size else 1


def _in_groups(encode: Any, images: Tensor, size: int) -> Tensor:
    """The vectors of pictures, of which each group goes through the networks by itself."""
    return torch.cat([encode(part) for part in images.tensor_split(_groups(len(images), size))])
