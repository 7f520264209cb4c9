"""Steps take the same samples however many processes and parts work them through."""

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UserError
from harness.launch.launch import processes_for
from harness.protocol import Train
from harness.training.batches import EpochBatches


def steps_of(batches):
    """The batches of every step of one process."""
    flat = iter(batches)
    return [list(islice(flat, batches.parts(step))) for step in range(batches.start, batches.steps)]


@given(size=st.integers(1, 60), batch=st.integers(1, 6), shares=st.sampled_from([1, 2, 4, 6]), data=st.data())
def test_processes_and_parts_change_nothing_but_who_works(size, batch, shares, data):
    processes = data.draw(st.sampled_from([n for n in (1, 2, 3, 4, 6) if shares % n == 0]))
    accumulate = data.draw(st.integers(1, batch))
    whole = Train(batch_size=batch, processes=shares)
    split = Train(batch_size=batch, processes=shares, accumulate=accumulate)
    published = [steps_of(EpochBatches(size, whole, 3, rank, shares)) for rank in range(shares)]
    here = [steps_of(EpochBatches(size, split, 3, rank, processes)) for rank in range(processes)]
    for step in range(len(published[0])):
        wanted = sorted(i for rank in published for part in rank[step] for i in part)
        assert sorted(i for rank in here for part in rank[step] for i in part) == wanted
        assert len({sum(map(len, rank[step])) for rank in here}) == 1  # gradients are a plain mean over processes
        if accumulate == 1:  # batch norm sees the protocol's batches
            assert sorted(map(sorted, (part for rank in here for part in rank[step]))) == \
                sorted(map(sorted, (part for rank in published for part in rank[step])))


@given(size=st.integers(1, 60), batch=st.integers(1, 8), start=st.integers(0, 70), accumulate=st.integers(1, 3))
def test_an_epoch_goes_on_where_it_was_left(size, batch, start, accumulate):
    train = Train(batch_size=batch, accumulate=min(accumulate, batch))
    batches = EpochBatches(size, train, 0)
    whole = steps_of(batches)
    batches.start = min(start, batches.steps)
    assert steps_of(batches) == whole[batches.start:]
    assert len(batches) == sum(map(len, whole[batches.start:]))


def test_every_sample_once_an_epoch_in_an_order_of_its_own():
    batches = EpochBatches(50, Train(batch_size=8), seed=1)
    first = [i for batch in batches for i in batch]
    batches.epoch = 1
    second = [i for batch in batches for i in batch]
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second


def test_a_paper_run_on_two_gpus_accumulates_four_times():
    batches = EpochBatches(149_813, Train(batch_size=64, processes=8), 0, rank=1, processes=2)
    assert batches.parts(0) == 4
    assert [len(batch) for batch in islice(batches, 4)] == [64] * 4


def test_processes_that_cannot_share_evenly():
    with pytest.raises(UserError, match=r"3 processes cannot share.*protocol's 8.*choices: 1, 2, 4, 8"):
        EpochBatches(100, Train(processes=8), 0, processes=3)


@pytest.mark.parametrize(("wanted", "available", "used"), [(8, 8, 8), (8, 3, 2), (8, 0, 1), (1, 4, 1), (6, 4, 3)])
def test_processes_for(wanted, available, used):
    assert processes_for(wanted, available) == used
