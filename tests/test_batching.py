"""Pictures that are translated together: which, how many, and what becomes of those that the memory has no room for."""

import weakref
from typing import NamedTuple

import pytest
import torch
from PIL import Image

from translate import batching
from translate.batching import Batches
from translate.sizing import TestSize
from translate.translator import Translator

OUT_OF_MEMORY = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB"),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), MemoryError(),
]  # fmt: skip


class Ready(NamedTuple):
    prepared: Image.Image


def sized(width, height):
    return Ready(Image.new("RGB", (width, height)))


@pytest.fixture
def batches(make_generator, monkeypatch):
    """batches(pixels, apart=False, tile=None, **of_generator) as if a device translated so many pixels at once."""

    def make(pixels, apart=False, tile=None, **of_generator):
        monkeypatch.setattr(batching, "pixels_at_once", lambda device: pixels)
        translator = Translator(make_generator(), TestSize("original"), 3, "cpu", tile=tile)
        for name, value in of_generator.items():
            setattr(translator.generator, name, value)
        return Batches(translator.generator, translator.device, apart)

    return make


class TestWhichFit:
    def test_a_cpu_translates_each_by_itself(self, make_generator):
        assert batching.pixels_at_once(torch.device("cpu")) == 0
        for name in ("cuda", "meta"):
            assert batching.pixels_at_once(torch.device(name)) == 2**20
        assert not Batches(make_generator(), torch.device("cpu")).fits([sized(1, 1)], sized(1, 1))

    def test_so_many_of_one_size_as_there_are_pixels(self, batches):
        found = batches(3 * 20 * 30)
        assert found.fits([sized(20, 30)] * 2, sized(20, 30))
        assert not found.fits([sized(20, 30)] * 3, sized(20, 30))
        assert not found.fits([sized(20, 30)], sized(30, 20))

    def test_none_where_each_has_a_hole_or_depends_on_another_or_shows_more(self, batches):
        pair = [sized(4, 4)], sized(4, 4)
        assert batches(10**9).fits(*pair)
        assert not batches(10**9, apart=True).fits(*pair)
        assert not batches(10**9, takes_mask=True).fits(*pair)
        assert not batches(10**9, views=lambda images: {"fake_B": images}).fits(*pair)

    def test_with_tiles_no_more_at_once_than_a_tile_has(self, batches):
        found = batches(10**9, tile=64)
        assert found.fits([sized(32, 32)] * 3, sized(32, 32))
        assert not found.fits([sized(32, 32)] * 4, sized(32, 32))
        assert not found.fits([sized(80, 80)], sized(80, 80))
        assert not batches(0, tile=64).fits([sized(4, 4)], sized(4, 4))

    def test_much_is_read_ahead_only_where_there_are_batches(self, batches):
        assert batches(0).ahead == (2, float("inf"))
        assert batches(100).ahead == (32, 2**23)


class TestTooLittleMemory:
    @pytest.mark.parametrize("error", OUT_OF_MEMORY)
    def test_what_does_not_fit_at_once_comes_one_by_one_when_it_is_asked_for(self, batches, error):
        calls = []

        def together(pictures):
            calls.append(len(pictures))
            raise error

        def alone(ready):
            calls.append(ready)
            return len(calls)

        batch = [sized(4, 4) for _ in range(3)]
        results = iter(batches(10**9).compute(batch, together, alone))
        assert next(results) == 2
        assert calls == [3, batch[0]]
        assert list(results) == [3, 4]
        assert calls == [3, *batch]

    def test_further_batches_are_half_as_large(self, batches):
        found = batches(10**9)

        def together(pictures):
            if len(pictures) > 2:
                raise MemoryError
            return ["together"] * len(pictures)

        def batch(count):
            return [sized(4, 4)] * count

        assert list(found.compute(batch(6), together, lambda ready: "alone")) == ["alone"] * 6
        assert found.fits(batch(2), sized(4, 4))
        assert not found.fits(batch(3), sized(4, 4))
        assert list(found.compute(batch(2), together, lambda ready: "alone")) == ["together"] * 2

    def test_the_memory_of_the_attempt_is_free_again(self, batches):
        """The error holds what had been computed when it was raised."""
        kept = []

        def together(pictures):
            maps = torch.zeros(3)
            kept.append(weakref.ref(maps))
            raise MemoryError

        results = batches(10**9).compute([sized(4, 4)] * 2, together, lambda ready: kept[0]())
        assert list(results) == [None, None]

    def test_another_error_is_raised_as_it_is(self, batches):
        error = RuntimeError("a defect")

        def together(pictures):
            raise error

        with pytest.raises(RuntimeError) as caught:
            batches(10**9).compute([sized(4, 4)] * 2, together, lambda ready: pytest.fail("this is no lack of memory"))
        assert caught.value is error

    def test_one_picture_is_no_batch(self, batches):
        found = batches(10**9).compute([sized(4, 4)], lambda pictures: pytest.fail("one"), lambda ready: "alone")
        assert list(found) == ["alone"]


class TestMemory:
    @pytest.fixture
    def told(self, monkeypatch):
        """What the C library was told, in words."""
        said = []
        monkeypatch.setattr(batching, "keep_freed_memory", lambda device: said.append(f"keep {device}"))
        monkeypatch.setattr(batching, "release_freed_memory", lambda device: said.append(f"release {device}"))
        return said

    def test_it_is_used_again_until_pictures_of_another_size_come(self, told, batches):
        found = batches(0)
        for size in [(4, 4), (4, 4), (4, 6), (4, 6), (4, 4)]:
            told.append(size)
            list(found.compute([sized(*size)], list, lambda ready: ready))
        assert told == [
            "keep cpu", (4, 4), (4, 4), (4, 6), "release cpu", (4, 6), (4, 4), "release cpu",
        ]  # fmt: skip

    def test_tiles_are_for_less_of_it_and_keep_none(self, told, batches):
        batches(0, tile=64)
        assert not told
