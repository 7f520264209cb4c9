import pytest

from harness.errors import UserError
from harness.profiling import rounds
from harness.profiling.rounds import OutOfMemory, WarmUp, alternate, warm_up


class Fake:
    """A subject whose calls take given times on a clock of its own; the last time stays."""

    def __init__(self, *times, name="A", log=None):
        self.times, self.name, self.log, self.now = list(times), name, log, 0.0

    def block(self, calls):
        if self.log is not None:
            self.log.append((self.name, calls))
        value = self.times.pop(0) if len(self.times) > 1 else self.times[0]
        self.now += calls * value / 1e3
        return [value] * calls

    def clock(self):
        return self.now


def test_subjects_are_timed_in_turn():
    log = []
    subjects = [Fake(ms, name=name, log=log) for name, ms in (("A", 1.0), ("B", 2.0), ("C", 3.0))]
    told = []
    found = alternate([s.block for s in subjects], [1, 2, 3], rounds=3, tell=told.append)
    assert "".join(name for name, _ in log) == "ABC" * 3
    assert [calls for _, calls in log] == [1, 2, 3] * 3
    assert found.samples == [[[1.0]] * 3, [[2.0] * 2] * 3, [[3.0] * 3] * 3]
    assert told == [0, 1, 2]
    assert (found.out_of_memory, found.failed, found.interrupted) == (set(), {}, False)


def test_who_runs_out_of_memory_drops_out_and_the_others_go_on():
    def broken(calls):
        raise OutOfMemory("too much")

    log = []
    found = alternate([Fake(1.0, log=log).block, broken], [1, 1], rounds=2)
    assert found.out_of_memory == {1}
    assert found.samples == [[[1.0], [1.0]], []]
    assert len(log) == 2


def after(calls, error):
    """A block that gives so many samples, and then fails."""
    times = iter([[float(i)] for i in range(calls)])

    def block(calls):
        found = next(times, None)
        if found is None:
            raise error
        return found

    return block


def test_who_fails_keeps_the_rounds_it_has_and_the_others_go_on():
    found = alternate([after(2, UserError("A: CUDA error: unspecified launch failure")), Fake(1.0).block], [1, 1], 4)
    assert found.failed == {0: "A: CUDA error: unspecified launch failure"}
    assert found.samples == [[[0.0], [1.0]], [[1.0]] * 4]


def test_what_is_interrupted_keeps_the_blocks_it_has():
    found = alternate([Fake(1.0).block, after(2, KeyboardInterrupt())], [1, 1], 4)
    assert found.interrupted
    assert found.samples == [[[1.0]] * 3, [[0.0], [1.0]]]


def test_warm_up_ends_when_two_blocks_agree():
    log = []
    subject = Fake(900.0, 400.0, 300.0, 210.0, 204.0, 50.0, log=log)
    assert warm_up(subject.block, subject.clock) == WarmUp(blocks=4, stable=True, calls=3)
    assert len(log) == 5  # the first call is not among the blocks


def test_the_first_call_does_not_make_it_stable():
    subject = Fake(200.0, 200.0, 150.0, 150.0)
    assert warm_up(subject.block, subject.clock).blocks == 3


def test_warm_up_that_never_agrees_ends_and_is_said_to():
    restless = Fake(*[10.0, 20.0] * 50)
    found = warm_up(restless.block, restless.clock)
    assert found.blocks == rounds.MOST_BLOCKS
    assert not found.stable
    slow = Fake(*[20e3, 40e3] * 50)
    assert warm_up(slow.block, slow.clock) == WarmUp(blocks=2, stable=False, calls=3)


@pytest.mark.parametrize(("milliseconds", "calls"), [(1000.0, 3), (100.0, 3), (30.0, 4), (0.001, rounds.MOST_CALLS),
                                                     (0.0, rounds.MOST_CALLS)])
def test_a_block_takes_about_a_tenth_of_a_second_and_three_calls_at_least(milliseconds, calls):
    subject = Fake(milliseconds)
    assert warm_up(subject.block, subject.clock).calls == calls
