"""A few training steps in float64, by this process alone or by those of torchrun together; the first one writes what
came out to the file that it is given."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from translate.data.sampling import EpochSampler, Share
from translate.settings import resolve
from translate.training.job import build_method
from translate.training.loop import Limits, Trainer
from translate.training.precision import Precision
from translate.training.preparing import Batch, Preparation
from translate.training.processes import joined, processes_of_environment, start_alike

CPU = torch.device("cpu")
STEPS, SAMPLES = 3, 12
SMALL = {"netG": "resnet_4blocks", "ngf": 2, "ndf": 2, "input_nc": 3, "output_nc": 3, "init_gain": 1.0}
ENCODER = {"netE": "generator", "normE": "none", "feature_nc": 6, "view_px": 28}
CASES: dict[str, dict[str, Any]] = {
    "CUT": {"num_patches": 7, "netF_nc": 6},
    "FastCUT": {"CUT_mode": "FastCUT", "num_patches": 7, "netF_nc": 6},
    "CUT, wgangp": {"num_patches": 7, "netF_nc": 6, "gan_mode": "wgangp"},
    "CycleGAN": {"model": "cycle_gan", "pool_size": 3},
    # Losses over as many values as count: of the pieces of a batch each has another number.
    "context encoder": {
        "model": "context_encoder",
        "netG": "context_encoder_64",
        "crop_size": 64,
        "bottleneck": 9,
        "normG": "none",
        "normD": "instance",
        "mask": "blocks",
        "overlap_px": 1,
    },
    "colorization": {"model": "colorization", "netG": "eccv16", "normG": "none", "lambda_GAN": 0.1},
    "MoCo": {"model": "moco", **ENCODER, "queue_size": 10, "key_momentum": 0.9},
    "pix2pix": {"model": "pix2pix", "normG": "instance", "normD": "instance", "no_dropout": True},
}
# Those in which the pictures of a batch have to do with each other, so that parts of it are not the same.
WHOLE: dict[str, dict[str, Any]] = {
    "SimCLR": {"model": "simclr", **ENCODER},
    "CLIP": {
        "model": "clip",
        "netE": "generator",
        "normE": "none",
        "feature_nc": 6,
        "text_width": 8,
        "text_layers": 2,
        "text_heads": 2,
        "vocab_size": SAMPLES + 2,
    },
    "MoCo v3": {"model": "moco", "moco_version": "v3", **ENCODER, "head_nc": 8},
    # Two in a group are the share of one of two processes.
    "MoCo, batch norms": CASES["MoCo"] | {"normG": "batch", "bn_pictures": 2},
}
SIDE_PX = 32


class Exact(Preparation):
    """Pictures and draws in float64."""

    def __call__(self, batch: Batch) -> Batch:
        ready = super().__call__(batch)
        return {key: self._exact(value) for key, value in ready.items()}

    def _exact(self, value: Any) -> Any:
        return value.double() if isinstance(value, torch.Tensor) and value.is_floating_point() else value


def take_steps(name: str, batch_size: int, share: Share, steps: int = STEPS) -> dict[str, torch.Tensor]:
    """Gradients of the last step, weights behind it, the losses of every step, the buffers and the pools."""
    flags = (CASES | WHOLE)[name]
    shared = {name: value for name, value in SMALL.items() if name != "ndf" or "netE" not in flags}
    settings = resolve({**shared, **flags, "batch_size": batch_size})
    method = build_method(settings).double()
    if share.process:
        for weight in method.parameters():
            weight.data.zero_()  # they have to come from the first process
    start_alike(method)
    optimizers = {
        player: torch.optim.SGD([p for n in names for p in method.networks[n].parameters()], lr=0.01)
        for player, names in method.players.items()
    }
    losses: list[float] = []

    def observe(trainer: Trainer) -> bool:
        losses.extend(trainer.check_losses().values())
        return False

    limits = Limits(1, SAMPLES, max_steps=steps)
    precision = Precision("fp32", CPU)
    trainer = Trainer(method, optimizers, lambda epoch: 0.01, 0, precision, batch_size, limits, observe, share.parts)
    trainer.prepare = Exact(method, 0, CPU)
    trainer.run(batches(EpochSampler(SAMPLES, batch_size, 0, 1, share=share), flags.get("crop_size", SIDE_PX)))
    found = {f"gradient of {key}": weight.grad for key, weight in method.named_parameters() if weight.grad is not None}
    found |= {f"weight {key}": weight.detach() for key, weight in method.named_parameters()}
    found |= {f"buffer {key}": value for key, value in method.named_buffers() if "queue" in key}
    for domain, pool in getattr(method, "pools", {}).items():
        found |= {f"pool {domain} {number}": image for number, image in enumerate(pool.images)}
    return {**found, "losses": torch.tensor(losses)}


def batches(sampler: EpochSampler, side_px: int) -> Iterator[Batch]:
    for keys in sampler:
        index = [number for _, number in keys]
        pictures = {letter: torch.stack([picture(letter, number, side_px) for number in index]) for letter in "AB"}
        texts = [[SAMPLES, *[number] * (1 + number % 3), SAMPLES + 1] for number in index]
        yield {**pictures, "tokens": texts, "A_paths": [], "B_paths": [], "epoch": 1, "index": index}


def picture(letter: str, number: int, side_px: int) -> torch.Tensor:
    """Noise; every third is grey."""
    drawn = torch.Generator().manual_seed(2 * number + (letter == "B"))
    noise = torch.randint(0, 256, (3, side_px, side_px), generator=drawn, dtype=torch.uint8)
    return noise[:1].expand(3, -1, -1) if number % 3 == 1 else noise


def main(target: str) -> None:
    torch.set_num_threads(1)
    processes = processes_of_environment()
    with joined(processes, CPU):
        found = {name: take_steps(name, 4, processes.share()) for name in (CASES | WHOLE)}
        found["CUT in two parts"] = take_steps("CUT", 4, processes.share(2))
        if processes.is_first:
            torch.save(found, Path(target))
    processes.end(0)


if __name__ == "__main__":
    main(sys.argv[1])
