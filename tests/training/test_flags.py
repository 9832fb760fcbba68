"""Every flag changes something: a loss, a weight, a file, what is printed, or the answer to a mistake.

Each case names a run and what differs from it once the flag is given. A flag without a case fails.
"""

import contextlib
import hashlib
import json
import shutil
import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.utils.checkpoint import checkpoint

from translate.data.download import Unreachable
from translate.errors import InputError
from translate.evaluation import weights
from translate.networks import resnet
from translate.reports.displays.visdom_client import Client
from translate.reports.training import TrainingPage
from translate.settings import train_flags
from translate.training import compiling, feeding, run
from translate.training.run import train_from_flags
from translate.training.run_folder import RunFolder


@dataclass
class Case:
    """The value of a flag, flags that must be given with it, and which part of the outcome it shows in."""

    value: Any
    shows_in: str = "losses"
    beside: dict[str, Any] = field(default_factory=dict)


PAGE = {"no_html": False}
VISDOM = {"display": "visdom"}
SHORT = {"max_dataset_size": 1, "max_steps": None, "n_epochs_decay": 0}  # an epoch is a step
MEASURED = {"dataroot": "MEASURED", "eval_every": 1, "metrics": "changed_rms"}
SINGLE = {
    "model": "sincut", "netG": "smallstylegan2", "netD": "stylegan2", "nce_layers": "0,2", "max_dataset_size": 1,
    "n_epochs": 1, "batch_size": 2,
}  # fmt: skip

CASES = {
    # Run
    "dataroot": Case("OTHER"),
    "name": Case("another", "files"),
    "checkpoints_dir": Case("ELSEWHERE", "files"),
    "suffix": Case("{ngf}", "files"),
    "seed": Case(1),
    "gpu_ids": Case("first", "error"),
    "continue_train": Case(True, "error"),
    "init_from": Case("SOURCE"),
    "pretrained_name": Case("source"),
    "epoch": Case("1", beside={"pretrained_name": "source"}),
    "epoch_count": Case(2),
    "max_steps": Case(1),
    "max_minutes": Case(1e-6),
    "stall_s": Case(0, "watched"),
    "dry_run": Case(True, "files"),
    "verbose": Case(True, "printed"),
    "phase": Case("test"),
    # Data
    "dataset_mode": Case("aligned", "error"),
    "direction": Case("BtoA"),
    "input_nc": Case(1),
    "output_nc": Case(1),
    "range_A": Case("0,200"),
    "range_B": Case("-50,255"),
    "preprocess": Case("crop"),
    "load_size": Case(34),
    "crop_size": Case(36),
    "decay_load_size": Case("load_size", beside={"n_epochs": 0}),
    "random_scale_max": Case(2, beside={"preprocess": "zoom_and_crop"}),
    "no_flip": Case(True),
    "max_dataset_size": Case(2),
    "serial_batches": Case(True),
    "crops_per_epoch": Case(2, beside={**SINGLE, "max_steps": None, "n_epochs_decay": 0, "crops_per_epoch": 4}),
    "batch_size": Case(2),
    "num_threads": Case(1, "workers"),
    "cache_mb": Case(0, "keeps"),
    "skip_bad_images": Case(True, "error", {"dataroot": "SPOILT"}),
    # Networks
    "netG": Case("resnet_6blocks"),
    "ngf": Case(3),
    "normG": Case("batch"),
    "no_dropout": Case(False),
    "no_antialias": Case(True),
    "no_antialias_up": Case(True),
    "netD": Case("pixel"),
    "ndf": Case(3),
    "n_layers_D": Case(2, beside={"netD": "n_layers"}),
    "normD": Case("none"),
    "init_type": Case("normal"),
    "init_gain": Case(0.1),
    # Speed
    "precision": Case("fp16"),
    "accumulate": Case(2, beside={"batch_size": 2, "normG": "batch"}),
    "grad_checkpointing": Case(True, "recomputed"),
    "compile": Case("on", "compiled"),
    "cuda_graphs": Case(True, "recorders"),
    "deterministic": Case(True, "deterministic"),
    # Optimisation
    "n_epochs": Case(2, beside=SHORT),
    "n_epochs_decay": Case(1, beside=SHORT),
    "optimizer": Case("lars", "weights"),
    "lr": Case(0.01, "weights"),
    "warmup_epochs": Case(2, "weights", {**SHORT, "n_epochs": 2}),
    "momentum": Case(0.1, "weights", {"optimizer": "sgd"}),
    "nesterov": Case(True, "weights", {"optimizer": "sgd"}),
    "beta1": Case(0.9, "weights"),
    "beta2": Case(0.5, "weights"),
    "ema": Case(0.9, "files"),
    "weight_decay": Case(0.1, "weights"),
    "lr_policy": Case("step", "weights", {**SHORT, "n_epochs_decay": 1}),
    "lr_decay_iters": Case(1, "weights", {**SHORT, "n_epochs_decay": 1, "lr_policy": "step"}),
    # Reports
    "print_freq": Case(2, "log"),
    "display_freq": Case(1, "files", PAGE),
    "update_html_freq": Case(1, "pages", PAGE),
    "display_winsize": Case(100, "page", PAGE),
    "no_html": Case(True, "files", PAGE),
    "display": Case("tensorboard", "files"),
    "display_id": Case(1, "sent"),
    "display_server": Case("http://127.0.0.1", "sent", VISDOM),
    "display_port": Case(9000, "sent", VISDOM),
    "display_env": Case("other", "sent", VISDOM),
    "display_ncols": Case(2, "sent", VISDOM),
    "save_latest_freq": Case(1, "states"),
    "save_epoch_freq": Case(1, "files", {**SHORT, "n_epochs": 2}),
    "save_by_iter": Case(True, "files", {"save_latest_freq": 1}),
    # Quality
    "eval_every": Case(1, "measured", {"dataroot": "MEASURED"}),
    "metrics": Case("diversity_pixels", "measured", MEASURED),
    "best_metric": Case("psnr_truth", "best", {**MEASURED, "metrics": "structure_gradients,psnr_truth"}),
    "eval_phase": Case("check", "measured", MEASURED),
    "probe_data": Case("labelled", "error"),
    "eval_pictures": Case(2, "measured", MEASURED),
    "metrics_weights": Case("nowhere.pth", "measured", {**MEASURED, "metrics": "lpips_input"}),
    # Method
    "CUT_mode": Case("FastCUT"),
    "gan_mode": Case("vanilla"),
    "lambda_GAN": Case(2),
    "lambda_NCE": Case(2),
    "nce_idt": Case(False),
    "flip_equivariance": Case(True, beside={"seed": 2}),
    "nce_layers": Case("0,4"),
    "nce_T": Case(0.2),
    "num_patches": Case(4),
    "nce_includes_all_negatives_from_minibatch": Case(True, beside={"batch_size": 2}),
    "netF": Case("sample"),
    "netF_nc": Case(4),
    "lambda_gp": Case(1, beside={"gan_mode": "wgangp"}),
    "lambda_R1": Case(1),
}


@dataclass
class Outcome:
    """All that a run leaves behind."""

    error: str | None = None
    losses: list[dict[str, float]] = field(default_factory=list)
    log: int = 0
    weights: dict[str, str] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)
    page: str = ""
    printed: str = ""
    workers: int | None = None
    watched: bool = False
    recomputed: int = 0
    compiled: int = 0
    recorders: int = 0
    deterministic: bool | None = None
    keeps: bool | None = None
    states: int = 0
    pages: int = 0
    sent: list[tuple[str, str]] = field(default_factory=list)
    measured: list[tuple[dict[str, Any], dict[str, str]]] = field(default_factory=list)
    best: str = ""


@pytest.fixture(scope="module")
def places(tmp_path_factory, make_domains, base_flags):
    """Data sets, and a folder in which a run called "source" lies beside the others."""
    root = tmp_path_factory.mktemp("flags")
    places = {name: root / name for name in ("DATA", "OTHER", "SPOILT", "MEASURED", "CHECKPOINTS", "ELSEWHERE")}
    make_domains(places["DATA"], 3, 4, size=(44, 40))
    make_domains(places["OTHER"], 4, 3, size=(44, 44))
    make_domains(places["SPOILT"], 3, 3)
    make_domains(places["MEASURED"], 3, 3, phases=("train", "val", "check"))
    shutil.copytree(places["MEASURED"] / "valB", places["MEASURED"] / "valA_truth")
    for path in (places["MEASURED"] / "valA_truth").iterdir():
        path.rename(path.with_name(path.name.replace("b", "a")))
    (places["SPOILT"] / "trainA" / "words.png").write_text("not a picture")
    source = {"dataroot": str(places["DATA"]), "checkpoints_dir": str(places["CHECKPOINTS"]), "name": "source"}
    train_from_flags({**base_flags, **source, "max_dataset_size": 1, "lr": 0.01, "save_epoch_freq": 1})
    return {**places, "SOURCE": places["CHECKPOINTS"] / "source"}


@pytest.fixture(scope="module")
def cached():
    """The outcomes of runs that several flags are compared with."""
    return {}


@pytest.fixture
def outcome_of(places, base_flags, cached, monkeypatch, capsys):
    """outcome_of(flags): what a run of two steps with these flags leaves behind."""

    def run(flags):
        key = json.dumps(flags, sort_keys=True)
        if key not in cached:
            cached[key] = _run(flags)
        return cached[key]

    def _run(flags):
        base = {**base_flags, "dataroot": "DATA", "checkpoints_dir": "CHECKPOINTS", "name": "run", "max_steps": 2}
        told = {
            name: str(places.get(value, value)) if isinstance(value, str) else value for name, value in flags.items()
        }
        values = {**{name: str(places[v]) if v in ("DATA", "CHECKPOINTS") else v for name, v in base.items()}, **told}
        outcome = Outcome()
        capsys.readouterr()
        with monkeypatch.context() as patch:
            _count(patch, outcome)
            try:
                result = train_from_flags(values)
            except InputError as error:
                outcome.error = str(error)
                return outcome
        outcome.printed = capsys.readouterr().out
        if result:
            _read(outcome, result.folder, places["SOURCE"].parents[1])
            result.folder.rename(places["SOURCE"].parents[1] / f"seen{len(cached)}")
        return outcome

    return run


def _count(patch, outcome):
    save_state, write, make_loader = RunFolder.save_state, TrainingPage.write, feeding.make_loader

    def counted_save(self, state):
        outcome.states += 1
        save_state(self, state)

    def counted_write(self, *args, **more):
        outcome.pages += 1
        write(self, *args, **more)

    def unreachable(*_):
        raise Unreachable("no network")

    def seen_loader(dataset, sampler, workers, **rest):
        outcome.workers = workers
        outcome.watched = "watchdog" in [thread.name for thread in threading.enumerate()]
        outcome.deterministic = torch.are_deterministic_algorithms_enabled()
        outcome.keeps = dataset.augment.cache is not None
        return make_loader(dataset, sampler, workers, **rest)

    def counted_checkpoint(*args, **rest):
        outcome.recomputed += 1
        return checkpoint(*args, **rest)

    def counted_compile(function, **rest):
        outcome.compiled += 1
        return function

    def counted_recorder(device):
        outcome.recorders += 1
        return SimpleNamespace(beside=contextlib.nullcontext)  # two steps are too few for a record

    def seen_post(self, url, data=None):
        outcome.sent.append((url, data))
        return "false"  # to the question whether there is a window

    patch.setattr(weights, "download", unreachable)
    patch.setattr(Client, "_handle_post", seen_post)
    patch.setattr(compiling, "why_not", lambda precision: None)
    patch.setattr(torch, "compile", counted_compile)
    patch.setattr(torch.nn.Module, "compile", counted_compile)
    patch.setattr(run, "why_not_recorded", lambda *_: None)
    patch.setattr(run, "CudaGraphs", counted_recorder)
    patch.setattr(resnet, "checkpoint", counted_checkpoint)
    patch.setattr(RunFolder, "save_state", counted_save)
    patch.setattr(TrainingPage, "write", counted_write)
    patch.setattr(feeding, "make_loader", seen_loader)


def _read(outcome: Outcome, folder: Path, root: Path) -> None:
    entries = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    outcome.log = len(entries)
    outcome.losses = [entry["losses"] for entry in entries]
    state = torch.load(folder / "latest_state.pth", weights_only=True)["method"]
    outcome.weights = {key: hashlib.sha256(value.numpy().tobytes()).hexdigest() for key, value in state.items()}
    outcome.files = {str(path.relative_to(root)) for path in folder.rglob("*")}
    if (folder / "metrics.jsonl").exists():
        found = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        outcome.measured = [(entry["metrics"], entry["left_out"]) for entry in found]
    if (folder / "best.json").exists():
        outcome.best = (folder / "best.json").read_text()
    page = folder / "web" / "index.html"
    outcome.page = page.read_text() if page.exists() else ""


def test_every_flag_has_a_case():
    assert CASES.keys() == train_flags("cut").keys()


@pytest.mark.parametrize("name", CASES)
def test_a_flag_changes_something(outcome_of, name):
    case = CASES[name]
    without = outcome_of(case.beside)
    given = outcome_of({**case.beside, name: case.value})
    assert getattr(given, case.shows_in) != getattr(without, case.shows_in)
    if case.shows_in != "error":
        assert given.error is None and without.error is None


def test_the_same_flags_change_nothing(outcome_of):
    first, second = outcome_of({}), outcome_of({"verbose": False})
    assert (first.losses, first.weights, first.files) == (second.losses, second.weights, second.files)


def test_the_same_flags_send_the_same_to_visdom(outcome_of):
    first, second = outcome_of(VISDOM), outcome_of({**VISDOM, "verbose": False})
    assert sorted(first.sent) == sorted(second.sent) != []
