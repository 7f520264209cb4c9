"""Comparisons as data."""

from dataclasses import replace

import pytest

from harness.errors import UserError
from harness.gate.findings import ACCURACY, BETTER, CANNOT_TELL, NOT_COMPARABLE, SAME, WORSE, Comparison, Finding
from tests.helpers import assert_user_error, harness

ONE = Finding("row", "body AP", ACCURACY, SAME, "within the margin")


def comparison(*verdicts):
    return Comparison({}, {}, tuple(replace(ONE, verdict=verdict) for verdict in verdicts))


@pytest.mark.parametrize(("verdicts", "whole", "status"), [
    ([SAME], SAME, 0), ([SAME, BETTER], BETTER, 0), ([BETTER, CANNOT_TELL], CANNOT_TELL, 2),
    ([CANNOT_TELL, NOT_COMPARABLE], NOT_COMPARABLE, 2), ([NOT_COMPARABLE, WORSE, BETTER], WORSE, 1),
    ([], CANNOT_TELL, 2),
])
def test_the_whole_is_as_bad_as_its_worst(verdicts, whole, status):
    found = comparison(*verdicts)
    assert (found.verdict, found.exit_status) == (whole, status)
    assert Comparison.from_json(found.to_json(), "here") == found


@pytest.mark.parametrize(("verdicts", "whole"), [([SAME, BETTER], CANNOT_TELL), ([], CANNOT_TELL), ([WORSE], WORSE)])
def test_what_was_cut_short_is_never_the_same(verdicts, whole):
    assert replace(comparison(*verdicts), complete=False).verdict == whole


@pytest.mark.parametrize(("change", "words"), [
    ({"schema": 9}, "schema 9"), ({"kind": "profile"}, "no comparison"), ({"findings": [{"row": 1}]}, "damaged"),
    ({"findings": [vars(replace(ONE, verdict="great"))]}, "'great' is no verdict"),
    ({"findings": [vars(replace(ONE, kind="beauty"))]}, "'beauty'"),
])
def test_other_data_is_refused(change, words):
    with pytest.raises(UserError, match=words):
        Comparison.from_json({**comparison(SAME).to_json(), **change}, "here")


def test_two_outputs_do_not_share_a_stream():
    done = harness("compare", "HEAD", "HEAD", "--json", "--github")
    assert done.returncode == 3
    assert_user_error(done, "--json and --github")
