"""The record beside the weights: what testing, resuming, fine-tuning and the Python API need to know."""

from collections.abc import Mapping
from typing import Any

import torch

from translate import __version__
from translate.methods import Method
from translate.settings import TrainSettings
from translate.training.feeding import Feed, describe_counts


def make_record(settings: TrainSettings, method: Method, feed: Feed) -> dict[str, Any]:
    """A JSON-able description of a run and of what its generator expects."""
    return {
        "format": 1,
        "model": settings.model,
        "options": settings.flat(),
        "channels": {"input": feed.input_nc, "output": feed.output_nc},
        "value_range": [-1, 1],
        "values": feed.ranges_by_letter(settings.data.direction),
        "stride": method.stride,
        "pixel_scale": {
            "preprocess": settings.data.preprocess,
            "load_size": settings.data.load_size,
            "crop_size": settings.data.crop_size,
        },
        "dataset": {
            "root": str(feed.root.resolve()),
            "folders": {domain: folder.name for domain, folder in feed.folders.items()},
            "counts": feed.counts,
        },
        "parameters": {name: count_parameters(network) for name, network in method.networks.items()},
        "versions": {"translate": __version__, "torch": torch.__version__},
    }


def count_parameters(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def check_unchanged(record: Mapping[str, Any], feed: Feed) -> None:
    """Say so if a run is resumed on other data than it was started with: its sample order changes then."""
    counts = record.get("dataset", {}).get("counts")
    if counts and counts != feed.counts:
        before, now = describe_counts(counts), describe_counts(feed.counts)
        print(f"note: the run was started on {before}, and there are {now} now; their order changes")
