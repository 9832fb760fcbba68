import pytest
from hypothesis import given
from hypothesis import strategies as st

from translate.data.sampling import EpochSampler, Share
from translate.errors import InputError

sizes = st.integers(1, 30).flatmap(lambda length: st.tuples(st.just(length), st.integers(1, length)))


@given(sizes, st.integers(0, 5))
def test_each_epoch_visits_indices_once_and_drops_the_short_batch(size, seed):
    length, batch = size
    sampler = EpochSampler(length, batch, seed, n_epochs=3)
    batches = list(sampler)
    assert len(batches) == len(sampler) == 3 * sampler.steps_per_epoch
    assert sampler.steps_per_epoch == length // batch
    assert {len(keys) for keys in batches} == {batch}
    for epoch in (1, 2, 3):
        indices = [index for keys in batches for key_epoch, index in keys if key_epoch == epoch]
        assert len(indices) == len(set(indices)) == length // batch * batch
        assert set(indices) <= set(range(length))
    assert [keys[0][0] for keys in batches] == sorted(keys[0][0] for keys in batches)


@given(sizes, st.data())
def test_resuming_gives_the_tail_of_the_uninterrupted_sequence(size, data):
    length, batch = size
    epoch = data.draw(st.integers(1, 3))
    steps = data.draw(st.integers(0, length // batch))
    whole = list(EpochSampler(length, batch, 7, n_epochs=3))
    resumed = EpochSampler(length, batch, 7, n_epochs=3, start_epoch=epoch, start_sample=steps * batch)
    done = (epoch - 1) * (length // batch) + steps
    assert list(resumed) == whole[done:]
    assert len(resumed) == len(whole) - done


def test_order_depends_on_seed_and_epoch_and_can_be_repeated():
    first, second = (list(EpochSampler(50, 50, 1, n_epochs=2)) for _ in range(2))
    assert first == second
    assert [index for _, index in first[0]] != [index for _, index in first[1]]
    assert next(iter(EpochSampler(50, 50, 2, n_epochs=1))) != first[0]
    assert [index for _, index in first[0]] != list(range(50))


def test_serial_keeps_the_order_of_files():
    assert list(EpochSampler(5, 2, 1, n_epochs=2, serial=True)) == [
        [(1, 0), (1, 1)],
        [(1, 2), (1, 3)],
        [(2, 0), (2, 1)],
        [(2, 2), (2, 3)],
    ]


def test_a_finished_run_gives_nothing():
    sampler = EpochSampler(5, 2, 1, n_epochs=2, start_epoch=3)
    assert list(sampler) == []
    assert len(sampler) == 0


def test_batch_larger_than_the_data_is_refused_in_words():
    with pytest.raises(InputError, match=r"--batch_size 8 .* 3 pictures .* --batch_size 3"):
        EpochSampler(3, 8, 1, n_epochs=1)
    with pytest.raises(InputError, match=r"--batch_size 2 .* 1 picture in .* --batch_size 1, or more pictures"):
        EpochSampler(1, 2, seed=0, n_epochs=1)
    with pytest.raises(InputError, match="--batch_size is 0"):
        EpochSampler(3, 0, 1, n_epochs=1)
    with pytest.raises(ValueError, match="epoch 0"):
        EpochSampler(3, 1, 1, n_epochs=1, start_epoch=0)


shares = st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3))  # processes, parts, samples in each piece


@given(shares)
def test_shares_are_a_batch_in_pieces_of_one_size(case):
    processes, parts, size = case
    batch = [(1, index) for index in range(processes * parts * size)]
    shared = [Share(process, processes, parts).of(batch) for process in range(processes)]
    assert sorted(key for share in shared for key in share) == batch
    assert {len(share) for share in shared} == {parts * size}
    in_order = [key for part in range(parts) for share in shared for key in share[part * size : (part + 1) * size]]
    assert in_order == batch  # over parts, and within them over processes


def test_processes_see_their_shares_of_the_same_batches():
    whole = list(EpochSampler(12, 4, 0, 2))
    halves = [list(EpochSampler(12, 4, 0, 2, share=Share(process, 2))) for process in (0, 1)]
    assert [first + second for first, second in zip(*halves, strict=True)] == whole


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (Share(0, 2, 2), "2 processes with --accumulate 2: use --batch_size 8"),
        (Share(0, 4), "4 processes: use --batch_size 8"),
        (Share(parts=5), "--accumulate 5: use --batch_size 10"),
    ],
)
def test_a_batch_that_cannot_be_shared_evenly_is_refused(share, said):
    with pytest.raises(InputError, match=f"--batch_size 6 cannot be shared evenly by {said}"):
        EpochSampler(12, 6, 0, 2, share=share)
