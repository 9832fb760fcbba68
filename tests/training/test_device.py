"""Which device a flag means."""

import pytest
import torch

from translate.errors import InputError
from translate.training.device import choose_device, describe_device
from translate.training.processes import Processes


@pytest.fixture
def two_gpus(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "a fast one")


@pytest.mark.parametrize("gpu_ids", ["0", "-1", "1,0", ""])
def test_without_a_gpu_it_is_the_cpu(monkeypatch, gpu_ids):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device(gpu_ids).type == "cpu"


@pytest.mark.parametrize(("gpu_ids", "said"), [("0", True), ("-1", False)])
def test_a_mac_computes_on_its_cpu_and_says_so(monkeypatch, capsys, gpu_ids, said):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device(gpu_ids).type == "cpu"
    assert ("the GPU of a Mac is not used" in capsys.readouterr().out) == said


@pytest.mark.parametrize(("gpu_ids", "device"), [("0", "cuda:0"), ("1", "cuda:1"), ("-1", "cpu"), ("", "cpu")])
def test_a_number_is_that_gpu(two_gpus, gpu_ids, device):
    assert choose_device(gpu_ids) == torch.device(device)


def test_of_several_the_first_is_taken_and_that_is_said(two_gpus, capsys):
    assert choose_device("1, 0") == torch.device("cuda:1")
    said = capsys.readouterr().out
    assert "which is 1;" in said
    assert "torchrun --nproc_per_node=2" in said


@pytest.mark.parametrize(("gpu_ids", "message"), [("2", "has 2 GPUs"), ("a", "not a list of numbers")])
def test_what_is_not_there_is_refused(two_gpus, gpu_ids, message):
    with pytest.raises(InputError, match=message):
        choose_device(gpu_ids)


@pytest.mark.parametrize(
    ("gpu_ids", "devices"), [("0", ["cuda:0", "cuda:1"]), ("1,0", ["cuda:1", "cuda:0"]), ("-1", ["cpu", "cpu"])]
)
def test_each_process_of_a_machine_has_its_own(two_gpus, capsys, gpu_ids, devices):
    assert [str(choose_device(gpu_ids, Processes(4 + at, 6, at, 2))) for at in (0, 1)] == devices
    assert not capsys.readouterr().out


@pytest.mark.parametrize(
    ("gpu_ids", "local_count", "message"),
    [
        ("1", 2, "--gpu_ids 1 names too few GPUs for the 2 processes on this machine; name one for each, or leave"),
        ("0,1", 3, "--gpu_ids 0,1 names too few GPUs for the 3 processes"),
        ("1,1", 2, "--gpu_ids 1,1 names a GPU twice; each process needs one of its own"),
        ("0,1,2", 3, "--gpu_ids 0,1,2: this machine has 2 GPUs"),
        ("0", 3, "3 processes on a machine with 2 GPUs.*--nproc_per_node=2, or give --gpu_ids -1"),
    ],
)
def test_processes_without_a_gpu_of_their_own_are_refused(two_gpus, gpu_ids, local_count, message):
    with pytest.raises(InputError, match=message):
        choose_device(gpu_ids, Processes(1, local_count, 1, local_count))


def test_devices_have_names(two_gpus):
    assert describe_device(torch.device("cuda:1"), "tf32") == "cuda:1 (a fast one, tf32)"
    assert describe_device(torch.device("cpu"), "bf16") == f"cpu ({torch.get_num_threads()} threads, bf16)"
