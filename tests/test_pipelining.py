"""Reading, computing and writing that overlap: order, bounds, batches, and what becomes of failures."""

import threading
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translate.pipelining import Ahead, overlapped


def alone(batch, one):
    return False


def run(items, read=lambda x: x, compute=list, write=lambda ready, done: (ready, done), fits=alone, **bounds):
    return list(overlapped(items, read, compute, write, fits, **bounds))


@given(st.lists(st.integers(0, 3), max_size=20), st.integers(1, 3), st.integers(1, 5))
def test_results_come_in_order_and_neighbours_that_fit_are_computed_together(items, threads, ahead):
    batches = []

    def compute(batch):
        batches.append(batch)
        return [x * 10 for x in batch]

    def fits(batch, one):
        return batch[0] == one and len(batch) < 3

    results = run(items, lambda x: x + 1, compute, fits=fits, threads=threads, ahead=Ahead(ahead))
    assert results == [(x + 1, 10 * (x + 1)) for x in items]
    assert [x for batch in batches for x in batch] == [x + 1 for x in items]
    assert all(len(set(batch)) == 1 and len(batch) <= 3 for batch in batches)
    for batch, following in pairwise(batches):
        assert not fits(batch, following[0])


def test_the_next_is_read_and_the_last_is_written_while_one_is_computed():
    """Each waits for the others to have begun, so one after the other would never end."""
    read, written = [threading.Event() for _ in range(3)], [threading.Event() for _ in range(3)]

    def note_read(at):
        read[at].set()
        return at

    def compute(batch):
        if batch[0] == 1:
            assert read[2].wait(20)
            assert written[0].wait(20)
        return batch

    assert len(run(range(3), note_read, compute, lambda ready, done: written[ready].set(), ahead=Ahead(3))) == 3


@pytest.mark.parametrize("ahead", [1, 2, 4])
def test_no_more_is_read_ahead_than_is_allowed(ahead):
    taken, computed = [], []

    def items():
        for at in range(20):
            taken.append(at)
            # One is taken but not begun, one is being batched, and one more is looked at to see whether it fits.
            assert len(taken) - len(computed) <= ahead + 3
            yield at

    def compute(batch):
        computed.extend(batch)
        return batch

    assert len(run(items(), compute=compute, ahead=Ahead(ahead))) == 20


@pytest.mark.parametrize(("room", "most"), [(1, 1), (8, 2), (12, 3), (100, 5)])
def test_no_more_is_read_ahead_than_there_is_room_for(room, most):
    """Each weighs 4, so that the room is for none, two, three, or for more than the number allows. One more has been
    looked at to see whether it fits."""
    taken, computed, held = [], [], []

    def items():
        for at in range(20):
            taken.append(at)
            yield at

    def compute(batch):
        computed.extend(batch)
        held.append(len(taken) - len(computed))
        return batch

    assert len(run(items(), compute=compute, ahead=Ahead(6, room=room), weigh=lambda item: 4)) == 20
    assert max(held) == most + 1


@pytest.mark.parametrize("size", [1, 3])
def test_no_more_waits_to_be_written_than_the_last_batch_has(size):
    """Two at least, beside those of the batch that is computed. Writing is slow, so that more would."""
    computed, written = [], []

    def write(ready, done):
        time.sleep(0.005)
        written.append(ready)

    def compute(batch):
        assert len(computed) - len(written) <= max(size, 2)
        computed.extend(batch)
        return batch

    def fits(batch, one):
        return len(batch) < size

    assert len(run(range(24), compute=compute, write=write, fits=fits)) == 24


@pytest.mark.parametrize("where", ["read", "compute", "write"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt(), ValueError("x")])
def test_what_goes_wrong_anywhere_is_raised_and_no_thread_is_left(where, error):
    def fail(what):
        if what == 3:
            raise error

    def read(x):
        fail(x if where == "read" else None)
        return x

    def compute(batch):
        fail(batch[0] if where == "compute" else None)
        return batch

    def write(ready, done):
        fail(ready if where == "write" else None)

    before = threading.active_count()
    with pytest.raises(type(error)) as caught:
        run(range(50), read, compute, write)
    assert caught.value is error
    assert threading.active_count() == before


def test_what_is_behind_a_failure_is_not_begun():
    written = []

    def compute(batch):
        if batch[0] == 2:
            raise ValueError
        return batch

    with pytest.raises(ValueError):
        run(range(50), compute=compute, write=lambda ready, done: written.append(ready))
    assert set(written) <= {0, 1}


@pytest.mark.parametrize(("where", "size", "at", "whole"), [
    ("read", 1, 2, 2), ("read", 3, 4, 4), ("compute", 1, 2, 2), ("compute", 3, 4, 3)
])  # fmt: skip
def test_what_comes_before_a_failure_is_written(where, size, at, whole):
    """One thread writes, and its first file takes until all is over, so that the others wait behind it. What has been
    read before one that cannot be read is computed, though its batch is not full."""
    over, written = threading.Event(), []

    def read(x):
        if x == at and where == "read":
            over.set()
            raise OSError
        return x

    def compute(batch):
        if at in batch and where == "compute":
            over.set()
            raise OSError
        return batch

    def write(ready, done):
        assert over.wait(20)
        written.append(ready)

    with pytest.raises(OSError):
        run(range(9), read, compute, write, fits=lambda batch, one: len(batch) < size, threads=1, ahead=Ahead(3))
    assert written == list(range(whole))


def test_a_result_that_cannot_be_written_costs_no_other_of_its_batch():
    written = []

    def write(ready, done):
        if ready == 0:
            raise OSError
        written.append(ready)

    with pytest.raises(OSError):
        run(range(20), write=write, fits=lambda batch, one: len(batch) < 5)
    assert {1, 2, 3, 4} <= set(written)


def test_what_came_of_a_batch_one_by_one_before_a_failure_is_written():
    written = []

    def compute(batch):
        for x in batch:
            if x == 2:
                raise OSError
            yield x

    with pytest.raises(OSError):
        run(
            range(9),
            compute=compute,
            write=lambda ready, _: written.append(ready),
            fits=lambda batch, _: len(batch) < 4,
        )
    assert sorted(written) == [0, 1]
