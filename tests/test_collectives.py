"""What processes tell each other, seen from one that is alone; two of them are in tests/training/test_processes.py."""

import pytest
import torch

from translate import collectives
from translate.errors import RunError


def test_alone_nothing_changes():
    tensors = [torch.tensor([1.0, 2.0]), torch.tensor(3)]
    collectives.average_over_processes(tensors)
    collectives.copy_from_first(tensors)
    assert [tensor.tolist() for tensor in tensors] == [[1.0, 2.0], 3]
    assert collectives.gather_values("x") == ["x"]
    assert collectives.any_says(True) and not collectives.any_says(False)
    assert (collectives.process_count(), collectives.process_rank()) == (1, 0)
    images = torch.rand(2, 3, 4, 4, requires_grad=True)
    gathered = collectives.gather_samples(images, ["a", "b"])
    assert torch.equal(torch.stack([image for image, _ in gathered]), images) and not gathered[0][0].requires_grad
    assert [word for _, word in gathered] == ["a", "b"]
    assert collectives.gather_rows(images) is images


def test_too_little_memory_is_no_lost_process():
    with pytest.raises(torch.OutOfMemoryError), collectives._talking():
        raise torch.OutOfMemoryError("CUDA out of memory")


def test_a_broken_connection_is_a_lost_process():
    said = r"another process of this training is gone.*--continue_train"
    with pytest.raises(RunError, match=said), collectives._talking():
        raise RuntimeError("Connection closed by peer")
