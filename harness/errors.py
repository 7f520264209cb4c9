"""Errors that are the user's to mend: shown as one line, without a traceback, with a non-zero exit."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """A mistake in what the user gave. The message names the value, the place and the choices."""


class Interrupted(Exception):
    """The user, or a scheduler, stopped a run. What was done is kept; the same command continues."""

    def __init__(self, status: int = 130) -> None:
        super().__init__(status)
        self.status = status


class Verdict(Exception):
    """A command's answer is its exit status."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


MOST_CHOICES = 100
"""More than there are settings."""


def unknown(kind: str, name: str, choices: Iterable[str], hint: str = "") -> UserError:
    """The error for a name that is not there: nearest names first, then all of them, each once.

    A name that dotted names begin with is a group of them: only these are the choices then.
    """
    choices = list(dict.fromkeys(choices))
    inside = [choice for choice in choices if choice.startswith(f"{name}.")]
    choices = inside or choices
    near = difflib.get_close_matches(name, choices, n=3, cutoff=0.5)
    text = f"unknown {kind} '{name}'"
    if inside:
        text += ": it is a group, name one of it"
    elif near:
        text += f"; did you mean {' or '.join(near)}?"
    between = "; " if any("," in choice for choice in choices) else ", "
    listed = between.join(choices[:MOST_CHOICES]) + (f"{between}..." if len(choices) > MOST_CHOICES else "")
    text += f" (choices: {listed})" if choices else " (there are none)"
    return UserError(f"{text} {hint}".rstrip())
