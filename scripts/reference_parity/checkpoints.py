"""Weights that change sides: files of the reference loaded here, files of ours loaded there."""

import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

import formula
import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from reference_parity import reference
from reference_parity.networks import relative
from reference_parity.steps import batch_of
from reference_parity.table import Table
from translate.data.tensors import to_tensor
from translate.settings import resolve
from translate.training.job import build_method
from translate.training.run_folder import RunFolder
from translate.translator import Translator

SIDE_PX = 64
BOUND = 1e-6
TRANSLATOR_BOUND = 1e-5  # it computes channels-last, where float32 rounds otherwise than in the reference's layout
VARIANTS: dict[str, dict[str, Any]] = {
    "default networks": {},
    "six blocks, ngf 16": {"netG": "resnet_6blocks", "ngf": 16, "ndf": 16},
    "without anti-aliasing": {"no_antialias": True, "no_antialias_up": True, "ngf": 16, "ndf": 16},
    "batch norm": {"normG": "batch", "normD": "batch", "ngf": 16, "ndf": 16},
    "without norm": {"normG": "none", "normD": "none", "ngf": 16, "ndf": 16},
    "dropout": {"no_dropout": False, "ngf": 16, "ndf": 16},
    "pixel discriminator": {"netD": "pixel", "ngf": 16, "ndf": 16},
}


def compare_checkpoints(table: Table) -> None:
    """Files both ways, and the picture that comes out (float32)."""
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "picture.png"
        pixels = (formula.picture(1, 3, 90, 90, number=40)[0].permute(1, 2, 0).numpy() + 1) * 127.5
        Image.fromarray(pixels.astype(np.uint8)).save(picture)
        for number, (name, flags) in enumerate(VARIANTS.items()):
            table.section(f"checkpoints: {name} (float32)")
            flags = {**flags, "checkpoints_dir": folder, "name": f"run{number}", "crop_size": SIDE_PX}
            (Path(folder) / f"run{number}").mkdir()
            _theirs_to_ours(table, flags, picture)
            _ours_to_theirs(table, flags)


def _trained_model(flags: dict[str, Any]) -> Any:
    """The reference's model for training, with all networks made."""
    model = reference.create_model(reference.options(flags))
    with reference.Draws(0):
        model.data_dependent_initialize(batch_of(resolve({**flags, "input_nc": 3, "output_nc": 3}), (SIDE_PX,) * 2, 0))
    for number, network in enumerate((model.netG, model.netF, model.netD)):
        formula.fill(network, number)
    return model


def _theirs_to_ours(table: Table, flags: dict[str, Any], picture: Path) -> None:
    model = _trained_model(flags)
    model.save_networks("latest")
    with reference.quiet():
        expected = _their_translation(flags, picture)
        model.parallelize()
    model.save_networks("wrapped")  # as the reference saves on the CPU: keys begin with "module."
    folder = Path(flags["checkpoints_dir"]) / flags["name"]
    for epoch in ("latest", "wrapped"):
        translator = Translator.load(folder, epoch, size=f"{SIDE_PX}x{SIDE_PX}", device="cpu", precision="fp32")
        with Image.open(picture) as image:
            prepared = translator.prepare(image)
        result = translator(to_tensor(prepared).float() / 255, size="original") * 2 - 1
        table.row(
            f"{epoch}_net_G.pth of the reference, picture in floats", relative(result, expected), TRANSLATOR_BOUND
        )
    levels = np.asarray(translator(picture)).astype(int) - _their_levels(expected)
    table.fact(
        f"the same in 8 bits; rounding lifts {(levels == 1).mean():.0%} of the values by 1",
        set(np.unique(levels)) <= {0, 1},
    )


def _their_translation(flags: dict[str, Any], picture: Path) -> Tensor:
    """The reference's test: options, transform, loading and forward are its own. (3, H, W) in [-1, 1]."""
    train_only = ("ndf", "netD", "normD")
    opt = reference.options({name: value for name, value in flags.items() if name not in train_only}, phase="test")
    opt.no_flip = True
    opt.load_size = opt.crop_size
    model = reference.create_model(opt)
    with Image.open(picture) as image:
        signed = import_module("data.base_dataset").get_transform(opt)(image.convert("RGB")).unsqueeze(0)
    model.set_input({"A": signed, "B": signed, "A_paths": [], "B_paths": []})
    model.setup(opt)
    model.eval()
    model.test()
    return model.fake_B[0]


def _their_levels(signed: Tensor) -> np.ndarray:
    return import_module("util.util").tensor2im(signed.unsqueeze(0)).astype(int)


def _ours_to_theirs(table: Table, flags: dict[str, Any]) -> None:
    settings = resolve({**flags, "input_nc": 3, "output_nc": 3})
    method = build_method(settings).eval()
    RunFolder(Path(flags["checkpoints_dir"]) / flags["name"]).export("latest", method.networks)
    model = _trained_model(flags)
    with reference.quiet():
        model.load_networks("latest")  # strict there
        model.eval()
    image = formula.picture(1, 3, SIDE_PX, SIDE_PX, number=50)
    pairs = {"G": (method.networks["G"], model.netG), "D": (method.networks["D"], model.netD)}
    with torch.no_grad():
        for name, (ours, theirs) in pairs.items():
            table.row(f"our latest_net_{name}.pth loaded there, output", relative(ours(image), theirs(image)), BOUND)
    table.fact("our latest_net_F.pth loaded there", _equal(method.networks["F"], model.netF))


def _equal(ours: nn.Module, theirs: nn.Module) -> bool:
    mine, other = ours.state_dict(), theirs.state_dict()
    return list(mine) == list(other) and all(torch.equal(mine[key], other[key]) for key in mine)
