"""What `harness compare` and `harness gate` do with their options."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from harness.errors import UserError, Verdict, unknown
from harness.files import check_replaceable, check_writable, is_json_with
from harness.gate.findings import ACCURACY, KINDS, Comparison
from harness.gate.present.markdown import RULE
from harness.profiling.subjects import Settings, Subject
from harness.report.verdicts import MARGIN
from harness.signals import ending_interrupts, status

SUITE = "gate"
"""What is measured where no networks are named."""

@dataclass(frozen=True)
class Asked:
    """The options as they were given."""

    base: str | None
    candidate: str | None
    gate: bool
    models: str | None
    inputs: str
    batch: str
    precision: str
    mode: str | None
    what: str
    only: str | None
    pairs: int
    weights: tuple[str, ...]
    table: str
    profile: str
    data: str | None
    data_root: str | None
    eval_split: str | None
    settings: tuple[str, ...]
    margin: float | None
    benchmarks: str | None
    device: str
    threads: int | None
    images: str | None
    calibration: str | None
    calibrate: bool
    strict: bool
    junit: str | None
    github: bool
    summary: str | None
    json: bool
    out: str | None
    every: bool
    results: str


WRITTEN: dict[str, Callable[[Path], bool]] = {
    "--out": lambda path: is_json_with(path, "base", "candidate", "findings"),
    "--junit": lambda path: b'package="harness"' in path.read_bytes(),
    "--summary": lambda path: RULE in path.read_text(encoding="utf-8", errors="replace"),
}
"""How each option's file is known again: it may be written over, others not."""


def run(asked: Asked, check_stored: Callable[[], None]) -> None:
    """Compare, show, write, and end with the status of the verdict. Raises UserError.

    `check_stored` refuses options that mean nothing where both sides lie on the disk.
    """
    from harness.gate.baselines import find_baseline
    from harness.gate.sides import resolve

    if asked.json and asked.github:
        raise UserError("--json and --github both print to standard output: take --out FILE for the JSON")
    for option, name in (("--out", asked.out), ("--junit", asked.junit), ("--summary", asked.summary)):
        if name is not None:
            check_writable(Path(name), option)
            check_replaceable(Path(name), option, "output of `harness compare` or `harness gate`", WRITTEN[option])
    files = [Path(name).resolve() for name in (asked.out, asked.junit, asked.summary) if name is not None]
    if len(set(files)) < len(files):
        raise UserError("--out, --junit and --summary: two of them are one file, and one would be lost")
    base, candidate = _sides(asked)
    kinds = _kinds(asked.only)
    sides = [resolve(name, find_baseline=find_baseline) for name in (base, candidate)]
    stored = [side.stored for side in sides]
    if all(stored):
        check_stored()
        from harness.gate.stored import compare_stored

        found = compare_stored(sides[0], sides[1], margin=MARGIN if asked.margin is None else asked.margin, kinds=kinds)
        _end(asked, found)
    if any(stored):
        lies, runs = (base, candidate) if stored[0] else (candidate, base)
        raise UserError(f"{lies} lies on the disk and {runs} would have to be run: name two of a kind. What "
                        f"`harness run` or `harness profile --out` leave at {runs} can be compared with {lies}")
    _measured(asked, base, candidate, kinds)


def _sides(asked: Asked) -> tuple[str, str]:
    if asked.gate:
        from harness.gate.measured import default_base
        from harness.gate.revisions import check_here

        if asked.base is None:
            check_here()
        return asked.base or default_base(), asked.candidate or "."
    if asked.base is None or asked.candidate is None:
        raise UserError("name BASE and CANDIDATE: records, folders, files of pytest-benchmark, baselines or commits")
    return asked.base, asked.candidate


def _kinds(only: str | None) -> tuple[str, ...]:
    if only is None:
        return KINDS
    named = tuple(name.strip() for name in only.split(","))
    for name in named:
        if name not in KINDS:
            raise unknown("--only", name, KINDS)
    return named


def _measured(asked: Asked, base: str, candidate: str, kinds: tuple[str, ...]) -> None:
    from harness.gate.calibration import default_path
    from harness.gate.measured import Request, State, measure, state_file
    from harness.gate.revisions import check_here
    from harness.run import check_writable as check_results

    check_here()
    check_results(Path(asked.results))
    if kinds == (ACCURACY,) and not asked.weights:
        raise UserError("--only accuracy: of commits it is that of given weights; name them by --weights ROW=FILE")
    settings, subjects = _subjects(asked)
    request = Request(base, candidate, subjects, settings, kinds, asked.pairs,
                      (Path(asked.calibration) if asked.calibration else default_path()) if asked.calibrate else None,
                      _weights(asked), asked.margin, _benchmarks(asked.benchmarks))
    state = State(state_file(Path(asked.results), request))
    try:
        with ending_interrupts():
            measure(request, state, tell)
    except KeyboardInterrupt as stop:
        state.notes.append("interrupted: all of this is of the pairs that were done until then")
        _end(asked, _kept(state), status(stop))
    except UserError as error:
        if not any(timing.pairs for timing in state.timings.values()) and not state.findings:
            raise
        state.notes.append(f"cut short: {error}")
        typer.echo(f"harness: error: {error}", err=True)
        _end(asked, _kept(state))
    _end(asked, _kept(state))


def _kept(state: Any) -> Comparison:
    state.keep()
    if state.file.exists():
        typer.echo(f"kept: {state.file}", err=True)
    return state.comparison()


def _subjects(asked: Asked) -> tuple[Settings, tuple[Subject, ...]]:
    from harness.profiling.request import Request, make
    from harness.profiling.request import settings as make_settings

    request = Request(models=asked.models or "", inputs=asked.inputs, batch=asked.batch, precision=asked.precision,
                      mode=asked.mode or "eager", what=asked.what, device=asked.device, threads=asked.threads or 1,
                      images=asked.images)
    if asked.models is not None:
        settings, subjects = make(request)
        return settings, tuple(subjects)
    from harness.hardware import resolve_device
    from harness.profiling.suite import load_suite

    if asked.benchmarks is not None:  # they are what was asked for
        return make_settings(request, resolve_device(asked.device)), ()
    subjects = [subject for group in load_suite(SUITE).groups for subject in group.subjects]
    return make_settings(request, resolve_device(asked.device)), tuple(subjects)


def _weights(asked: Asked) -> Any:
    from harness.gate.evaluated import Weights
    from harness.plan import parse_assignments

    if not asked.weights:
        return None
    options = []
    for name, value in (("--data", asked.data), ("--data-root", asked.data_root), ("--eval-split", asked.eval_split)):
        if value is not None:
            options += [name, str(Path(value).resolve()) if name == "--data-root" else value]
    for setting in asked.settings:
        options += ["--set", setting]
    return Weights(parse_assignments(list(asked.weights), "--weights"), asked.table, asked.profile, tuple(options))


def _benchmarks(text: str | None) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",")) if text else ()
    for name in names:
        if not Path(name).exists():
            raise UserError(f"--benchmarks {name}: no such file")
    return names


def _end(asked: Asked, found: Comparison, ends_with: int | None = None) -> None:
    """Show and write; ends the program by raising Verdict."""
    from harness.gate import present

    if asked.json:
        typer.echo(json.dumps(present.as_json(found), indent=2, allow_nan=False))
    else:
        present.show(found, every=asked.every)
    present.write(found, junit=asked.junit, github=asked.github, summary=asked.summary, out=asked.out,
                  strict=asked.strict)
    if ends_with is None:
        ends_with = found.exit_status
        if asked.gate and ends_with == 2 and not asked.strict:
            typer.echo("harness gate: not everything could be decided; that fails with --strict only", err=True)
            ends_with = 0
    raise Verdict(ends_with)


def tell(text: str) -> None:
    """What is being done: one line of a terminal that is written over; a line each where nobody watches."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
    else:
        print(text, file=sys.stderr, flush=True)
