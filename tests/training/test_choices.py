"""Every word that a flag offers trains, with every method: one step whose losses are finite, or one sentence why not.

What cannot be combined is listed here, so that a word that begins to be refused fails.
"""

import dataclasses
import json
import math
import sys
from pathlib import Path

import pytest
import torch

from translate.data.preprocess import CUTS, SCALINGS
from translate.errors import InputError
from translate.methods import METHODS
from translate.options import OPTIMIZERS
from translate.settings import groups_of
from translate.training.run import train_from_flags

# The smallest networks and pictures that a method takes.
sys.path.insert(0, str(Path(__file__).parent))

from test_every_encoder import TINY as ENCODERS

SMALLEST = {
    "cut": {"netG": "resnet_4blocks", "num_patches": 16, "netF_nc": 8},
    "cycle_gan": {"netG": "resnet_4blocks", "pool_size": 2},
    "context_encoder": {"netG": "context_encoder_64", "bottleneck": 8, "load_size": 64, "crop_size": 64},
    "colorization": {"netG": "colorizer_small", "predict_px": 64},
    "depth": {"ngf": 4},
    "pix2pix": {"netG": "resnet_4blocks", "normG": "instance"},
    "sincut": {"netG": "smallstylegan2", "netF_nc": 8, "max_dataset_size": 1, "crops_per_epoch": 4},
}
# What a word needs besides.
WITH = {
    ("netG", "unet_128"): {"load_size": 128, "crop_size": 128},
    ("netG", "unet_256"): {"load_size": 256, "crop_size": 256},
    ("netG", "context_encoder"): {"load_size": 128, "crop_size": 128},
    ("netG", "context_alexnet"): {"load_size": 256, "crop_size": 227, "lambda_adv": 0, "bottleneck": None, "ngf": 4},
    ("netD", "n_layers"): {"n_layers_D": 2},
    ("lr_policy", "step"): {"lr_decay_iters": 1},
    ("netE", "resnet18"): {"nef": 64},
    ("netE", "resnet50"): {"nef": 64},
    ("netE", "generator"): {"netG": "resnet_4blocks", "ngf": 2},
    ("moco_version", "v3"): {"head_nc": 8},
}
# What is refused, and why. Words of --netG and --dataset_mode that a method does not list are refused too
# (test_every_method.py).
REFUSED = {
    ("precision", "tf32"): {model: "fp32 or bf16" for model in METHODS.names()},
    ("direction", "BtoA"): {"depth": "more than 8 bits"},  # pictures are expected where depth is
    ("normE", "lrn"): {"rotation": "belongs to caffenet"},
    ("normG", "instance"): {"colorization": "instance", "depth": "its own layers"},
    **{(f"norm{letter}", word): {"sincut": "no norm"} for letter in "GD" for word in ("batch", "none")},
    ("normG", "none"): {"sincut": "no norm", "depth": "its own layers"},
    **{("normD", word): {"sincut": "no norm", "depth": "without a discriminator"} for word in ("batch", "none")},
    **{
        ("preprocess", words): {"sincut": "judges pictures of 32x32 pixels and got one of 64x64"} for words in ("none",)
    },
}


def choices(model):
    """Each flag of a method that offers words, with each of them."""
    method = METHODS[model]
    if not method.generators:
        yield from of_encoder(model)
        return
    for group in groups_of(model).values():
        for field in dataclasses.fields(group):
            if field.name in ("netG", "netD"):
                words = getattr(method, field.name)
            elif field.name == "dataset_mode":
                words = (method.needs,)
            else:
                words = field.metadata["choices"] or ()
            yield from ((model, field.name, word) for word in words)
    scalings = [f"{scaling}_and_crop" for scaling in SCALINGS]
    yield from ((model, "preprocess", words) for words in (*scalings, *CUTS, "zoom_and_crop", "none"))


def of_encoder(model):
    """Of a method that trains an encoder its own words; those that all have in common, of one of them."""
    common = [] if model != "rotation" else [("optimizer", word) for word in OPTIMIZERS]
    for field in dataclasses.fields(METHODS[model].Options):
        if field.name not in ("netE", "normE") or model == "rotation":
            common += [(field.name, word) for word in field.metadata["choices"] or ()]
    yield from ((model, name, word) for name, word in common)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory, make_domains):
    """Two pairs; read them, do not change them."""
    root = make_domains(tmp_path_factory.mktemp("choices"), 2, 2, size=(64, 64), phases=("train",))
    for path in (root / "trainB").iterdir():
        path.rename(path.with_name(path.name.replace("b", "a")))
    return root


@pytest.fixture(scope="module")
def depth_of_pictures(pictures, make_depth, tmp_path_factory):
    """The same with depth; read them, do not change them."""
    return make_depth(tmp_path_factory.mktemp("depth"), pictures)


@pytest.fixture(autouse=True)
def no_compiler(monkeypatch):
    """What is compiled takes minutes and computes the same (test_compiling.py)."""
    monkeypatch.setattr(torch, "compile", lambda function, **_: function)
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self, **_: None)


@pytest.mark.parametrize(("model", "name", "word"), [case for model in METHODS.names() for case in choices(model)])
def test_a_word_trains_a_step_or_is_refused(model, name, word, pictures, depth_of_pictures, tmp_path):
    root = depth_of_pictures if METHODS[model].needs == "depth" else pictures
    flags = {
        "dataroot": str(root), "checkpoints_dir": str(tmp_path), "model": model,
        "load_size": 36, "crop_size": 32, "batch_size": 2, "max_steps": 1, "num_threads": 0, "gpu_ids": "-1",
        "no_html": True, "print_freq": 1,
    }  # fmt: skip
    if METHODS[model].generators:
        flags |= {"ngf": 2, "ndf": 2} if model != "depth" else {"ngf": 2}
    else:
        flags |= {"nef": 4, "load_size": 80, "crop_size": 72, **ENCODERS[model]}
    flags |= {**SMALLEST.get(model, {}), **WITH.get((name, word), {}), name: word}
    if reason := REFUSED.get((name, word), {}).get(model):
        with pytest.raises(InputError, match=reason):
            train_from_flags(flags)
        return
    result = train_from_flags(flags)
    (entry,) = [json.loads(line) for line in (result.folder / "log.jsonl").read_text().splitlines()]
    assert entry["losses"]
    assert all(math.isfinite(value) for value in entry["losses"].values())
