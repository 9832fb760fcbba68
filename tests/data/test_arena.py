"""Places for pictures: that they do not overlap, are shared, and that memory which runs out is an error and no more."""

import errno
import mmap
import multiprocessing
import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from translate.data import arena
from translate.data.arena import Arena, Place, lay_out

MIB = 2**20
SHAPES = [(3, 4, 3), (2, 5, 1), (3, 4, 3)]


def content(shape, seed=0):
    drawn = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, shape, generator=drawn, dtype=torch.uint8)


def filled(shapes=SHAPES, budget_bytes=MIB):
    made = Arena(shapes, budget_bytes)
    for index, shape in enumerate(shapes):
        made.put(index, content(shape, index).numpy().tobytes())
    return made


@given(
    st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3])), max_size=60),
    st.integers(0, 3 * mmap.PAGESIZE),
)
def test_places_do_not_overlap_and_keep_within_the_budget(shapes, budget_bytes):
    starts, size = lay_out(shapes, budget_bytes)
    placed = [(start, start + h * w * c) for start, (h, w, c) in zip(starts, shapes, strict=True) if start is not None]
    edges = [len(shapes) + 1, *(edge for place in placed for edge in place)]
    assert edges == sorted(edges)
    assert not placed or edges[-1] == size <= budget_bytes
    smallest = min((h * w * c for start, (h, w, c) in zip(starts, shapes, strict=True) if start is None), default=None)
    assert smallest is None or size + smallest > budget_bytes


def test_the_first_that_fit_have_a_place():
    page = mmap.PAGESIZE
    assert lay_out([(10, 10, 3), (50, 50, 1), (10, 10, 3), (10, 10, 1)], page + 700)[0] == [
        page,
        None,
        page + 300,
        page + 600,
    ]


def test_pictures_come_back_as_they_went_in():
    made = filled()
    assert made.places == 3
    for index, shape in enumerate(SHAPES):
        assert torch.equal(made.get(index), content(shape, index))


def test_what_was_not_written_is_not_there():
    made = Arena(SHAPES, MIB)
    made.put(1, content(SHAPES[1]).numpy().tobytes())
    assert [made.get(index) is None for index in range(3)] == [True, False, True]
    small = filled(budget_bytes=mmap.PAGESIZE + 36)
    assert [small.get(index) is None for index in range(3)] == [False, True, True]


def fill(made, index):
    assert made.get(0) is not None
    made.put(index, content(SHAPES[index], index).numpy().tobytes())


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_processes_share_it(method):
    made = Arena(SHAPES, MIB)
    made.put(0, content(SHAPES[0], 0).numpy().tobytes())
    worker = multiprocessing.get_context(method).Process(target=fill, args=(made, 2))
    worker.start()
    worker.join()
    assert worker.exitcode == 0
    assert torch.equal(made.get(2), content(SHAPES[2], 2))


def test_a_copy_sees_the_same_memory():
    made = filled()
    copy = pickle.loads(pickle.dumps(made))
    made.drop()
    assert copy.is_closed and copy.get(0) is None


def test_no_memory_is_used_before_there_are_pictures():
    made = Arena([(1024, 1024, 3)] * 64, 200 * MIB)
    before = arena.os.fstat(made._file).st_blocks * 512
    made.put(5, bytes(3 * MIB))
    assert made.size_bytes > 190 * MIB
    assert before < MIB < 3 * MIB <= arena.os.fstat(made._file).st_blocks * 512 < 5 * MIB


def test_dropping_gives_the_memory_back_and_takes_nothing_more():
    made = Arena([(1024, 1024, 3)] * 2, 8 * MIB)
    made.put(0, bytes(3 * MIB))
    made.drop()
    assert arena.os.fstat(made._file).st_blocks * 512 < MIB
    assert made.get(0) is None
    made.put(0, bytes(3 * MIB))
    assert made.get(0) is None


def test_memory_that_runs_out_closes_it_and_keeps_what_is_there(monkeypatch):
    made = Arena(SHAPES, MIB)
    made.put(0, content(SHAPES[0]).numpy().tobytes())
    write = arena.os.pwrite

    def full(file, view, at):
        if len(view) > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, view, at)

    with monkeypatch.context() as patch:
        patch.setattr(arena.os, "pwrite", full)
        with pytest.raises(OSError, match="No space left"):
            made.put(1, content(SHAPES[1]).numpy().tobytes())
    made.put(2, content(SHAPES[2]).numpy().tobytes())
    assert [made.get(index) is None for index in range(3)] == [False, True, True]


def test_writes_that_stop_half_way_are_taken_up_again(monkeypatch):
    write = arena.os.pwrite
    monkeypatch.setattr(arena.os, "pwrite", lambda file, view, at: write(file, view[:7], at))
    assert torch.equal(filled().get(2), content(SHAPES[2], 2))


def test_without_memory_files_a_temporary_one_serves(monkeypatch):
    monkeypatch.delattr(arena.os, "memfd_create", raising=False)
    assert torch.equal(filled().get(1), content(SHAPES[1], 1))


@given(
    st.lists(
        st.tuples(st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 3]), st.booleans()), min_size=1, max_size=9
    )
)
def test_floats_and_bytes_lie_beside_each_other(drawn):
    places = [Place(*shape, torch.float32 if deep else torch.uint8) for *shape, deep in drawn]
    made = Arena(places, MIB)
    contents = [(torch.arange(p.size_bytes // p.dtype.itemsize) / 7).to(p.dtype).view(p.shape) for p in places]
    for index, values in enumerate(contents):
        made.put(index, values.numpy().tobytes())
    assert made.places == len(places)
    for index, values in enumerate(contents):
        assert made.get(index).dtype == values.dtype
        assert torch.equal(made.get(index), values)
