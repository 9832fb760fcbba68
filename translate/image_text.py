"""A trained pair of encoders, of pictures and of texts, as a tool: vectors that can be compared."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from translate.data.tensors import to_signed
from translate.data.vocabulary import Vocabulary
from translate.errors import InputError
from translate.evaluation.computing import measuring
from translate.methods.clip import CLIP
from translate.networks.weights import fit_weights, load_weights
from translate.settings import resolve
from translate.training.job import build_method
from translate.training.run_folder import RunFolder

MODEL = "clip"
BATCH = 64


@dataclass(frozen=True)
class ImageText:
    """Both encoders of a run of ``clip``, its vocabulary, and the size of the pictures that it was trained on.

    ::

        both = ImageText.load("checkpoints/named")
        both.embed_texts(["a goldfish", "a coat"])  # (2, D) unit vectors

    Attributes:
        method: with its weights, in evaluation mode.
        vocabulary: that the texts are spelled in.
        input_nc: channels of its pictures.
        load_size, crop_size: its pictures are the middle ``crop_size`` pixels of a shorter side of ``load_size``.
    """

    method: CLIP
    vocabulary: Vocabulary
    input_nc: int
    load_size: int
    crop_size: int

    @classmethod
    def load(cls, path: str | os.PathLike[str], epoch: str | int = "latest") -> "ImageText":
        """The encoders of a run folder.

        Raises:
            InputError: no run of ``clip``, or a file of it is missing or damaged.
        """
        folder = RunFolder(Path(path))
        if not learned_texts(folder.path):
            raise InputError(f"{folder.path} has not learned from texts; give the folder of a run of --model {MODEL}")
        settings = resolve(folder.read_record()["options"])
        method = build_method(settings)
        for name, network in method.networks.items():
            file = folder.network_path(epoch, name)
            if not file.is_file():
                there = [each.name.removesuffix(f"_net_{name}.pth") for each in folder.path.glob(f"*_net_{name}.pth")]
                known = ", ".join(sorted(there, key=lambda word: (len(word), word))) or "none"
                raise InputError(f"{file} does not exist; the run has weights of --epoch {known}")
            network.load_state_dict(fit_weights(load_weights(file), network, file)[0])
        data = settings.data
        sizes = max(data.load_size, data.crop_size), data.crop_size
        return cls(method.eval(), Vocabulary.load(folder.path), data.input_nc, *sizes)

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return next(self.method.parameters()).device

    def embed_pictures(self, pictures: Tensor) -> Tensor:
        """uint8 (N, C, S, S) -> unit vectors (N, D) in float32 on the CPU."""
        rows = []
        with measuring(self.device):
            for batch in tqdm(pictures.split(BATCH), "pictures", unit="batch", leave=False, delay=1, disable=None):
                signed = to_signed(batch.to(self.device).contiguous(memory_format=torch.channels_last))
                rows.append(self.method.embed_images(signed).cpu())
        return torch.cat(rows)

    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        """N texts -> unit vectors (N, D) in float32 on the CPU."""
        ids = [self.vocabulary.encode(text, self.method.options.context_length) for text in texts]
        rows = []
        with measuring(self.device):
            for start in range(0, len(ids), BATCH):
                rows.append(self.method.embed_texts(ids[start : start + BATCH]).cpu())
        return torch.cat(rows)


def learned_texts(path: str | os.PathLike[str]) -> bool:
    """Whether this is the folder of a run that learned from texts."""
    record: dict[str, Any] = RunFolder(Path(path)).read_record() if Path(path).is_dir() else {}
    return record.get("model") == MODEL
