"""A run that is only described."""

import re

from translate.settings import train_flags
from translate.training.run import train_from_flags


def describe(capsys, **flags):
    assert train_from_flags({"gpu_ids": "-1", **flags, "dry_run": True}) is None
    return capsys.readouterr().out


def test_it_says_all_of_the_published_run_and_writes_nothing(make_domains, tmp_path, monkeypatch, capsys, tree):
    make_domains(tmp_path / "data", 3, 2, size=(256, 256))
    before = tree(tmp_path)
    monkeypatch.chdir(tmp_path)
    said = describe(capsys, dataroot="data")
    assert tree(tmp_path) == before
    assert not (tmp_path / "checkpoints").exists()
    assert "network G: ResnetGenerator, 11,378,179 parameters" in said
    assert "network F: PatchProjection, 560,384 parameters" in said
    assert "network D: PatchDiscriminator, 2,764,737 parameters" in said
    assert "domain A: data/trainA, 3 pictures, 3 channels" in said
    assert "domain B: data/trainB, 2 pictures, 3 channels" in said
    assert "steps: 3 an epoch, 400 epochs, 1200 in all" in said
    assert (
        "learning rate (linear): epoch 1: 0.0002, epoch 200: 0.0002, epoch 201: 0.000199, epoch 400: 9.95e-07" in said
    )
    assert re.search(r"device: cpu \(\d+ threads, \w+\)", said)
    for name in train_flags("cut"):
        assert f"  {name}: " in said


def test_it_follows_the_flags(data, capsys, base_flags):
    said = describe(capsys, **base_flags, batch_size=2, lr_policy="step", direction="BtoA")
    assert f"domain A: {data}/trainB" in said
    assert "steps: 1 an epoch, 2 epochs, 2 in all" in said
    assert "learning rate (step): epoch 1: 0.0002" in said
    assert "resnet_4blocks" in said


def test_what_is_refused_in_earnest_is_refused_here(train, tmp_path, tree, capsys):
    folder = train(max_steps=1).folder
    before = tree(tmp_path)
    train(dry_run=True)
    train(dry_run=True, continue_train=True)
    assert tree(tmp_path) == before
    assert folder.exists()
