"""Samples are the same with the cache and without, wherever they are made; and pictures are decoded once."""

import errno

import pytest
import torch
from PIL import Image

from translate.data import arena
from translate.data import cache as caching
from translate.data.aligned import AlignedPictures, find_pairs
from translate.data.cache import PictureCache, default_budget_mb
from translate.data.loading import make_loader
from translate.data.part import Part
from translate.data.preprocess import Preprocess
from translate.data.reading import open_header, read_picture
from translate.data.sampling import EpochSampler
from translate.data.single import SinglePictures
from translate.data.unpaired import UnpairedPictures

EARLY = Preprocess(load_size=36, crop_size=32)
LATE = Preprocess(load_size=32, crop_size=32)
WORDS = ("resize_and_crop", "scale_width_and_crop", "scale_shortside_and_zoom_and_crop", "crop", "none")
KEPT_AS_THEY_ARE = {"crop", "none"}


@pytest.fixture
def pairs(make_picture, tmp_path):
    for index in range(4):
        make_picture(f"train/{index}.png", 2 * (40 + index), 38, seed=index)
    return find_pairs(tmp_path, "train")


@pytest.fixture
def opened(two_domains, pairs):
    """opened(mode, transforms, budget_mb): the data set of a mode, with a cache or, for None, without."""

    def make(mode, transforms=(EARLY,), budget_mb=8):
        late = (transforms[1], 2) if len(transforms) > 1 else (None, None)
        a, b = two_domains
        channels = {**dict.fromkeys(map(Part, a), 3), **dict.fromkeys(map(Part, b), 1)}
        if mode == "aligned":
            channels = {part: nc for pair in pairs for part, nc in zip(pair, (3, 1), strict=True)}
        sizes = {(part, nc): part.header(open_header(part.path))[:2] for part, nc in channels.items()}
        kept = None if budget_mb is None else PictureCache(sizes, *transforms, budget_mb=budget_mb)
        rest = {"seed": 3, "cache": kept}
        if mode == "aligned":
            return AlignedPictures(pairs, 3, 1, transforms[0], *late, **rest)
        if mode == "single":
            return SinglePictures(a, 3, transforms[0], *late, **rest)
        return UnpairedPictures(a, b, 3, 1, transforms[0], *late, **rest)

    return make


@pytest.fixture
def reads(monkeypatch):
    """The files that were decoded, in order."""
    seen = []

    def read(path, channels=None):
        seen.append(path)
        return read_picture(path, channels)

    monkeypatch.setattr("translate.data.part.read_picture", read)
    return seen


def batches(dataset, workers=0, context=None, epochs=4, size=1):
    sampler = EpochSampler(len(dataset), size, 1, epochs)
    loader = make_loader(dataset, sampler, workers, multiprocessing_context=context)
    return [{key: value.tolist() if key in "AB" else value for key, value in batch.items()} for batch in loader]


@pytest.mark.parametrize("words", WORDS)
@pytest.mark.parametrize("mode", ["unaligned", "single", "aligned"])
def test_samples_are_the_same_and_each_picture_is_decoded_once(opened, reads, mode, words):
    transform = (Preprocess(words, load_size=40, crop_size=32),)
    wanted = batches(opened(mode, transform, None), epochs=8)
    without = len(reads)
    reads.clear()
    assert batches(opened(mode, transform), epochs=8) == wanted
    assert len(reads) <= 8 < without


@pytest.mark.parametrize(("workers", "context"), [(2, "fork"), (2, "spawn"), (1, "forkserver")])
def test_workers_share_what_is_kept(opened, workers, context):
    with_cache = opened("unaligned", (EARLY, LATE))
    assert batches(with_cache, workers, context, size=2) == batches(opened("unaligned", (EARLY, LATE), None), size=2)
    sources = [(Part(path), 3) for path in with_cache.paths_a]
    assert any(with_cache.augment.cache.get(EARLY, source) is not None for source in sources)
    assert any(with_cache.augment.cache.get(LATE, source) is not None for source in sources)


def test_pictures_beyond_the_budget_are_decoded_each_time(make_picture, reads):
    paths = [make_picture(f"trainA/{index}.png", 400, 400, seed=index) for index in range(3)]
    whole = Preprocess("crop", crop_size=384)
    kept = PictureCache({(Part(path), 3): (400, 400) for path in paths}, whole, budget_mb=1)
    wanted = batches(SinglePictures(paths, 3, whole, seed=3))
    reads.clear()
    assert batches(SinglePictures(paths, 3, whole, seed=3, cache=kept)) == wanted
    assert [reads.count(path) for path in paths] == [1, 1, 4]
    assert not kept.holds_all
    assert kept.describe(whole) == "2 of 3 kept decoded in memory (1 MiB of 1)"


def test_all_are_held_only_where_the_late_transform_holds_them_too(make_picture):
    path = make_picture("trainA/0.png", 400, 400)
    small, large = Preprocess("resize", load_size=100), Preprocess("resize", load_size=1000)
    for transforms, all_of_them in (((small,), True), ((small, large), False), ((large, small), False)):
        kept = PictureCache({(Part(path), 3): (400, 400)}, *transforms, budget_mb=1)
        assert kept.holds_all == all_of_them


@pytest.mark.parametrize("budget_mb", [0, 1])
def test_a_budget_for_no_picture_keeps_none(make_picture, budget_mb):
    path = make_picture("trainA/0.png", 700, 700)
    whole = Preprocess("crop", crop_size=384)
    kept = PictureCache({(Part(path), 3): (700, 700)}, whole, budget_mb=budget_mb)
    assert batches(SinglePictures([path], 3, whole, seed=3, cache=kept)) == batches(
        SinglePictures([path], 3, whole, seed=3)
    )
    assert kept.describe(whole) == "none of 1 kept decoded in memory"


def test_the_late_transform_has_memory_of_its_own(opened):
    dataset = opened("single", (EARLY, LATE))
    wanted = opened("single", (EARLY, LATE), None)
    assert batches(dataset, epochs=5) == batches(wanted, epochs=5)
    kept, source = dataset.augment.cache, (Part(dataset.paths[0]), 3)
    assert [kept.get(step, source).pixels.shape for step in (EARLY, LATE)] == [(36, 36, 3), (32, 32, 3)]
    kept.drop(EARLY)
    assert kept.get(EARLY, source) is None and kept.get(LATE, source) is not None
    assert batches(dataset, epochs=5) == batches(wanted, epochs=5)


def test_transforms_that_scale_alike_share_memory(opened):
    dataset = opened("single", (Preprocess("crop", 36, 32), Preprocess("crop", 32, 32)))
    batches(dataset, epochs=1)
    assert dataset.augment.cache.get(Preprocess("crop", 32, 32), (Part(dataset.paths[0]), 3)) is not None


def test_a_kept_picture_is_served_when_its_file_is_gone(opened):
    dataset = opened("single")
    before = dataset[(7, 1)]
    dataset.paths[1].unlink()
    assert torch.equal(dataset[(7, 1)]["A"], before["A"])


def test_samples_do_not_share_memory_with_what_is_kept(opened):
    dataset = opened("single", (Preprocess("none", flip=False),))
    dataset[(1, 0)]
    before = dataset[(1, 0)]["A"].clone()
    dataset[(1, 0)]["A"].zero_()
    assert torch.equal(dataset[(1, 0)]["A"], before)


def test_a_picture_of_another_size_than_it_had_is_not_kept(opened, reads):
    dataset = opened("single")
    Image.new("RGB", (50, 50)).save(dataset.paths[0])
    dataset[(1, 0)], dataset[(2, 0)]
    assert reads == [dataset.paths[0]] * 2


def test_a_machine_without_such_memory_goes_on_without(opened, monkeypatch, capsys):
    def refuse():
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr(arena, "_open_memory", refuse)
    dataset = opened("unaligned")
    note = "note: no memory to keep more decoded pictures in ([Errno 12] Cannot allocate memory); "
    assert capsys.readouterr().out.startswith(note)
    assert batches(dataset) == batches(opened("unaligned", budget_mb=None))
    assert not dataset.augment.cache.holds_all
    assert dataset.augment.cache.describe(EARLY) == "none of 8 kept decoded in memory"


def test_memory_that_runs_out_is_said_once_and_changes_no_sample(opened, monkeypatch, capsys):
    dataset = opened("unaligned")
    write = arena._write

    def full(file, content, at):
        if len(content) > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(file, content, at)

    monkeypatch.setattr(arena, "_write", full)
    assert batches(dataset) == batches(opened("unaligned", budget_mb=None))
    assert capsys.readouterr().out.count("note:") == 1


@pytest.mark.parametrize(("available_mb", "share", "budget_mb"), [(8000, 1, 2000), (8000, 4, 500), (None, 2, 512)])
def test_the_default_budget_is_a_quarter_of_what_is_free(monkeypatch, available_mb, share, budget_mb):
    monkeypatch.setattr(caching, "available_memory_mb", lambda: available_mb)
    assert default_budget_mb(share) == budget_mb
