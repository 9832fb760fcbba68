"""Runs of MoCo, of which more than weights and moments must survive: the copy that trails behind, and the queue."""

import json

import pytest
import torch

from translate.training.run import train_from_flags

V3 = {"moco_version": "v3", "head_nc": 8}


@pytest.fixture(scope="module")
def base(tmp_path_factory, make_domains):
    root = make_domains(tmp_path_factory.mktemp("pictures"), 8, 0, size=(80, 80), phases=("train",))
    return {
        "model": "moco", "dataroot": str(root), "checkpoints_dir": str(tmp_path_factory.mktemp("runs")), "nef": 4,
        "feature_nc": 6, "load_size": 72, "crop_size": 64, "batch_size": 4, "n_epochs": 2, "n_epochs_decay": 1,
        "num_threads": 0, "gpu_ids": "-1", "print_freq": 1, "no_html": True, "lr": 0.01,
    }  # fmt: skip


def log(folder):
    return [json.loads(line)["losses"] for line in (folder / "log.jsonl").read_text().splitlines()]


def state(folder):
    return torch.load(folder / "latest_state.pth", weights_only=True)["method"]


@pytest.mark.parametrize("flags", [{"moco_version": "v1", "queue_size": 10}, {"queue_size": 10, "bn_pictures": 2}, V3])
def test_a_resumed_run_is_the_uninterrupted_one(flags, base, same_state):
    name = str(len(flags)) + flags.get("moco_version", "v2")
    whole = train_from_flags({**base, **flags, "name": name}).folder
    torn = train_from_flags({**base, **flags, "name": f"{name}_torn", "max_steps": 3}).folder
    train_from_flags({
        "continue_train": True, "name": torn.name, "checkpoints_dir": str(torn.parent), "num_threads": 0,
        "max_steps": None,
    })  # fmt: skip
    assert len(log(whole)) == 6 and log(whole) == log(torn)
    assert same_state(whole, torn)
    networks = {path.stem for path in whole.glob("latest_net_*.pth")}
    assert networks == {"latest_net_E", "latest_net_H"} | ({"latest_net_P"} if flags is V3 else set())


def test_a_batch_in_parts_fills_the_same_queue(base):
    found = []
    for parts in (1, 2):
        flags = {"queue_size": 10, "normE": "none", "accumulate": parts, "precision": "fp32", "max_steps": 2}
        found.append(state(train_from_flags({**base, **flags, "name": f"parts{parts}"}).folder)["queue"])
    torch.testing.assert_close(found[0], found[1], rtol=1e-3, atol=1e-4)


def test_fine_tuning_starts_the_copy_from_the_loaded_encoder_too(base):
    source = train_from_flags({**base, "model": "simclr", "name": "source", "max_steps": 2}).folder
    tuned = train_from_flags({**base, "name": "tuned", "init_from": str(source), "max_steps": 1, "lr": 1e-12}).folder
    loaded, found = torch.load(source / "latest_net_E.pth", weights_only=True), state(tuned)
    learned = [key for key in loaded if key.endswith("weight")]
    assert len(learned) == 10
    for key in learned:
        torch.testing.assert_close(found[f"trailing.E.{key}"], loaded[key], rtol=0, atol=1e-6)
