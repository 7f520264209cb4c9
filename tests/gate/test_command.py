"""What `harness compare` and `harness gate` refuse before anything is measured."""

import pytest

from tests.helpers import harness


@pytest.mark.parametrize(("arguments", "words"), [
    (["compare", "HEAD", "HEAD", "--batch", "8"], "--batch is for the networks of --rows"),
    (["gate", "--mode", "fast"], "--mode is for the networks of --rows"),
    (["compare", "HEAD", "HEAD", "--eval-split", "val"], "--eval-split is for --weights"),
    (["compare", "HEAD", "HEAD", "--only", "accuracy"], "--weights ROW=FILE"),
    (["compare", "HEAD", "HEAD", "--threads", "100000"], "--threads 100000"),
])
def test_an_option_without_effect_is_refused(arguments, words):
    done = harness(*arguments)
    assert done.returncode == 3
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_groups_without_a_suite_are_refused():
    done = harness("profile", "tcformer_small", "--only", "x")
    assert done.returncode == 1
    assert "--suite" in done.stderr
