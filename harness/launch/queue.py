"""What SLURM's controller says: whether it is there, and of jobs."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable

ANSWER = 30.0
"""Seconds that squeue may take; a controller under load takes long."""


def controller_fault() -> str | None:
    """Why SLURM's controller cannot be reached, in sinfo's words; None where it answers."""
    try:
        answer = subprocess.run(["sinfo", "--noheader"], capture_output=True, text=True, timeout=ANSWER)
    except OSError as error:
        return f"sinfo: {error.strerror}"
    except subprocess.TimeoutExpired:
        return f"sinfo gave no answer within {ANSWER:g} s"
    return None if answer.returncode == 0 else " ".join(answer.stderr.split()) or f"sinfo: status {answer.returncode}"


def ask_queue(numbers: Iterable[str]) -> dict[str, str] | None:
    """State and reason of those jobs that are in the queue, by number, `pending (Resources)` for example.

    A number is a job's, or `<array>_<task>`. None where squeue is not there or does not answer: then nothing is known.
    """
    wanted = set(numbers)
    command = ["squeue", "--noheader", "--array", "--format", "%i|%T|%r", "--jobs",
               ",".join(sorted({number.split("_")[0] for number in wanted}))]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=ANSWER)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if answer.returncode != 0:
        # The queue forgets jobs minutes after their end; asked for such ones alone, squeue fails with these words.
        return {} if "Invalid job id" in answer.stderr else None
    found = {}
    for line in answer.stdout.splitlines():
        number, state, reason = (part.strip() for part in line.split("|", 2))
        if number in wanted and state not in ENDED:
            found[number] = state.lower().replace("_", " ") + (f" ({reason})" if reason not in ("", "None") else "")
    return found


ENDED = {"COMPLETED", "CANCELLED", "FAILED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY", "BOOT_FAIL", "DEADLINE"}
"""States of jobs that will not run again, shown for a while after their end. PREEMPTED may be requeued."""
