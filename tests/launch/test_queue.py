"""What SLURM's queue says, read from a squeue that stands in for the real one."""

import pytest

from harness.launch.queue import ask_queue


@pytest.fixture
def squeue(tmp_path, monkeypatch):
    """A function that puts a squeue with this answer in the way."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def answer(out, error="", status=0):
        file = tmp_path / "squeue"
        file.write_text(f"#!/bin/sh\nprintf '%s' '{out}'\nprintf '%s' '{error}' >&2\nexit {status}\n")
        file.chmod(0o755)

    return answer


def test_states_and_reasons_of_the_jobs_asked_for(squeue):
    squeue("12_0|RUNNING|None\n12_1|PENDING|Resources\n12_2|COMPLETING|None\n12_3|CANCELLED|None\n7|PENDING|Priority\n")
    assert ask_queue(["12_0", "12_1", "12_2", "12_3", "8"]) == {
        "12_0": "running", "12_1": "pending (Resources)", "12_2": "completing"}


def test_jobs_that_the_queue_has_forgotten_are_gone(squeue):
    squeue("", "slurm_load_jobs error: Invalid job id specified", 1)
    assert ask_queue(["12"]) == {}


def test_a_queue_that_does_not_answer_says_nothing(squeue):
    squeue("", "slurm_load_jobs error: Unable to contact slurm controller", 1)
    assert ask_queue(["12"]) is None


def test_without_squeue_nothing_is_known(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert ask_queue(["12"]) is None
