"""The command line: one small file a sub-command. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import os
import re
import sys
from typing import Any

import typer

from harness.cli import (
    baseline,
    check,
    compare,
    data,
    describe,
    doctor,
    errors,
    evaluate,
    explain,
    figure,
    gate,
    history,
    listing,
    lr,
    predict,
    profile,
    report,
    results,
    run,
    status,
    weights,
)
from harness.errors import Interrupted, UserError, Verdict

MISTAKE = {"compare": 3, "gate": 3}
"""Exit status of a user's mistake, for commands whose own answers are 1 and 2."""


app = typer.Typer(
    name="harness",
    help="Run, check and trust whole-body pose results: the paper's tables, published and measured side by side.",
    epilog="Example: harness run table_s2",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (run, status, report, evaluate, explain, errors, profile, compare, gate, history, listing, describe,
                doctor, predict, check, lr):
    app.command(name=command.NAME, epilog=f"Example: {command.EXAMPLE}", help=getattr(command, "HELP", None))(
        command.command)
for group in (data, figure, baseline, results, weights):
    app.add_typer(group.app, name=group.NAME, epilog=f"Example: {group.EXAMPLE}")


def version_callback(asked: bool) -> None:
    """Print the version and stop."""
    if asked:
        from harness import __version__

        typer.echo(f"harness {__version__}")
        raise typer.Exit


@app.callback()
def root(version: bool = typer.Option(False, "--version", callback=version_callback, is_eager=True,
                                      help="Print the version and exit.")) -> None:
    """Options of the program itself."""


UsageError: type[Exception] = typer.BadParameter.__bases__[0]
"""What typer raises for a command line that does not fit; it has no public name."""


def usage_error(error: Any, arguments: list[str]) -> str:
    """The mistake in one line, with the value that was given, and the command whose help has the choices; with them
    where what is missing can be listed."""
    text = str(error.format_message()).rstrip(".")
    parameter = getattr(error, "param", None)
    for flag in getattr(parameter, "opts", None) or ():
        for one, following in zip(arguments, [*arguments[1:], ""], strict=True):
            value = following if one == flag else one.removeprefix(f"{flag}=") if one.startswith(f"{flag}=") else None
            if value is not None:
                text = text.replace(f"Invalid value for '{flag}'", f"{flag} {value}")
    wanted = getattr(parameter, "help", None) if text.startswith("Missing") else None
    if wanted:
        from harness.registry import KINDS, names

        listed = re.search(rf"`harness list ({'|'.join(KINDS)})`", wanted)
        choices = f" (choices: {', '.join(names(listed[1]))})" if listed else ""
        text += f": {wanted}{choices}"
    if text.startswith("No such command") and getattr(error, "ctx", None):
        text += f" (choices: {', '.join(error.ctx.command.list_commands(error.ctx))})"
    command = error.ctx.command_path if getattr(error, "ctx", None) else "harness"
    return f"{text} ({command} --help)"


def main() -> None:
    """Entry point: a user's mistake is one line on standard error and exit status 1."""
    # OpenMP threads that wait should spin for microseconds, then sleep. Spinning on, as is the default, a training
    # step on two cores took 4 s instead of 0.15 beside one other busy process; sleeping at once costs half as much
    # again where nothing else runs. Read when torch is loaded, here and in the jobs.
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")
    mistake = MISTAKE.get(sys.argv[1]) if len(sys.argv) > 1 else None
    try:
        sys.exit(app(standalone_mode=False))
    except Verdict as verdict:
        sys.exit(verdict.status)
    except UserError as error:
        print(f"harness: error: {error}", file=sys.stderr)
        sys.exit(mistake or 1)
    except UsageError as error:  # an option that does not exist, or a value that is no number
        if type(error).__name__ == "NoArgsIsHelpError":  # a command of commands, alone: its text is the help
            print(error)
            sys.exit(mistake or 1)
        print(f"harness: error: {usage_error(error, sys.argv)}", file=sys.stderr)
        sys.exit(mistake or 1)
    except Interrupted as stop:
        print("harness: interrupted; the same command continues where it was", file=sys.stderr)
        sys.exit(stop.status)
    except BrokenPipeError:  # the reader of our output has gone, as in `harness list models | head -1`
        sys.stderr.close()
        sys.exit(1)
