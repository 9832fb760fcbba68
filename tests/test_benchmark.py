"""The benchmark runs every side and prints what it found; how fast they are is not asked here."""

import argparse
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

import benchmark
import benchmark_processes

from translate.data.sampling import Share
from translate.errors import RunError
from translate.training import precision


def test_all_sides_take_their_turns(run_script, tmp_path):
    sides = ["published", "default", "parts", "recomputed"]
    words = ["--crop_size", "64", "--ngf", "2", "--ndf", "2", "--steps", "1", "--warm_up", "0", "--gpu_ids", "-1"]
    words += ["--batch_size", "2", "--sides", *sides]
    done = run_script(tmp_path, "scripts/benchmark", *words)
    assert done.returncode == 0, done.stderr
    *table, line = done.stdout.splitlines()
    assert [row.split("|")[1].strip() for row in table[2:]] == sides
    found = json.loads(line)
    assert found["batch_size"] == 2 and found["machine"]
    for result in found["results"].values():
        assert result["step_s"] > 0 and result["picture_s"] > 0 and result["memory_mib"] > 0
    # So narrow a generator is trained in float32 whatever the processor is fast in, and that is what is said.
    assert {result["precision"] for result in found["results"].values()} == {"fp32"}
    assert found["machine"].endswith("fp32)")
    assert all(row.split("|")[2].strip() == "fp32" for row in table[2:])


def test_processes_are_compared(run_script, tmp_path):
    words = ["--crop_size", "64", "--ngf", "2", "--ndf", "2", "--steps", "1", "--warm_up", "0", "--gpu_ids", "-1"]
    done = run_script(tmp_path, "scripts/benchmark_processes", *words)
    assert done.returncode == 0, done.stderr
    *table, line = done.stdout.splitlines()
    assert [row.split("|")[1].strip() for row in table[2:]] == ["1", "2"]
    assert all(seconds > 0 for seconds in json.loads(line)["step_s"].values())


def test_a_batch_that_some_of_them_could_not_share_is_refused_before_any_is_measured(call_main):
    done = call_main(benchmark_processes.main, "--processes", "1", "2", "4", "--batch_size", "2")
    assert done.returncode == 2
    assert done.stderr == ("error: --batch_size 2 cannot be shared evenly by 4 processes: use --batch_size 4\n")


def test_processes_that_fail_are_told(monkeypatch):
    monkeypatch.setattr("subprocess.run", lambda *_, **__: SimpleNamespace(returncode=1))
    with pytest.raises(RunError, match="2 processes have failed of what stands above; leave 2 out of --processes"):
        benchmark_processes.main(["--processes", "2", "--batch_size", "2", "--gpu_ids", "-1"])


def test_a_profile_names_the_operators(call_main):
    words = ["--profile", "--crop_size", "64", "--ngf", "2", "--ndf", "2", "--warm_up", "1", "--gpu_ids", "-1"]
    assert "convolution" in call_main(benchmark.main, *words).stdout


def test_a_side_that_dies_is_told(call_main, tmp_path):
    words = "--sides", "default", "--reference", str(tmp_path), "--crop_size", "32", "--ngf", "4", "--ndf", "4"
    done = call_main(benchmark.main, *words)
    assert done.returncode == 1
    assert done.stderr.strip().endswith(
        "error: the side reference has died of what stands above; leave it out of --sides"
    )


@pytest.mark.parametrize(
    ("script", "words", "said"),
    [
        (benchmark, "--steps 0", "--steps: at least 1"),
        (benchmark, "--batch_size 0", "--batch_size 0"),
        (benchmark, "--crop_size 2", "--crop_size 2"),
        (benchmark, "--sides default graphs", "CUDA graphs are of GPUs"),
        (benchmark_processes, "--steps 0", "--steps: at least 1"),
        (benchmark_processes, "--processes 0 1", "--processes: numbers of at least 1"),
        (benchmark_processes, "--processes 1 3 --batch_size 4", "use --batch_size 6"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_words(call_main, script, words, said):
    done = call_main(script.main, "--gpu_ids", "-1", *words.split())
    assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr


def told(**flags):
    small = {"CUT_mode": "CUT", "crop_size": 32, "batch_size": 2, "ngf": 2, "ndf": 2, "gpu_ids": "-1"}
    return argparse.Namespace(**{**small, **flags})


def test_the_published_way_has_an_adam_that_is_not_fused(monkeypatch):
    made = []
    trainer = benchmark.Trainer
    monkeypatch.setattr(benchmark, "Trainer", lambda *words, **more: made.append(trainer(*words, **more)) or made[-1])
    monkeypatch.setattr(benchmark, "compute_as_published", lambda method: None)  # it changes layers for good
    for side in ("published", "default"):
        benchmark.make_ours(side, told())
    fused = [
        {group["fused"] for optimizer in each.optimizers.values() for group in optimizer.param_groups} for each in made
    ]
    assert fused == [{None}, {True}]
    rates = [{(g["lr"], g["betas"]) for o in each.optimizers.values() for g in o.param_groups} for each in made]
    assert rates[0] == rates[1]


def test_a_side_says_in_what_it_computes(monkeypatch):
    monkeypatch.setattr(precision, "is_fast_in_bf16", lambda device: True)
    found = {side: benchmark.make_ours(side, told(ngf=32)).precision for side in ("fp32", "default")}
    assert found == {"fp32": "fp32", "default": "bf16"}
    assert benchmark.make_ours("default", told(ngf=2)).precision == "fp32"


def test_steps_take_pictures_that_are_there_and_draw_anew(monkeypatch):
    seen = []
    monkeypatch.setattr(benchmark.Trainer, "step", lambda trainer, batch: seen.append(batch))
    work = benchmark.make_ours("default", told())
    for _ in range(2):
        work.step()
    assert seen[0]["A"] is seen[1]["A"]
    assert [batch["index"] for batch in seen] == [[0, 1], [2, 3]]


def test_pictures_are_translated_in_the_layout_of_the_translator(monkeypatch):
    """Which is channels-last also where training is not: in float32 on processors without AVX512."""
    monkeypatch.setattr(precision, "cpu_flags", lambda: {"avx2"})
    seen = []
    work = benchmark.make_ours("fp32", told())
    spy = staticmethod(lambda generator, options: lambda pictures: seen.extend([generator, pictures]))
    monkeypatch.setattr(benchmark.cut.CUT, "translator", spy)
    work.picture()
    generator, pictures = seen
    weights = [weight for weight in generator.parameters() if weight.ndim == 4]
    assert all(each.is_contiguous(memory_format=torch.channels_last) for each in [pictures, *weights])


def test_the_share_of_a_process_is_that_of_the_sampler():
    batch = benchmark.make_batch(told(batch_size=4), 3)
    own = benchmark.share_of(batch, Share(1, 2))
    assert own["index"] == [14, 15] and torch.equal(own["A"], batch["A"][2:])
