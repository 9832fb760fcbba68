"""The record beside the weights."""

import json

from translate.settings import train_flags


def read(folder):
    return json.loads((folder / "run.json").read_text())


def test_it_says_what_others_need_to_know(whole, data):
    record = read(whole)
    assert record["model"] == "cut"
    assert record["options"].keys() == {"model", *train_flags("cut")}
    assert record["channels"] == {"input": 3, "output": 3}
    assert record["value_range"] == [-1, 1]
    assert record["stride"] == 4
    assert record["pixel_scale"] == {"preprocess": "resize_and_crop", "load_size": 36, "crop_size": 32}
    assert record["dataset"]["root"] == str(data.resolve())
    assert record["dataset"]["folders"] == {"A": "trainA", "B": "trainB"}
    assert record["dataset"]["counts"] == {"A": 3, "B": 3}
    assert record["parameters"] == {"G": 6003, "F": 648, "D": 3071}
    assert record["versions"].keys() == {"translate", "torch"}


def test_what_was_detected_is_recorded_as_if_it_had_been_told(whole):
    assert read(whole)["options"]["input_nc"] == 3


def test_a_resumed_run_records_its_new_flags_and_keeps_the_others(train, resume):
    folder = train(max_steps=1).folder
    resume(n_epochs=3, max_steps=2)
    options = read(folder)["options"]
    assert (options["n_epochs"], options["ngf"], options["n_epochs_decay"]) == (3, 2, 1)
    assert "n_epochs: 3 " in (folder / "train_opt.txt").read_text()
