import os
import signal

import pytest
import torch

from translate.data import loading
from translate.data.loading import default_workers, make_loader
from translate.data.preprocess import Preprocess
from translate.data.reading import PictureError
from translate.data.sampling import EpochSampler
from translate.data.unpaired import UnpairedPictures
from translate.errors import InputError, LostReader, RunError

SMALL = Preprocess(load_size=36, crop_size=32)


@pytest.fixture
def pictures(two_domains):
    return UnpairedPictures(*two_domains, 3, 1, SMALL, seed=1)


def sampler(**changes):
    return EpochSampler(**{"length": 5, "batch_size": 2, "seed": 1, "n_epochs": 3, **changes})


def frozen(batch):
    return {key: value.numpy().tobytes() if key in "AB" else value for key, value in batch.items()}


def test_a_batch_stacks_its_samples(pictures):
    batch = next(iter(make_loader(pictures, sampler(), 0)))
    keys = next(iter(sampler()))
    assert batch["A"].shape == (2, 3, 32, 32)
    assert batch["B"].shape == (2, 1, 32, 32)
    assert batch["A"].dtype == batch["B"].dtype == torch.uint8
    assert batch["A"].is_contiguous(memory_format=torch.channels_last)
    assert batch["epoch"] == 1
    assert batch["index"] == [index for _, index in keys]
    samples = [pictures[key] for key in keys]
    for letter in ("A", "B"):
        assert torch.equal(batch[letter], torch.stack([sample[letter] for sample in samples]))
        assert batch[f"{letter}_paths"] == [sample[f"{letter}_path"] for sample in samples]


@pytest.mark.parametrize("workers", [1, 2])
def test_any_number_of_workers_gives_the_same_batches(pictures, workers):
    wanted = [frozen(batch) for batch in make_loader(pictures, sampler(), 0)]
    loader = make_loader(pictures, sampler(), workers, pin_memory=True, multiprocessing_context="fork")
    assert [frozen(batch) for batch in loader] == wanted
    assert len(loader) == len(wanted) == 6


def test_a_resumed_loader_gives_the_rest(pictures):
    whole = [frozen(batch) for batch in make_loader(pictures, sampler(), 0)]
    rest = make_loader(pictures, sampler(start_epoch=2, start_sample=2), 1)
    assert [frozen(batch) for batch in rest] == whole[3:]


def test_the_global_generator_is_left_alone(pictures):
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    list(make_loader(pictures, sampler(), 0))
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize(("workers", "context"), [(0, None), (2, "fork"), (2, "spawn")])
def test_a_picture_that_breaks_is_named_after_the_batches_before_it(pictures, two_domains, workers, context):
    in_order = sampler(batch_size=1, serial=True)
    whole = [frozen(batch) for batch in make_loader(pictures, in_order, 0)]
    broken = two_domains[0][3]
    broken.write_bytes(broken.read_bytes()[:100])
    batches = iter(make_loader(pictures, in_order, workers, multiprocessing_context=context))
    assert [frozen(next(batches)) for _ in range(3)] == whole[:3]
    with pytest.raises(PictureError) as caught:
        next(batches)
    assert caught.value.path == broken
    assert str(caught.value).startswith(f"{broken} cannot be decoded")
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_picture_that_vanishes_during_the_run_is_named(pictures, two_domains):
    loader = iter(make_loader(pictures, sampler(n_epochs=50), 1))
    next(loader)
    two_domains[0][1].unlink()
    with pytest.raises(PictureError, match=r"trainA/1.png does not exist"):
        list(loader)


@pytest.mark.parametrize("workers", [0, 1])
def test_pictures_of_different_sizes_are_named(two_domains, workers):
    uneven = UnpairedPictures(*two_domains, 3, 3, Preprocess("none"), seed=1)
    words = r"trainA/.*\.png \(\d+x\d+\) and .*come out in different sizes.*--batch_size 1"
    with pytest.raises(InputError, match=words):
        list(make_loader(uneven, sampler(batch_size=5), workers))


def test_errors_that_are_no_users_fault_keep_their_type():
    class Broken(torch.utils.data.Dataset):
        def __getitem__(self, key):
            raise ZeroDivisionError("a mistake in the program")

    for workers in (0, 1):
        with pytest.raises(ZeroDivisionError, match="a mistake in the program"):
            list(make_loader(Broken(), sampler(), workers, multiprocessing_context="fork" if workers else None))


def test_other_runtime_errors_are_not_taken_for_lost_workers():
    class Broken(torch.utils.data.Dataset):
        def __getitem__(self, key):
            raise RuntimeError("a mistake in the program")

    with pytest.raises(RuntimeError, match="a mistake in the program"):
        list(make_loader(Broken(), sampler(), 0))


class Signalled(torch.utils.data.Dataset):
    """Its worker gets a signal in the second epoch."""

    def __init__(self, pictures, number):
        self.pictures = pictures
        self.number = number

    def __getitem__(self, key):
        if key[0] == 2:
            os.kill(os.getpid(), self.number)
        return self.pictures[key]


def test_a_worker_killed_for_memory_is_said_in_words_at_the_next_batch(pictures):
    handler = signal.getsignal(signal.SIGCHLD)
    batches = iter(make_loader(Signalled(pictures, signal.SIGKILL), sampler(), 1, multiprocessing_context="fork"))
    next(batches)
    assert signal.getsignal(signal.SIGCHLD) == handler
    with pytest.raises(RunError, match=r"a process that reads pictures was lost.*--num_threads 0"):
        list(batches)


class Cramped(torch.utils.data.Dataset):
    """From the second epoch on, its worker may make no file of any size, as where shared memory is full."""

    def __init__(self, pictures):
        self.pictures = pictures

    def __getitem__(self, key):
        if key[0] == 2:
            import resource  # Windows does not have it

            resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        return self.pictures[key]


def test_shared_memory_that_is_full_is_said_in_words_and_nobody_waits_for_the_batch(pictures):
    batches = make_loader(Cramped(pictures), sampler(), 1, multiprocessing_context="fork")
    words = r"a batch does not fit into the memory that processes share.*use --num_threads 0.*--shm-size"
    seen = []
    with pytest.raises(LostReader, match=words):
        for batch in batches:
            seen.append(batch["epoch"])
    assert seen == [1, 1]


def test_batches_of_workers_lie_in_shared_memory_and_others_do_not(pictures):
    for workers in (0, 1):
        batch = next(iter(make_loader(pictures, sampler(), workers)))
        assert batch["A"].is_shared() == batch["B"].is_shared() == bool(workers)
        assert batch["A"].is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_workers_outlive_the_signals_of_the_main_process(pictures, number):
    wanted = [frozen(batch) for batch in make_loader(pictures, sampler(), 0)]
    loader = make_loader(Signalled(pictures, number), sampler(), 1, multiprocessing_context="fork")
    assert [frozen(batch) for batch in loader] == wanted


def test_workers_end_with_the_iteration(pictures):
    loader = make_loader(pictures, sampler(n_epochs=100), 2, multiprocessing_context="fork")
    before = set(torch.multiprocessing.active_children())
    batches = iter(loader)
    next(batches)
    workers = set(torch.multiprocessing.active_children()) - before
    assert len(workers) == 2
    batches.close()
    assert not any(worker.is_alive() for worker in workers)


class Threads(torch.utils.data.Dataset):
    """Samples whose pictures hold the number of torch's threads where they were made."""

    def __getitem__(self, key):
        number = torch.full((1, 1, 1), torch.get_num_threads(), dtype=torch.uint8)
        return {"A": number, "B": number, "A_path": "", "B_path": "", "epoch": key[0], "index": key[1]}


def test_workers_use_one_thread_each():
    batch = next(iter(make_loader(Threads(), sampler(), 1, multiprocessing_context="fork")))
    assert batch["A"].unique().tolist() == [1]


@pytest.mark.parametrize(
    ("cores", "share", "workers"), [(1, 1, 1), (3, 1, 3), (64, 1, 4), (8, 4, 2), (8, 3, 2), (2, 4, 1)]
)
def test_default_workers_are_the_cores_of_a_process_but_at_most_four(monkeypatch, cores, share, workers):
    monkeypatch.setattr(loading, "usable_cores", lambda: cores)
    assert default_workers(share) == workers
