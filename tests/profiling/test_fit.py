"""The largest batch that fits: the search on made-up memory, and once on a real network."""

import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from harness.cli import app
from harness.errors import UserError
from harness.profiling import fit, request
from harness.profiling.fit_words import lines, table
from harness.profiling.request import Request, make_fit
from harness.profiling.rounds import OutOfMemory
from harness.profiling.search import FITS, MOST, PREDICTED, TOO_MUCH, Trial, largest, predict
from harness.profiling.subjects import Settings, Subject

SMALL = Subject("hrnet_small", (64, 64))


def memory(base, each, limit):
    """A device on which a batch takes `base` and `each` a picture; remembers what it was asked for."""
    def measure(batch):
        peak = base + each * batch
        measure.peaks.append(peak)
        return Trial(batch, FITS, peak) if peak <= limit else Trial(batch, TOO_MUCH, reason="out of memory")

    measure.peaks = []
    return measure


def best(trials):
    return max((trial.batch for trial in trials if trial.status == FITS), default=0)


@given(st.integers(0, 1000), st.integers(1, 50), st.integers(0, 5000), st.integers(1, 40))
def test_it_is_the_largest_wherever_the_search_begins(base, each, limit, start):
    measure = memory(base, each, limit)
    expected = min(MOST, max(0, (limit - base) // each))
    assert best(largest(measure, start)) == expected
    assert len(measure.peaks) <= 2 + 2 * max(expected, start).bit_length()


@given(st.integers(0, 1000), st.integers(1, 50), st.integers(0, 5000))
def test_where_memory_grows_in_proportion_the_limit_is_never_passed_but_by_the_first(base, each, limit):
    measure = memory(base, each, limit)
    trials = largest(measure, 1, limit, base)
    assert best(trials) == min(MOST, max(0, (limit - base) // each))
    assert all(peak <= limit for peak in measure.peaks[1:])


def test_the_end_of_the_search_is_an_end():
    assert best(largest(memory(0, 1, 10**9), 3)) == MOST


def test_a_prediction_goes_through_the_two_largest_or_the_base():
    assert predict([], 2, 100) is None
    one = [Trial(4, FITS, 140)]
    assert predict(one, 8, 100) == 180
    assert predict([*one, Trial(8, FITS, 200), Trial(16, TOO_MUCH, 400)], 16, 100) == 320
    assert predict([*one, Trial(8, FITS, 120)], 16, 100) == 120  # never less than what was seen


class Card:
    """A worker on a card that holds so many pictures."""

    holds, began = 5, 0

    def __init__(self, title, device, threads, folder):
        Card.began += 1
        self.asked = []

    def ask(self, do, **request):
        self.asked.append(do)
        if do == "prepare":
            assert self.asked[0] == "limit"
            self.batch = request["subject"]["batch"]
            if self.batch > Card.holds:
                raise OutOfMemory("CUDA out of memory. Tried to allocate 2 GiB")
        return 10 * self.batch if do == "peak" else {}

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass


def test_on_a_card_running_out_of_memory_is_the_end(monkeypatch):
    monkeypatch.setattr(Card, "began", 0)
    record = fit.measure([SMALL], Settings(device="cuda"), None, start=Card)
    (one,) = record["fit"]
    assert (one["largest"], one["peak_bytes"]) == (5, 50)
    assert [trial["batch"] for trial in one["trials"]] == [1, 2, 4, 8, 6, 5]
    assert Card.began == 6  # each in a process of its own
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert "6 was tried: CUDA out of memory" in "\n".join(lines(record))
    assert table(record)[0][4] == "5"


def test_nothing_that_fits_is_an_answer(monkeypatch):
    monkeypatch.setattr(Card, "holds", 0)
    record = fit.measure([SMALL], Settings(device="cuda"), None, start=Card)
    assert record["fit"][0]["largest"] is None
    assert table(record)[0][4:6] == ("none", "-")


def test_a_network_that_does_not_run_at_all_is_a_mistake_and_later_failures_are_ends():
    class Failing(Card):
        works = 0

        def ask(self, do, **request):
            if do == "prepare" and request["subject"]["batch"] > self.works:
                raise UserError(f"{SMALL.title}: input too large for 32-bit indices")
            return super().ask(do, **request)

    with pytest.raises(UserError, match="32-bit"):
        fit.measure([SMALL], Settings(device="cuda"), None, start=Failing)
    Failing.works = 2
    (one,) = fit.measure([SMALL], Settings(device="cuda"), None, start=Failing)["fit"]
    assert one["largest"] == 2
    assert one["trials"][-1]["reason"] == "input too large for 32-bit indices"


def test_an_interruption_keeps_the_searches_that_ended():
    class Stopped(Card):
        def ask(self, do, **request):
            if do == "prepare" and request["subject"]["precision"] == "bf16":
                raise KeyboardInterrupt
            return super().ask(do, **request)

    subjects = [SMALL, Subject("hrnet_small", (64, 64), precision="bf16")]
    record = fit.measure(subjects, Settings(device="cuda"), None, start=Stopped)
    assert len(record["fit"]) == 1
    assert record["cut_short"] == "interrupted after 1 of 2 searches"
    with pytest.raises(KeyboardInterrupt):
        fit.measure(subjects[1:], Settings(device="cuda"), None, start=Stopped)


@pytest.mark.slow
@pytest.mark.parametrize("what", ["inference", "training"])
def test_on_a_cpu_the_limit_holds(what):
    """In fresh processes; about 40 MiB above what they take at batch 1."""
    subject = Subject("sbl_small", (64, 64), batch=8, what=what)
    settings = Settings(threads=torch.get_num_threads())
    first = fit.measure([subject], settings, limit=1)["fit"][0]["trials"][0]
    limit = first["peak_bytes"] + 40 * 2**20
    (one,) = fit.measure([subject], settings, limit)["fit"]
    assert one["largest"] >= 8
    assert one["peak_bytes"] <= limit
    beyond = min(trial["batch"] for trial in one["trials"] if trial["status"] != FITS)
    assert beyond == one["largest"] + 1
    assert PREDICTED in {trial["status"] for trial in one["trials"]}


@pytest.mark.parametrize(("text", "count"), [("4GiB", 2**32), ("800MB", 800_000_000), ("1.5 GiB", 3 * 2**29)])
def test_sizes(monkeypatch, text, count):
    monkeypatch.setattr(request, "resolve_device", lambda device: "cuda")
    assert make_fit(Request("hrnet_small"), text)[2] == count


@pytest.mark.parametrize(("arguments", "words"), [
    (["--fit", "--batch", "1,8"], ["--batch 1,8", "--fit begins at one"]),
    (["--fit", "--clustering"], ["--fit", "--clustering"]),
    (["--fit", "--memory-limit", "much"], ["--memory-limit much", "4GiB"]),
    (["--fit", "--memory-limit", "900TiB"], ["--memory-limit 900TiB", "free here"]),
    (["--fit", "--mode", "graph"], ["--mode graph", "CUDA device"]),
    (["--fit", "--precision", "fp8"], ["fp8", "bf16"]),
    (["--fit", "--figure", "x.png"], ["--figure"]),
    (["--memory-limit", "1GiB"], ["--memory-limit is for --fit"]),
])
def test_what_the_command_refuses(arguments, words):
    with pytest.raises(UserError) as error:
        app(["profile", "hrnet_small", "--device", "cpu", *arguments], standalone_mode=False)
    assert "\n" not in str(error.value)
    for word in words:
        assert word in str(error.value)
