"""The loader with samples that know who made them, and that end the process that makes them."""

import os
import signal
import threading

import numpy as np
import pytest
import torch

from harness.data.loader import MOST_DEATHS, make_loader
from harness.errors import UserError

COUNT = 23


class Numbers:
    """Sample i: numbers drawn from epoch and index, and the process that drew them."""

    def __init__(self):
        self.epoch = torch.zeros((), dtype=torch.int64).share_memory_()
        self.deaths = torch.zeros(COUNT, dtype=torch.int64).share_memory_()
        """How often the process that makes a sample is yet to be killed before it is done."""

    def __getitem__(self, index):
        if self.deaths[index] > 0:
            self.deaths[index] -= 1
            os.kill(os.getpid(), signal.SIGKILL)
        rng = np.random.default_rng((int(self.epoch), index))
        return {"index": index, "drawn": rng.random(3), "process": os.getpid()}


class Batches:
    """Batches of 4, in an order of the epoch's, from `start` on."""

    def __init__(self):
        self.epoch = self.start = 0

    def __iter__(self):
        order = np.random.default_rng(self.epoch).permutation(COUNT)
        return iter([order[i:i + 4].tolist() for i in range(4 * self.start, COUNT, 4)])


class Course:
    """A loader of `Numbers`, its epochs and what it said."""

    def __init__(self, workers, **named):
        self.samples, self.batches, self.said = Numbers(), Batches(), []
        self.loader = make_loader(self.samples, self.batches, workers, say=self.said.append, **named)

    def epoch(self, number, start=0):
        self.batches.epoch, self.batches.start = number, start
        self.samples.epoch.fill_(number)
        return list(self.loader)


@pytest.fixture
def course():
    made = []

    def make(workers, **named):
        made.append(Course(workers, **named))
        return made[-1]

    yield make
    for one in made:
        one.loader.close()


def assert_equal_batches(found, expected):
    assert len(found) == len(expected)
    for mine, other in zip(found, expected, strict=True):
        assert torch.equal(mine["index"], other["index"])
        assert torch.equal(mine["drawn"], other["drawn"])


def makers(batches):
    return {int(process) for batch in batches for process in batch["process"]}


def test_batches_do_not_depend_on_the_number_of_processes(course):
    alone = course(0)
    expected = [alone.epoch(number) for number in (0, 1)]
    assert makers(expected[0]) == {os.getpid()}
    assert not torch.equal(expected[0][0]["index"], expected[1][0]["index"])
    for workers in (1, 2):
        several = course(workers)
        found = [several.epoch(number) for number in (0, 1)]
        for mine, other in zip(found, expected, strict=True):
            assert_equal_batches(mine, other)
        assert makers(found[0]) == makers(found[1])  # they stay
        assert len(makers(found[0])) == workers
        assert os.getpid() not in makers(found[0])


@pytest.mark.parametrize("workers", [0, 1])
def test_an_epoch_can_begin_in_its_middle_and_be_left(course, workers):
    one = course(workers)
    whole = one.epoch(3)
    one.batches.start = 0
    for _ in one.loader:
        break  # left with batches under way
    assert_equal_batches(one.epoch(3, start=2), whole[2:])
    assert_equal_batches(one.epoch(4), course(0).epoch(4))


def test_a_process_that_is_killed_is_replaced_and_the_epoch_goes_on(course):
    expected = course(0).epoch(1)
    one = course(2)
    one.samples.deaths[int(expected[3]["index"][1])] = MOST_DEATHS - 1
    assert_equal_batches(one.epoch(1), expected)
    assert len(one.said) == MOST_DEATHS - 1
    assert "killed by SIGKILL" in one.said[0]
    assert "same samples" in one.said[0]
    assert_equal_batches(one.epoch(2), course(0).epoch(2))


def test_a_process_that_dies_again_and_again_is_one_line(course):
    one = course(1)
    one.samples.deaths[5] = MOST_DEATHS
    with pytest.raises(UserError) as error:
        one.epoch(0)
    assert "died 3 times in one epoch" in str(error.value)
    assert "SIGKILL" in str(error.value)
    assert "train.workers is 1" in str(error.value)
    assert "\n" not in str(error.value)
    assert_equal_batches(one.epoch(0), course(0).epoch(0))  # the sample is harmless by now


def test_a_death_interrupts_nothing_but_the_wait_for_a_batch(course):
    """torch's own loader would raise where the training is, here in `wait`."""
    expected, one = course(0).epoch(0), course(1)
    found = []
    for batch in one.loader:
        if not found:
            (process,) = makers([batch])
            os.kill(process, signal.SIGKILL)
            threading.Event().wait(0.3)
        found.append(batch)
    assert_equal_batches(found, expected)
    assert len(one.said) == 1


def test_a_death_between_epochs_is_noticed(course):
    one = course(2)
    first = one.epoch(0)
    os.kill(makers(first).pop(), signal.SIGKILL)
    assert_equal_batches(one.epoch(1), course(0).epoch(1))
    assert len(one.said) == 1


def test_other_handlers_of_ended_processes_are_left(course):
    mine = signal.signal(signal.SIGCHLD, lambda number, frame: None)
    try:
        before = signal.getsignal(signal.SIGCHLD)
        course(1).epoch(0)
        assert signal.getsignal(signal.SIGCHLD) is before
    finally:
        signal.signal(signal.SIGCHLD, mine)


def test_outside_the_main_thread(course):
    expected, one, found = course(0).epoch(0), course(1), []
    thread = threading.Thread(target=lambda: found.extend(one.epoch(0)))
    thread.start()
    thread.join()
    assert_equal_batches(found, expected)


def test_what_goes_wrong_in_a_sample_is_not_a_death(course):
    one = course(1)
    one.samples.__class__ = Refusing
    with pytest.raises(UserError, match="no such sample"):
        one.epoch(0)
    assert one.said == []


class Refusing(Numbers):
    def __getitem__(self, index):
        raise UserError("no such sample")


def test_torchs_own_numbers_are_left(course):
    torch.manual_seed(0)
    expected = torch.rand(3)
    for workers in (0, 1):
        torch.manual_seed(0)
        course(workers).epoch(0)
        assert torch.equal(torch.rand(3), expected)


def test_loader_processes_end_with_the_loader(course):
    one = course(2)
    processes = makers(one.epoch(0))
    one.loader.close()
    for process in processes:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)
