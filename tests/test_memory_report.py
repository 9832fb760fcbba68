"""The table of estimated and measured memory is made for any flags of a training; how large they are is not asked."""

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

import memory_report

SMALL = "--ngf 4 --ndf 4 --crop_size 64 --gpu_ids -1"


def test_a_row_says_what_a_step_of_these_flags_takes(run_script, tmp_path):
    done = run_script(tmp_path, "scripts/memory_report", *SMALL.split(), "--batch_size", "2", "--accumulate", "2")
    assert done.returncode == 0, done.stderr
    flags, estimated, measured, ratio = (cell.strip() for cell in done.stdout.splitlines()[-1].split("|")[1:-1])
    assert flags == f"`{SMALL} --batch_size 2 --accumulate 2`"
    assert float(ratio) == pytest.approx(float(estimated) / float(measured), abs=0.02)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("--help", 0, "--crop_size"),
        ("--crop_sise 64", 2, "did you mean crop_size?"),
        ("--batch_size 3 --accumulate 2", 2, "use --batch_size 4"),
    ],
)
def test_help_and_refusals_come_before_anything_is_measured(call_main, words, code, said):
    done = call_main(memory_report.main, *words.split())
    assert done.returncode == code and said in (done.stdout if code == 0 else done.stderr)
    assert "estimated" not in done.stdout and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "flags",
    [
        f"{SMALL} --input_nc 1 --output_nc 1",
        "--model depth --ngf 4 --crop_size 64 --batch_size 2 --depth_inputs rgb,mask --output_nc 1",
        "--model clip --nef 4 --crop_size 72 --batch_size 2 --netE generator --text_width 8 --text_layers 1 "
        "--text_heads 1",
    ],
)
def test_every_method_gets_the_batches_that_it_takes(flags):
    assert memory_report.measure(memory_report.settings_of(flags), torch.device("cpu")) >= 0


def test_the_average_of_the_weights_is_measured_as_it_is_estimated(monkeypatch):
    seen = []
    monkeypatch.setattr(memory_report.WeightAverage, "update", lambda average, networks, step: seen.append(step))
    memory_report.measure(memory_report.settings_of(f"{SMALL} --ema 0.9"), torch.device("cpu"))
    assert seen == [1] * memory_report.STEPS
