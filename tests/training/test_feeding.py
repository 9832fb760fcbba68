"""Pictures for a run: which, in how many channels, in which order."""

import numpy as np
import pytest
import torch
from PIL import Image

from translate.data.part import Part
from translate.errors import InputError
from translate.settings import resolve
from translate.training import feeding
from translate.training.feeding import make_batches, make_sampler, open_feed


@pytest.fixture
def feed_of(base_flags):
    """feed_of(**flags): the settings and the feed of a run."""

    def make(**flags):
        settings = resolve({**base_flags, **flags})
        return settings, open_feed(settings)

    return make


def order(settings, feed, workers, epoch=1, done=0):
    """Pairs of pictures and their pixels, as they come."""
    settings = settings.with_values(num_threads=workers)
    batches = make_batches(feed, settings, make_sampler(feed, settings, epoch, done), torch.device("cpu"))
    return [(b["epoch"], b["index"], b["A_paths"], b["B_paths"], b["A"].sum().item()) for b in batches]


def test_the_direction_says_which_domain_is_translated(feed_of):
    names = {
        direction: {domain: folder.name for domain, folder in feed_of(direction=direction)[1].folders.items()}
        for direction in ("AtoB", "BtoA")
    }
    assert names == {"AtoB": {"A": "trainA", "B": "trainB"}, "BtoA": {"A": "trainB", "B": "trainA"}}


def test_the_order_does_not_depend_on_the_workers(feed_of):
    settings, feed = feed_of(batch_size=2)
    assert order(settings, feed, 0) == order(settings, feed, 2)


def test_the_rest_of_an_epoch_is_what_would_have_come(feed_of):
    settings, feed = feed_of()
    assert order(settings, feed, 0)[4:] == order(settings, feed, 0, epoch=2, done=1)


def test_grey_is_detected_and_mixed_domains_are_read_as_colour(feed_of, make_domains, tmp_path, capsys):
    grey = str(make_domains(tmp_path / "grey", 2, 2, channels=1))
    _, feed = feed_of(dataroot=grey)
    assert (feed.input_nc, feed.output_nc) == (1, 1)
    Image.new("RGB", (40, 40)).save(f"{grey}/trainB/colour.png")
    _, feed = feed_of(dataroot=grey)
    assert (feed.input_nc, feed.output_nc) == (3, 3)
    assert "one domain is grey and the other colour" in capsys.readouterr().out


@pytest.mark.parametrize("model", ["context_encoder", "colorization"])
@pytest.mark.parametrize(("width", "height"), [(120, 60), (60, 120), (48, 24)])
def test_methods_that_learn_from_photographs_do_not_squash_them(model, width, height, tmp_path):
    """A picture that gets brighter to the right as fast as it does downwards stays like that."""
    (tmp_path / "trainA").mkdir()
    rows, columns = np.mgrid[:height, :width].astype(np.uint8)
    for name in "ab":
        Image.fromarray(np.dstack([2 * columns, 2 * rows, rows])).save(tmp_path / f"trainA/{name}.png")
    flags = {"model": model, "dataroot": str(tmp_path), "load_size": 40, "crop_size": 32, "no_flip": True}
    feed = open_feed(resolve({**flags, "n_epochs": 1, "n_epochs_decay": 0}))
    picture = feed.dataset[1, 0]["A"].numpy().astype(float)  # (3, H, W)
    assert picture.shape == (3, 32, 32)
    to_the_right, down = (np.diff(picture[channel], axis=1 - channel)[4:-4, 4:-4].mean() for channel in (0, 1))
    assert to_the_right == pytest.approx(down, rel=0.05)
    assert down == pytest.approx(2 * min(width, height) / 40, rel=0.05)


@pytest.mark.parametrize(
    ("asked", "channels"),
    [({"input_nc": 1}, (1, 1)), ({"output_nc": 1}, (1, 1)), ({"input_nc": 1, "output_nc": 3}, (1, 3)), ({}, (3, 3))],
)
def test_channels_are_as_asked_and_one_follows_the_other(feed_of, asked, channels):
    _, feed = feed_of(**asked)
    assert (feed.input_nc, feed.output_nc) == channels
    sample = feed.dataset[(1, 0)]
    assert (sample["A"].shape[0], sample["B"].shape[0]) == channels


def test_two_channels_are_refused(feed_of):
    with pytest.raises(InputError, match="--output_nc 2: pictures have 1 channel"):
        feed_of(output_nc=2)


def test_a_limit_holds_for_each_domain(feed_of):
    assert feed_of(max_dataset_size=2)[1].counts == {"A": 2, "B": 2}


@pytest.mark.parametrize(("decay", "size"), [("crop_size", 32), ("load_size", 36)])
def test_the_jitter_ends_with_the_decay_unless_it_is_kept(feed_of, decay, size):
    _, feed = feed_of(preprocess="resize", decay_load_size=decay)
    assert feed.dataset[(1, 0)]["A"].shape[-1] == 36
    assert feed.dataset[(2, 0)]["A"].shape[-1] == size


def test_what_was_kept_for_the_early_transform_is_given_back_with_the_first_late_batch(feed_of):
    settings, feed = feed_of()
    augment = feed.dataset.augment
    sources = [(Part(path), 3) for path in feed.paths]
    kept = []
    for batch in make_batches(feed, settings, make_sampler(feed, settings), torch.device("cpu")):
        steps = augment.preprocess, augment.late_preprocess
        counts = [sum(augment.cache.get(step, source) is not None for source in sources) for step in steps]
        kept.append((batch["epoch"], *counts))
    assert kept == [(1, 1, 0), (1, 2, 0), (1, 3, 0), (2, 0, 1), (2, 0, 2), (2, 0, 3)]


def test_one_memory_serves_both_transforms_where_they_scale_alike(feed_of):
    settings, feed = feed_of(preprocess="crop")
    list(make_batches(feed, settings, make_sampler(feed, settings), torch.device("cpu")))
    assert all(feed.dataset.augment.cache.get(feed.dataset.augment.preprocess, (Part(path), 3)) for path in feed.paths)


@pytest.mark.parametrize(("share", "budget_mb"), [(1, 8), (2, 4), (16, 1)])
def test_processes_of_one_machine_divide_the_memory_for_pictures(feed_of, share, budget_mb):
    feed = open_feed(feed_of()[0].with_values(cache_mb=8), share)
    assert feed.describe_cache(epoch=1) == f"6 of 6 kept decoded in memory (1 MiB of {budget_mb})"


def test_they_divide_what_is_taken_without_a_flag_too(feed_of, monkeypatch):
    monkeypatch.setattr(feeding, "default_budget_mb", lambda share: 60 // share)
    feed = open_feed(feed_of(cache_mb=None)[0], share=3)
    assert feed.dataset.augment.cache.budget_mb == 20


@pytest.mark.parametrize(("device", "pinned"), [("cpu", False), ("cuda", True)])
def test_batches_for_a_gpu_lie_in_pinned_memory(feed_of, monkeypatch, device, pinned):
    settings, feed = feed_of()
    seen = []
    monkeypatch.setattr(feeding, "make_loader", lambda *_, pin_memory: seen.append(pin_memory) or [])
    make_batches(feed, settings, make_sampler(feed, settings), torch.device(device))
    assert seen == [pinned]


def test_no_memory_is_taken_where_none_is_wanted(feed_of):
    _, feed = feed_of(cache_mb=0)
    assert feed.dataset.augment.cache is None
    assert feed.describe_cache(epoch=1) is None


@pytest.mark.parametrize(("model", "pictures"), [("cut", 6), ("context_encoder", 3), ("pix2pix", 6)])
def test_every_mode_keeps_its_pictures_and_its_samples(model, pictures, make_domains, tmp_path, monkeypatch):
    root = make_domains(tmp_path, 3, 3)
    for path in (root / "trainB").iterdir():
        path.rename(path.with_name(path.name.replace("b", "a")))

    def epochs(cache_mb):
        flags = {"model": model, "dataroot": str(root), "load_size": 36, "crop_size": 32, "cache_mb": cache_mb}
        settings = resolve({**flags, "n_epochs": 3, "n_epochs_decay": 2, "num_threads": 0, "batch_size": 1})
        feed = open_feed(settings)
        found = make_batches(feed, settings, make_sampler(feed, settings), torch.device("cpu"))
        return feed, [[batch[letter].tolist() for letter in "AB" if letter in batch] for batch in found]

    _, wanted = epochs(0)
    feed, found = epochs(8)
    assert found == wanted
    assert feed.describe_cache(epoch=1).startswith(f"{pictures} of {pictures} kept decoded in memory")
    monkeypatch.setattr("translate.data.part.read_picture", None)  # nothing is read any more
    assert feed.dataset[(5, 2)]["index"] == 2


@pytest.mark.parametrize(
    ("device", "flags", "workers"),
    [
        ("cpu", {}, 0),
        ("cpu", {"cache_mb": 0}, 3),
        ("cuda", {}, 3),
        ("cpu", {"num_threads": 1}, 1),
        ("cuda", {"num_threads": 0}, 0),
    ],
)
def test_a_cpu_starts_no_workers_for_pictures_that_are_kept(feed_of, monkeypatch, device, flags, workers):
    settings, feed = feed_of(**{"num_threads": None, **flags})
    seen = []
    monkeypatch.setattr(feeding, "default_workers", lambda share: 6 // share)
    monkeypatch.setattr(feeding, "make_loader", lambda dataset, sampler, workers, pin_memory: seen.append(workers))
    make_batches(feed, settings, make_sampler(feed, settings), torch.device(device), share=2)
    assert seen == [workers]
