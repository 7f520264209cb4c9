"""Whose fault a failure is: the change's only where the base still runs."""

import pytest

from harness.gate.costs import Costs
from harness.gate.faults import blame
from harness.gate.findings import CANNOT_TELL, MEMORY, NOT_COMPARABLE, WORSE
from harness.gate.measured import _lost
from harness.gate.sides import resolve
from harness.gate.stored import compare_stored
from tests.gate.results_on_disk import FEW, outcomes, write_failure, write_row


@pytest.mark.parametrize(("base_again", "candidate_again", "verdict"), [
    (None, "raises", WORSE), (None, None, CANNOT_TELL),
    ("lost", "lost", NOT_COMPARABLE), ("lost", None, NOT_COMPARABLE),
])
def test_the_second_try_decides(base_again, candidate_again, verdict):
    found, reason = blame("RuntimeError: no", base_again, candidate_again)
    assert found == verdict
    assert "RuntimeError: no" in reason


def test_memory_and_operations_follow_the_same_rule():
    good, bad = Costs(), Costs(failed={"x": "RuntimeError: no"})
    assert _lost("x", MEMORY, "peak memory", good, good, (good, good)) is None
    assert _lost("x", MEMORY, "peak memory", good, bad, (good, bad)).verdict == WORSE
    assert _lost("x", MEMORY, "peak memory", good, bad, (bad, bad)).verdict == NOT_COMPARABLE
    assert _lost("x", MEMORY, "peak memory", bad, bad, (good, good)).verdict == NOT_COMPARABLE


@pytest.mark.parametrize(("base_ran", "candidate_ran", "verdict"), [
    (True, False, WORSE), (False, True, NOT_COMPARABLE), (False, False, NOT_COMPARABLE),
])
def test_a_stored_row_that_ran_and_then_failed_is_worse(base_ran, candidate_ran, verdict, tmp_path):
    for side, ran in (("base", base_ran), ("candidate", candidate_ran)):
        if ran:
            write_row(tmp_path / side, outcomes(0)[0], FEW, row="openpose")
        else:
            write_failure(tmp_path / side, "openpose")
    found = compare_stored(*(resolve(str(tmp_path / side)) for side in ("base", "candidate")))
    assert [one.verdict for one in found.findings] == [verdict]
