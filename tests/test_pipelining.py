"""Reading, computing and writing that overlap: order, bounds, batches, and what becomes of failures."""

import threading
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translate.pipelining import overlapped


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

    results = run(items, lambda x: x + 1, compute, fits=fits, threads=threads, ahead=ahead)
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

    assert len(run(range(3), note_read, compute, lambda ready, done: written[ready].set(), ahead=3)) == 3


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

    assert len(run(items(), compute=compute, ahead=ahead)) == 20


@pytest.mark.parametrize("ahead", [1, 3])
def test_no_more_waits_to_be_written_than_is_allowed(ahead):
    computed, written = [], []

    def compute(batch):
        computed.extend(batch)
        assert len(computed) - len(written) <= ahead + 2
        return batch

    assert len(run(range(20), compute=compute, write=lambda ready, done: written.append(ready), ahead=ahead)) == 20


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


@pytest.mark.parametrize("where", ["read", "compute"])
def test_what_was_computed_before_a_failure_is_written(where):
    """One thread writes, and its first file takes until all is over, so that the others wait behind it."""
    over, written = threading.Event(), []

    def read(x):
        if x == 4 and where == "read":
            over.set()
            raise OSError
        return x

    def compute(batch):
        if batch[0] == 3 and where == "compute":
            over.set()
            raise OSError
        return batch

    def write(ready, done):
        assert over.wait(20)
        written.append(ready)

    with pytest.raises(OSError):
        run(range(9), read, compute, write, threads=1, ahead=3)
    assert written == [0, 1, 2]
