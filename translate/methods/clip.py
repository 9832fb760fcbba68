"""CLIP: which text belongs to which picture? (Radford et al., ICML 2021, arXiv:2103.00020)"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from translate.caption_options import CaptionOptions
from translate.collectives import gather_rows, process_rank
from translate.errors import InputError
from translate.flags import flag
from translate.losses.classification import accuracy
from translate.losses.contrastive import clip, products, unit
from translate.methods.base import Batch
from translate.methods.encoding import EncoderMethod, EncoderOptions, make_encoder
from translate.methods.health import Level
from translate.methods.two_views import refuse_alone, refuse_parts
from translate.networks.heads import LinearHead
from translate.networks.initialization import initialize
from translate.networks.text_encoder import TextEncoder, pad
from translate.options import NetworkOptions

FIRST_SCALE = 1 / 0.07
MOST_SCALE = 100.0


@dataclass(frozen=True)
class CLIPOptions(CaptionOptions, EncoderOptions):
    """Method clip"""

    text_width: int = flag(256, "width of the text encoder; CLIP: 512", low=1, fixed=True)
    text_layers: int = flag(4, "its layers; CLIP: 12", low=1, fixed=True)
    text_heads: int = flag(4, "heads of its attention, which share the width; CLIP: 8", low=1, fixed=True)
    feature_nc: int = flag(512, "length of the vectors that are compared", low=1, fixed=True)


@dataclass
class CLIPState:
    """What a step has made of B pictures and their captions."""

    images: Tensor  # (B, C, H, W) in [-1, 1]
    image: Tensor  # (B, D) unit vectors of the pictures
    text: Tensor  # (B, D) those of the captions


class LogitScale(nn.Module):
    """What similarities are multiplied by before the softmax, learned as its logarithm."""

    def __init__(self) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(FIRST_SCALE)))

    def forward(self) -> Tensor:
        return self.log_scale.exp()

    @torch.no_grad()
    def limit(self) -> None:
        """Back to the most that is allowed, where a step has gone beyond it."""
        self.log_scale.clamp_(max=math.log(MOST_SCALE))


class CLIP(EncoderMethod):
    """An encoder of pictures and one of texts whose vectors are alike where picture and caption belong together.

    The captions of all other pictures of the batch are the negatives, those of other processes too.
    """

    Options = CLIPOptions
    needs = "captioned"
    options: CLIPOptions

    def __init__(self, options: CLIPOptions, networks: NetworkOptions, input_nc: int = 3, output_nc: int = 3):
        super().__init__()
        self.options = options
        if options.text_width % options.text_heads:
            raise InputError(f"--text_width {options.text_width} is no multiple of --text_heads {options.text_heads}")
        encoder = make_encoder(options, networks, input_nc)
        projection = LinearHead(encoder.width, options.feature_nc)
        text = TextEncoder(
            options.vocab_size,
            options.context_length,
            options.text_width,
            options.text_layers,
            options.text_heads,
            options.feature_nc,
        )
        self.networks = nn.ModuleDict({"E": encoder, "P": projection, "T": text, "S": LogitScale()})
        initialize(self.networks, networks.init_type, networks.init_gain)
        text.start()
        self.players = {"E": ("E", "P", "T", "S")}
        self.falling = ("CLIP",)

    @staticmethod
    def defaults(values: Mapping[str, Any]) -> dict[str, Any]:
        """As published: crops are the only augmentation, and the learning rate falls by a cosine."""
        own = {"no_flip": True, "lr": 5e-4, "beta2": 0.98, "lr_policy": "cosine", "batch_size": 128}
        return {**EncoderMethod.defaults(values), **own}

    def check_shared(self, processes: int, parts: int) -> None:
        """Refuse a batch in parts: each would have its own texts alone for negatives."""
        refuse_parts(parts)

    def check_batch(self, size: int, pieces: int) -> None:
        """Refuse one picture, which has no negatives."""
        refuse_alone(size)

    def levels(self, side_px: int, batch_size: int) -> dict[str, Level]:
        return {"CLIP": Level("guessing", math.log(batch_size)), "accuracy": Level("guessing", 1 / batch_size)}

    def forward(self, batch: Batch) -> CLIPState:
        images = batch["A"]
        return CLIPState(images, self.embed_images(images), self.embed_texts(batch["tokens"]))

    def embed_images(self, images: Tensor) -> Tensor:
        """(B, C, H, W) in [-1, 1] -> unit vectors (B, D)."""
        return unit(self.networks["P"](self.networks["E"](images)))

    def embed_texts(self, tokens: list[list[int]]) -> Tensor:
        """The ids of B texts -> unit vectors (B, D)."""
        text = self.networks["T"]
        return unit(text(pad(tokens, text.positions.device)))

    def losses(self, player: str, state: CLIPState) -> tuple[Tensor, dict[str, Tensor]]:
        every_image, every_text = gather_rows(state.image), gather_rows(state.text)
        scale, first = self.networks["S"](), process_rank() * len(state.image)
        loss = clip(state.image, state.text, 1 / scale, every_image, every_text, first)
        similarity = products(state.image.detach(), every_text.detach())
        own = first + torch.arange(len(similarity), device=similarity.device)
        return loss, {"CLIP": loss, "accuracy": accuracy(similarity, own), "scale": scale}

    def after_step(self) -> None:
        self.networks["S"].limit()

    def pictures(self, state: CLIPState) -> dict[str, Tensor]:
        """The first picture, and the one of these that its caption is nearest to."""
        found = products(state.text[:1].detach(), state.image.detach()).argmax().item()
        return {"real_A": state.images[0], "nearest_A": state.images[found]}
