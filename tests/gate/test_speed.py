"""Measuring until it tells: suspicion, calibration, and nothing lost on the way."""

import itertools
import json
from datetime import UTC, datetime, timedelta

import pytest

from harness.errors import UserError
from harness.gate import calibration
from harness.gate.findings import BETTER, CANNOT_TELL, NOT_COMPARABLE, SAME, WORSE
from harness.gate.pairs import Block
from harness.gate.speed import Machine, Timing, measure
from tests.gate.noise import apart

FACTS = {"processor": "simulated"}


def side(factor=1.0, jitter=0.005, fail=(), stop=None):
    """Blocks of one row at 10 ms; `fail` holds numbers of blocks, from 0, and `stop` is one."""
    noise = itertools.cycle([1, 1 + jitter, 1 - jitter, 1 + jitter / 2, 1 - jitter / 2])
    number = itertools.count()

    def block(rows):
        n = next(number)
        if n == stop:
            raise KeyboardInterrupt
        if n in fail:
            return Block({}, dict.fromkeys(rows, "CUDA error: device lost"))
        return Block({row: 10 * factor * next(noise) for row in rows})

    return block


def run(base, candidate, file=None, pairs=12, again=None, keep=lambda which, pair: None):
    timing = Timing(("row",))
    measure(timing, apart(base, candidate), apart(base, again or side()), Machine(FACTS, "here", file), pairs,
            keep=keep)
    return timing


def verdict(timing):
    return timing.findings()[0].verdict


@pytest.mark.parametrize(("factor", "expected"), [(1.0, SAME), (1.15, WORSE), (0.8, BETTER), (1.02, SAME)])
def test_verdicts(factor, expected, tmp_path):
    timing = run(side(), side(factor), tmp_path / "c.json")
    assert verdict(timing) == expected
    assert timing.complete


def test_a_slow_row_is_measured_once_more_and_decided_on_all_pairs(tmp_path):
    timing = run(side(), side(1.15), tmp_path / "c.json")
    assert len(timing.pairs) == 24
    assert timing.findings()[0].samples == 24
    assert any("once more" in note for note in timing.notes)


def test_a_row_that_seems_slow_only_at_first_is_cleared():
    """A neighbour that slows nothing but the candidate's blocks, and leaves after the first twelve."""
    number = itertools.count()
    calm = side()

    def candidate(rows):
        slow = next(number) < 12
        return Block({row: time * (1.05 if slow else 1.0) for row, time in calm(rows).times.items()})

    timing = run(side(), candidate)
    assert len(timing.pairs) == 24
    assert verdict(timing) != WORSE


def test_a_calibration_is_made_once_and_used_again(tmp_path):
    file = tmp_path / "c.json"
    blocks = []

    def counted(rows):
        blocks.append(rows)
        return side()(rows)

    first = run(counted, side(), file)
    assert len(blocks) == 24
    assert any("calibrated" in note for note in first.notes)
    second = run(counted, side(), file)
    assert len(blocks) == 36
    assert not second.notes


def test_an_old_calibration_is_made_again(tmp_path):
    file = tmp_path / "c.json"
    old = (datetime.now(UTC) - timedelta(days=31)).isoformat()
    calibration.save(file, "here", FACTS, {"row": calibration.Row(old, 12, 0.0, 0.001)})
    assert calibration.load(file, "here") == {}
    run(side(), side(), file)
    assert calibration.load(file, "here")["row"].created > old


def test_another_machine_has_a_calibration_of_its_own(tmp_path):
    file = tmp_path / "c.json"
    calibration.save(file, "there", FACTS, {"row": calibration.Row(datetime.now(UTC).isoformat(), 12, 0.0, 0.2)})
    run(side(), side(), file)
    assert set(json.loads(file.read_text())["machines"]) == {"here", "there"}


def test_a_noisy_machine_widens_the_band(tmp_path):
    file = tmp_path / "c.json"
    calibration.save(file, "here", FACTS, {"row": calibration.Row(datetime.now(UTC).isoformat(), 12, 0.0, 0.1)})
    timing = run(side(), side(1.15), file)
    assert timing.findings()[0].margin > 0.15
    assert verdict(timing) == SAME


def test_more_pairs_narrow_a_calibrated_band():
    row = calibration.Row("", 12, 0.0, 0.1)
    assert row.band(48) < row.band(12)
    assert calibration.Row("", 12, 0.0, 0.001).band(12) == 0.03


@pytest.mark.parametrize(("text", "words"), [
    ("{", "not valid JSON"), ("[]", "no calibration"),
    ('{"kind": "calibration", "schema": 9, "machines": {}}', "schema 9"),
    ('{"kind": "calibration", "schema": 1, "machines": {"here": {"rows": {"row": {"a": 1}}}}}', "no calibration"),
])
def test_a_damaged_calibration_is_named(text, words, tmp_path):
    file = tmp_path / "c.json"
    file.write_text(text)
    with pytest.raises(UserError, match=words):
        run(side(), side(), file)


def test_a_calibration_that_cannot_be_written_is_said_and_used(tmp_path):
    (tmp_path / "file").write_text("")
    timing = run(side(), side(), tmp_path / "file" / "c.json")
    assert any("could not be kept" in note for note in timing.notes)
    assert timing.calibrated["row"].pairs == 12
    assert verdict(timing) == SAME


def finding(base, candidate):
    return run(base, candidate).findings()[0]


def test_what_fails_on_the_candidates_side_and_fails_again_is_worse():
    found = finding(side(), side(fail={0, 1}))
    assert found.verdict == WORSE
    assert "candidate" in found.reason
    assert "device lost" in found.reason
    assert found.samples == 0


def test_a_row_that_begins_to_fail_is_worse_and_its_finished_pairs_are_kept():
    found = finding(side(), side(fail={5, 6}))
    assert (found.verdict, found.samples) == (WORSE, 5)
    assert "after 5 pair(s) it failed on the candidate's side" in found.reason


def test_a_failure_that_does_not_return_cannot_be_told():
    found = finding(side(), side(fail={5}))
    assert (found.verdict, found.samples) == (CANNOT_TELL, 5)
    assert "ran when it was tried again" in found.reason


def test_a_device_that_is_lost_is_not_laid_at_the_candidates_door():
    """It fails under the candidate, and from then on the base fails as well."""
    found = finding(side(fail=range(6, 20)), side(fail=range(5, 20)))
    assert (found.verdict, found.samples) == (NOT_COMPARABLE, 5)
    assert "the base failed as well" in found.reason


def test_a_row_that_fails_on_the_bases_side_is_not_comparable():
    found = finding(side(fail={0}), side())
    assert found.verdict == NOT_COMPARABLE
    assert "base" in found.reason


def test_a_row_that_fails_is_not_measured_once_more_for_seeming_slow():
    timing = run(side(), side(1.2, fail={12, 13}), pairs=13)
    assert len(timing.pairs) == 13
    assert verdict(timing) == WORSE
    assert set(timing.to_json()["retried"]) == {"row"}


def test_what_is_done_next_is_said_once_with_the_time_that_is_left(tmp_path):
    said = []
    timing = Timing(("row",))
    measure(timing, apart(side(), side()), apart(side(), side()), Machine(FACTS, "here", tmp_path / "c.json"), 12,
            tell=said.append)
    assert len(said) == len(set(said)) == 24
    assert said[0] == "calibrating 1 line(s) on equal code: pair 1 of 12"
    assert said[-1].startswith("pair 12 of 12, about ")


def test_ctrl_c_keeps_the_finished_pairs():
    timing = Timing(("row",))
    kept = []
    with pytest.raises(KeyboardInterrupt):
        measure(timing, apart(side(), side(stop=7)), apart(side(), side()), Machine(FACTS, "here", None), 12,
                keep=lambda which, pair: kept.append(pair))
    assert len(timing.pairs) == len(kept) == 7
    assert not timing.complete
    finding = timing.findings()[0]
    assert (finding.verdict, finding.samples, finding.needed) == (CANNOT_TELL, 7, 12)


def test_few_pairs_tell_nothing_and_are_not_calibrated_for(tmp_path):
    file = tmp_path / "c.json"
    timing = run(side(), side(2.0), file, pairs=3)
    assert verdict(timing) == CANNOT_TELL
    assert not file.exists()
    assert "fewer than 12 pairs tell nothing" in timing.notes[0]
