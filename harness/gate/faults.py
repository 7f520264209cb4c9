"""What a failure on the candidate's side means: the change's fault, or that of the machine."""

from __future__ import annotations

from harness.gate.findings import CANNOT_TELL, NOT_COMPARABLE, WORSE


def blame(reason: str, base_again: str | None, candidate_again: str | None) -> tuple[str, str]:
    """The verdict, and why, after a failure on the candidate's side alone and one more try of both sides.

    A change that makes a network fail must not pass for one that cannot be compared. But a device that is lost fails
    the candidate, too, where the base had run before: only where the base still runs is the change to blame.

    Args:
        reason: of the first failure.
        base_again: why the base failed when it was tried again; None where it ran.
        candidate_again: the same for the candidate.
    """
    if base_again is not None:
        return NOT_COMPARABLE, (f"failed on the candidate's side: {reason}; tried again, the base failed as well: "
                                f"{base_again}")
    if candidate_again is not None:
        return WORSE, f"failed on the candidate's side, and again when tried once more, where the base runs: {reason}"
    return CANNOT_TELL, f"failed on the candidate's side once, and ran when it was tried again: {reason}"
